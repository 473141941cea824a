//! A budget and means: how much compute that is.

use diagnostic::Diagnostic;
use machines::{Joules, Usd};
use runs::{Flop, Seconds};

use super::{Assumption, DeviceTime, Means, positive};
use crate::words::budget::{Budget, BudgetKind};
use crate::{Date, Drawn, Quantity};

/// What a budget is in compute.
#[derive(Debug, Clone)]
pub struct Funded {
    /// The compute.
    pub flop: Drawn<Flop>,
    /// What the conversion rests on; empty where the budget is compute.
    pub assumptions: Vec<Assumption>,
}

/// More FLOP than a star's output could pay for in a year: a slip of the keyboard.
const MOST: f64 = 1e50;

impl Means {
    /// The compute of a budget. `start` is when the run begins, for budgets until a date.
    ///
    /// # Errors
    /// A loss to reach, which is no amount; times without a number of accelerators; a finish that
    /// is not after the start; amounts of less than a FLOP or more than 1e50; money without a price, energy without a power.
    pub fn fund(&self, budget: &Budget, start: Option<Date>) -> Result<Funded, Diagnostic> {
        let Some(amount) = &budget.amount else {
            return Err(Diagnostic::error(format!(
                "`{}` is a target, not an amount",
                budget.words
            ))
            .help("give an amount, or ask what the target takes"));
        };
        let drawn = amount.drawn(self.seed, self.draws)?;
        let drawn = positive(drawn, &budget.origin, &budget.words)?;
        let mut used: Vec<&str> = vec!["accelerator", "peak", "MFU", "goodput"];
        let flop = match budget.kind {
            BudgetKind::Compute => {
                used.clear();
                of(&drawn)
            }
            BudgetKind::Money => {
                used.push("price");
                self.flop_of_money(&of::<Usd>(&drawn))?
            }
            BudgetKind::DeviceTime => self.flop_of_device_time(&of(&drawn)),
            BudgetKind::Time => self.flop_of_time(budget, &of(&drawn))?,
            BudgetKind::Energy { kind, .. } => {
                used.extend(["power of one accelerator", "PUE"]);
                self.flop_of_energy(&of::<Joules>(&drawn), kind)?
            }
            BudgetKind::Until => {
                let time = until(budget, &drawn, start)?;
                self.flop_of_time(budget, &time)?
            }
            BudgetKind::Loss(_) => of(&drawn),
        };
        let amount = flop.best.get();
        if !(1.0..MOST).contains(&amount) {
            let message = format!("`{}` is {amount:.1e} FLOP, which trains nothing", budget.words);
            return Err(Diagnostic::error(message)
                .help("a budget lies between one FLOP and 1e50; check its units"));
        }
        let assumed = |known: &&Assumption| used.contains(&known.what.as_str());
        let mut assumptions: Vec<Assumption> =
            self.assumptions.iter().filter(assumed).cloned().collect();
        if let BudgetKind::Energy { kind, stated: false } = budget.kind {
            assumptions.push(Assumption {
                what: "kind of energy".to_owned(),
                value: format!("{} (at the meter)", kind.name()),
                source: "the words do not say; `MW[it]` and `MW[chip]` are the other kinds"
                    .to_owned(),
            });
        }
        Ok(Funded { flop, assumptions })
    }

    fn flop_of_time(
        &self,
        budget: &Budget,
        time: &Drawn<Seconds>,
    ) -> Result<Drawn<Flop>, Diagnostic> {
        let Some(count) = self.count else {
            return Err(Diagnostic::error(format!(
                "`{}` needs to know how many accelerators there are",
                budget.words
            ))
            .help(format!("write `{} on 512 H100`, or add `--on \"512 H100\"`", budget.words)));
        };
        Ok(self.flop_of_device_time(&time.map::<DeviceTime>(|time| time * f64::from(count))))
    }
}

/// The time from `start` to the dates of the budget.
fn until(
    budget: &Budget,
    dates: &Drawn<f64>,
    start: Option<Date>,
) -> Result<Drawn<Seconds>, Diagnostic> {
    let Some(start) = start else {
        return Err(Diagnostic::error(format!("`{}` needs a start", budget.words))
            .help("for example `--start 2026-12-01`"));
    };
    let time: Drawn<Seconds> = dates.map(|instant| Date::of_instant(instant).since(start).get());
    let wrong = |time: &&Seconds| !(time.get() > 0.0 && time.get().is_finite());
    let first_wrong = std::iter::once(&time.best).chain(&time.draws).find(wrong);
    if first_wrong.is_some() {
        let finish = Date::of_instant(dates.best);
        return Err(Diagnostic::error(format!(
            "the finish {finish} is not after the start {start} in every draw"
        ))
        .note(format!("{} is `{}`", budget.origin, budget.words))
        .help("give a later finish, or an earlier `--start`"));
    }
    Ok(time)
}

fn of<Q: Quantity>(drawn: &Drawn<f64>) -> Drawn<Q> {
    drawn.map(|number| number)
}
