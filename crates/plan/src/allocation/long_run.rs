//! A model of a given size, trained for longer and longer: what a token more is worth, and when to
//! stop.

use diagnostic::Diagnostic;
use runs::{Parameters, Tokens};

use crate::{Allocation, Drawn, FlopText, Frontier};

/// One length of training of a model of a given size.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// The run.
    pub run: Allocation,
    /// The share of its training compute that a better size would not have needed.
    pub waste: Drawn<f64>,
    /// What a FLOP more gains here, over what it gains at the best size for the same compute.
    pub marginal: Drawn<f64>,
    /// Tokens to be served, at the price of training, for which this run has the least lifetime
    /// cost of all runs of its loss; below zero where the model is too large even unserved.
    pub served: Drawn<Tokens>,
}

/// A model of a given size over several lengths of training.
#[derive(Debug, Clone)]
pub struct LongRun {
    /// The model.
    pub parameters: Parameters,
    /// Lengths, short to long.
    pub stretches: Vec<Stretch>,
    /// Tokens at which the size is the compute-optimal one.
    pub optimal: Drawn<Tokens>,
    /// Tokens beyond which a FLOP gains less than half of what it would at the best size.
    pub halved: Drawn<Tokens>,
}

/// Lengths looked at: powers of this.
const STEP: f64 = 2.0;

impl LongRun {
    /// `parameters` trained from `from` to `to` tokens, in steps of two.
    ///
    /// The served tokens that a run is best for follow from its lifetime cost having no slope
    /// along runs of the same loss: with C = 6 N D + 2 N S they are 3 D (e - 1), where e is what
    /// 1 % more parameters gains over what 1 % more tokens gains (Sardana et al. 2024,
    /// arXiv:2401.00448, section 3).
    ///
    /// # Errors
    /// Ends that are not positive, or the wrong way round.
    pub fn new(
        frontier: &Frontier,
        flop: &FlopText,
        parameters: Parameters,
        (from, to): (Tokens, Tokens),
    ) -> Result<Self, Diagnostic> {
        if !(from.get() > 0.0 && to >= from && to.get().is_finite()) {
            let message = format!("training from {from} to {to} is no range");
            return Err(Diagnostic::error(message).help("give more than no tokens, least first"));
        }
        let model = flop.curve()?.of_size(parameters)?;
        let count = ((to / from).ln() / STEP.ln()).ceil().min(64.0) as i32;
        let mut stretches = Vec::new();
        for step in 0..=count {
            let tokens = (from * STEP.powi(step)).get().min(to.get());
            let run = frontier.run(parameters, Tokens(tokens))?;
            let best = frontier.optimal(&run.training)?;
            let gain = frontier.elasticities(&run)?;
            let along = frontier.slope(&best)?;
            let sizes: Drawn<f64> =
                gain.by_parameters.with(&gain.by_tokens, |n, d| model.ln_parameters_by_x * n / d);
            stretches.push(Stretch {
                waste: frontier.waste(&run)?,
                marginal: gain.by_tokens.with(&along, |d, best| d / best),
                served: sizes.map(|ratio| {
                    let growth = model.train_by_x / model.train;
                    model.train.get() * tokens * (ratio - growth) / model.serve_by_x.get()
                }),
                run,
            });
        }
        let optimal = crossing(&stretches, |stretch| &stretch.served, 0.0, f64::from);
        let halved = crossing(&stretches, |stretch| &stretch.marginal, 0.5, |x| x);
        Ok(Self { parameters, stretches, optimal, halved })
    }

    /// Tokens for which the run has the least lifetime cost when `served` tokens are served.
    pub fn best_when_serving(&self, served: Tokens) -> Drawn<Tokens> {
        crossing(&self.stretches, |stretch| &stretch.served, served.get(), |x| x)
    }
}

/// The tokens at which a quantity has a value, under each draw: between two lengths it is taken to
/// be a line in ln tokens. NaN where it is not reached within the lengths.
fn crossing<Q: crate::Quantity>(
    stretches: &[Stretch],
    quantity: impl Fn(&Stretch) -> &Drawn<Q>,
    value: f64,
    scale: impl Fn(f64) -> f64,
) -> Drawn<Tokens> {
    let rows: Vec<Vec<f64>> = stretches.iter().map(|stretch| quantity(stretch).rows()).collect();
    let tokens: Vec<f64> =
        stretches.iter().map(|stretch| stretch.run.tokens.best.get().ln()).collect();
    let count = rows.first().map_or(0, Vec::len);
    let found: Vec<f64> = (0..count)
        .map(|row| {
            (1..rows.len())
                .find_map(|i| {
                    let (low, high) = (scale(rows[i - 1][row]), scale(rows[i][row]));
                    let value = scale(value);
                    let between = (low - value) * (high - value) <= 0.0 && low != high;
                    let part = (value - low) / (high - low);
                    between.then(|| (tokens[i - 1] + part * (tokens[i] - tokens[i - 1])).exp())
                })
                .unwrap_or(f64::NAN)
        })
        .collect();
    Drawn::from_rows(&found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Believed, Serving};
    use laws::Setting;
    use runs::Flop;

    fn frontier(serving: Option<Serving>) -> Frontier {
        let law = Believed::published("besiroglu-2024").unwrap();
        Frontier::new(law, &FlopText::default(), &Setting::new(), None, serving).unwrap()
    }

    fn long(parameters: f64, from: f64, to: f64) -> LongRun {
        let ends = (Tokens(from), Tokens(to));
        LongRun::new(&frontier(None), &FlopText::default(), Parameters(parameters), ends).unwrap()
    }

    #[test]
    fn the_compute_optimal_length_needs_no_served_tokens() {
        let best = frontier(None).optimal(&Drawn::certain(Flop(1e22), 0)).unwrap();
        let (n, d) = (best.parameters.best.get(), best.tokens.best.get());
        let run = &long(n, d, d).stretches[0];
        assert!(run.served.best.get().abs() < 1e-4 * d, "{run:?}");
        assert!(run.waste.best < 1e-9);
        // At the optimum both ways of spending a FLOP gain the same.
        assert!((run.marginal.best - 1.0).abs() < 1e-9, "{}", run.marginal.best);
        let length = long(n, d / 30.0, d * 30.0).optimal.best.get();
        assert!((length / d - 1.0).abs() < 0.1, "{length} {d}");
    }

    #[test]
    fn serving_what_a_run_is_best_for_makes_it_the_best_run() {
        let run = &long(7e9, 2e12, 2e12).stretches[0];
        let aware = frontier(Some(Serving::tokens(run.served.best)));
        let best = aware.reaching(&run.run.loss).unwrap();
        assert!((best.parameters.best.get() / 7e9 - 1.0).abs() < 1e-6, "{best:?}");
        assert!((best.tokens.best.get() / 2e12 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_token_more_is_worth_less_and_less() {
        let run = long(1e9, 2e10, 2e13);
        let gains: Vec<f64> = run.stretches.iter().map(|stretch| stretch.marginal.best).collect();
        assert!(gains.windows(2).all(|pair| pair[1] < pair[0]), "{gains:?}");
        assert!(run.halved.best > run.optimal.best);
        assert!(run.best_when_serving(Tokens(1e12)).best > run.optimal.best);
    }

    #[test]
    fn ranges_that_are_none_are_refused() {
        let flop = FlopText::default();
        for ends in [(0.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)] {
            let ends = (Tokens(ends.0), Tokens(ends.1));
            assert!(LongRun::new(&frontier(None), &flop, Parameters(1e9), ends).is_err());
        }
    }
}
