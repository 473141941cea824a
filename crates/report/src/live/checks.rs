//! Answers of Rust that the page checks itself against.

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

use super::answers::Setting;
use super::{Live, Source};
use crate::document::Section;

/// Sources, and what they gave in Rust at several settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// Each with the places of the values that are recorded.
    pub sources: Vec<(Source, Vec<usize>)>,
    /// The settings.
    pub at: Vec<Check>,
}

/// Answers at one setting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Sliders that are moved, and where to; the others stay.
    pub setting: Vec<(String, f64)>,
    /// For each source the values at its places.
    pub answers: Vec<Vec<Answer>>,
}

/// A number that may be NaN or infinite.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Answer(#[serde(with = "crate::frame::number")] pub f64);

/// Values of a source that are recorded: the ends and some between.
const RECORDED: usize = 5;

impl Live {
    /// Records answers to `sources` with each slider moved by itself to a quarter and to three
    /// quarters of its way, for the page to check itself against.
    pub fn record_checks(&mut self, sources: &[Source]) -> Result<(), Diagnostic> {
        let mut settings = vec![Vec::new()];
        for slider in &self.sliders {
            for way in [0.25, 0.75] {
                settings.push(vec![(slider.name.clone(), slider.at(way))]);
            }
        }
        let mut checks = Checks::default();
        for setting in settings {
            let moved: Vec<(&str, f64)> = setting.iter().map(|(name, v)| (&**name, *v)).collect();
            let mut page = Setting::new(self, &moved);
            let mut answers = Vec::new();
            for (number, source) in sources.iter().enumerate() {
                let values = page.values(source)?;
                if checks.sources.len() == number {
                    checks.sources.push((source.clone(), places(values.len())));
                }
                let value = |place: &usize| Answer(values.get(*place).copied().unwrap_or(f64::NAN));
                answers.push(checks.sources[number].1.iter().map(value).collect());
            }
            checks.at.push(Check { setting, answers });
        }
        self.checks = vec![checks];
        Ok(())
    }

    /// Records answers to every live source of these sections, each once.
    pub fn record_checks_of(&mut self, sections: &[Section]) -> Result<(), Diagnostic> {
        let mut sources: Vec<Source> = Vec::new();
        for source in sections.iter().flat_map(Section::sources) {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        self.record_checks(&sources)
    }
}

/// All places of a short list, some of a long one.
fn places(count: usize) -> Vec<usize> {
    if count <= RECORDED {
        return (0..count).collect();
    }
    (0..RECORDED).map(|number| number * (count - 1) / (RECORDED - 1)).collect()
}
