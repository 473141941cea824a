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
use lab::swarm::settings::{Method, Settings};
use lab::swarm::spec::Swarm;
use lab::swarm::threads;

use super::live::Share;
use super::{EXAMPLE, folder, keep, read, show, warn_of_few_averages};
use crate::commands::Outcome;
use crate::commands::lab::VOCABULARY;
use crate::commands::text_source::TextSource;
use crate::interrupt;
use crate::text::{complain, count, say};

const EXAMPLES: &str = "\
Examples:
  isoflop lab swarm rehearse --example > swarm.toml
      write a swarm file to start from
  isoflop lab swarm rehearse swarm.toml
      forecast time, bytes and where the time goes; trains nothing
  isoflop lab swarm rehearse swarm.toml --train --out flats
      train the model too, peer by peer, in virtual time: the loss as well
  isoflop lab swarm rehearse swarm.toml --train --threads
      the same in real time: one thread a peer, with lines as the file says";

/// Play a swarm in virtual time and forecast time and traffic
///
/// The same code as in a real run, with each peer's speed and line as the file declares them.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
#[expect(clippy::struct_excessive_bools, reason = "switches of the command line")]
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
    /// In real time instead: one thread a peer, computing and waiting as long as it takes
    #[arg(long)]
    threads: bool,
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
        warn_of_few_averages(&settings);
        if args.threads {
            has_threads(&swarm, &settings)?;
        }
        let threads = lab::Threads::new(args.source.cores());
        let threads = if args.threads { lab::Threads::new(1) } else { threads };
        // Made once to see that it can be: the driver cannot say no.
        let first = EngineLearner::new(&settings.run, &tokens, threads.clone())?;
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
            if args.threads {
                warn_of_speed(&swarm, first, &settings, args.source.cores());
                threads::train(&swarm, &settings, make, &mut progress)?
            } else {
                play(&swarm, &settings, make, &mut progress)?
            }
        };
        (settings, played)
    } else {
        let settings = swarm.settings(VOCABULARY, "")?;
        if args.threads {
            has_threads(&swarm, &settings)?;
        }
        let make = || Dummy::new(&settings.run);
        let played = if let Method::Pipeline(_) = settings.method {
            let make = || InStages(DummyModel::new(&settings.run));
            play(&swarm, &settings, make, &mut progress)?
        } else if args.threads {
            threads::train(&swarm, &settings, make, &mut progress)?
        } else {
            play(&swarm, &settings, make, &mut progress)?
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
        show::json("lab swarm rehearse", &settings, &played, args.train)
    } else {
        show::people(&settings, &played, args.train.then_some(&place))
    };
    say(out, &shown)?;
    Ok(Outcome::Done)
}

/// Says when the peers together are declared faster than this machine, whose threads share it.
fn warn_of_speed(swarm: &Swarm, learner: EngineLearner, settings: &Settings, cores: usize) {
    let declared: f64 = swarm.peers().iter().map(|(_, _, peer)| peer.speed).sum();
    let can = super::join::measure(learner, settings) * cores.min(swarm.peers().len()) as f64;
    if declared > can {
        complain(
            &Diagnostic::warning(format!(
                "the peers compute {} tokens/s together, this machine about {}",
                count(declared),
                count(can)
            ))
            .help("lower the speeds in the file, or the run takes longer than they say"),
        );
    }
}

/// Whether the driver of threads can play this swarm.
fn has_threads(swarm: &Swarm, settings: &Settings) -> Result<(), Diagnostic> {
    let what = if !swarm.sites().is_empty() {
        "sites"
    } else if let Method::Pipeline(_) = settings.method {
        "pipelines"
    } else {
        return Ok(());
    };
    Err(Diagnostic::error(format!("threads have no {what}"))
        .help("leave out `--threads`: virtual time has them"))
}
