//! `isoflop lab swarm start`: the coordinator.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use diagnostic::Diagnostic;
use lab::swarm::checkpoint::Checkpoint;
use lab::swarm::coordinator::Coordinator;
use lab::swarm::learner::EngineLearner;
use lab::swarm::link::LinkSettings;
use lab::swarm::log::Log;
use lab::swarm::real_time::{Happening, drive};
use lab::swarm::roles::Lead;
use lab::swarm::settings::{Method, Settings};
use lab::swarm::transport::{JoinAddress, Role, Tcp, TcpSettings};
use lab::swarm::wire::{Member, PeerId, RunId, Signer};

use super::live::Live;
use super::page::Page;
use super::view::View;
use super::{folder, keep, make_folder, pipeline, read, show, warn_of_few_averages, write};
use crate::commands::Outcome;
use crate::commands::lab::VOCABULARY;
use crate::commands::text_source::TextSource;
use crate::interrupt;
use crate::text::say;

const EXAMPLES: &str = "\
Examples:
  isoflop lab swarm start swarm.toml --listen 0.0.0.0:7000
      print the line with which others join, and train once they are there
  isoflop lab swarm start swarm.toml --listen 0.0.0.0:7000 --page
      the same with a page that shows the run as it goes on
  isoflop lab swarm start swarm.toml --listen 0.0.0.0:7000 --resume
      go on where the coordinator was when it ended";

/// Start a swarm: coordinate it, and print the line with which others join
///
/// The run begins when as many peers have joined as the file has at the start, sites counted as one.
/// What the file says of their speeds and lines is for rehearsals; here they are what they are.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct StartArgs {
    /// The swarm file, or `-` for the standard input
    #[arg(value_name = "SWARM")]
    swarm: PathBuf,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    listen: String,
    /// Where others reach it, if that is not where it listens
    #[arg(long, value_name = "HOST:PORT")]
    reachable: Option<String>,
    /// Go on from the coordinator's file in the folder
    #[arg(long)]
    pub(super) resume: bool,
    /// Go on from the state that any peer kept with `swarm join --checkpoint FILE`
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(super) from: Option<PathBuf>,
    /// Holds runs.csv, rounds, traffic and the coordinator's file [default: isoflop-out/NAME]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    /// Show no live view
    #[arg(long)]
    quiet: bool,
    /// Show the run on a page for a browser on this machine; without a port, on a free one
    #[arg(
        long,
        value_name = "HOST:PORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "127.0.0.1:0"
    )]
    page: Option<String>,
    #[command(flatten)]
    pub(super) source: TextSource,
}

/// A coordinator's key, kept so that after a restart the join line is the same.
fn signer(folder: &Path) -> Result<Signer, Diagnostic> {
    let path = folder.join("coordinator.key");
    if let Ok(bytes) = std::fs::read(&path)
        && let Ok(seed) = <[u8; 32]>::try_from(bytes.as_slice())
    {
        return Ok(Signer::from_seed(seed));
    }
    // What a fresh key signs nobody can guess: it is a seed of its own.
    let signature = Signer::fresh()?.sign(b"isoflop swarm coordinator");
    let mut seed = [0; 32];
    seed.copy_from_slice(&signature[..32]);
    write(&path, &seed)?;
    Ok(Signer::from_seed(seed))
}

pub(super) fn run(args: &StartArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    let swarm = read(&args.swarm)?;
    let tokens = Arc::new(args.source.open()?);
    let settings = swarm.settings(VOCABULARY, &tokens.summary().hash[..16])?;
    warn_of_few_averages(&settings);
    let place = folder(args.out.as_ref(), &swarm.name);
    make_folder(&place)?;
    let file = place.join("coordinator.swarm");
    if let Method::Pipeline(_) = settings.method {
        let conductor = pipeline::conductor(args, &settings, &tokens, &file)?;
        return lead(args, &swarm.name, &settings, &place, conductor, out);
    }
    let learner =
        EngineLearner::new(&settings.run, &tokens, lab::Threads::new(args.source.cores()))?;
    let coordinator = if args.resume {
        Coordinator::restore(settings.clone(), learner, &saved(&file)?)?
    } else if let Some(path) = &args.from {
        let bytes = std::fs::read(path).map_err(|error| {
            Diagnostic::error(format!("{} cannot be read: {error}", path.display()))
                .help("name a file that a peer wrote with `swarm join --checkpoint`")
        })?;
        let checkpoint = Checkpoint::from_bytes(&bytes)?;
        Coordinator::from_checkpoint(settings.clone(), learner, &checkpoint)?
    } else {
        Coordinator::new(settings.clone(), learner)
    };
    lead(args, &swarm.name, &settings, &place, coordinator, out)
}

/// What a coordinator kept.
pub(super) fn saved(file: &Path) -> Result<Vec<u8>, Diagnostic> {
    std::fs::read(file).map_err(|error| {
        Diagnostic::error(format!("{} cannot be read: {error}", file.display()))
            .help("leave out `--resume` to start from the beginning")
    })
}

