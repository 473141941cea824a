//! `isoflop list`: what the catalogue holds.

use std::io::Write;
use std::path::Path;

use clap::Subcommand;
use diagnostic::Diagnostic;
use laws::{Law, catalogue};

use super::Outcome;
use crate::terminal_plot;
use crate::text::say;

mod accelerators;
mod capabilities;
mod clusters;
mod json;
mod models;
mod scenarios;
mod show;
mod table;
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

const ACCELERATOR_EXAMPLES: &str = "\
Examples:
  isoflop list accelerators
      every accelerator: peak, memory, power, what an hour costs
  isoflop list accelerators h100
      one whole, each number with its source; spaces, hyphens and case do not matter
  isoflop list accelerators my-chip.toml
      the same for an accelerator of your own";

const MODEL_EXAMPLES: &str = "\
Examples:
  isoflop list models
      every model: its parameters and shape
  isoflop list models llama3-405b
      one whole: parameters by every convention, FLOP per token by every count
  isoflop list models --json
      for programs";

const CLUSTER_EXAMPLES: &str = "\
Examples:
  isoflop list clusters
      every cluster: what it is made of
  isoflop list clusters llama3-24k
      one whole: sites, fabrics, storage, and its power
  isoflop list clusters my-cluster.toml
      the same for a cluster of your own";

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
    /// List accelerators with their peaks, memory, power and price, or show one whole
    ///
    /// Peaks are dense. An hour's price is a rent where one is published, else what an owner pays:
    /// the accelerator and what stands around it written off, and energy.
    #[command(after_long_help = ACCELERATOR_EXAMPLES, after_help = "Use --help for examples.")]
    Accelerators {
        /// An accelerator of the catalogue, or the path of an accelerator's file
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List public models with their parameters and shape, or show one whole
    ///
    /// Parameters follow from the shape, exactly, and are checked against the published number.
    #[command(after_long_help = MODEL_EXAMPLES, after_help = "Use --help for examples.")]
    Models {
        /// A model of the catalogue, or the path of a model's file
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the scenarios that `isoflop forecast` runs, or show one whole
    ///
    /// Assumptions come with their sources, outputs with what to know about them; notes say what
    /// nobody has measured. `isoflop claims` lists the published claims.
    Scenarios {
        /// A scenario of the catalogue, or the path of a scenario's file
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List clusters and swarms, or show one whole
    #[command(after_long_help = CLUSTER_EXAMPLES, after_help = "Use --help for examples.")]
    Clusters {
        /// A cluster of the catalogue, or the path of a cluster's file
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Prints the list, or one entry of it.
///
/// # Errors
/// A name that is not in the list, and a file that is not an entry of it.
pub(crate) fn run(command: &ListCommand, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    let width = terminal_plot::width();
    let text = match command {
        ListCommand::Laws { name, json } => answer(name.as_deref(), *json, width)?,
        ListCommand::Accelerators { name, json } => {
            accelerators::answer(name.as_deref(), *json, width)?
        }
        ListCommand::Models { name, json } => models::answer(name.as_deref(), *json, width)?,
        ListCommand::Scenarios { name, json } => scenarios::answer(name.as_deref(), *json, width)?,
        ListCommand::Clusters { name, json } => clusters::answer(name.as_deref(), *json, width)?,
        ListCommand::Capabilities { name, json } => {
            capabilities::answer(name.as_deref(), *json, width)?
        }
    };
    say(out, &text)?;
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
    if is_file(name) {
        return Law::read(Path::new(name));
    }
    catalogue::find(name)
}

/// Whether the name of an entry is the path of a file.
fn is_file(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "toml")
}

/// An entry of the catalogue, or of a file where the name is a path.
fn entry<T>(
    name: &str,
    of_catalogue: impl FnOnce(&str) -> Result<T, Diagnostic>,
    of_text: impl FnOnce(&str, &str) -> Result<T, Diagnostic>,
) -> Result<T, Diagnostic> {
    if !is_file(name) {
        return of_catalogue(name);
    }
    let text = std::fs::read_to_string(name)
        .map_err(|problem| Diagnostic::error(format!("`{name}` cannot be read: {problem}")))?;
    of_text(name, &text)
}
