//! `isoflop man`: man pages, and the reference of the book.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use diagnostic::Diagnostic;
use runs::write_atomically;

use super::Outcome;
use crate::text::say;

/// Write man pages, one for each command
///
/// For example: isoflop man --out ~/.local/share/man/man1
#[derive(Debug, Clone, Args)]
pub(crate) struct ManArgs {
    /// The folder for the pages
    #[arg(long, value_name = "FOLDER", required_unless_present = "markdown")]
    out: Option<PathBuf>,
    /// Print the reference of all commands as Markdown instead
    #[arg(long, hide = true, conflicts_with = "out")]
    markdown: bool,
}

/// Writes the pages.
///
/// # Errors
/// A folder that cannot be written to.
pub(crate) fn run(
    args: &ManArgs,
    whole: &Command,
    out: &mut dyn Write,
) -> Result<Outcome, Diagnostic> {
    let mut whole = whole.clone();
    whole.build();
    let Some(folder) = &args.out else {
        say(out, &markdown(&whole))?;
        return Ok(Outcome::Done);
    };
    let written = pages(&whole, folder).map_err(|problem| {
        Diagnostic::error(format!(
            "man pages cannot be written to `{}`: {problem}",
            folder.display()
        ))
        .help("name a folder that can be written to")
    })?;
    say(out, &format!("{written} pages in {}; read one with `man isoflop`\n", folder.display()))?;
    Ok(Outcome::Done)
}

fn pages(whole: &Command, folder: &Path) -> std::io::Result<usize> {
    std::fs::create_dir_all(folder)?;
    let mut count = 0;
    for (name, command) in commands(whole, "isoflop") {
        let name = name.replace(' ', "-");
        // The page's own name, so that its title says all of it; clap keeps names for ever.
        let title: &'static str = Box::leak(name.clone().into_boxed_str());
        let command = command.name(title);
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        write_atomically(folder.join(format!("{name}.1")), &page)?;
        count += 1;
    }
    Ok(count)
}

/// Every command that is shown, with its whole name.
fn commands(command: &Command, name: &str) -> Vec<(String, Command)> {
    let mut all = vec![(name.to_owned(), command.clone())];
    for inner in
        command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help")
    {
        all.extend(commands(inner, &format!("{name} {}", inner.get_name())));
    }
    all
}

/// The chapter "Commands" of the book.
pub(crate) fn markdown(whole: &Command) -> String {
    let mut text = String::from(
        "# Commands\n\n\
         <!-- Written by `isoflop man --markdown`; a test compares. -->\n\n\
         Every command, with its options, as `--help` says them. What `--json` prints is described in\n\
         [JSON](json.md).\n",
    );
    for (name, command) in commands(whole, "isoflop").into_iter().skip(1) {
        let _ = write!(text, "\n## `{name}`\n\n");
        let mut command = command.term_width(96).color(clap::ColorChoice::Never).bin_name(name);
        let said = command.render_long_help().to_string();
        text.push_str("```text\n");
        for line in said.trim_end().lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text.push_str("```\n");
    }
    text
}
