//! A scenario as a part of a report, with a slider for each input.

mod dates;
mod fans;
mod hangs;
mod numbers;
mod sliders;
#[cfg(test)]
mod tests;

use diagnostic::Diagnostic;
use draws::Level;
use forecast::{
    Claim, Live as LiveCase, LiveOutput, LiveSwings, Model, OutputRun, Sensitivity, Settings,
};
use report::{Block, Cell, Section, Sentence, Source, Still, Summary, Table, Tone};

use super::{Answer, json};
use crate::commands::claims::figures::ledger;
use crate::study::Part;

const YEAR: f64 = 31_557_600.0;

/// Rows of draws that are kept in a file.
const KEPT: usize = 1 << 13;

/// `step` names the live programs, which run over `rows` draws.
pub(super) fn part(step: &str, rows: usize, answer: &Answer) -> Result<Part, Diagnostic> {
    let settings = Settings { samples: rows, seed: answer.run.settings.seed };
    let prefix = step.replace('-', "_");
    let cases = if rows > 1 { answer.scenario.live(&prefix, settings)? } else { Vec::new() };
    let swings = answer.sensitivities.iter().map(|found| swings(&cases, found)).collect::<Vec<_>>();
    let mut live = sliders::live(step, answer, &cases, &swings)?;
    let names = live.iter().flat_map(|live| &live.sliders).map(|slider| slider.name.clone());
    let page = Page {
        step,
        answer,
        cases: &cases,
        swings: &swings,
        sliders: names.collect(),
        tail: 0.5 * (1.0 - answer.level.share()),
    };
    let mut blocks = vec![Block::Text(answer.scenario.notes.clone())];
    let headline = page.sentences();
    blocks.extend(headline.iter().cloned().map(Block::Sentence));
    blocks.extend(page.values().map(Block::Table));
    blocks.extend(page.fans()?.into_iter().map(Block::Figure));
    blocks.extend(page.dates()?.map(Block::Figure));
    blocks.extend(page.bets().into_iter().map(Block::Figure));
    let hangs: Vec<Block> = page.hangs().into_iter().map(Block::Figure).collect();
    let mut trust: Vec<Block> = page.backtests().into_iter().map(Block::Figure).collect();
    if !answer.checks.is_empty() {
        // The step `claims` has a table of that name.
        let still = page.still("claims are recomputed under the scenario as written");
        let checks = Table { name: "checks".into(), still: Some(still), ..ledger(&answer.checks) };
        trust.push(Block::Table(checks));
    }
    trust.push(Block::Table(Table { still: Some(page.still("")), ..inputs(answer) }));
    for lint in &answer.lints {
        let words = format!("{}.", lint.warning.message().trim_end_matches('.'));
        trust.push(Block::Sentence(Sentence::new().text(words).tone(Tone::Caution)));
    }
    let title = match answer.run.title.as_str() {
        "" => answer.scenario.origin.clone(),
        title => title.to_owned(),
    };
    let mut sections = vec![Section { heading: title, blocks }];
    if !hangs.is_empty() {
        sections.push(Section { heading: "What it hangs on".into(), blocks: hangs });
    }
    sections.push(Section {
        heading: "What it assumes, and how that held so far".into(),
        blocks: trust,
    });
    if let Some(live) = &mut live {
        live.record_checks_of(&sections)?;
    }
    let mut sources: Vec<String> = Vec::new();
    for input in &answer.scenario.inputs {
        if !input.source.is_empty() && !sources.contains(&input.source) {
            sources.push(input.source.clone());
        }
    }
    let kept = Model::new(&answer.scenario)?.kept(&answer.run)?.head(KEPT);
    Ok(Part {
        answer: json::json(answer),
        headline,
        sections,
        live,
        draws: Some(kept).filter(|kept| kept.rows() > 0),
        sources,
        no: !answer.checks.iter().all(Claim::passes),
        ..Part::default()
    })
}

/// The name of a case's program.
fn program(step: &str, case: usize) -> String {
    if case == 0 { step.to_owned() } else { format!("{step}-case-{}", case + 1) }
}

/// The name of a tornado's program.
fn swung(step: &str, number: usize) -> String {
    format!("{step}-swings-{}", number + 1)
}

/// A tornado as the page computes it; `None` where it cannot.
fn swings(cases: &[LiveCase], found: &Sensitivity) -> Option<LiveSwings> {
    // One without a label is the same in every case.
    let case = cases.iter().find(|case| case.label == found.label).or(cases.first())?;
    case.swings(found).ok().flatten()
}

struct Page<'a> {
    step: &'a str,
    answer: &'a Answer,
    cases: &'a [LiveCase],
    swings: &'a [Option<LiveSwings>],
    /// Names of the sliders.
    sliders: Vec<String>,
    tail: f64,
}

impl Page<'_> {
    fn level(&self) -> Level {
        self.answer.level
    }

    fn outputs(&self, case: usize) -> impl Iterator<Item = &OutputRun> {
        let outputs = self.answer.run.cases.get(case).map_or(&[][..], |case| &case.outputs);
        outputs.iter().filter(|output| self.answer.outputs.contains(&output.name))
    }

    fn live(&self, case: usize, name: &str) -> Option<&LiveOutput> {
        self.cases.get(case)?.outputs.iter().find(|output| output.name == name)
    }

    fn source(&self, case: usize, output: &LiveOutput, summary: Summary) -> Source {
        Source::new(program(self.step, case), &output.shown, summary)
    }

    /// Draws that the page computes over.
    fn rows(&self) -> usize {
        self.cases.first().map_or(0, |case| case.columns().rows())
    }

    /// What any slider would change.
    fn still(&self, why: impl Into<String>) -> Still {
        Still::new(self.sliders.clone(), why)
    }
}

fn inputs(answer: &Answer) -> Table {
    let row = |input: &forecast::Input| {
        let value = input.trend.as_ref().map_or(input.value.text(), forecast::Written::text);
        vec![
            Cell::from(input.name.text().replace('_', " ")),
            Cell::from(value),
            Cell::from(input.source.clone()),
            Cell::from(input.note.clone()),
        ]
    };
    Table {
        name: "inputs".into(),
        title: "What is assumed".into(),
        head: ["", "value", "source", "note"].map(str::to_owned).to_vec(),
        rows: answer.scenario.inputs.iter().map(row).collect(),
        note: "`a to b` is a 90 % range unless the scenario says otherwise; an empty source is a judgement.".into(),
        still: None,
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Lower case, digits and `-`.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.to_lowercase().chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_matches('-').to_owned()
}
