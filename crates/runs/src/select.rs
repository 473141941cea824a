//! A part of the rows.

use crate::Observations;

impl Observations {
    /// The rows with these numbers (from 0, in this order), with all that is known of them. Runs
    /// and groups keep their numbers and names; findings, which are about all rows, are dropped.
    ///
    /// # Panics
    /// When a number is not below [`len`](Self::len).
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let pick = |column: &[f64]| rows.iter().map(|&row| column[row]).collect::<Vec<f64>>();
        let count = |column: &[usize]| rows.iter().map(|&row| column[row]).collect::<Vec<usize>>();
        Self {
            origin: self.origin.clone(),
            target: (self.target.0.clone(), pick(&self.target.1)),
            variables: self
                .variables
                .iter()
                .map(|(name, column)| (name.clone(), pick(column)))
                .collect(),
            weights: self.weights.as_deref().map(pick),
            run: count(&self.run),
            runs: self.runs.clone(),
            group: self.group.as_deref().map(count),
            groups: self.groups.clone(),
            lines: count(&self.lines),
            rows: count(&self.rows),
            compute: match self.compute.as_slice() {
                [] => Vec::new(),
                compute => rows.iter().map(|&row| compute[row]).collect(),
            },
            compute_convention: self.compute_convention.clone(),
            columns: self.columns.clone(),
            exclusions: self.exclusions.clone(),
            findings: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Observation, Observations, Parameters, Tokens};

    #[test]
    fn a_part_of_the_rows_keeps_what_is_known_of_them() {
        let rows = (1..=4_i32).map(|i| Observation {
            run: format!("run {}", i % 2),
            parameters: Parameters(f64::from(i)),
            tokens: Tokens(10.0),
            loss: crate::NatsPerToken(f64::from(10 - i)),
        });
        let all = Observations::new(rows);
        let part = all.select(&[3, 0]);
        assert_eq!(part.target(), [6.0, 9.0]);
        assert_eq!(part.variable("N"), Some(&[4.0, 1.0][..]));
        assert_eq!((part.lines(), part.run_index()), (&[4, 1][..], &[1, 0][..]));
        assert_eq!(part.compute()[0].get(), 240.0);
    }
}
