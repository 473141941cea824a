//! `isoflop watch`: runs a study whenever its files change, and has the open page load itself anew.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use diagnostic::Diagnostic;
use report::{Block, Document, PageOptions};

use super::Outcome;
use super::open::{has_display, open_address};
use super::report::document;
use crate::local_page::LocalPage;
use crate::study::{self, Options, State, Study};
use crate::text::{complain, say};
use crate::{interrupt, terminal_plot};

const EXAMPLES: &str = "\
Examples:
  isoflop watch study.toml
      edit the study or its runs; the page that is open follows
  isoflop watch study.toml --port 8000 --open";

/// Run a study whenever its files change, and reload the open page
///
/// The page is served on this machine only, at the address that is printed; the report.html in the
/// results stays a file that needs no server. Ctrl-C ends it.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct WatchArgs {
    /// The study's file
    #[arg(value_name = "STUDY.toml")]
    study: PathBuf,
    /// The folder of results [default: isoflop-out/NAME beside the study]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// The port of the page; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
}

/// How often files are looked at.
const EVERY: Duration = Duration::from_millis(300);

/// Runs, serves and waits.
///
/// # Errors
/// A study that cannot be read the first time; later problems are shown and waited out.
pub(crate) fn run(args: &WatchArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    interrupt::quit_between_files()?;
    let page = LocalPage::open(&format!("127.0.0.1:{}", args.port))?;
    let options = PageOptions { reload: Some(format!("{}events", page.url())) };
    let mut seen = BTreeMap::new();
    let mut first = true;
    loop {
        let now = stamps(&args.study);
        if now != seen {
            seen = now;
            let document = match once(args, out) {
                Ok(document) => document,
                Err(problem) if first => return Err(problem),
                Err(problem) => {
                    complain(&problem);
                    told(&problem)
                }
            };
            page.put("/", "text/html; charset=utf-8", document.to_html(&options)?);
            page.announce();
            if std::mem::take(&mut first) {
                say(out, &format!("page    {} (follows changes; Ctrl-C ends)\n", page.url()))?;
                if args.open && has_display() {
                    open_address(&page.url())?;
                }
            }
        }
        std::thread::sleep(EVERY);
    }
}

/// A page that shows a problem until it is solved.
fn told(problem: &Diagnostic) -> Document {
    // No line of a problem ends a block that begins so.
    let fence = "~".repeat(16);
    let text = format!("{fence}\n{problem}\n{fence}\n");
    Document::new("The study has a problem")
        .subtitle("this page follows when it is solved")
        .section("What, where, and what to do", vec![Block::Text(text)])
}

/// Runs the study once; its report.
fn once(args: &WatchArgs, out: &mut dyn Write) -> Result<Document, Diagnostic> {
    let study = Study::read(&args.study)?;
    let options = Options { out: args.out.clone(), ..Options::default() };
    let ran = study::run(&study, &options, &mut |step| match &step.state {
        State::Computed(seconds, why) => {
            say(out, &format!("  {}  {seconds:.1} s ({why})\n", step.name))
        }
        _ => Ok(()),
    })?;
    if let Some(page) = &ran.page {
        say(out, &super::run::told(&ran, page, terminal_plot::width()))?;
    }
    document(&ran.results)
}

/// When the study and the files beside it were last written. Results are not looked at.
fn stamps(study: &Path) -> BTreeMap<PathBuf, (Option<SystemTime>, u64)> {
    let mut stamps = BTreeMap::new();
    let mut look = |path: &Path| {
        let about = std::fs::metadata(path).ok();
        let stamp = about.as_ref().and_then(|about| about.modified().ok());
        stamps.insert(path.to_owned(), (stamp, about.map_or(0, |about| about.len())));
    };
    look(study);
    if let Ok(study) = Study::read(study) {
        for path in study.watched() {
            look(&path);
        }
    }
    stamps
}
