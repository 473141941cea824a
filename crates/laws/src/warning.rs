//! What to know before trusting a fit, as data and in words.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A reason to look twice at a fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Warning {
    /// Few distinct settings for five parameters.
    FewRuns {
        /// Distinct (N, D) in the table.
        settings: usize,
    },
    /// N or D takes too few values to tell its term from E.
    TooFewLevels {
        /// `N` or `D`.
        of: String,
        /// How many distinct values there are.
        levels: usize,
    },
    /// N and D rise together, so the two terms cannot be told apart.
    Collinear {
        /// Correlation of ln N with ln D.
        correlation: f64,
    },
    /// An exponent stopped at the end of its allowed range.
    ExponentAtBound {
        /// `alpha` or `beta`.
        parameter: String,
        /// Where it stopped.
        value: f64,
    },
    /// The irreducible loss came out as zero.
    NoIrreducibleLoss,
    /// A coefficient came out as zero, so its term does nothing.
    NoTerm {
        /// `A` or `B`.
        parameter: String,
    },
    /// An exponent's interval is so wide that its value says little.
    WeaklyIdentified {
        /// `alpha` or `beta`.
        parameter: String,
        /// Lower end of the interval.
        low: f64,
        /// Upper end of the interval.
        high: f64,
        /// The interval's level.
        level: f64,
    },
    /// The search could not certify its minimum.
    NotCertified {
        /// Relative decrease that a further step promises.
        improvement_left: f64,
    },
    /// Bootstrap draws that failed or stopped at a bound are a sizeable share.
    UnsteadyBootstrap {
        /// Draws asked for.
        draws: usize,
        /// Draws without a fit.
        failed: usize,
        /// Draws with a coefficient at zero or an exponent at the end of its range.
        at_bound: usize,
    },
    /// The residuals are not small: the law does not describe these runs closely.
    PoorFit {
        /// Share of the variation of ln loss that the law explains, at most 1.
        explained: f64,
    },
    /// Fitted without its largest runs, the law predicts them too high, or too low, beyond noise.
    ExtrapolationBias {
        /// Mean error of the predicted loss, in per cent of the loss.
        percent: f64,
        /// Whether the predictions are too high or too low.
        side: Side,
        /// How many runs were held out.
        of: usize,
    },
    /// N or D is too small for a count: perhaps it is in millions or billions.
    UnlikelyUnits {
        /// `N` or `D`.
        of: String,
        /// The largest value.
        largest: f64,
    },
    /// Whole rows that repeat an earlier row count twice.
    RepeatedRows {
        /// The line of the first row, and of the row that repeats it.
        lines: Vec<(usize, usize)>,
    },
}

/// To which side predictions are off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Predicted losses are higher than measured ones.
    TooHigh,
    /// Predicted losses are lower than measured ones.
    TooLow,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::TooHigh { "too high" } else { "too low" })
    }
}

impl Warning {
    /// Whether the parameters (not only their precision) are in doubt.
    pub fn is_serious(&self) -> bool {
        !matches!(self, Self::FewRuns { .. } | Self::RepeatedRows { .. })
    }

    /// Whether the runs cannot tell the terms of the law apart.
    pub fn is_about_identification(&self) -> bool {
        match self {
            Self::TooFewLevels { .. }
            | Self::Collinear { .. }
            | Self::WeaklyIdentified { .. }
            | Self::ExponentAtBound { .. }
            | Self::NoTerm { .. } => true,
            Self::UnsteadyBootstrap { draws, failed, at_bound } => 2 * (failed + at_bound) > *draws,
            _ => false,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewRuns { settings } => write!(
                f,
                "only {settings} distinct (N, D) for five parameters; {}, ten or more are better",
                if *settings < 8 {
                    "intervals from so few are too narrow (in simulations 90 % ones hold about 8 \
                     times in 10)"
                } else {
                    "intervals from so few are rough"
                }
            ),
            Self::TooFewLevels { of, levels } => {
                let (exponent, term) = if of == "N" { ("alpha", "A") } else { ("beta", "B") };
                write!(
                    f,
                    "the runs have only {levels} distinct {of}, so E, {term} and {exponent} \
                     cannot be told apart; at least three are needed"
                )
            }
            Self::Collinear { correlation } => write!(
                f,
                "N and D rise together (correlation of ln N and ln D {correlation:.4}), so alpha \
                 and beta cannot be told apart; add runs with other tokens per parameter"
            ),
            Self::ExponentAtBound { parameter, value } => write!(
                f,
                "{parameter} stopped at {value}, the end of its range; the runs do not bend the \
                 way the law does"
            ),
            Self::NoIrreducibleLoss => write!(
                f,
                "E came out as zero: the runs show no floor, so losses far outside them will be \
                 too low"
            ),
            Self::NoTerm { parameter } => write!(
                f,
                "{parameter} came out as zero: the runs show no effect of {}",
                if parameter == "A" { "N" } else { "D" }
            ),
            Self::WeaklyIdentified { parameter, low, high, level } => write!(
                f,
                "{parameter} is weakly identified: its {:.0} % interval runs from {low:.2} to \
                 {high:.2}",
                100.0 * level
            ),
            Self::NotCertified { improvement_left } => write!(
                f,
                "the minimum is not certified: one more step promises {improvement_left:.1e} of \
                 the objective"
            ),
            Self::UnsteadyBootstrap { draws, failed, at_bound } => write!(
                f,
                "of {draws} bootstrap draws {failed} could not be fitted and {at_bound} stopped \
                 at a bound"
            ),
            Self::PoorFit { explained } => write!(
                f,
                "the law explains only {:.0} % of the variation of the loss",
                100.0 * explained.max(0.0)
            ),
            Self::ExtrapolationBias { percent, side, of } => write!(
                f,
                "fitted without its {of} largest runs, the law predicts them {percent:.1} % \
                 {side}; expect its extrapolations to be {side} as well"
            ),
            Self::UnlikelyUnits { of, largest } => write!(
                f,
                "the largest {of} is {largest}: if the column is in millions or billions, the exponents \
                 hold, but C, D/N and every allocation are wrong; give plain counts"
            ),
            Self::RepeatedRows { lines } => {
                let shown: Vec<String> = lines
                    .iter()
                    .take(5)
                    .map(|(first, again)| format!("line {again} repeats line {first}"))
                    .collect();
                let more = match lines.len().saturating_sub(5) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                write!(
                    f,
                    "rows that are the same in every cell count twice: {}{more}",
                    shown.join(", ")
                )
            }
        }
    }
}
