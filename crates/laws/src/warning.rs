//! What to know before trusting a fit, as data and in words.

use std::fmt;

use runs::Finding;
use serde::{Deserialize, Serialize};

/// A reason to look twice at a fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Warning {
    /// Few distinct settings for the parameters.
    FewRuns {
        /// Distinct settings in the table.
        settings: usize,
        /// Parameters that were fitted.
        parameters: usize,
    },
    /// A variable takes too few values to tell what it does.
    TooFewLevels {
        /// The variable.
        of: String,
        /// How many distinct values there are.
        levels: usize,
    },
    /// Two variables rise together, so what they do cannot be told apart.
    Collinear {
        /// The variables.
        of: (String, String),
        /// Correlation of their logarithms.
        correlation: f64,
    },
    /// A parameter stopped at a bound that is not zero.
    AtBound {
        /// Its name.
        parameter: String,
        /// Where it stopped.
        value: f64,
    },
    /// A parameter that may not be negative came out as zero.
    Zero {
        /// Its name.
        parameter: String,
        /// What it is, where the law says.
        meaning: String,
    },
    /// A parameter's interval is so wide that its value says little.
    WeaklyIdentified {
        /// Its name.
        parameter: String,
        /// Lower end of the interval.
        low: f64,
        /// Upper end of the interval.
        high: f64,
        /// The interval's level.
        level: f64,
    },
    /// The rows do not tell a combination of parameters: the objective is flat along it.
    FlatDirection {
        /// The parameters that make it up, largest share first.
        parameters: Vec<String>,
        /// Condition number of the Hessian, scaled to unit curvatures.
        condition: f64,
    },
    /// Another minimum is about as good.
    SecondMinimum {
        /// How far its objective lies above, as a share.
        above: f64,
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
    /// Something about the rows themselves: duplicates, spikes, mixed conventions.
    Rows {
        /// What the check found, with the rows.
        finding: Finding,
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
        !matches!(self, Self::FewRuns { .. } | Self::Rows { .. })
    }

    /// Whether the runs cannot tell the terms of the law apart.
    pub fn is_about_identification(&self) -> bool {
        match self {
            Self::TooFewLevels { .. }
            | Self::Collinear { .. }
            | Self::AtBound { .. }
            | Self::FlatDirection { .. } => true,
            Self::UnsteadyBootstrap { draws, failed, at_bound } => 2 * (failed + at_bound) > *draws,
            _ => false,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewRuns { settings, parameters } => write!(
                f,
                "only {settings} distinct settings for {parameters} parameters; intervals from so \
                 few are rough, {} or more are better",
                2 * parameters
            ),
            Self::TooFewLevels { of, levels } => write!(
                f,
                "the runs have only {levels} distinct {of}, so what {of} does cannot be told from \
                 a constant; at least three are needed"
            ),
            Self::Collinear { of: (first, second), correlation } => write!(
                f,
                "{first} and {second} move together (correlation of their logarithms \
                 {correlation:.4}), so what each does cannot be told apart; add runs with other \
                 ratios of the two"
            ),
            Self::AtBound { parameter, value } => write!(
                f,
                "{parameter} stopped at {value}, the end of its range; the runs do not bend the \
                 way the law does"
            ),
            Self::Zero { parameter, meaning } => {
                let meaning = if meaning.is_empty() { String::new() } else { format!(" ({meaning})") };
                write!(
                    f,
                    "{parameter}{meaning} came out as zero: the runs show no sign of it, so do \
                     not trust the law far outside them"
                )
            }
            Self::WeaklyIdentified { parameter, low, high, level } => write!(
                f,
                "{parameter} is weakly identified: its {:.0} % interval runs from {low:.3} to \
                 {high:.3}",
                100.0 * level
            ),
            Self::FlatDirection { parameters, condition } => write!(
                f,
                "the rows hardly tell {} apart (condition {condition:.1e}): they can change \
                 together with almost no effect on the fit",
                parameters.join(" and ")
            ),
            Self::SecondMinimum { above } => write!(
                f,
                "another minimum lies only {:.2} % above the best: a few other runs could move \
                 the fit there",
                100.0 * above
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
                "the law explains only {:.0} % of what varies between the runs",
                100.0 * explained.max(0.0)
            ),
            Self::ExtrapolationBias { percent, side, of } => write!(
                f,
                "fitted without its {of} largest runs, the law predicts them {percent:.1} % \
                 {side}; expect its extrapolations to be {side} as well"
            ),
            Self::Rows { finding } => write!(f, "{finding}; {}", finding.advice()),
        }
    }
}
