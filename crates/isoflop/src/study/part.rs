//! What a step leaves: its answer, and how it is told.

use report::{Live, Section, Sentence};
use serde_json::Value;

/// The answer of one step.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// As `--json` prints it.
    pub(crate) answer: Value,
    /// Sentences for the top of the report.
    pub(crate) headline: Vec<Sentence>,
    /// Its own part of the report.
    pub(crate) sections: Vec<Section>,
    /// What the page can compute anew.
    pub(crate) live: Option<Live>,
    /// Draws to keep as columns of a file.
    pub(crate) draws: Option<draws::Draws>,
    /// Whatever later steps read: a fit with its draws.
    pub(crate) fit: Option<String>,
    /// Works that data and laws were taken from.
    pub(crate) sources: Vec<String>,
    /// The question was answered with no: a check failed.
    pub(crate) no: bool,
}

/// Columns of draws by name, kept as a file of their own.
pub(crate) fn numbers_of(
    columns: impl IntoIterator<Item = (String, Vec<f64>)>,
    seed: u64,
    source: &str,
) -> Option<draws::Draws> {
    let mut kept = draws::Draws::new(draws::Design::Plain).with_seed(seed).with_source(source);
    for (name, values) in columns {
        // Columns of another length belong to something else.
        let _ = kept.push(name, values);
    }
    (!kept.names().is_empty() && kept.rows() > 0).then_some(kept)
}
