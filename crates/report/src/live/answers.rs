//! The same answers in Rust: what the page must give, at the study's settings and at others.

use diagnostic::Diagnostic;
use formula::Columns;
use serde::{Deserialize, Serialize};

use super::{Live, LiveProgram, SWEPT_DRAWS, Source, Summary};

/// Answers at one setting, as computed in Rust.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Sliders that are moved, and where to; the others stay.
    pub setting: Vec<(String, f64)>,
    /// Sources, each with its first value.
    pub answers: Vec<(Source, Answer)>,
}

/// A number that may be NaN or infinite.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Answer(#[serde(with = "crate::frame::number")] pub f64);

impl Live {
    /// What `source` gives in Rust with the sliders of `setting` moved and the others at rest.
    ///
    /// Only for programs added in this process: JSON holds the JavaScript alone.
    pub fn evaluate(
        &self,
        setting: &[(&str, f64)],
        source: &Source,
    ) -> Result<Vec<f64>, Diagnostic> {
        let program = self.find(source)?;
        let compiled = program.compiled.as_ref().ok_or_else(|| {
            Diagnostic::error(format!("the program `{}` was read from a file", program.name))
                .help("compute answers before the document is written")
        })?;
        let rows = self.rows().min(program.sweep.as_ref().map_or(usize::MAX, |_| SWEPT_DRAWS));
        let table = self.table(setting, rows);
        let mut columns = Vec::new();
        match &program.sweep {
            None => {
                let out = compiled.evaluate(&table)?;
                for name in program.columns(source) {
                    columns.push(out.get(name).unwrap_or_default().to_vec());
                }
            }
            Some(sweep) => {
                for &value in &sweep.values {
                    let out = compiled.evaluate(&table.clone().with_number(&sweep.name, value))?;
                    for name in program.columns(source) {
                        columns.push(out.get(name).unwrap_or_default().to_vec());
                    }
                }
            }
        }
        Ok(match source.summary {
            Summary::Draws => columns.into_iter().next().unwrap_or_default(),
            summary => columns.iter().map(|column| summarise(column, summary)).collect(),
        })
    }

    /// Records answers to `sources` with each slider moved by itself to a quarter and to three
    /// quarters of its way, for the page to check itself against.
    pub fn record_checks(&mut self, sources: &[Source]) -> Result<(), Diagnostic> {
        let mut settings = vec![Vec::new()];
        for slider in &self.sliders {
            for way in [0.25, 0.75] {
                settings.push(vec![(slider.name.clone(), slider.at(way))]);
            }
        }
        let mut checks = Vec::new();
        for setting in settings {
            let moved: Vec<(&str, f64)> = setting.iter().map(|(name, v)| (&**name, *v)).collect();
            let mut answers = Vec::new();
            for source in sources {
                let values = self.evaluate(&moved, source)?;
                answers.push((source.clone(), Answer(values.first().copied().unwrap_or(f64::NAN))));
            }
            checks.push(Check { setting, answers });
        }
        self.checks = checks;
        Ok(())
    }

    fn find(&self, source: &Source) -> Result<&LiveProgram, Diagnostic> {
        let named = self.programs.iter().find(|program| program.name == source.program);
        named.ok_or_else(|| Diagnostic::error(format!("no live program `{}`", source.program)))
    }

    /// What programs are given: the first `rows` draws.
    fn table(&self, setting: &[(&str, f64)], rows: usize) -> Columns {
        let mut table = Columns::new(rows);
        for (name, value) in &self.constants {
            table.set_number(name, *value);
        }
        for draws in &self.draws {
            table.set(&draws.name, draws.values.iter().copied().take(rows).collect());
        }
        for slider in &self.sliders {
            let moved = setting.iter().find(|(name, _)| *name == slider.name).map(|&(_, v)| v);
            let drawn = self.draws.iter().any(|draws| draws.name == slider.name);
            match (moved, drawn) {
                (Some(value), true) => table.set(&slider.name, vec![value; rows]),
                (None, true) => {}
                (moved, false) => {
                    table.set_number(&slider.name, moved.unwrap_or(slider.value));
                }
            }
        }
        table
    }

    /// What is wrong with a source, if anything.
    pub(crate) fn check_source(&self, source: &Source) -> Result<(), Diagnostic> {
        let program = self.find(source)?;
        for output in &source.outputs {
            if !program.outputs.iter().any(|(name, _)| name == output) {
                return Err(Diagnostic::error(format!(
                    "the live program `{}` has no output `{output}`",
                    program.name
                )));
            }
        }
        Ok(())
    }
}

impl LiveProgram {
    /// The columns of a source's outputs.
    fn columns<'a>(&'a self, source: &'a Source) -> impl Iterator<Item = &'a String> {
        source.outputs.iter().flat_map(|output| {
            let named = self.outputs.iter().find(|(name, _)| name == output);
            named.map(|(_, columns)| columns.as_slice()).unwrap_or_default()
        })
    }
}

impl super::Slider {
    /// The value at a share of the way.
    pub(crate) fn at(&self, way: f64) -> f64 {
        if self.log {
            self.from * (self.to / self.from).powf(way)
        } else {
            self.from + (self.to - self.from) * way
        }
    }

    /// Where its value stands, in thousandths of the way.
    pub(crate) fn way(&self) -> u32 {
        let way = if self.log {
            (self.value / self.from).ln() / (self.to / self.from).ln()
        } else {
            (self.value - self.from) / (self.to - self.from)
        };
        (way.clamp(0.0, 1.0) * 1000.0).round() as u32
    }
}

/// As `page/live.js` does it.
fn summarise(column: &[f64], summary: Summary) -> f64 {
    match summary {
        Summary::Mean => column.iter().sum::<f64>() / column.len() as f64,
        Summary::First | Summary::Draws => column.first().copied().unwrap_or(f64::NAN),
        Summary::Quantile(level) => {
            if column.is_empty() || column.iter().any(|value| value.is_nan()) {
                return f64::NAN;
            }
            let mut sorted = column.to_vec();
            sorted.sort_unstable_by(f64::total_cmp);
            let place = level * (sorted.len() - 1) as f64;
            let (low, share) = (place.floor() as usize, place - place.floor());
            if share == 0.0 || sorted[low] == sorted[low + 1] {
                return sorted[low];
            }
            sorted[low] + share * (sorted[low + 1] - sorted[low])
        }
    }
}
