//! Which column, or which formula over columns, was taken for a name, and what that implies.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where the values of a name come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum Taken {
    /// A column, each value times `factor`: 1e6 for `params_M`.
    Column {
        /// The header.
        column: String,
        /// What the header's scale multiplies each value with; 1 without one.
        factor: f64,
    },
    /// An expression over columns that was asked for.
    Expression {
        /// As it was written.
        text: String,
    },
    /// A formula over other names, because no column holds this one.
    Derived {
        /// The formula: `C / (6 * N)`.
        formula: String,
        /// The columns it reads in the end.
        columns: Vec<String>,
    },
    /// No column: every row is a run of its own.
    Row,
}

/// What was taken for a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnChoice {
    /// The name: `N`, `D`, `loss`, `run`, or any other that was asked for.
    pub name: String,
    /// Where its values come from.
    pub taken: Taken,
    /// The convention they follow, as far as it is known.
    pub convention: String,
    /// Whether the convention is known.
    pub stated: bool,
    /// What may go wrong where it is not; empty where it is, or where nothing does.
    pub matters: String,
    /// The unit; empty for a plain number and for text.
    pub unit: String,
    /// Other columns that could have been meant.
    pub also: Vec<String>,
}

impl ColumnChoice {
    /// The header of the column that was taken, if it was one.
    pub fn column(&self) -> Option<&str> {
        match &self.taken {
            Taken::Column { column, .. } => Some(column),
            _ => None,
        }
    }

    /// Where the values come from, in words: `` `params_M` x 1e6 ``.
    pub fn source(&self) -> String {
        match &self.taken {
            Taken::Column { column, factor } if *factor == 1.0 => format!("`{column}`"),
            Taken::Column { column, factor } => format!("`{column}` x {factor:e}"),
            Taken::Expression { text } => format!("`{text}`"),
            Taken::Derived { formula, .. } => formula.clone(),
            Taken::Row => "the row".to_owned(),
        }
    }
}

impl fmt::Display for ColumnChoice {
    /// One line: `N is `params`: all parameters, embeddings included (not used: model_size)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}: {}", self.name, self.source(), self.convention)?;
        if !self.stated && !self.matters.is_empty() {
            write!(f, "; it matters: {}", self.matters)?;
        }
        if !self.also.is_empty() {
            write!(f, " (not used: {})", self.also.join(", "))?;
        }
        Ok(())
    }
}
