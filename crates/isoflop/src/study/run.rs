//! Running a study: what changed is computed, the rest is taken from the results.

use std::path::{Path, PathBuf};
use std::time::Instant;

use diagnostic::Diagnostic;
use report::{Artist, Document, Look, PageOptions};

use super::assemble::document;
use super::file::{RESULTS, Study};
use super::key::{self, Input};
use super::part::Part;
use super::results::{FORMAT, MANIFEST, Manifest, ManifestStep, Results, Stored};
use super::step::{Step, quoted};
use crate::progress::Work;

/// How to run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// The folder of results; the study's own where there is none.
    pub(crate) out: Option<PathBuf>,
    /// Only say what would be done.
    pub(crate) dry_run: bool,
    /// Compute all steps, changed or not.
    pub(crate) fresh: bool,
    /// Leave out the SVG files.
    pub(crate) no_figures: bool,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum State {
    /// Computed, in so many seconds, because of this.
    Computed(f64, String),
    /// Taken from the results.
    Unchanged,
    /// It would be computed, because of this.
    Due(String),
}

/// A step that was run.
#[derive(Debug, Clone)]
pub(crate) struct Ran {
    pub(crate) name: String,
    pub(crate) command: String,
    pub(crate) state: State,
}

/// A study that was run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) results: Results,
    pub(crate) steps: Vec<Ran>,
    /// The page; without one in a dry run.
    pub(crate) page: Option<PathBuf>,
    /// Its size in bytes.
    pub(crate) page_bytes: usize,
    /// Sentences of the report's top.
    pub(crate) headline: Vec<String>,
    /// A check failed.
    pub(crate) no: bool,
    /// The folder already held all of this.
    pub(crate) unchanged: bool,
}

/// Runs `study`; `tell` hears of each step when it is done.
///
/// # Errors
/// The first step that fails, with its place in the study.
pub(crate) fn run(
    study: &Study,
    options: &Options,
    tell: &mut dyn FnMut(&Ran) -> Result<(), Diagnostic>,
) -> Result<Outcome, Diagnostic> {
    let out = match &options.out {
        Some(out) => std::path::absolute(out).map_err(|problem| {
            Diagnostic::error(format!("`{}` is no folder: {problem}", out.display()))
        })?,
        None => study.default_results(),
    };
    if out.is_file() {
        let message = format!("`{}` is a file, not a folder for results", out.display());
        return Err(Diagnostic::error(message).help("name a folder with --out"));
    }
    let results = Results::new(out);
    let mut lock = None;
    if !options.dry_run && results.path("steps").exists() {
        lock = Some(results.lock()?);
    }
    let _there = Inside::enter(&study.folder)?;
    let origin = study.path.display().to_string();
    let (mut kept, mut ran): (Vec<(Step, Stored)>, Vec<Ran>) = (Vec::new(), Vec::new());
    let mut keys: Vec<(String, String, bool)> = Vec::new();
    for step in &study.steps {
        let inputs = key::inputs(step, &study.folder)
            .map_err(|problem| step.point(problem, &origin, &study.text))?;
        let used = keys.iter().filter(|(name, ..)| step.uses.contains(name));
        let (used, waits): (Vec<String>, Vec<bool>) =
            used.map(|(_, key, due)| (key.clone(), *due)).unzip();
        let key = key::key(step, &inputs, &used, study.rows);
        let found = if options.fresh { Err("asked for") } else { results.stored(&step.name, &key) };
        let due = found.is_err() || waits.contains(&true);
        keys.push((step.name.clone(), key.clone(), due));
        let mut one = Ran {
            name: step.name.clone(),
            command: step.command_line().replace(RESULTS, &shown(&results.folder, &study.folder)),
            state: State::Unchanged,
        };
        match found {
            Ok(stored) if !waits.contains(&true) => kept.push((step.clone(), stored)),
            reason => {
                let reason = reason.err().unwrap_or("a step that it uses changed").to_owned();
                if options.dry_run {
                    one.state = State::Due(reason);
                } else {
                    let begun = Instant::now();
                    let part = compute(step, study.rows, &results)
                        .map_err(|problem| step.point(problem, &origin, &study.text))?;
                    // A step that fails leaves what there was.
                    if lock.is_none() {
                        lock = Some(results.lock()?);
                    }
                    results.open()?;
                    let about = About { key: &key, command: &one.command, inputs, begun };
                    let stored = keep(step, part, about, &results)?;
                    one.state = State::Computed(begun.elapsed().as_secs_f64(), reason);
                    kept.push((step.clone(), stored));
                }
            }
        }
        tell(&one)?;
        ran.push(one);
    }
    if options.dry_run {
        return Ok(Outcome {
            results,
            steps: ran,
            page: None,
            page_bytes: 0,
            headline: Vec::new(),
            no: false,
            unchanged: false,
        });
    }
    finish(study, options, results, &kept, ran)
}

