//! What must hold in a document before it is laid out.

use std::collections::BTreeSet;

use diagnostic::Diagnostic;

use crate::document::{Block, Document, Section};
use crate::figure::Figure;
use crate::frame::{Frame, Values};
use crate::live::{Live, Source, Summary};
use crate::number::Number;
use crate::table::Cell;
use crate::words::Phrase;

impl Document {
    /// Whether names are unique, columns are there and as long as each other, and live sources
    /// name programs and outputs that exist.
    pub fn check(&self) -> Result<(), Diagnostic> {
        let mut names = BTreeSet::new();
        for block in self.sections.iter().flat_map(|section| &section.blocks) {
            let name = match block {
                Block::Figure(figure) => {
                    figure.check()?;
                    &figure.name
                }
                Block::Table(table) => {
                    if let Some(row) = table.rows.iter().find(|row| row.len() != table.head.len()) {
                        return Err(Diagnostic::error(format!(
                            "the table `{}` has {} headings and a row of {} cells",
                            table.name,
                            table.head.len(),
                            row.len()
                        )));
                    }
                    &table.name
                }
                _ => continue,
            };
            if !is_name(name) {
                return Err(Diagnostic::error(format!("`{name}` cannot name a figure or table"))
                    .help("use lower-case letters, digits and `-`"));
            }
            if !names.insert(name) {
                return Err(Diagnostic::error(format!("two figures or tables are named `{name}`")));
            }
        }
        if let Some(live) = &self.live {
            live.check()?;
        }
        self.sources().iter().try_for_each(|source| match &self.live {
            Some(live) => live.check_source(source),
            None => Err(Diagnostic::error("a number is live, and the document has no programs")),
        })
    }

    /// Every live source in the document.
    pub fn sources(&self) -> Vec<Source> {
        self.sections.iter().flat_map(Section::sources).collect()
    }
}

impl Section {
    /// Every live source in it, those of the ends of intervals too.
    pub fn sources(&self) -> Vec<Source> {
        let mut sources = Vec::new();
        for block in &self.blocks {
            match block {
                Block::Text(_) => {}
                Block::Sentence(sentence) => {
                    sources.extend(sentence.phrases.iter().flat_map(|phrase| match phrase {
                        Phrase::Text(_) => Vec::new(),
                        Phrase::Number(number) => number.sources(),
                        Phrase::Choice(choice) => choice.live.clone().into_iter().collect(),
                    }));
                }
                Block::Numbers(numbers) => sources.extend(numbers.iter().flat_map(Number::sources)),
                Block::Table(table) => {
                    sources.extend(table.rows.iter().flatten().flat_map(|cell| match cell {
                        Cell::Number(number) => number.sources(),
                        _ => Vec::new(),
                    }));
                }
                Block::Figure(figure) => {
                    let columns = figure.frames.iter().flat_map(|frame| &frame.columns);
                    sources.extend(columns.flat_map(|column| &column.live).cloned());
                }
            }
        }
        sources
    }
}

impl Number {
    fn sources(&self) -> Vec<Source> {
        let Some(live) = &self.live else { return Vec::new() };
        let ends = self.interval.map(|interval| {
            [1.0 - interval.level, 1.0 + interval.level]
                .map(|end| live.summarised(Summary::Quantile(end / 2.0)))
        });
        std::iter::once(live.clone()).chain(ends.into_iter().flatten()).collect()
    }
}

impl Live {
    /// Whether sliders have a way to go, columns of draws are as long as each other, programs are
    /// arithmetic, and everything that they need is there.
    pub(crate) fn check(&self) -> Result<(), Diagnostic> {
        for slider in &self.sliders {
            let (from, to) = (slider.from, slider.to);
            let finite = [from, to, slider.value].iter().all(|value| value.is_finite());
            if !finite || from >= to || (slider.log && from <= 0.0) {
                let positive = if slider.log { ", both above 0," } else { "" };
                return Err(Diagnostic::error(format!(
                    "the slider `{}` goes from {from} to {to} and stands at {}",
                    slider.name, slider.value
                ))
                .help(format!("give it two finite ends{positive} the lower one first")));
            }
        }
        for (name, source) in &self.derived {
            self.check_source(source)?;
            // One that needs another could need itself.
            let program = self.find(source)?;
            let other = |needed: &&String| self.derived.iter().any(|(name, _)| name == *needed);
            if let Some(needed) = program.inputs.iter().chain(&program.parameters).find(other) {
                return Err(Diagnostic::error(format!(
                    "`{name}` is derived from the live program `{}`, which needs `{needed}`, derived too",
                    program.name
                )));
            }
        }
        let rows = self.rows();
        if let Some(draws) = self.draws.iter().find(|draws| draws.values.len() != rows) {
            return Err(Diagnostic::error(format!(
                "`{}` has {} draws, `{}` has {rows}",
                draws.name,
                draws.values.len(),
                self.draws[0].name
            )));
        }
        for program in &self.programs {
            program.guard()?;
            let given = |name: &String| {
                self.draws.iter().any(|draws| draws.name == *name)
                    || self.sliders.iter().any(|slider| slider.name == *name)
                    || self.constants.iter().any(|(constant, _)| constant == name)
                    || self.derived.iter().any(|(derived, _)| derived == name)
                    || program.swings.as_ref().is_some_and(|swings| swings.knows(name))
                    || program.sweep.as_ref().is_some_and(|sweep| sweep.name == *name)
            };
            if let Some(name) = program.inputs.iter().chain(&program.parameters).find(|n| !given(n))
            {
                return Err(Diagnostic::error(format!(
                    "the live program `{}` needs `{name}`, and nothing gives it",
                    program.name
                ))
                .help("add a column of draws, a slider or a constant of that name"));
            }
        }
        Ok(())
    }
}

impl Figure {
    /// Whether its marks name frames and columns that are there.
    pub fn check(&self) -> Result<(), Diagnostic> {
        let wrong = |what: String| Diagnostic::error(format!("the figure `{}` {what}", self.name));
        self.frames.iter().try_for_each(|frame| frame.check().map_err(wrong))?;
        for mark in self.panels.iter().flat_map(|panel| &panel.marks) {
            let Some(frame) = self.frames.iter().find(|frame| frame.name == mark.frame) else {
                return Err(wrong(format!("draws a frame `{}` that it does not have", mark.frame)));
            };
            if let Some(name) = mark.columns().find(|name| frame.column(name).is_none()) {
                let frame = &frame.name;
                return Err(wrong(format!("draws a column `{name}` that `{frame}` does not have")));
            }
        }
        Ok(())
    }
}

impl Frame {
    fn check(&self) -> Result<(), String> {
        let rows = self.rows();
        if let Some(column) = self.columns.iter().find(|column| {
            let words = matches!(column.values, Values::Words(_));
            !column.live.is_empty() && words != column.written.is_some()
        }) {
            return Err(format!(
                "has a live column `{}` that is words or numbers, not as written",
                column.name
            ));
        }
        match self.columns.iter().find(|column| column.values.len() != rows) {
            Some(column) => Err(format!(
                "has a frame `{}` of {rows} rows whose column `{}` has {}",
                self.name,
                column.name,
                column.values.len()
            )),
            None => Ok(()),
        }
    }
}

fn is_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(letter)
}
