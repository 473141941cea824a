//! `isoflop list`: what the catalogue holds.

use std::io::Write;
use std::path::Path;

use clap::Subcommand;
use diagnostic::Diagnostic;
use laws::{Law, catalogue};

use super::Outcome;
use crate::terminal_plot;
use crate::text::say;

mod capabilities;
mod json;
mod show;
#[cfg(test)]
mod tests;

const EXAMPLES: &str = "\
Examples:
  isoflop list laws
      every law: its name, what it gives from what, title, source
  isoflop list laws chinchilla
      one law whole: formula, units, bounds, published constants, and figures computed again
  isoflop list laws my-law.toml
      the same for a law of your own
  isoflop list laws --json
      for programs";

/// List what the catalogue holds
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ListCommand {
    /// List the published scaling laws, or show one whole
    ///
    /// Published constants come with their source and intervals. Those that were not read in the
    /// paper itself are marked: second-hand, or unverified. Figures are published numbers that
    /// follow from the constants; they are computed again each time they are shown.
    #[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
    Laws {
        /// A law of the catalogue, or the path of a law's file
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the capabilities that `isoflop split` knows, or show one whole
    ///
    /// A capability is composed from published pieces; what is assumed where they meet, and what
    /// nobody measured, is shown with it.
    Capabilities {
        /// A capability of the catalogue, or the path of a capability's file
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Prints the list, or one entry of it.
///
/// # Errors
/// A name that is not in the list, and a file that is not a law.
pub(crate) fn run(command: &ListCommand, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    let width = terminal_plot::width();
    let said = match command {
        ListCommand::Laws { name, json } => answer(name.as_deref(), *json, width)?,
        ListCommand::Capabilities { name, json } => {
            capabilities::answer(name.as_deref(), *json, width)?
        }
    };
    say(out, &said)?;
    Ok(Outcome::Done)
}

fn answer(name: Option<&str>, json: bool, width: usize) -> Result<String, Diagnostic> {
    let Some(name) = name else {
        let laws = catalogue::all()?;
        return Ok(if json {
            format!("{:#}\n", json::list(&laws))
        } else {
            show::list(&laws, width)
        });
    };
    let law = find(name)?;
    Ok(if json { format!("{:#}\n", json::law(&law)?) } else { show::law(&law, width)? })
}

/// A law of the catalogue, or of a file where the name is a path.
fn find(name: &str) -> Result<Law, Diagnostic> {
    let path = Path::new(name);
    if path.extension().is_some_and(|extension| extension == "toml") {
        return Law::read(path);
    }
    catalogue::find(name)
}
