//! The least loss of a budget under every draw of a law, and back: which budget has this loss.

use diagnostic::Diagnostic;
use formula::{Columns, Compiled, Environment, Program, Source};
use runs::Flop;

use crate::Believed;

/// Sizes tried a budget, from one token per million parameters to a million tokens per parameter.
const SIZES: usize = 96;
/// ln of the largest ratio between D and N that is tried, and of the smallest's inverse.
const WIDEST: f64 = 13.8;
/// Step between the budgets that are tabled, in e-folds.
const STEP: f64 = 0.1;

/// A law along budgets of 6 N D, tabled for every draw.
#[derive(Debug, Clone)]
pub(super) struct Frontier {
    /// ln of the first budget.
    first: f64,
    /// By row, then by budget: ln of the least loss.
    losses: Vec<Vec<f64>>,
}

/// A law of N and D over its draws.
#[derive(Debug)]
pub(super) struct LossOf {
    compiled: Compiled,
    columns: Columns,
    pub(super) rows: usize,
}

impl LossOf {
    /// # Errors
    /// A law that takes anything but N and D.
    pub(super) fn new(law: &Believed) -> Result<Self, Diagnostic> {
        let takes: Vec<&str> = law.law.variables.iter().map(|v| v.name.as_str()).collect();
        if takes.len() != 2 || !law.law.splits_compute() {
            return Err(Diagnostic::error(format!(
                "the law `{}` takes {}, not N and D",
                law.law.name,
                takes.join(", ")
            ))
            .help("give a law of model size and tokens, such as `besiroglu-2024`"));
        }
        let mut program = Program::new();
        program.add(Source::new(law.law.name.as_str(), law.law.formula.as_str()))?;
        let mut environment = Environment::new().input("N", "").input("D", "");
        for parameter in &law.law.parameters {
            environment = environment.input(parameter.name.as_str(), "");
        }
        let compiled = program.check(&environment)?.compile(&[&law.law.target.name])?;
        let (columns, rows) = (law.values().clone(), law.values().rows());
        Ok(Self { compiled, columns, rows })
    }

    /// The loss of one run under the best values and every draw.
    pub(super) fn at(&mut self, n: f64, d: f64) -> Result<Vec<f64>, Diagnostic> {
        self.columns.set("N", vec![n; self.rows]);
        self.columns.set("D", vec![d; self.rows]);
        let out = self.compiled.evaluate(&self.columns)?;
        Ok(out.get(&self.compiled.column_names()[0]).unwrap_or_default().to_vec())
    }
}

impl Frontier {
    /// Tables budgets from `from` to `to`.
    ///
    /// # Errors
    /// A law that takes anything but N and D, and a range that is not one.
    pub(super) fn new(law: &Believed, from: Flop, to: Flop) -> Result<Self, Diagnostic> {
        let (first, last) = (from.get().ln(), to.get().ln());
        let sound = first.is_finite() && last.is_finite() && first < last && last - first < 200.0;
        if !sound {
            return Err(Diagnostic::error(format!(
                "there are no budgets from {:e} to {:e} FLOP",
                from.get(),
                to.get()
            )));
        }
        let mut loss = LossOf::new(law)?;
        let count = ((last - first) / STEP).ceil() as usize + 1;
        let mut losses = vec![vec![f64::NAN; count]; loss.rows];
        for budget in 0..count {
            let product = (first + STEP * budget as f64) - 6_f64.ln();
            let least = least(&mut loss, product)?;
            for (row, least) in losses.iter_mut().zip(least) {
                row[budget] = least.ln();
            }
        }
        Ok(Self { first, losses })
    }

    /// Rows: the best values and the draws.
    pub(super) fn rows(&self) -> usize {
        self.losses.len()
    }

    /// The least loss of a budget of exp(`ln_compute`) FLOP; the ends of the table go on straight.
    pub(super) fn loss(&self, row: usize, ln_compute: f64) -> f64 {
        let losses = &self.losses[row];
        let place = (ln_compute - self.first) / STEP;
        let below = (place.floor().max(0.0) as usize).min(losses.len() - 2);
        let part = place - below as f64;
        (losses[below] + part * (losses[below + 1] - losses[below])).exp()
    }

