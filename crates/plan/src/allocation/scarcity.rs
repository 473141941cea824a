//! Plans when text is scarce: how often it is read, what that costs, what else could be done, and
//! when it runs out.

use diagnostic::Diagnostic;
use laws::{Setting, catalogue};
use runs::{Flop, Parameters, Tokens};

use crate::{Allocation, Believed, Drawn, Frontier, Question, Repetition};

/// What a stock of text does to a plan.
#[derive(Debug, Clone)]
pub struct Scarcity {
    /// Unique tokens there are.
    pub stock: Drawn<Tokens>,
    /// How often the best run reads them.
    pub passes: Drawn<f64>,
    /// The best run of the same budget if text had no end.
    pub endless: Allocation,
    /// How much lower its loss is.
    pub lost: Drawn<f64>,
    /// The loss that unlimited passes over the stock with an unlimited model would reach, by the
    /// law of repetition, which cannot say that many passes raise the loss.
    pub repeated: Drawn<f64>,
    /// The loss that regularised ensembles would reach with unlimited compute, if they were worth
    /// as much data as Kim et al. found.
    pub ensembled: Drawn<f64>,
}

/// How many times the data regularised, ensembled training is worth, in the limit of compute.
///
/// Kim et al. 2025, arXiv:2509.14786: 5.17 times at 200 M tokens; nobody has measured it at
/// another scale than theirs.
pub const ENSEMBLE_WORTH: f64 = 5.17;

/// Published constants of ensembles on a fixed set of data.
const ENSEMBLE: &str = "kim-2025-ensemble";

/// The largest model that stands for an unlimited one.
const UNLIMITED: Parameters = Parameters(1e30);

impl Scarcity {
    /// Compares the best run of a question on a stock with that on endless text, the same served
    /// and within the same limits.
    ///
    /// # Errors
    /// Whatever the law's formula does not allow.
    pub fn of(
        believed: &Believed,
        given: &Setting,
        repetition: &Repetition,
        question: &Question<'_>,
        best: &Allocation,
    ) -> Result<Self, Diagnostic> {
        let flop = question.flop;
        let unlimited = Repetition::endless(&believed.law, given);
        let serving = question.frontier.serving().cloned();
        let plenty = Frontier::new(believed.clone(), flop, &unlimited, None, serving)?;
        let endless = Question {
            frontier: &plenty,
            flop,
            budget: question.budget.clone(),
            limits: question.limits,
        };
        let endless = endless.neighbour(1.0)?;
        let scarce = Frontier::new(believed.clone(), flop, given, Some(repetition), None)?;
        let stock = repetition.stock.clone();
        let worth = |times: f64| -> Result<Drawn<f64>, Diagnostic> {
            let tokens = stock.best * times;
            Ok(plenty.run(UNLIMITED, tokens)?.loss)
        };
        // Beyond ten times the decay of their value, more passes add nothing.
        let passes = 1.0 + 10.0 * repetition.tokens;
        Ok(Self {
            passes: best.tokens.with(&stock, |read, unique| (read / unique).max(1.0)),
            lost: best.loss.with(&endless.loss, |scarce, endless| scarce - endless),
            repeated: scarce.run(UNLIMITED, stock.best * passes)?.loss,
            ensembled: worth(ENSEMBLE_WORTH)?,
            endless,
            stock,
        })
    }
}

/// Members of an ensemble after which more of them gain less than `within` nat per token, by Kim
/// et al.'s law for 300M members on 200 M tokens.
///
/// # Errors
/// A catalogue without the law; the tests rule that out.
pub fn ensemble_members(within: f64) -> Result<f64, Diagnostic> {
    let law = catalogue::find("infinite-compute-ensemble")?;
    let missing = || Diagnostic::error(format!("the catalogue has no constants `{ENSEMBLE}`"));
    let published = law.published(ENSEMBLE).ok_or_else(missing)?;
    let value = |name: &str| {
        let found = published.values.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| *value).ok_or_else(missing)
    };
    Ok((value("A")? / within).powf(1.0 / value("p")?))
}

