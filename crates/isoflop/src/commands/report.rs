//! `isoflop report`: the page and the figures of results that are there.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use diagnostic::Diagnostic;
use report::{Artist, Document, Figure, Look, PageOptions, Values};
use runs::write_atomically;
use serde_json::{Value, json};

use super::Outcome;
use super::open::open;
use crate::study::{Results, Study};
use crate::text::{behind, paragraph, say};
use crate::{interrupt, terminal_plot};

const EXAMPLES: &str = "\
Examples:
  isoflop report study.toml
      which figures the results of a study have
  isoflop report isoflop-out/study --figure frontier --svg > frontier.svg
      one of them as SVG, drawn as the page draws it
  isoflop report study.toml --figure frontier --png --out frontier.png --width 900 --dark
      as PNG, light on dark
  isoflop report study.toml --figure frontier --csv
      the numbers behind it
  isoflop report study.toml --out page.html
      the page again";

/// Print a figure of a study's results as SVG, PNG, CSV or JSON, or write the page again
///
/// Takes the results as they are; `isoflop run` brings them up to date. Without --figure it lists
/// the figures, or writes the page with --out.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
#[command(group = ArgGroup::new("form").args(["svg", "png", "csv"]))]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct ReportArgs {
    /// A folder of results, or the study that they are of
    #[arg(value_name = "RESULTS|STUDY")]
    of: PathBuf,
    /// The figure
    #[arg(long, value_name = "NAME")]
    figure: Option<String>,
    /// Draw it as SVG [default]
    #[arg(long, requires = "figure")]
    svg: bool,
    /// Draw it as PNG, two pixels for each of --width
    #[arg(long, requires_all = ["figure", "out"])]
    png: bool,
    /// Its numbers as CSV, one table behind the other
    #[arg(long, requires = "figure")]
    csv: bool,
    /// Its data, or the list of figures, as JSON
    #[arg(long, conflicts_with = "form")]
    json: bool,
    /// The file to write [default: the standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The width in pixels
    #[arg(long, default_value_t = 760, value_parser = clap::value_parser!(u32).range(240..=4000))]
    width: u32,
    /// Light on dark
    #[arg(long)]
    dark: bool,
    /// Open the page in the browser
    #[arg(long, conflicts_with = "figure")]
    open: bool,
}

/// Draws, writes or lists.
///
/// # Errors
/// Results that are not there, not whole, or of another version; a figure that they do not have.
pub(crate) fn run(args: &ReportArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    interrupt::quit_between_files()?;
    let results = results(&args.of)?;
    let document = document(&results)?;
    let Some(name) = &args.figure else {
        if let Some(path) = &args.out {
            write(path, document.to_html(&PageOptions::default())?.as_bytes())?;
            say(out, &format!("page    {}\n", path.display()))?;
        } else {
            say(out, &list(&document, &results, args.json))?;
        }
        if args.open {
            open(&args.out.clone().unwrap_or_else(|| results.path("report.html")));
        }
        return Ok(Outcome::Done);
    };
    let figure = document.figure(name)?;
    let look = Look { width: args.width, dark: args.dark };
    let content = if args.png {
        Artist::new()?.png(figure, &look)?
    } else if args.csv {
        csv(figure).into_bytes()
    } else if args.json {
        let text = serde_json::to_string_pretty(figure).map_err(|problem| {
            Diagnostic::error(format!("the figure cannot be written: {problem}"))
        })?;
        format!("{text}\n").into_bytes()
    } else {
        Artist::new()?.svg(figure, &look)?.into_bytes()
    };
    match &args.out {
        Some(path) => write(path, &content)?,
        None => say(out, &String::from_utf8_lossy(&content))?,
    }
    Ok(Outcome::Done)
}

/// The results in a folder, or those of a study.
pub(crate) fn results(of: &Path) -> Result<Results, Diagnostic> {
    if of.is_dir() && !of.join("study.toml").exists() || of.join(crate::study::MANIFEST).exists() {
        return Ok(Results::new(of.to_owned()));
    }
    if !of.exists() {
        return Err(Diagnostic::error(format!("there is no `{}`", of.display()))
            .help("name a folder that `isoflop run STUDY.toml` wrote, or the study's file"));
    }
    let study = if of.is_dir() { of.join("study.toml") } else { of.to_owned() };
    Ok(Results::new(Study::read(&study)?.default_results()))
}

/// The report of results that are whole.
pub(crate) fn document(results: &Results) -> Result<Document, Diagnostic> {
    let manifest = results.manifest()?;
    let damaged = results.damaged(&manifest);
    if let Some(first) = damaged.iter().find(|file| *file == "report.json") {
        let message =
            format!("`{first}` in `{}` is missing or was changed", results.folder.display());
        return Err(Diagnostic::error(message).help("run the study again: it mends the folder"));
    }
    let path = results.path("report.json");
    let text = std::fs::read_to_string(&path).map_err(|problem| {
        Diagnostic::error(format!("cannot read `{}`: {problem}", path.display()))
            .help("run the study again: it mends the folder")
    })?;
    Document::from_json(&path.display().to_string(), &text)
}

fn list(document: &Document, results: &Results, json: bool) -> String {
    if json {
        let figures: Vec<Value> = document
            .figures()
            .map(|figure| json!({ "name": figure.name, "title": figure.title }))
            .collect();
        let whole = json!({
            "schema_version": 1,
            "version": env!("CARGO_PKG_VERSION"),
            "command": "report",
            "title": document.title,
            "page": results.path("report.html"),
            "figures": figures,
        });
        return format!("{whole:#}\n");
    }
    let width = terminal_plot::width();
    let longest = document.figures().map(|figure| figure.name.len()).max().unwrap_or(0);
    let mut text = format!("{}\n", document.title);
    for figure in document.figures() {
        let name = format!("  {:longest$}  ", figure.name);
        if name.len() + 30 <= width {
            behind(&mut text, &name, &figure.title, width);
        } else {
            let _ = writeln!(text, "  {}", figure.name);
            paragraph(&mut text, 6, &figure.title, width);
        }
    }
    let _ = writeln!(text, "page  {}", results.path("report.html").display());
    text
}

fn csv(figure: &Figure) -> String {
    let quoted = |text: &str| {
        if text.contains([',', '"', '\n']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.to_owned()
        }
    };
    let mut text = String::new();
    for (number, frame) in figure.frames.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        if figure.frames.len() > 1 {
            let _ = writeln!(text, "# {}", frame.name);
        }
        let head: Vec<String> = frame
            .columns
            .iter()
            .map(|column| match column.unit.as_str() {
                "" => quoted(&column.name),
                unit => quoted(&format!("{} ({unit})", column.name)),
            })
            .collect();
        text.push_str(&head.join(","));
        text.push('\n');
        for row in 0..frame.rows() {
            let cells: Vec<String> = frame
                .columns
                .iter()
                .map(|column| match &column.values {
                    Values::Numbers(all) => match all.get(row) {
                        Some(value) if !value.is_nan() => format!("{value:e}"),
                        _ => String::new(),
                    },
                    Values::Words(all) => all.get(row).map_or(String::new(), |word| quoted(word)),
                })
                .collect();
            text.push_str(&cells.join(","));
            text.push('\n');
        }
    }
    text
}

fn write(path: &Path, content: &[u8]) -> Result<(), Diagnostic> {
    interrupt::whole(|| write_atomically(path, content)).map_err(|problem| {
        Diagnostic::error(format!("cannot write `{}`: {problem}", path.display()))
            .help("name a file in a folder that exists and can be written to")
    })
}
