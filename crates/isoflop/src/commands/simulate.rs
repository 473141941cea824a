//! `isoflop simulate`: what a machine delivers.

use std::io::Write;

use clap::Args;
use diagnostic::Diagnostic;
use machines::Cluster;

use super::Outcome;
use crate::{interrupt, terminal_plot, text};

mod swarm;

/// Simulate a swarm: time, traffic, cost and energy to a loss, and how far behind a campus it is
#[derive(Debug, Clone, Args)]
#[command(after_long_help = swarm::EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct SimulateArgs {
    /// A cluster of the catalogue (`isoflop list clusters`), or the path of a cluster's file
    cluster: String,
    #[command(flatten)]
    swarm: swarm::SwarmArgs,
    /// Answer in JSON
    #[arg(long, help_heading = "The answer")]
    json: bool,
    /// Leave out the plot
    #[arg(long, help_heading = "The answer")]
    no_plot: bool,
}

/// Simulates and reports to `out`.
///
/// # Errors
/// Clusters that the catalogue does not hold, files that cannot be read, and what swarms refuse.
pub(crate) fn run(args: &SimulateArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    interrupt::quit_between_files()?;
    text::say(out, &respond(args, terminal_plot::width())?)?;
    Ok(Outcome::Done)
}

fn respond(args: &SimulateArgs, width: usize) -> Result<String, Diagnostic> {
    let path = std::path::Path::new(&args.cluster);
    let cluster = if path.extension().is_some_and(|extension| extension == "toml") {
        let text = std::fs::read_to_string(path).map_err(|problem| {
            Diagnostic::error(format!("cannot read `{}`: {problem}", args.cluster))
        })?;
        Cluster::from_toml(&args.cluster, &text)?
    } else {
        machines::cluster(&args.cluster)?
    };
    let shown = swarm::Shown { json: args.json, plot: !args.no_plot, width };
    swarm::respond(&cluster, &args.swarm, shown)
}