/// Leads a run to its end over real sockets.
fn lead<C: Lead>(
    args: &StartArgs,
    name: &str,
    settings: &Settings,
    place: &Path,
    mut coordinator: C,
    out: &mut dyn Write,
) -> Result<Outcome, Diagnostic> {
    let file = place.join("coordinator.swarm");
    let members_file = place.join("coordinator.members");
    let log_file = place.join("coordinator.log");
    let (members, mut log) = if args.resume {
        (members(&members_file)?, Log::resume(&log_file, coordinator.version())?)
    } else {
        (Vec::new(), Log::create(&log_file)?)
    };
    let signer = signer(place)?;
    let key = signer.key();
    let mut tcp = Tcp::open(
        TcpSettings {
            run: run_of(&key),
            name: "coordinator".to_owned(),
            site: None,
            role: Role::Coordinator,
            listen: Some(args.listen.clone()),
            reachable: args.reachable.clone(),
            up: LinkSettings::default(),
            down: LinkSettings::default(),
            seed: 0,
            largest_message: settings.largest_message(),
            members,
            keep_members: Some(members_file),
        },
        signer,
    )?;
    let address = args
        .reachable
        .clone()
        .or_else(|| tcp.address().map(|address| address.to_string()))
        .unwrap_or_else(|| args.listen.clone());
    let line = JoinAddress { address, key: Some(key) };
    let mut view = View::new(settings.windows(), settings.context());
    let page = args.page.as_ref().map(|address| Page::open(address, name, &view));
    let mut page = page.transpose()?;
    let told = format!(
        "{}waiting for {} peers; join with\n  isoflop lab swarm join {line}\n",
        page.as_ref().map_or(String::new(), |page| format!("page    {}\n", page.url())),
        settings.peers
    );
    if args.json {
        let _ = write_err(&told);
    } else {
        say(out, &told)?;
    }

    let stop = interrupt::watch()?;
    let mut live = Live::new(settings.windows(), args.quiet);
    let members = tcp.watch_members();
    let names = || -> BTreeMap<PeerId, String> {
        members().into_iter().map(|member| (member.peer, member.name)).collect()
    };
    let mut problem = None;
    let clock = tcp.clock();
    let over = drive(&mut coordinator, &mut tcp, &clock, None, &mut |machine, now, what| {
        match what {
            Happening::Persist => {
                if let Err(error) = log.keep().and_then(|()| write(&file, &machine.save())) {
                    problem = Some(error);
                    return false;
                }
            }
            Happening::Note(note) => {
                view.note(now, note);
                live.note(note);
                log.note(now, note);
            }
            Happening::Sent(to, message, bytes) => {
                view.sent(to, bytes);
                log.sent(now, PeerId::COORDINATOR, to, message, bytes);
            }
            Happening::Received(from, message, bytes) => {
                view.received(now, from, message, bytes);
                log.sent(now, from, PeerId::COORDINATOR, message, bytes);
            }
            Happening::Tick => {
                view.tick(now);
                live.tick(&view);
                if let Some(page) = &mut page {
                    page.tick(&view, names);
                }
            }
        }
        !stop.load(Ordering::Relaxed)
    });
    live.finish();
    if let Some(problem) = problem {
        return Err(problem);
    }
    tcp.flush(Duration::from_secs(30));
    if !over {
        log.keep()?;
        write(&file, &coordinator.save())?;
        say(out, "stopped; the same command with --resume goes on from here\n")?;
        return Ok(Outcome::Interrupted);
    }
    if let Some(problem) = coordinator.problem() {
        return Err(Diagnostic::error(format!("the run ends: {problem}"))
            .help("`--resume` goes on from the last copy; look at the learning rate first"));
    }
    let played = log.played(&mut coordinator, settings, &tcp.members());
    keep(place, name, settings, &played)?;
    let shown = if args.json {
        show::json("lab swarm start", settings, &played, true)
    } else {
        show::people(settings, &played, Some(place))
    };
    say(out, &shown)?;
    Ok(Outcome::Done)
}

/// The members that an earlier coordinator of the run had told their numbers.
fn members(path: &Path) -> Result<Vec<Member>, Diagnostic> {
    let problem = |error: String| {
        Diagnostic::error(format!("{} cannot be read: {error}", path.display()))
            .help("put the file back, or go on from a peer's checkpoint with `--from`")
    };
    let bytes = std::fs::read(path).map_err(|error| problem(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| problem(error.to_string()))
}

fn write_err(text: &str) -> std::io::Result<()> {
    anstream::stderr().write_all(text.as_bytes())
}

/// The number of the run that a coordinator with this key leads.
pub(super) fn run_of(key: &[u8; 32]) -> RunId {
    RunId(key.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)))
}
