//! Tables.

use serde::{Deserialize, Serialize};

use crate::number::Number;
use crate::still::Still;

/// A table with a name to download it by.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Lower case, digits and `-`: the anchor and the name of the file.
    pub name: String,
    /// What it shows, plain text.
    pub title: String,
    /// Headings, with units where all cells share one.
    pub head: Vec<String>,
    /// Rows of as many cells as there are headings.
    pub rows: Vec<Vec<Cell>>,
    /// Conventions and sources, plain text.
    #[serde(default)]
    pub note: String,
    /// What does not move with the sliders, though it would.
    #[serde(default)]
    pub still: Option<Still>,
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Plain text.
    Text(String),
    /// A number, aligned at its end.
    Number(Number),
    /// A word that says how a check came out, with its colour and mark.
    Verdict(crate::words::Tone, String),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Number> for Cell {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}
