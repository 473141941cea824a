//! The rows that an IsoFLOP analysis reads.

use runs::{Flop, Parameters, Tokens};
use serde::{Deserialize, Serialize};

use super::Refusal;

/// One point of a training run: its last one, or any on the way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// N.
    pub parameters: Parameters,
    /// D.
    pub tokens: Tokens,
    /// C as counted or measured; it need not be 6 N D.
    pub compute: Flop,
    /// The loss, positive, in the unit of the table (nats per token, bits per byte).
    pub loss: f64,
    /// Which run the row belongs to.
    pub run: usize,
}

/// Rows of training runs as columns of logarithms.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    pub(super) rows: Vec<Row>,
    pub(super) ln_n: Vec<f64>,
    pub(super) ln_d: Vec<f64>,
    pub(super) ln_c: Vec<f64>,
    pub(super) loss: Vec<f64>,
    /// Runs numbered from zero in the order of their first row.
    pub(super) run: Vec<usize>,
    pub(super) runs: usize,
}

impl Sweep {
    /// Checks the rows and takes their logarithms.
    ///
    /// # Errors
    /// No rows, or an N, D, C or loss that is not a positive, finite number.
    pub fn new(rows: impl IntoIterator<Item = Row>) -> Result<Self, Refusal> {
        let rows: Vec<Row> = rows.into_iter().collect();
        if rows.is_empty() {
            return Err(Refusal::NoRows);
        }
        let mut numbers = std::collections::HashMap::new();
        let mut sweep = Self {
            ln_n: Vec::with_capacity(rows.len()),
            ln_d: Vec::with_capacity(rows.len()),
            ln_c: Vec::with_capacity(rows.len()),
            loss: Vec::with_capacity(rows.len()),
            run: Vec::with_capacity(rows.len()),
            runs: 0,
            rows,
        };
        for (index, row) in sweep.rows.iter().enumerate() {
            for (name, value) in [
                ("N", row.parameters.get()),
                ("D", row.tokens.get()),
                ("C", row.compute.get()),
                ("loss", row.loss),
            ] {
                if !(value > 0.0 && value.is_finite()) {
                    return Err(Refusal::BadValue { row: index, column: name.to_owned(), value });
                }
            }
            sweep.ln_n.push(row.parameters.get().ln());
            sweep.ln_d.push(row.tokens.get().ln());
            sweep.ln_c.push(row.compute.get().ln());
            sweep.loss.push(row.loss);
            let next = numbers.len();
            sweep.run.push(*numbers.entry(row.run).or_insert(next));
        }
        sweep.runs = numbers.len();
        Ok(sweep)
    }

    /// The rows as given.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// How many different runs the rows belong to.
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// The same design with other losses.
    pub(super) fn with_losses(&self, loss: Vec<f64>) -> Result<Self, Refusal> {
        Self::new(self.rows.iter().zip(loss).map(|(row, loss)| Row { loss, ..*row }))
    }

    /// Least and largest C / (6 N D).
    pub fn compute_per_6nd(&self) -> (f64, f64) {
        let ln_6 = 6.0_f64.ln();
        let logs = (0..self.rows.len()).map(|i| self.ln_c[i] - ln_6 - self.ln_n[i] - self.ln_d[i]);
        let (low, high) =
            logs.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
        (low.exp(), high.exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(n: f64, loss: f64) -> Row {
        Row { parameters: Parameters(n), tokens: Tokens(1e9), compute: Flop(6e18), loss, run: 7 }
    }

    #[test]
    fn values_without_a_logarithm_are_refused_with_row_and_column() {
        assert_eq!(Sweep::new([]).unwrap_err(), Refusal::NoRows);
        for bad in [0.0, -1.0, f64::INFINITY] {
            let refusal = Sweep::new([row(1e9, 3.0), row(1e9, bad)]).unwrap_err();
            let column = "loss".to_owned();
            assert_eq!(refusal, Refusal::BadValue { row: 1, column, value: bad });
        }
        let refusal = Sweep::new([row(f64::NAN, 3.0)]).unwrap_err();
        assert!(refusal.to_string().contains("row 1"), "{refusal}");
    }

    #[test]
    fn runs_are_counted_and_the_convention_of_c_is_seen() {
        let sweep = Sweep::new([row(1e9, 3.0), row(2e9, 3.0)]).unwrap();
        assert_eq!(sweep.runs(), 1);
        let (low, high) = sweep.compute_per_6nd();
        assert!((low - 0.5).abs() < 1e-12 && (high - 1.0).abs() < 1e-12);
    }
}
