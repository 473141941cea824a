//! A document: sections of text, numbers, tables and figures, and where they came from.

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

use crate::figure::Figure;
use crate::live::Live;
use crate::number::Number;
use crate::table::Table;
use crate::words::Sentence;

/// The version of the JSON that [`Document::to_json`] writes; a change of meaning raises it.
pub const FORMAT: u32 = 2;

/// Everything a page shows. Building one lays nothing out and draws nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The version of this form: [`FORMAT`].
    pub format: u32,
    /// The question or its answer, in a few words.
    pub title: String,
    /// One line under the title.
    #[serde(default)]
    pub subtitle: String,
    /// In the order in which they are read.
    pub sections: Vec<Section>,
    /// What the page can compute anew; `None` for a page that stands still.
    #[serde(default)]
    pub live: Option<Live>,
    /// Where the answers came from.
    #[serde(default)]
    pub provenance: Provenance,
}

/// What it takes to make the document again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The command that reproduces it, ready to paste.
    #[serde(default)]
    pub command: String,
    /// Versions, seeds, hashes of inputs, dates: name and value.
    #[serde(default)]
    pub facts: Vec<(String, String)>,
    /// Works that data and laws were taken from, one line each.
    #[serde(default)]
    pub sources: Vec<String>,
}

/// A part of the document under one heading.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Plain text.
    pub heading: String,
    /// In the order in which they are read.
    pub blocks: Vec<Block>,
}

/// One thing in a section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// Markdown of the user's own. HTML, images and links that run something are taken out.
    Text(String),
    /// A sentence written by numbers.
    Sentence(Sentence),
    /// Numbers side by side, the first thing a reader sees.
    Numbers(Vec<Number>),
    /// A table.
    Table(Table),
    /// A figure.
    Figure(Figure),
}

impl Document {
    /// A document without sections.
    pub fn new(title: impl Into<String>) -> Self {
        Self { format: FORMAT, title: title.into(), ..Self::default() }
    }

    /// Sets the line under the title.
    #[must_use]
    pub fn subtitle(mut self, subtitle: impl Into<String>) -> Self {
        self.subtitle = subtitle.into();
        self
    }

    /// Adds a section.
    #[must_use]
    pub fn section(mut self, heading: impl Into<String>, blocks: Vec<Block>) -> Self {
        self.sections.push(Section { heading: heading.into(), blocks });
        self
    }

    /// Every figure, in order.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.sections.iter().flat_map(|section| &section.blocks).filter_map(|block| match block {
            Block::Figure(figure) => Some(figure),
            _ => None,
        })
    }

    /// The figure called `name`, or which names there are.
    pub fn figure(&self, name: &str) -> Result<&Figure, Diagnostic> {
        self.figures().find(|figure| figure.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.figures().map(|figure| figure.name.as_str()).collect();
            let problem = Diagnostic::error(format!("the report has no figure `{name}`"));
            let problem = match diagnostic::nearest(name, names.iter().copied()) {
                Some(near) => problem.help(format!("there is `{near}`")),
                None => problem,
            };
            if names.is_empty() {
                problem.note("it has no figures at all")
            } else {
                problem.note(format!("its figures: {}", names.join(", ")))
            }
        })
    }

    /// The document as JSON, one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what [`Document::to_json`] wrote; `origin` is named in errors.
    pub fn from_json(origin: &str, json: &str) -> Result<Self, Diagnostic> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let broken = |error: &serde_json::Error| {
            Diagnostic::error(format!("`{origin}` is not a report's document: {error}"))
                .help("run the study again: `isoflop run STUDY.toml`")
        };
        let version: Version = serde_json::from_str(json).map_err(|error| broken(&error))?;
        if version.format != FORMAT {
            return Err(Diagnostic::error(format!(
                "`{origin}` was written by another version of Isoflop: format {}, this one reads \
                 {FORMAT}",
                version.format
            ))
            .help("run the study again with this version: `isoflop run STUDY.toml`"));
        }
        let document: Self = serde_json::from_str(json).map_err(|error| broken(&error))?;
        document.check().map_err(|problem| problem.note(format!("in `{origin}`")))?;
        Ok(document)
    }
}
