//! What a wrong choice of model size costs.

use diagnostic::Diagnostic;
use runs::{Flop, Parameters, Tokens};

use crate::{Allocation, Drawn, Frontier};

/// A run that may not be the best one, and what it wastes.
#[derive(Debug, Clone)]
pub struct Mistake {
    /// Whose choice it is: `the plan`, `20:1`.
    pub by: String,
    /// The run: one size and one number of tokens, whatever the draws say.
    pub run: Allocation,
    /// The share of its cost that is wasted under each draw of the law: the rest, split best,
    /// would reach the same loss.
    pub share: Drawn<f64>,
    /// The same in FLOP of training.
    pub flop: Drawn<Flop>,
}

impl Mistake {
    /// What the run of `parameters` on `tokens` wastes.
    ///
    /// # Errors
    /// Whatever the law's formula does not allow.
    pub fn of(
        frontier: &Frontier,
        parameters: Parameters,
        tokens: Tokens,
        by: &str,
    ) -> Result<Self, Diagnostic> {
        let run = frontier.run(parameters, tokens)?;
        let share = frontier.waste(&run)?;
        let flop = share.with(&run.budget, |share, cost| share * cost);
        Ok(Self { by: by.to_owned(), run, share, flop })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Believed, FlopText};
    use laws::Setting;
    use proptest::prelude::*;

    fn frontier(id: &str) -> Frontier {
        let law = Believed::published(id).unwrap();
        Frontier::new(law, &FlopText::default(), &Setting::new(), None, None).unwrap()
    }

    /// In closed form: L - E along the frontier is proportional to C^-gamma, so the budget of the
    /// same loss is C ((L - E) / (L* - E))^(-1 / gamma).
    fn closed(budget: f64, factor: f64) -> f64 {
        let (a, b, alpha, beta): (f64, f64, f64, f64) = (482.01, 2085.43, 0.3478, 0.3658);
        let g = (alpha * a / (beta * b)).powf(1.0 / (alpha + beta));
        let n = g * (budget / 6.0).powf(beta / (alpha + beta));
        let reducible = |n: f64| a / n.powf(alpha) + b / (budget / 6.0 / n).powf(beta);
        let gamma = alpha * beta / (alpha + beta);
        1.0 - (reducible(n * factor) / reducible(n)).powf(-1.0 / gamma)
    }

    #[test]
    fn waste_is_the_closed_form() {
        let frontier = frontier("besiroglu-2024");
        let budget = Drawn::certain(Flop(1e23), 0);
        let best = frontier.optimal(&budget).unwrap().parameters.best;
        for factor in [0.2, 0.5, 0.9, 1.0, 2.0, 10.0] {
            let (n, c) = (best * factor, budget.best.get());
            let d = Tokens(c / 6.0 / n.get());
            let mistake = Mistake::of(&frontier, n, d, "").unwrap();
            let expected = closed(1e23, factor);
            assert!((mistake.share.best - expected).abs() < 1e-7, "{factor}: {mistake:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn the_best_run_beats_its_neighbours(
            ln_budget in 35.0_f64..65.0,
            off in prop_oneof![-2.0_f64..-1e-3, 1e-3_f64..2.0],
            id in prop::sample::select(vec![
                "besiroglu-2024", "hoffmann-2022", "sardana-2024", "gadre-2024-c4",
            ]),
        ) {
            let frontier = frontier(id);
            let budget = Drawn::certain(Flop(ln_budget.exp()), 0);
            let best = frontier.optimal(&budget).unwrap();
            let other = frontier.of_size(best.parameters.best * off.exp(), &budget).unwrap();
            prop_assert!(best.loss.best < other.loss.best);
            let wasted = frontier.waste(&other).unwrap().best;
            prop_assert!((0.0..1.0).contains(&wasted));
            prop_assert!(frontier.waste(&best).unwrap().best < 1e-9);
        }

        #[test]
        fn more_budget_never_raises_the_loss(
            ln_budget in 30.0_f64..65.0,
            more in 0.01_f64..5.0,
        ) {
            let frontier = frontier("besiroglu-2024");
            let at = |ln: f64| {
                frontier.optimal(&Drawn::certain(Flop(ln.exp()), 0)).unwrap().loss.best
            };
            prop_assert!(at(ln_budget + more) < at(ln_budget));
        }
    }
}
