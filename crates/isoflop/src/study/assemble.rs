//! One document from the parts of the steps.

use diagnostic::Diagnostic;
use report::{Block, Document, Live, Provenance, Section};

use super::file::Study;
use super::results::{Manifest, Stored};
use super::step::Step;

pub(super) fn document(
    study: &Study,
    kept: &[(Step, Stored)],
    manifest: &Manifest,
) -> Result<Document, Diagnostic> {
    let mut document = Document::new(&study.title).subtitle(&study.subtitle);
    let mut answer: Vec<Block> = Vec::new();
    for (_, stored) in kept {
        answer.extend(stored.headline.iter().cloned().map(Block::Sentence));
    }
    document = document.section("In short", answer);
    words(study, "start", &mut document);
    let mut live = Live::default();
    for (step, stored) in kept {
        for mut section in stored.sections.clone() {
            if step.name != step.kind.name() {
                rename(&mut section, &step.name);
            }
            document.sections.push(section);
        }
        words(study, &step.name, &mut document);
        if let Some(part) = &stored.live {
            merge(&mut live, part.clone());
        }
    }
    words(study, "end", &mut document);
    even_out(&mut live);
    if !live.programs.is_empty() {
        document.live = Some(live);
    }
    document.provenance = provenance(study, kept, manifest);
    document.check()?;
    Ok(document)
}

/// The user's words that stand behind a step.
fn words(study: &Study, after: &str, document: &mut Document) {
    for words in study.sections.iter().filter(|words| words.after == after) {
        let blocks = vec![Block::Text(words.text.clone())];
        document.sections.push(Section { heading: words.heading.clone(), blocks });
    }
}

/// Figures and tables of a second step of a kind carry its name.
fn rename(section: &mut Section, step: &str) {
    for block in &mut section.blocks {
        match block {
            Block::Figure(figure) => figure.name = format!("{}-{step}", figure.name),
            Block::Table(table) => table.name = format!("{}-{step}", table.name),
            _ => {}
        }
    }
}

/// Names of a part's programs start with its step's name, so that nothing collides but draws of a
/// trend that two scenarios share.
fn merge(live: &mut Live, part: Live) {
    for slider in part.sliders {
        if live.sliders.iter().all(|known| known.name != slider.name) {
            live.sliders.push(slider);
        }
    }
    for draws in part.draws {
        if live.draws.iter().all(|known| known.name != draws.name) {
            live.draws.push(draws);
        }
    }
    for constant in part.constants {
        if live.constants.iter().all(|(name, _)| *name != constant.0) {
            live.constants.push(constant);
        }
    }
    live.derived.extend(part.derived);
    live.programs.extend(part.programs);
    live.checks.extend(part.checks);
}

/// All columns as long as the longest: shorter ones begin again.
fn even_out(live: &mut Live) {
    let rows = live.draws.iter().map(|draws| draws.values.len()).max().unwrap_or(1);
    for draws in &mut live.draws {
        let own = draws.values.len();
        if own > 0 && own < rows {
            draws.values = (0..rows).map(|row| draws.values[row % own]).collect();
        }
    }
}

fn provenance(study: &Study, kept: &[(Step, Stored)], manifest: &Manifest) -> Provenance {
    let mut facts = vec![
        ("version".to_owned(), version(manifest)),
        ("study".to_owned(), format!("{} ({})", manifest.study.path, manifest.study.hash)),
        ("seed".to_owned(), study.seed.to_string()),
    ];
    for (step, stored) in kept {
        facts.push((step.name.clone(), stored.command.clone()));
        for input in &stored.inputs {
            let fact = ("input".to_owned(), format!("{} ({})", input.path, input.hash));
            if !facts.contains(&fact) {
                facts.push(fact);
            }
        }
    }
    let mut sources: Vec<String> = Vec::new();
    for source in kept.iter().flat_map(|(_, stored)| &stored.sources) {
        if !source.is_empty() && !sources.contains(source) {
            sources.push(source.clone());
        }
    }
    Provenance { command: manifest.reproduce.clone(), facts, sources }
}

fn version(manifest: &Manifest) -> String {
    let build = match manifest.program.get(..16) {
        Some(start) => format!(", program {start}"),
        None => String::new(),
    };
    format!("Isoflop {}{build}", manifest.version)
}
