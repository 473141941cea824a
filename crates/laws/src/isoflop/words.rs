//! What to know before trusting an IsoFLOP analysis, as data and in words.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why there is no analysis at all.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Refusal {
    /// An empty table.
    #[error("there are no runs to analyse")]
    NoRows,
    /// A value that has no logarithm.
    #[error("row {}: {column} is {value}; a positive, finite number is needed", row + 1)]
    BadValue {
        /// The row, from zero.
        row: usize,
        /// `N`, `D`, `C` or `loss`.
        column: String,
        /// What it is.
        value: f64,
    },
    /// An analysis and rows that do not belong together.
    #[error("the analysis was not made from these runs")]
    OtherRuns,
    /// An option that cannot be used.
    #[error("{option} is {value}; {expected}")]
    BadOption {
        /// Which option.
        option: String,
        /// What it is.
        value: f64,
        /// What it may be.
        expected: String,
    },
}

/// A reason to look twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Warning {
    /// The rows have no separate budgets.
    Smeared {
        /// Stretches of C without a gap that are wider than a budget.
        stretches: usize,
        /// Least C of the first, FLOP.
        low: f64,
        /// Largest C of the last.
        high: f64,
    },
    /// The runs of budgets differ in C.
    UnevenBudgets {
        /// How many budgets.
        budgets: usize,
        /// The worst, FLOP.
        compute: f64,
        /// Its largest over smallest C.
        spread: f64,
        /// The exponent of C along which its losses were moved to it; 0: they were not.
        moved_along: f64,
    },
    /// Different N that are so close that they count as one size.
    MergedSizes {
        /// The budgets, FLOP.
        at: Vec<f64>,
    },
    /// The best size of a budget is its smallest or largest.
    BestAtEdge {
        /// The budgets, FLOP.
        at: Vec<f64>,
        /// Whether it is the smallest.
        smallest: bool,
    },
    /// The bend of a profile is not clear of the scatter.
    Flat {
        /// The budgets, FLOP.
        at: Vec<f64>,
        /// The least curvature over its standard error.
        ratio: f64,
    },
    /// Few budgets for a line.
    FewBudgets {
        /// Budgets with a believed optimum.
        used: usize,
        /// Budgets in all.
        of: usize,
    },
    /// C is not 6 N D.
    NotSixNd {
        /// Least C / (6 N D).
        low: f64,
        /// Largest C / (6 N D).
        high: f64,
    },
    /// One run gives several rows.
    RepeatedRuns {
        /// Runs with more than one row.
        runs: usize,
    },
    /// Resamples that gave no line.
    FailedResamples {
        /// How many.
        failed: usize,
        /// Of how many.
        of: usize,
    },
    /// No residuals are left to resample.
    NoScatter,
    /// Rows are points on the way of a run whose learning rate had not yet decayed.
    Intermediate,
    /// Nobody said whether rows are ends of runs.
    UnknownSchedule,
    /// Points of the envelope where the best model is the smallest or largest there is.
    EnvelopeAtEdge {
        /// How many.
        points: usize,
        /// Of how many.
        of: usize,
    },
    /// The envelope touches few different models.
    FewModels {
        /// How many.
        models: usize,
    },
    /// The bias of Approach 2 on this grid is larger than its interval is wide.
    Bias {
        /// `N*` or `D*`.
        of: String,
        /// The budget, FLOP.
        compute: f64,
        /// Relative error of the noise-free analysis.
        bias: f64,
        /// Half the width of the interval, relative.
        half_width: f64,
        /// How many other trained budgets it holds for.
        others: usize,
    },
    /// The law gives no optimum at a budget, or no parabola opens upwards on it.
    NoBias {
        /// The budget, FLOP.
        compute: f64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smeared { stretches, low, high } => write!(
                f,
                "between C {low:.2e} and {high:.2e} FLOP, {stretches} stretches of runs have no \
                 gap that parts one budget from the next; they were cut at their widest gaps, but \
                 such runs are no clean IsoFLOP profiles"
            ),
            Self::UnevenBudgets { budgets, compute, spread, moved_along } => {
                write!(
                    f,
                    "the runs of {budgets} budgets differ in C, by up to {:.0} % at \
                     {compute:.2e} FLOP; ",
                    100.0 * (spread - 1.0)
                )?;
                if *moved_along == 0.0 {
                    return f.write_str("those with more compute look better than they are");
                }
                write!(
                    f,
                    "losses were moved to their budget along the slope of the frontier, there \
                     C^{moved_along:.3}"
                )
            }
            Self::MergedSizes { at } => {
                write!(f, "models of nearly the same N count as one size at {}", budgets(at))
            }
            Self::BestAtEdge { at, smallest } => write!(
                f,
                "the {} model is the best one at {}; train {} ones",
                if *smallest { "smallest" } else { "largest" },
                budgets(at),
                if *smallest { "smaller" } else { "larger" }
            ),
            Self::Flat { at, ratio } => write!(
                f,
                "profiles are flat at {}: their bend is only {ratio:.1} times its standard error \
                 or little more; train sizes further apart",
                budgets(at)
            ),
            Self::FewBudgets { used, of } => {
                write!(f, "only {used} of {of} budgets give an optimum; ")?;
                f.write_str(match used {
                    0 | 1 => "a line needs two, and four or more to be checked",
                    2 => "two always lie on a line, so nothing checks it",
                    _ => "little checks that they lie on a line",
                })
            }
            Self::NotSixNd { low, high } => write!(
                f,
                "C is {low:.2} to {high:.2} times 6 N D: D* is read off the runs, and the \
                 exponents of N* and D* need not add up to one"
            ),
            Self::RepeatedRuns { runs } => write!(
                f,
                "{runs} runs have several rows, whose errors go together; intervals that treat \
                 rows as independent are too narrow"
            ),
            Self::FailedResamples { failed, of } => {
                write!(f, "{failed} of {of} resamples gave no line; the intervals leave them out")
            }
            Self::NoScatter => f.write_str(
                "no budget has more sizes than a parabola has parameters, so nothing tells the \
                 noise; no intervals",
            ),
            Self::Intermediate => f.write_str(
                "the rows are points on the way of runs whose learning rate was still to decay; \
                 their losses are higher than those of runs that end there, which makes training on \
                 few tokens look worse than it is (Hoffmann et al. 2022, section 2)",
            ),
            Self::UnknownSchedule => f.write_str(
                "several rows of a run are used; if its learning rate decays later, say so: such \
                 points are no ends of runs",
            ),
            Self::EnvelopeAtEdge { points, of } => write!(
                f,
                "at {points} of {of} points of the envelope the best model is the smallest or the \
                 largest there is; the optimum may lie beyond"
            ),
            Self::FewModels { models } => write!(
                f,
                "the envelope touches only {models} different N; its steps are as wide as theirs"
            ),
            Self::Bias { of, compute, bias, half_width, others } => {
                let more = match others {
                    0 => String::new(),
                    1 => " (and at one other budget)".to_owned(),
                    others => format!(" (and at {others} other budgets)"),
                };
                write!(
                    f,
                    "at {compute:.2e} FLOP{more} the parabolas put {of} {:.1} % too {} even \
                     without noise, more than the interval's half-width of {:.1} %; use the \
                     corrected value or the surface fit",
                    100.0 * bias.abs(),
                    if *bias > 0.0 { "high" } else { "low" },
                    100.0 * half_width
                )
            }
            Self::NoBias { compute } => write!(
                f,
                "at {compute:.2e} FLOP the law has no optimum on this grid, so the bias is unknown"
            ),
        }
    }
}

/// `1.00e18, 3.00e18 and 5 more budgets`.
fn budgets(at: &[f64]) -> String {
    let shown: Vec<String> = at.iter().take(4).map(|c| format!("{c:.2e}")).collect();
    match at.len().saturating_sub(4) {
        0 => format!("{} FLOP", shown.join(", ")),
        more => format!("{} FLOP and {more} more budgets", shown.join(", ")),
    }
}
