//! Reasons to look twice at a design.

use std::fmt;

use runs::Flop;

use super::knowledge::Knowledge;
use super::{Design, Goal, Question};

/// A reason to look twice at a design.
#[derive(Debug, Clone, PartialEq)]
pub enum Doubt {
    /// What is asked lies outside the runs made and proposed.
    Extrapolation {
        /// Factor by which its compute exceeds that of the largest run.
        factor: f64,
        /// Whether it is the largest run of the design, rather than of those made.
        after: bool,
    },
    /// The runs made do not hold what is asked; bounds or the prior do.
    NotIdentified,
    /// Draws under which what is asked does not exist.
    Missing {
        /// Their share.
        share: f64,
    },
    /// The runs gather at a limit that was set.
    AtLimit {
        /// Which: `the largest model`.
        limit: &'static str,
        /// Runs there.
        runs: usize,
        /// Of so many.
        of: usize,
    },
    /// Hardly anything is gained.
    LittleToLearn {
        /// The share of the width of the interval that goes away.
        share: f64,
    },
    /// No candidate tells anything.
    NoRuns,
    /// Little of the budget is worth spending on runs that the limits allow.
    Unspent {
        /// What is spent.
        spent: Flop,
        /// Of this.
        budget: Flop,
    },
    /// Few settings: nothing would show that the law does not hold.
    FewSettings {
        /// How many there are, with those made.
        settings: usize,
        /// Parameters of the law.
        parameters: usize,
    },
}

impl Doubt {
    /// Its name, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Extrapolation { .. } => "extrapolation",
            Self::NotIdentified => "not-identified",
            Self::Missing { .. } => "missing-draws",
            Self::AtLimit { .. } => "at-limit",
            Self::LittleToLearn { .. } => "little-to-learn",
            Self::NoRuns => "no-runs",
            Self::Unspent { .. } => "unspent",
            Self::FewSettings { .. } => "few-settings",
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extrapolation { factor, after } => {
                let whose = if *after { "proposed" } else { "made" };
                let factor =
                    if *factor < 1e5 { format!("{factor:.0}") } else { format!("{factor:.0e}") };
                write!(
                    f,
                    "the target takes {factor} times the compute of the largest run {whose}; \
                     beyond the runs the law is a guess, whatever its interval"
                )
            }
            Self::NotIdentified => f.write_str(
                "the runs made do not hold what is asked: bounds of the parameters do, and the \
                 interval of now means little",
            ),
            Self::Missing { share } => write!(
                f,
                "under {:.0} % of the draws what is asked does not exist; they are left out",
                100.0 * share
            ),
            Self::AtLimit { limit, runs, of } => {
                write!(f, "{runs} of {of} runs lie at {limit}: a wider limit would teach more")
            }
            Self::LittleToLearn { share } => write!(
                f,
                "these runs take {:.1} % off the interval: the budget is too small, or the limits \
                 too tight, to teach much",
                100.0 * share
            ),
            Self::NoRuns => f.write_str("no run within the limits and the budget tells anything"),
            Self::Unspent { spent, budget } => write!(
                f,
                "{spent} of {budget} are spent: more runs, larger runs or more repeats would have \
                 to be allowed to use the rest"
            ),
            Self::FewSettings { settings, parameters } => write!(
                f,
                "all runs together have {settings} settings for {parameters} parameters: nothing \
                 would show that the law does not hold"
            ),
        }
    }
}

pub(super) fn doubts(
    design: &Design,
    known: &Knowledge,
    asked: &Question,
    values: &[f64],
    identified: bool,
) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let total: usize = design.runs.iter().map(|run| run.times).sum();
    if total == 0 {
        doubts.push(Doubt::NoRuns);
    }
    if !identified && !known.is_prior {
        doubts.push(Doubt::NotIdentified);
    }
    let missing = values.iter().skip(1).filter(|x| !x.is_finite()).count();
    // A few in a hundred lie in the tails of any wide posterior.
    if missing * 50 > known.draws() {
        doubts.push(Doubt::Missing { share: missing as f64 / known.draws() as f64 });
    }
    if let Some(target) = design.goal.compute() {
        let made = known.made.range_of(|n, d| 6.0 * n * d).map_or(0.0, |range| range.1);
        let proposed = design.runs.iter().map(|run| run.cost().get()).fold(0.0, f64::max);
        let largest = made.max(proposed);
        if largest > 0.0 && target.get() > 1.5 * largest {
            let factor = target.get() / largest;
            doubts.push(Doubt::Extrapolation { factor, after: proposed > made });
        }
    }
    let at = |on: &dyn Fn(f64, f64) -> bool| -> usize {
        let there = design.runs.iter().filter(|run| on(run.parameters.get(), run.tokens.get()));
        there.map(|run| run.times).sum()
    };
    let limits = &asked.limits;
    let largest = limits.sizes.iter().map(|size| size.get()).fold(0.0, f64::max);
    let largest = if limits.sizes.is_empty() {
        limits.parameters.1.get()
    } else {
        largest.min(limits.parameters.1.get())
    };
    for (limit, runs) in [
        ("the largest model", at(&|n, _| n > 0.97 * largest)),
        (
            "the most FLOP of one run",
            at(&|n, d| {
                limits.run.1.get() < asked.budget.get() && 6.0 * n * d > 0.9 * limits.run.1.get()
            }),
        ),
        ("the most tokens", at(&|_, d| d > 0.97 * limits.tokens.1.get())),
    ] {
        if 2 * runs >= total && runs > 1 {
            doubts.push(Doubt::AtLimit { limit, runs, of: total });
        }
    }
    let spent = design.spent();
    if total > 0 && spent.get() < 0.5 * asked.budget.get() {
        doubts.push(Doubt::Unspent { spent, budget: asked.budget });
    }
    if let (Some(after), false) = (design.after.last(), matches!(design.goal, Goal::Choice)) {
        let share = 1.0 - after.may_bend / design.now.may_bend;
        if total > 0 && share < 0.05 {
            doubts.push(Doubt::LittleToLearn { share });
        }
    }
    let mut settings: Vec<(u64, u64)> = (known.made.column("N").iter().zip(known.made.column("D")))
        .map(|(n, d)| (n.to_bits(), d.to_bits()))
        .chain(design.runs.iter().map(|r| (r.parameters.get().to_bits(), r.tokens.get().to_bits())))
        .collect();
    settings.sort_unstable();
    settings.dedup();
    if total > 0 && settings.len() <= known.free.len() {
        let parameters = known.free.len();
        doubts.push(Doubt::FewSettings { settings: settings.len(), parameters });
    }
    doubts
}
