//! A pipeline over real sockets: its coordinator, and a stage.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use diagnostic::Diagnostic;
use lab::swarm::message::Message;
use lab::swarm::pipeline::{Conductor, EngineModel, Stage};
use lab::swarm::real_time::drive;
use lab::swarm::settings::Settings;
use lab::swarm::transport::{Tcp, Transport as _};
use lab::swarm::wire::PeerId;
use lab::tokens::TokenFile;

use super::join::JoinArgs;
use super::start::{StartArgs, saved};
use crate::commands::Outcome;
use crate::interrupt;
use crate::text::say;

/// The coordinator that `swarm start` leads with.
pub(super) fn conductor(
    args: &StartArgs,
    settings: &Settings,
    tokens: &Arc<TokenFile>,
    file: &Path,
) -> Result<Conductor<EngineModel>, Diagnostic> {
    if args.from.is_some() {
        return Err(Diagnostic::error("no peer of a pipeline holds the whole model")
            .help("go on with `--resume`, from the copies that the coordinator keeps"));
    }
    let threads = lab::Threads::new(args.source.cores());
    let model = EngineModel::new(&settings.run, tokens, threads)?;
    if args.resume {
        return Conductor::restore(settings.clone(), model, &saved(file)?);
    }
    Ok(Conductor::new(settings.clone(), model))
}

/// A stage of `swarm join`, until the run is over.
pub(super) fn join(
    args: &JoinArgs,
    mut tcp: Tcp,
    me: PeerId,
    mut stage: Stage<EngineModel>,
    out: &mut dyn Write,
) -> Result<Outcome, Diagnostic> {
    if args.checkpoint.is_some() || args.habit.is_some() || args.site.is_some() {
        return Err(Diagnostic::error(
            "`--checkpoint`, `--habit` and `--site` are not for pipelines",
        )
        .help("leave them out; the coordinator keeps the copies of all stages"));
    }
    say(out, &format!("{me} of the swarm, a pipeline\n"))?;
    let stop = interrupt::watch()?;
    let clock = tcp.clock();
    let over = drive(&mut stage, &mut tcp, &clock, args.speed, &mut |_, _, _| {
        !stop.load(Ordering::Relaxed)
    });
    if !over {
        tcp.send(PeerId::COORDINATOR, Message::Leave.to_bytes());
        tcp.flush(Duration::from_secs(10));
        say(out, "left; another peer takes the stage from its last copy\n")?;
        return Ok(Outcome::Interrupted);
    }
    if stage.is_evicted() {
        say(out, "the coordinator does not want this peer any more\n")?;
        return Ok(Outcome::No);
    }
    tcp.flush(Duration::from_secs(10));
    say(out, &format!("done: {} steps\n", stage.version()))?;
    Ok(Outcome::Done)
}
