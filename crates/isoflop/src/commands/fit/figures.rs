//! The fit as a part of a report.

mod curves;
mod law;
mod sizes;
mod trust;

use diagnostic::Diagnostic;
use report::{Block, Figure, Frame, Section, Sentence, Tone, charts};

use super::answer::Answer;
use super::words;
use crate::study::{Part, numbers_of};

/// Points along a line.
const STEPS: usize = 48;

/// Runs in a figure: more are sampled, which the figure says.
const SHOWN_RUNS: usize = 2_000;

/// Rows up to which runs are fitted again for a figure.
const MANY_ROWS: usize = 20_000;

/// Draws of parameters shown against each other.
const SHOWN_PARAMETERS: usize = 5;

impl Answer<'_> {
    pub(super) fn part(&self) -> Result<Part, Diagnostic> {
        let fit = self.fit;
        let mut blocks =
            vec![Block::Sentence(self.law_in_words()), Block::Table(self.parameters())];
        let mut trust = vec![Block::Sentence(self.verdict())];
        for warning in &fit.warnings {
            let caution = Sentence::new().text(sentence(&warning.to_string())).tone(Tone::Caution);
            trust.push(Block::Sentence(caution));
        }
        blocks.extend(self.frontier_figure()?.map(Block::Figure));
        blocks.extend(self.curve()?.map(Block::Figure));
        blocks.extend(self.profiles_figure().map(Block::Figure));
        blocks.extend(self.surface_figure().map(Block::Figure));
        trust.extend(self.extrapolation()?.map(Block::Figure));
        trust.push(Block::Figure(self.residuals()));
        let mut uncertain = Vec::new();
        if !fit.draws.is_empty() {
            let shown = self.draws_frame();
            let level = words::level(fit.options.level);
            let how =
                format!("{} draws around the best law; intervals are at {level}", fit.draws.len());
            uncertain.push(Block::Figure(
                Figure { title: "What each parameter may be".into(), ..charts::posteriors(&shown) }
                    .subtitle(how),
            ));
            if shown.columns.len() > 1 {
                uncertain.push(Block::Figure(
                    Figure { title: "Which parameters trade against which".into(), ..charts::pairs(shown) }
                        .subtitle("each dot is one draw; a narrow band is a combination that the runs fix better than either"),
                ));
            }
        }
        let mut sections = vec![
            Section { heading: "The law".into(), blocks },
            Section { heading: "How far to trust it".into(), blocks: trust },
        ];
        if !uncertain.is_empty() {
            sections.push(Section { heading: "What is uncertain".into(), blocks: uncertain });
        }
        let draws = fit
            .draws
            .names()
            .iter()
            .filter_map(|name| Some((name.clone(), fit.draws.column(name)?.to_vec())));
        Ok(Part {
            answer: self.json(),
            headline: vec![self.law_in_words(), self.verdict()],
            sections,
            draws: numbers_of(draws, fit.options.seed, &fit.data.origin),
            fit: Some(fit.to_json()),
            sources: vec![fit.law.source.clone()],
            ..Part::default()
        })
    }

    /// The draws of the most uncertain parameters.
    fn draws_frame(&self) -> Frame {
        let draws = &self.fit.draws;
        let mut frame = Frame::new("draws");
        for name in draws.names().iter().take(SHOWN_PARAMETERS) {
            if let Some(column) = draws.column(name) {
                frame = frame.numbers(name, "", column.to_vec());
            }
        }
        frame
    }
}

fn ends(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    format!("{}.", capital(text).trim_end_matches('.'))
}