    /// ln of the budget whose least loss is `loss`; NaN for losses that the table does not reach.
    pub(super) fn ln_compute(&self, row: usize, loss: f64) -> f64 {
        let losses = &self.losses[row];
        let wanted = loss.ln();
        // Losses fall along the table.
        let below = losses.partition_point(|known| *known > wanted);
        if below == 0 || below == losses.len() {
            return f64::NAN;
        }
        let (a, b) = (losses[below - 1], losses[below]);
        let part = if a > b { (a - wanted) / (a - b) } else { 0.0 };
        self.first + STEP * (below as f64 - 1.0 + part)
    }
}

/// N and D of the compute-optimal run under the best values, certified.
pub(super) fn optimum(law: &Believed, compute: Flop) -> Result<(f64, f64), Diagnostic> {
    let values: Vec<f64> = (law.law.parameters.iter())
        .map(|parameter| law.values().get(&parameter.name).map_or(f64::NAN, |column| column[0]))
        .collect();
    let refused = |problem: String| {
        Diagnostic::error(problem)
            .help("give a law of model size and tokens, such as `besiroglu-2024`")
    };
    let found = laws::optimal(&law.law, &values, compute, &laws::Setting::new())
        .map_err(|problem| refused(problem.to_string()))?;
    let found = found.ok_or_else(|| {
        let compute = compute.get();
        refused(format!("`{}` has no compute-optimal run of {compute:e} FLOP", law.name))
    })?;
    Ok((found.parameters.get(), found.tokens.get()))
}

/// The least loss per row where ln N + ln D is `product`: the least of a grid, and the lowest
/// point of the parabola through it and its neighbours.
fn least(loss: &mut LossOf, product: f64) -> Result<Vec<f64>, Diagnostic> {
    let step = WIDEST / (SIZES as f64 - 1.0);
    let mut grid = Vec::with_capacity(SIZES);
    for size in 0..SIZES {
        let ln_n = 0.5 * product - 0.5 * WIDEST + step * size as f64;
        grid.push(loss.at(ln_n.exp(), (product - ln_n).exp())?);
    }
    let lowest = |row: usize| {
        let best = (0..SIZES).min_by(|&a, &b| grid[a][row].total_cmp(&grid[b][row])).unwrap_or(0);
        if best == 0 || best == SIZES - 1 {
            return grid[best][row];
        }
        let [left, middle, right] = [best - 1, best, best + 1].map(|i| grid[i][row]);
        let curvature = left - 2.0 * middle + right;
        if curvature > 0.0 {
            middle - 0.125 * (left - right) * (left - right) / curvature
        } else {
            middle
        }
    };
    Ok((0..loss.rows).map(lowest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_agrees_with_the_certified_optimum_and_inverts_itself() {
        let law = Believed::published("besiroglu-2024").unwrap();
        let frontier = Frontier::new(&law, Flop(1e20), Flop(1e25)).unwrap();
        let values: Vec<f64> =
            law.values().clone().into_columns().iter().map(|(_, column)| column[0]).collect();
        for budget in [1.3e20, 5.76e23, 9e24] {
            let setting = laws::Setting::new();
            let best = laws::optimal(&law.law, &values, Flop(budget), &setting).unwrap().unwrap();
            let found = frontier.loss(0, budget.ln());
            assert!((found / best.loss - 1.0).abs() < 1e-5, "{budget:e}: {found} {}", best.loss);
            let back = frontier.ln_compute(0, found);
            assert!((back - budget.ln()).abs() < 1e-6, "{back}");
        }
        assert!(frontier.ln_compute(0, 1.0).is_nan());
        assert!(Frontier::new(&law, Flop(1e20), Flop(f64::NAN)).is_err());
        let other = Believed::published("scalerl").map(|_| ());
        assert!(other.is_err());
    }
}
