//! `isoflop lab swarm rehearse`: the whole swarm in virtual time.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use clap::Args;
use diagnostic::Diagnostic;
use lab::swarm::learner::EngineLearner;
use lab::swarm::pipeline::{DummyModel, EngineModel};
use lab::swarm::rehearsal::{Dummy, play};
use lab::swarm::roles::InStages;
use lab::swarm::settings::Method;

use super::live::Share;
use super::{EXAMPLE, folder, keep, read, show};
use crate::commands::Outcome;
use crate::commands::lab::VOCABULARY;
use crate::commands::text_source::TextSource;
use crate::interrupt;
use crate::text::say;

const EXAMPLES: &str = "\
Examples:
  isoflop lab swarm rehearse --example > swarm.toml
      write a swarm file to start from
  isoflop lab swarm rehearse swarm.toml
      forecast time, bytes and where the time goes; trains nothing
  isoflop lab swarm rehearse swarm.toml --train --out flats
      train the model too, peer by peer, in virtual time: the loss as well";

/// Play a swarm in virtual time and forecast time and traffic
///
/// The same code as in a real run, with each peer's speed and line as the file declares them.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct RehearseArgs {
    /// The swarm file, or `-` for the standard input
    #[arg(value_name = "SWARM", required_unless_present = "example")]
    swarm: Option<PathBuf>,
    /// Print a swarm file to start from
    #[arg(long)]
    example: bool,
    /// Train the model too, on this machine: gives the loss
    #[arg(long)]
    train: bool,
    /// Holds runs.csv, rounds and traffic when `--train` is given [default: isoflop-out/NAME]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: TextSource,
}

pub(super) fn run(args: &RehearseArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    let Some(path) = args.swarm.as_ref().filter(|_| !args.example) else {
        say(out, EXAMPLE)?;
        return Ok(Outcome::Done);
    };
    let swarm = read(path)?;
    let stop = interrupt::watch()?;
    let work = Share::new("rehearsing");
    let mut progress = |share: f64| {
        work.at(share);
        !stop.load(Ordering::Relaxed)
    };
    let (settings, played) = if args.train {
        let tokens = Arc::new(args.source.open()?);
        let settings = swarm.settings(VOCABULARY, &tokens.summary().hash[..16])?;
        let threads = lab::Threads::new(args.source.cores());
        // Made once to see that it can be: the driver cannot say no.
        EngineLearner::new(&settings.run, &tokens, threads.clone())?;
        let again = "it could be made a moment ago";
        let played = if let Method::Pipeline(_) = settings.method {
            let make = || {
                EngineModel::new(&settings.run, &tokens, threads.clone())
                    .map_or_else(|_| unreachable!("{again}"), InStages)
            };
            play(&swarm, &settings, make, &mut progress)?
        } else {
            let make = || {
                EngineLearner::new(&settings.run, &tokens, threads.clone())
                    .unwrap_or_else(|_| unreachable!("{again}"))
            };
            play(&swarm, &settings, make, &mut progress)?
        };
        (settings, played)
    } else {
        let settings = swarm.settings(VOCABULARY, "")?;
        let played = if let Method::Pipeline(_) = settings.method {
            let make = || InStages(DummyModel::new(&settings.run));
            play(&swarm, &settings, make, &mut progress)?
        } else {
            play(&swarm, &settings, || Dummy::new(&settings.run), &mut progress)?
        };
        (settings, played)
    };
    drop(work);
    let Some(played) = played else { return Ok(Outcome::Interrupted) };
    let place = folder(args.out.as_ref(), &swarm.name);
    if args.train {
        keep(&place, &swarm.name, &settings, &played)?;
    }
    let shown = if args.json {
        show::json(&settings, &played, args.train)
    } else {
        show::people(&settings, &played, args.train.then_some(&place))
    };
    say(out, &shown)?;
    Ok(Outcome::Done)
}
