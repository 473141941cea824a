//! `isoflop lab swarm join`: a worker.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::Args;
use diagnostic::Diagnostic;
use lab::swarm::habit::Habit;
use lab::swarm::learner::{EngineLearner, Learner};
use lab::swarm::link::LinkSettings;
use lab::swarm::message::Message;
use lab::swarm::pipeline::{EngineModel, Stage};
use lab::swarm::real_time::{Happening, drive};
use lab::swarm::settings::{Method, Settings};
use lab::swarm::transport::{JoinAddress, Role, Tcp, TcpSettings, Transport};
use lab::swarm::wire::{PeerId, Signer, printable};
use lab::swarm::worker::Worker;

use super::start::run_of;
use super::{pipeline, write};
use crate::commands::Outcome;
use crate::commands::text_source::TextSource;
use crate::interrupt;
use crate::text::{count, say};

const EXAMPLES: &str = "\
Examples:
  isoflop lab swarm join 192.168.1.5:7000/KEY
      take part; Ctrl-C leaves, and the work goes to others
  isoflop lab swarm join 192.168.1.5:7000/KEY --site home --listen 192.168.1.7:7001
      act as one peer with the other machines that say `--site home`
  isoflop lab swarm join 192.168.1.5:7000/KEY --speed 5e3 --up 10e6 --down 50e6 --delay 0.05
      be a slower machine on a worse line than this one: to compare with a rehearsal";

/// Join a swarm: train what it gives, until it is done
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct JoinArgs {
    /// What the coordinator printed: HOST:PORT/KEY
    #[arg(value_name = "ADDRESS")]
    address: JoinAddress,
    /// A name for people [default: the process]
    #[arg(long)]
    name: Option<String>,
    /// Share every step with all who name the same site, and act with them as one peer; the first of
    /// them speaks for it, and should say where it listens
    #[arg(long, value_name = "NAME")]
    pub(super) site: Option<String>,
    /// Where other peers reach this one directly; without, they are reached over the coordinator
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Compute no faster than so many tokens a second [default: as fast as it goes]
    #[arg(long, value_name = "TOKENS")]
    pub(super) speed: Option<f64>,
    /// Send no faster than so many bits a second
    #[arg(long, value_name = "BITS")]
    up: Option<f64>,
    /// Receive no faster than so many bits a second
    #[arg(long, value_name = "BITS")]
    down: Option<f64>,
    /// Add so many seconds to every way
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    delay: f64,
    /// Lose so large a share of packets, which are sent again and slow a stream down as CUBIC does
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    loss: f64,
    /// Behave as a hostile peer does: sign-flip, zero, noise, stale or garbage; for experiments
    #[arg(long, value_name = "HABIT", hide = true)]
    pub(super) habit: Option<String>,
    /// Seconds to wait for the coordinator
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    wait: f64,
    #[command(flatten)]
    source: TextSource,
    /// Keep the shared state in this file: `swarm start --from FILE` goes on from it
    #[arg(long, value_name = "FILE")]
    pub(super) checkpoint: Option<PathBuf>,
}

pub(super) fn run(args: &JoinArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    let name = args.name.clone().unwrap_or_else(|| format!("process {}", std::process::id()));
    let link = |rate: Option<f64>| LinkSettings {
        bits_per_second: rate.unwrap_or(f64::INFINITY),
        delay_seconds: args.delay,
        loss: args.loss,
        ..LinkSettings::default()
    };
    let Some(run) = args.address.key.as_ref().map(run_of) else {
        return Err(Diagnostic::error(format!("the address {} has no key", args.address))
            .help("copy all of what the coordinator printed: HOST:PORT/KEY"));
    };
    if let Some(speed) = args.speed.filter(|speed| !(speed.is_finite() && *speed > 0.0)) {
        return Err(Diagnostic::error(format!("--speed is {speed}"))
            .help("write a number above 0, in tokens a second"));
    }
    for (option, rate) in [("--up", args.up), ("--down", args.down)] {
        link(rate)
            .check()
            .map_err(|problem| problem.note(format!("of {option}, --delay and --loss")))?;
    }
    let mut tcp = Tcp::open(
        TcpSettings {
            run,
            name,
            site: args.site.clone(),
            role: Role::Worker(args.address.clone()),
            listen: args.listen.clone(),
            reachable: None,
            up: link(args.up),
            down: link(args.down),
            seed: u64::from(std::process::id()),
            largest_message: 64 << 20,
            members: Vec::new(),
            keep_members: None,
        },
        Signer::fresh()?,
    )?;
    let wait = Duration::try_from_secs_f64(args.wait).unwrap_or(Duration::from_secs(60));
    let me = tcp.joined(wait)?;
    let settings = terms(&mut tcp, wait)?;
    settings.check().map_err(|problem| problem.note("the coordinator says so"))?;
    let tokens = Arc::new(args.source.open()?);
    let mine = &tokens.summary().hash[..16];
    if mine != settings.corpus {
        return Err(Diagnostic::error(format!(
            "the text here is {mine}, the swarm's is {}",
            settings.corpus
        ))
        .help("give the same files with `--corpus` as the coordinator has"));
    }
    let threads = lab::Threads::new(args.source.cores());
    let speed = match args.speed {
        Some(speed) => speed,
        None => measure(EngineLearner::new(&settings.run, &tokens, threads.clone())?, &settings),
    };
    if let Method::Pipeline(_) = settings.method {
        let model = EngineModel::new(&settings.run, &tokens, threads)?;
        return pipeline::join(args, tcp, me, Stage::new(settings, model, speed), out);
    }
    let head = head(&tcp, &settings, wait)?;
    let learner = EngineLearner::new(&settings.run, &tokens, threads)?;
    let mut worker =
        Worker::new(me, settings, learner, speed).with_habit(habit(args.habit.as_deref())?);
    let mut place = String::new();
    if let Some(head) = head {
        worker = worker.in_site(head);
        let speaks = if head == me { "speaks for".to_owned() } else { format!("with {head} in") };
        place = format!(", {speaks} its site");
    }
    say(out, &format!("{me} of the swarm, {} tokens/s{place}\n", count(speed)))?;

    let stop = interrupt::watch()?;
    let clock = tcp.clock();
    let (mut kept, mut problem) = (Instant::now(), None);
    let every = Duration::from_secs(args.source.checkpoint_every());
    let over = drive(&mut worker, &mut tcp, &clock, args.speed, &mut |worker, _, what| {
        if what != Happening::Tick {
            return true;
        }
        if let Some(file) = args.checkpoint.as_ref().filter(|_| kept.elapsed() >= every) {
            kept = Instant::now();
            problem = keep(worker, file).err();
        }
        problem.is_none() && !stop.load(Ordering::Relaxed)
    });
    if let Some(file) = &args.checkpoint {
        keep(&worker, file)?;
    }
    if let Some(problem) = problem {
        return Err(problem);
    }
    if !over {
        tcp.send(PeerId::COORDINATOR, Message::Leave.to_bytes());
        tcp.flush(Duration::from_secs(10));
        say(out, "left; what was not delivered goes to others\n")?;
        return Ok(Outcome::Interrupted);
    }
    if worker.is_evicted() {
        say(out, "the coordinator does not want this peer any more\n")?;
        return Ok(Outcome::No);
    }
    tcp.flush(Duration::from_secs(10));
    say(out, &format!("done: {} averages\n", worker.version()))?;
    Ok(Outcome::Done)
}

