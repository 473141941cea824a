//! What a number or a column of the page is: an output of a program and how its draws are summed up.

use serde::{Deserialize, Serialize};

/// Where a number or a column comes from: outputs of a program, each summarised over the draws.
///
/// It gives one number for each column of each output, or with [`Sweep`](super::Sweep) for each of
/// its values; more where the summary says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The program's name.
    pub program: String,
    /// Names of its outputs, in the order of the rows.
    pub outputs: Vec<String>,
    /// From draws to one number.
    pub summary: Summary,
}

/// How a column of draws becomes one number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Summary {
    /// The mean: for conditions, their probability.
    Mean,
    /// The quantile at this level, linear between neighbours; NaN where any draw is. Of a path at
    /// each time over the first [`PATH_DRAWS`](super::PATH_DRAWS) draws.
    Quantile(f64),
    /// The first draw: for outputs that are the same in all.
    First,
    /// No summary: every draw is a row.
    Draws,
    /// Of a date in years: so many steps, of the draws in which it comes from the whole year before
    /// the first percentile to the one after the ninety-ninth; at most a century. NaN where it comes
    /// in none.
    Reach(u32),
    /// The share of draws at or before each of the dates of [`Self::Reach`].
    ByReach(u32),
    /// Of a program with [`Swings`](super::Swings): the output with each input at this end.
    Swing(End),
}

/// Where an input stands that is swung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// At its lower end.
    Low,
    /// In the middle, as all others are.
    Middle,
    /// At its upper end.
    High,
}

impl Source {
    /// One output, summarised.
    pub fn new(program: impl Into<String>, output: impl Into<String>, summary: Summary) -> Self {
        Self { program: program.into(), outputs: vec![output.into()], summary }
    }

    /// Several outputs, one row each.
    pub fn each<S: Into<String>>(
        program: impl Into<String>,
        outputs: impl IntoIterator<Item = S>,
        summary: Summary,
    ) -> Self {
        let outputs = outputs.into_iter().map(Into::into).collect();
        Self { program: program.into(), outputs, summary }
    }

    /// The median of one output.
    pub fn median(program: impl Into<String>, output: impl Into<String>) -> Self {
        Self::new(program, output, Summary::Quantile(0.5))
    }

    /// The mean of one output; the probability of a condition.
    pub fn mean(program: impl Into<String>, output: impl Into<String>) -> Self {
        Self::new(program, output, Summary::Mean)
    }

    /// The same outputs with another summary.
    #[must_use]
    pub fn summarised(&self, summary: Summary) -> Self {
        Self { summary, ..self.clone() }
    }
}
