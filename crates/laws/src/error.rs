//! Why a law could not be fitted.

use diagnostic::Diagnostic;
use runs::Flop;
use thiserror::Error;

/// Why a law could not be fitted.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FitError {
    /// Fewer settings than the law needs.
    #[error(
        "the rows have only {settings} distinct ({}), which cannot fix {parameters} parameters; the \
         law needs at least {needed}",
        .of.join(", ")
    )]
    TooFewSettings {
        /// The law's variables.
        of: Vec<String>,
        /// Distinct settings at hand.
        settings: usize,
        /// Parameters to be found.
        parameters: usize,
        /// Fewest that are accepted.
        needed: usize,
    },
    /// Rows enough, but of too few runs, and the rows of one run are not independent.
    #[error(
        "the rows belong to {runs} runs only; rows of one run are not independent, and a fit \
         needs at least {needed} runs"
    )]
    TooFewRuns {
        /// Runs at hand.
        runs: usize,
        /// Fewest that are accepted.
        needed: usize,
    },
    /// Every measured value is the same: there is nothing to explain.
    #[error("every row measures the same {target}, {value}: there is nothing for a law to explain")]
    NothingVaries {
        /// What the law gives.
        target: String,
        /// The one value.
        value: f64,
    },
    /// An option outside its range.
    #[error("{option} = {value} is out of range: {expected}")]
    Option {
        /// Its name.
        option: String,
        /// Its value.
        value: f64,
        /// What it should be.
        expected: &'static str,
    },
    /// A name that the law does not have.
    #[error("the law `{law}` has no parameter `{name}`; it has {}", .known.join(", "))]
    NoParameter {
        /// The law.
        law: String,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// No starting point had a finite objective.
    #[error("the objective is not finite anywhere: the law has no value on these rows")]
    NotFinite,
    /// A budget that the law cannot split.
    #[error(
        "the law `{law}` has no compute-optimal run of {compute}: that takes N, D and a budget above 6 FLOP"
    )]
    NoBudget {
        /// The law.
        law: String,
        /// The budget.
        compute: Flop,
    },
    /// No cut leaves enough runs on both sides.
    #[error(
        "the {runs} runs cannot be cut: one and a half times as many runs and settings as the law has parameters are needed below, and two runs above"
    )]
    NoCut {
        /// Runs at hand.
        runs: usize,
    },
    /// A test of sharing without anything shared.
    #[error(
        "nothing is shared between groups, so there is nothing to test: name the groups and the parameters that they share"
    )]
    NothingShared,
    /// A variable without a value.
    #[error("the law also takes {name}: give its value")]
    NotGiven {
        /// The variable.
        name: String,
    },
    /// The formula or the rows cannot be used.
    #[error("{0}")]
    Input(Diagnostic),
}

impl From<Diagnostic> for FitError {
    fn from(problem: Diagnostic) -> Self {
        Self::Input(problem)
    }
}

impl From<FitError> for Diagnostic {
    fn from(problem: FitError) -> Self {
        match problem {
            FitError::Input(problem) => problem,
            other => Self::error(other.to_string()),
        }
    }
}