/// Years until the best run of a growing budget needs more than a growing stock of tokens, under
/// each draw; zero where it does already, NaN where it does not within [`LATEST`] years.
///
/// `budget_growth` and `stock_growth` are log-rates per year: ln 5 for 5x/yr.
///
/// # Errors
/// Whatever the law's formula does not allow.
pub fn exhausted_after(
    frontier: &Frontier,
    budget: &Drawn<Flop>,
    budget_growth: &Drawn<f64>,
    stock: &Drawn<Tokens>,
    stock_growth: &Drawn<f64>,
) -> Result<Drawn<f64>, Diagnostic> {
    let mut crossed: Option<(Drawn<f64>, Drawn<f64>)> = None;
    for step in 0..=STEPS {
        let year = LATEST * f64::from(step) / f64::from(STEPS);
        let grown = |rate: &Drawn<f64>| rate.map::<f64>(|rate| (rate * year).exp());
        let then: Drawn<Flop> = budget.with(&grown(budget_growth), |c, times| c * times);
        let there: Drawn<Tokens> = stock.with(&grown(stock_growth), |u, times| u * times);
        let needed = frontier.optimal(&then)?.tokens;
        // ln of what is needed over what there is: close to a line in time.
        let short: Drawn<f64> = needed.with(&there, |d, u| (d / u).ln());
        let found = match &crossed {
            None => short.map(|short| if short >= 0.0 { 0.0 } else { f64::NAN }),
            Some((before, found)) => {
                let part: Drawn<f64> = before.with(&short, |low, high| -low / (high - low));
                let at: Drawn<f64> = part.with(&short, |part: f64, high: f64| {
                    let width = LATEST / f64::from(STEPS);
                    if high >= 0.0 { year - width + part * width } else { f64::NAN }
                });
                found.with(&at, |found: f64, at: f64| if found.is_nan() { at } else { found })
            }
        };
        crossed = Some((short, found));
    }
    Ok(crossed.map_or(Drawn::certain(f64::NAN, 0), |(_, found)| found))
}

/// Years looked ahead.
pub const LATEST: f64 = 40.0;

const STEPS: i32 = 80;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FlopText, Limits, Serving};

    fn certain(value: f64) -> Drawn<f64> {
        Drawn::certain(value, 0)
    }

    #[test]
    fn scarce_text_is_read_again_and_costs_loss() {
        let (flop, none) = (FlopText::default(), Setting::new());
        let repetition = Repetition::of_stock(Drawn::certain(Tokens(1e10), 0)).unwrap();
        // The law itself, and the one that repetition was measured with.
        for id in ["muennighoff-2023", "muennighoff-2023-repeated"] {
            let law = Believed::published(id).unwrap();
            let frontier =
                Frontier::new(law.clone(), &flop, &none, Some(&repetition), None).unwrap();
            let budget = Drawn::certain(Flop(1e22), 0);
            let best = frontier.optimal(&budget).unwrap();
            let limits = Limits::default();
            let question = Question { frontier: &frontier, flop: &flop, budget, limits };
            let scarcity = Scarcity::of(&law, &none, &repetition, &question, &best).unwrap();
            assert!(scarcity.passes.best > 2.0 && scarcity.lost.best > 0.01, "{scarcity:?}");
            assert!(scarcity.repeated.best < best.loss.best);
            assert!(scarcity.ensembled.best < best.loss.best);
        }
    }

    #[test]
    fn text_that_is_not_scarce_costs_nothing_whatever_is_served() {
        let (flop, none) = (FlopText::default(), Setting::new());
        let repetition = Repetition::of_stock(Drawn::certain(Tokens(1e14), 0)).unwrap();
        let law = Believed::published("muennighoff-2023").unwrap();
        let served = Some(Serving::tokens(Tokens(1e12)));
        let frontier = Frontier::new(law.clone(), &flop, &none, Some(&repetition), served).unwrap();
        let budget = Drawn::certain(Flop(1e23), 0);
        let best = frontier.optimal(&budget).unwrap();
        let question =
            Question { frontier: &frontier, flop: &flop, budget, limits: Limits::default() };
        let scarcity = Scarcity::of(&law, &none, &repetition, &question, &best).unwrap();
        assert!(scarcity.lost.best.abs() < 1e-12, "{scarcity:?}");
    }

    /// Kim et al. 2025: L = 0.25 / K^1.02 + 3.34.
    #[test]
    fn five_members_come_within_a_twentieth_of_a_nat() {
        let members = ensemble_members(0.05).unwrap();
        assert!((members - 5_f64.powf(1.0 / 1.02)).abs() < 1e-9, "{members}");
    }

    /// D* goes as the square root of C here, so the year has a closed form.
    #[test]
    fn the_year_in_which_text_runs_out() {
        let law = Believed::published("muennighoff-2023").unwrap();
        let flop = FlopText::default();
        let frontier = Frontier::new(law, &flop, &Setting::new(), None, None).unwrap();
        let budget = Drawn::certain(Flop(1e25), 0);
        let now = frontier.optimal(&budget).unwrap().tokens.best.get();
        let stock = Drawn::certain(Tokens(3e14), 0);
        let growth = (5.0_f64.ln(), 1.05_f64.ln());
        let years =
            exhausted_after(&frontier, &budget, &certain(growth.0), &stock, &certain(growth.1));
        let expected = (3e14 / now).ln() / (0.5 * growth.0 - growth.1);
        assert!((years.unwrap().best - expected).abs() < 1e-6);
        let used = Drawn::certain(Tokens(1e9), 0);
        let years =
            exhausted_after(&frontier, &budget, &certain(1.0), &used, &certain(0.0)).unwrap();
        assert_eq!(years.best, 0.0);
        let never =
            exhausted_after(&frontier, &budget, &certain(0.0), &stock, &certain(0.0)).unwrap();
        assert!(never.best.is_nan());
    }
}