/// The answer of a step.
fn compute(step: &Step, rows: usize, results: &Results) -> Result<Part, Diagnostic> {
    let folder = results.folder.display().to_string();
    let arguments: Vec<String> =
        step.arguments.iter().map(|word| word.replace(RESULTS, &folder)).collect();
    let _shown = Work::new(step.name.clone(), None, false);
    step.kind.compute(&step.name, &arguments, rows)
}

/// What belongs to an answer.
struct About<'a> {
    key: &'a str,
    command: &'a str,
    inputs: Vec<Input>,
    begun: Instant,
}

/// A step's answer, kept in the results.
fn keep(
    step: &Step,
    part: Part,
    about: About<'_>,
    results: &Results,
) -> Result<Stored, Diagnostic> {
    let name = &step.name;
    let answer = format!("{:#}\n", part.answer);
    let mut files = vec![results.write(&format!("answers/{name}.json"), answer.as_bytes())?];
    if let Some(draws) = &part.draws {
        files.extend(results.write_draws(&format!("draws/{name}.parquet"), draws)?);
    }
    if let Some(fit) = &part.fit {
        files.push(results.write(&format!("fits/{name}.json"), fit.as_bytes())?);
    }
    let stored = Stored {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        program: key::program().to_owned(),
        key: about.key.to_owned(),
        command: about.command.to_owned(),
        inputs: about.inputs,
        files,
        headline: part.headline,
        sections: part.sections,
        live: part.live,
        sources: part.sources,
        no: part.no,
        seconds: about.begun.elapsed().as_secs_f64(),
    };
    let text = serde_json::to_string(&stored).map_err(|problem| {
        Diagnostic::error(format!("the step `{name}` cannot be kept: {problem}"))
    })?;
    results.write(&format!("steps/{name}.json"), text.as_bytes())?;
    // What is kept is what the page is made from, now and later.
    serde_json::from_str(&text).map_err(|problem| {
        Diagnostic::error(format!("the step `{name}` cannot be kept: {problem}"))
    })
}

