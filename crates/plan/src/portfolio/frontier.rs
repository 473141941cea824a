//! The least loss of a budget under every draw of a law, tabled, and back: which budget has this
//! loss.

use diagnostic::Diagnostic;
use laws::Setting;
use runs::Flop;

use crate::{Believed, Drawn, FlopText, Frontier};

/// Step between the budgets that are tabled, in e-folds.
const STEP: f64 = 0.1;

/// A law along budgets of 6 N D, tabled for every draw: for programs that look up many budgets.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// ln of the first budget.
    first: f64,
    /// By row, then by budget: ln of the least loss.
    losses: Vec<Vec<f64>>,
}

/// The frontier of a law that takes N and D alone, FLOP being 6 N D.
///
/// # Errors
/// A law that takes anything else.
pub(super) fn plain(law: &Believed) -> Result<Frontier, Diagnostic> {
    let takes: Vec<&str> = law.law.variables.iter().map(|v| v.name.as_str()).collect();
    if takes.len() != 2 || !law.law.splits_compute() {
        let message = format!("the law `{}` takes {}, not N and D", law.law.name, takes.join(", "));
        return Err(Diagnostic::error(message)
            .help("give a law of model size and tokens, such as `besiroglu-2024`"));
    }
    Frontier::new(law.clone(), &FlopText::default(), &Setting::new(), None, None)
}

impl Table {
    /// Tables budgets from `from` to `to`.
    ///
    /// # Errors
    /// A range that is not one.
    pub(super) fn new(frontier: &Frontier, from: Flop, to: Flop) -> Result<Self, Diagnostic> {
        let (first, last) = (from.get().ln(), to.get().ln());
        let sound = first.is_finite() && last.is_finite() && first < last && last - first < 200.0;
        if !sound {
            return Err(Diagnostic::error(format!(
                "there are no budgets from {:e} to {:e} FLOP",
                from.get(),
                to.get()
            )));
        }
        let count = ((last - first) / STEP).ceil() as usize + 1;
        let mut losses = vec![vec![f64::NAN; count]; frontier.believed.values().rows()];
        for budget in 0..count {
            let compute = Flop((first + STEP * budget as f64).exp());
            let least = frontier.optimal(&Drawn::certain(compute, 0))?.loss.rows();
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

/// N and D of the compute-optimal run under the best values.
pub(super) fn optimum(frontier: &Frontier, compute: Flop) -> Result<(f64, f64), Diagnostic> {
    let best = frontier.optimal(&Drawn::certain(compute, 0))?;
    if !best.exists() {
        let name = &frontier.believed.name;
        let message = format!("`{name}` has no compute-optimal run of {:e} FLOP", compute.get());
        return Err(Diagnostic::error(message)
            .help("give a law of model size and tokens, such as `besiroglu-2024`"));
    }
    Ok((best.parameters.best.get(), best.tokens.best.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_agrees_with_the_optimum_and_inverts_itself() {
        let frontier = plain(&Believed::published("besiroglu-2024").unwrap()).unwrap();
        let table = Table::new(&frontier, Flop(1e20), Flop(1e25)).unwrap();
        for budget in [1.3e20, 5.76e23, 9e24] {
            let best = frontier.optimal(&Drawn::certain(Flop(budget), 0)).unwrap().loss.best;
            let found = table.loss(0, budget.ln());
            assert!((found / best - 1.0).abs() < 1e-5, "{budget:e}: {found} {best}");
            let back = table.ln_compute(0, found);
            assert!((back - budget.ln()).abs() < 1e-6, "{back}");
        }
        assert!(table.ln_compute(0, 1.0).is_nan());
        assert!(Table::new(&frontier, Flop(1e20), Flop(f64::NAN)).is_err());
    }
}
