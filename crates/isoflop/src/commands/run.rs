//! `isoflop run`: a study answered into a folder with one live page.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use diagnostic::Diagnostic;
use serde_json::{Value, json};

use super::Outcome;
use super::open::open;
use crate::study::{self, Options, Ran, State, Study};
use crate::text::{hanging, say};
use crate::{interrupt, terminal_plot};

const EXAMPLES: &str = "\
Examples:
  isoflop new runs.csv && isoflop run study.toml
      start a study from a table of runs, and answer it
  isoflop run study.toml --open
      and open the page in the browser
  isoflop run study.toml --dry-run
      what would be computed, and why
  isoflop run examples/study/scenario.toml --out /tmp/gap --json
      into a folder of your own; what was done, for programs";

/// Answer a study: a question in one file, answered into a folder with one live page
///
/// Only what changed since the last run is computed: a step is known by its options, the contents
/// of the files it names, the steps it uses and the version of Isoflop. Ctrl-C stops between files;
/// the same command goes on from there. Ends with code 1 where a check of a scenario or a claim
/// fails.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct RunArgs {
    /// The study's file
    #[arg(value_name = "STUDY.toml")]
    study: PathBuf,
    /// The folder of results [default: isoflop-out/NAME beside the study]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Only say what would be computed
    #[arg(long)]
    dry_run: bool,
    /// Compute every step, changed or not
    #[arg(long)]
    fresh: bool,
    /// Leave out the figures as SVG files
    #[arg(long)]
    no_figures: bool,
    /// Open the page in the browser when it is done
    #[arg(long, conflicts_with = "dry_run")]
    open: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// Runs the study and says what was done.
///
/// # Errors
/// A study that is none, and the first step that fails, with its place.
pub(crate) fn run(args: &RunArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    interrupt::quit_between_files()?;
    let study = Study::read(&args.study)?;
    let options = Options {
        out: args.out.clone(),
        dry_run: args.dry_run,
        fresh: args.fresh,
        no_figures: args.no_figures,
    };
    let width = terminal_plot::width();
    if !args.json {
        let mut title = String::new();
        hanging(&mut title, (0, 2), &study.title, width);
        say(out, &title)?;
    }
    let longest = study.step_names().map(str::len).max().unwrap_or(0);
    let ran = study::run(&study, &options, &mut |step| {
        if args.json { Ok(()) } else { say(out, &line(step, longest, args.dry_run)) }
    })?;
    if args.json {
        say(out, &format!("{:#}\n", answer(&study, &ran, args.dry_run)))?;
    } else if let Some(page) = &ran.page {
        say(out, &told(&ran, page, width))?;
    }
    if let (true, Some(page)) = (args.open, &ran.page) {
        open(page);
    }
    Ok(if ran.no { Outcome::No } else { Outcome::Done })
}

/// `  fit   1.2 s  (changed)`.
fn line(step: &Ran, longest: usize, dry: bool) -> String {
    let what = match &step.state {
        State::Computed(seconds, why) => format!("{seconds:.1} s ({why})"),
        State::Unchanged => "unchanged".to_owned(),
        State::Due(why) => format!("would be computed ({why})"),
    };
    let mut text = format!("  {:longest$}  {what}\n", step.name);
    if dry {
        let _ = writeln!(text, "  {:longest$}  {}", "", step.command);
    }
    text
}

/// The report's top and where it lies.
pub(super) fn told(ran: &study::Outcome, page: &Path, width: usize) -> String {
    let mut text = String::from("\n");
    for sentence in &ran.headline {
        hanging(&mut text, (0, 2), sentence, width);
    }
    let page_words = relative(page);
    let size = ran.page_bytes as f64 / 1e6;
    let state = if ran.unchanged { ", unchanged" } else { "" };
    let _ = writeln!(text, "\nreport  {page_words} ({size:.1} MB{state})");
    text
}

/// A path as seen from here, where that is shorter.
fn relative(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let inside = here.as_deref().and_then(|here| path.strip_prefix(here).ok());
    inside.unwrap_or(path).display().to_string()
}

fn answer(study: &Study, ran: &study::Outcome, dry: bool) -> Value {
    json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "command": "run",
        "title": study.title,
        "dry_run": dry,
        "results": ran.results.folder,
        "page": ran.page,
        "page_bytes": ran.page.as_ref().map(|_| ran.page_bytes),
        "unchanged": ran.unchanged,
        "passes": !ran.no,
        "headline": ran.headline,
        "steps": ran.steps.iter().map(|step| {
            let (state, seconds, reason) = match &step.state {
                State::Computed(seconds, why) => ("computed", Some(*seconds), Some(why)),
                State::Unchanged => ("unchanged", None, None),
                State::Due(why) => ("due", None, Some(why)),
            };
            json!({
                "name": step.name,
                "command": step.command,
                "state": state,
                "seconds": seconds,
                "reason": reason,
            })
        }).collect::<Vec<Value>>(),
    })
}