/// Report and manifest.
fn finish(
    study: &Study,
    options: &Options,
    results: Results,
    kept: &[(Step, Stored)],
    ran: Vec<Ran>,
) -> Result<Outcome, Diagnostic> {
    let reproduce = reproduce(study, options);
    let mut manifest = Manifest::new(&study.title, &study.path, &study.text, reproduce);
    (manifest.seed, manifest.level) = (study.seed, study.level);
    for (step, stored) in kept {
        manifest.steps.push(ManifestStep {
            name: step.name.clone(),
            command: stored.command.clone(),
            key: stored.key.clone(),
            inputs: stored.inputs.clone(),
        });
        manifest.files.extend(stored.files.iter().cloned());
        let name = format!("steps/{}.json", step.name);
        let hash = key::hash_file(&results.path(&name))?;
        manifest.files.push(Input { path: name, hash });
    }
    let document = document(study, kept, &manifest)?;
    let headline = document.sections.first().map_or(Vec::new(), |section| {
        let sentences = section.blocks.iter().filter_map(|block| match block {
            report::Block::Sentence(sentence) => Some(sentence.to_string()),
            _ => None,
        });
        sentences.collect()
    });
    let json = document.to_json();
    let before = results.manifest().ok();
    let same = before.as_ref().is_some_and(|before| {
        results.damaged(before).is_empty()
            && before.study == manifest.study
            && manifest.files.iter().all(|file| before.files.contains(file))
            && before
                .files
                .iter()
                .any(|file| file.path == "report.json" && file.hash == key::hash_text(&json))
            && (options.no_figures
                || before.files.iter().any(|file| file.path.starts_with("figures/"))
                || document.figures().next().is_none())
    });
    let no = kept.iter().any(|(_, stored)| stored.no);
    let page = results.path("report.html");
    if same && !options.fresh {
        let page_bytes = std::fs::metadata(&page).map_or(0, |page| page.len() as usize);
        let page = Some(page);
        return Ok(Outcome {
            results,
            steps: ran,
            page,
            page_bytes,
            headline,
            no,
            unchanged: true,
        });
    }
    results.open()?;
    let html = document.to_html(&PageOptions::default())?;
    manifest.files.push(results.write("report.json", json.as_bytes())?);
    manifest.files.push(results.write("report.html", html.as_bytes())?);
    if !options.no_figures {
        manifest.files.extend(figures(&document, &results)?);
    }
    tidy(&results, &manifest);
    let text = serde_json::to_string_pretty(&manifest).map_err(|problem| {
        Diagnostic::error(format!("the manifest cannot be written: {problem}"))
    })?;
    results.write(MANIFEST, format!("{text}\n").as_bytes())?;
    let (page, page_bytes) = (Some(page), html.len());
    Ok(Outcome { results, steps: ran, page, page_bytes, headline, no, unchanged: false })
}

fn figures(document: &Document, results: &Results) -> Result<Vec<Input>, Diagnostic> {
    let mut files = Vec::new();
    if document.figures().next().is_none() {
        return Ok(files);
    }
    let _shown = Work::new("drawing figures".to_owned(), None, false);
    let artist = Artist::new()?;
    for figure in document.figures() {
        let svg = artist.svg(figure, &Look::default())?;
        files.push(results.write(&format!("figures/{}.svg", figure.name), svg.as_bytes())?);
    }
    Ok(files)
}

/// Removes what an earlier run of the study left and this one no longer makes.
fn tidy(results: &Results, manifest: &Manifest) {
    for folder in ["", "answers/", "draws/", "figures/", "fits/", "steps/"] {
        let Ok(entries) = std::fs::read_dir(results.path(folder)) else { continue };
        for entry in entries.flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            let name = format!("{folder}{file}");
            // What a kill left of a file that was being written.
            let cut_short = [".isoflop-", ".tmp"].iter().any(|start| file.starts_with(start));
            let answer = [".json", ".svg", ".parquet"].iter().any(|end| file.ends_with(end));
            let ours = match folder {
                // Others may keep something beside the page.
                "" => file.starts_with(".isoflop-"),
                _ => cut_short || answer,
            };
            if ours && manifest.files.iter().all(|file| file.path != name) {
                // Left over, not wrong: the manifest does not name it.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

/// The command that makes the results again.
fn reproduce(study: &Study, options: &Options) -> String {
    let study = quoted(&study.path.display().to_string());
    let out = options.out.as_ref().map(|out| quoted(&out.display().to_string()));
    let out = out.map_or(String::new(), |out| format!(" --out {out}"));
    format!("isoflop run {study}{out}")
}

/// `path` as seen from `folder`, where that is shorter.
fn shown(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}

/// Works inside a folder until it is dropped: a study's paths start there.
struct Inside {
    before: Option<PathBuf>,
}

impl Inside {
    fn enter(folder: &Path) -> Result<Self, Diagnostic> {
        let before = std::env::current_dir().ok();
        std::env::set_current_dir(folder).map_err(|problem| {
            Diagnostic::error(format!("cannot work in `{}`: {problem}", folder.display()))
        })?;
        Ok(Self { before })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // Whoever removed that folder meanwhile does not expect to be in it.
            let _ = std::env::set_current_dir(before);
        }
    }
}