/// Who speaks for the site that this peer named, if it named one.
fn head(tcp: &Tcp, settings: &Settings, wait: Duration) -> Result<Option<PeerId>, Diagnostic> {
    if !tcp.is_in_site() {
        return Ok(None);
    }
    if !matches!(settings.method, Method::Diloco(_)) || settings.audit.share > 0.0 {
        return Err(Diagnostic::error(
            "this swarm has no sites: they average by DiLoCo, unaudited",
        )
        .help("leave out `--site`"));
    }
    let start = Instant::now();
    while start.elapsed() < wait {
        if let Some(head) = tcp.head_of_site() {
            return Ok(Some(head));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(Diagnostic::error("the coordinator did not say who is in the site"))
}

/// Writes what the worker holds; while it fetches the shared state, the last file stays.
fn keep<L: Learner>(worker: &Worker<L>, file: &Path) -> Result<(), Diagnostic> {
    worker.checkpoint().map_or(Ok(()), |checkpoint| write(file, &checkpoint.to_bytes()))
}

/// What the run agrees on.
fn terms(tcp: &mut Tcp, wait: Duration) -> Result<Settings, Diagnostic> {
    let start = Instant::now();
    tcp.send(PeerId::COORDINATOR, Message::Knock.to_bytes());
    while start.elapsed() < wait {
        let Some((from, bytes)) = tcp.receive(Duration::from_millis(500)) else { continue };
        if from == PeerId::COORDINATOR
            && let Ok(Message::Terms(text)) = Message::from_bytes(&bytes)
        {
            return serde_json::from_str(&text).map_err(|error| {
                Diagnostic::error("the coordinator's settings cannot be read")
                    .note(printable(&error.to_string(), 400))
                    .help("use the same version of Isoflop as the coordinator")
            });
        }
    }
    Err(Diagnostic::error("the coordinator did not say what the run agrees on"))
}

/// Tokens a second on this machine: steps for half a second, after a first one.
pub(super) fn measure(mut learner: EngineLearner, settings: &Settings) -> f64 {
    let windows: Vec<u64> = (0..u64::from(settings.inner_windows)).collect();
    learner.train(&windows, 0.0);
    let (start, mut steps) = (Instant::now(), 0_u32);
    while start.elapsed() < Duration::from_millis(500) {
        learner.train(&windows, 0.0);
        steps += 1;
    }
    let tokens = f64::from(steps) * windows.len() as f64 * settings.context() as f64;
    tokens / start.elapsed().as_secs_f64()
}

fn habit(name: Option<&str>) -> Result<Habit, Diagnostic> {
    Ok(match name {
        None => Habit::Honest,
        Some("sign-flip") => Habit::SignFlip { size: 1.0 },
        Some("zero") => Habit::Zero,
        Some("noise") => Habit::Noise { size: 1.0 },
        Some("stale") => Habit::Stale { first: None },
        Some("garbage") => Habit::Garbage,
        Some(other) => {
            return Err(Diagnostic::error(format!("`{other}` is no habit"))
                .help("sign-flip, zero, noise, stale or garbage"));
        }
    })
}
