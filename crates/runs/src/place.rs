//! Where a row came from: a file, and a line, record or step of it.

use std::fmt;

/// What the number of a [`Place`] counts within its file, from 1 unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Lines of a text file.
    Line,
    /// Records of a binary log, in the order they were written.
    Record,
    /// Rows of a database table (their id) or of a Parquet file.
    Row,
    /// Training steps, from 0, where one row gathers several files of a run.
    Step,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Record => "record",
            Self::Row => "row",
            Self::Step => "step",
        }
    }
}

/// Where a row of a [`RunTable`](crate::RunTable) came from.
///
/// ```
/// use runs::{Place, Unit};
///
/// let line = Place { file: "runs.csv", unit: Unit::Line, number: 17 };
/// assert_eq!(line.to_string(), "runs.csv:17");
/// let record = Place { file: "run-a.wandb", unit: Unit::Record, number: 5 };
/// assert_eq!(record.to_string(), "run-a.wandb, record 5");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place<'t> {
    /// The file as it was named, or `<stdin>`; for a run that is a folder of files, the folder.
    pub file: &'t str,
    /// What `number` counts.
    pub unit: Unit,
    /// The line, record, row or step.
    pub number: u64,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, unit, number } = self;
        match unit {
            Unit::Line => write!(f, "{file}:{number}"),
            _ => write!(f, "{file}, {} {number}", unit.name()),
        }
    }
}
