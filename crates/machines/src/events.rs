//! One training step event by event, in virtual time: what the closed form cannot say.
//!
//! Every stage of every replica takes its passes in the order of its schedule, sends activations
//! over its wires, and meets its peers in collectives; the step ends with the last update. So
//! unlike stages, ranks and passes, and what waits for what, follow from the order alone. Replicas
//! that are alike are played once.
//!
//! Where all ranks are alike this is [`crate::step`] again, up to what that leaves out: a head that
//! makes the last stage the slowest, the first and last pieces of traffic, how full a pipeline is
//! that has fewer micro-batches than stages.

use diagnostic::Diagnostic;
use runs::Seconds;

use crate::{Batch, Layout, Machine, Model, Stack, explain};
use play::Play;
use times::Times;
pub use unlike::Unlike;

mod engine;
mod order;
mod play;
mod times;
mod unlike;

const FORWARD: u8 = 0;
const BACKWARD: u8 = 1;
/// Weight gradients of the zero-bubble schedule: the only tasks that fill gaps.
const FILLER: u8 = 2;
const BETWEEN: u8 = 3;
const DATA: u8 = 4;
const UPDATE: u8 = 5;
const KINDS: usize = 6;

/// Passes, sends and collectives that one play takes at most.
const MOST: u64 = 20_000_000;

/// What the longest chain of waiting is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Forward passes.
    Forward,
    /// Backward passes.
    Backward,
    /// Weight gradients done apart (zero-bubble).
    Weights,
    /// Activations on their way between stages.
    BetweenStages,
    /// Gradients and parameters on the network.
    Data,
    /// The optimiser.
    Update,
}

impl Link {
    /// All of them.
    pub const ALL: [Self; KINDS] = [
        Self::Forward,
        Self::Backward,
        Self::Weights,
        Self::BetweenStages,
        Self::Data,
        Self::Update,
    ];

    /// In a word or two.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward passes",
            Self::Backward => "backward passes",
            Self::Weights => "weight gradients",
            Self::BetweenStages => "between stages",
            Self::Data => "data traffic",
            Self::Update => "optimiser",
        }
    }
}

/// A pass of one stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// What it was.
    pub link: Link,
    /// When it began, from the begin of the step.
    pub start: Seconds,
    /// When it ended.
    pub end: Seconds,
}

/// A step as it was played.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// The time of the step.
    pub time: Seconds,
    path: [f64; KINDS],
    /// By stage, the share of the step in which its accelerators do no pass, over all replicas.
    pub idle: Vec<f64>,
    /// By stage, the passes of the replica that ends last, in order.
    pub stages: Vec<Vec<Span>>,
    /// Passes, sends and collectives.
    pub events: u64,
    /// Kinds of replicas that were played; like ones once.
    pub unlike_replicas: u32,
    /// Hosts that were drawn to be slow.
    pub slow_hosts: u32,
}

impl Played {
    /// The longest chain of what waited for what, by what it is made of: the times add up to
    /// [`Played::time`].
    pub fn path(&self) -> impl Iterator<Item = (Link, Seconds)> {
        Link::ALL.into_iter().zip(self.path.into_iter().map(Seconds))
    }
}

/// Plays one step of `model` on `machine` under `layout`.
///
/// # Errors
/// Layouts that do not divide, shares and spreads out of range, and machines with so many unlike
/// ranks that there are more than twenty million events.
pub fn play(
    machine: &Machine,
    model: &Model,
    batch: Batch,
    layout: &Layout,
    stack: &Stack,
    unlike: &Unlike,
) -> Result<Played, Diagnostic> {
    crate::step(machine, model, batch, layout, stack)
        .map_err(|misfit| explain(misfit, layout, machine, model))?;
    if !(0.0..=1.0).contains(&unlike.jitter) {
        return Err(Diagnostic::error(format!(
            "the spread of passes must be from 0 to 1, not {}",
            unlike.jitter
        )));
    }
    let (replicas, slow_hosts) = unlike::replicas(layout, unlike);
    let micro_batches = layout.micro_batches(batch.sequences);
    let per_stage = u64::from(micro_batches) * u64::from(layout.interleave) * 5;
    let events = replicas.len() as u64 * u64::from(layout.pp) * per_stage;
    if events > MOST {
        return Err(Diagnostic::error(format!(
            "{} unlike replicas of {} stages are {events} events; {MOST} can be played",
            replicas.len(),
            layout.pp
        ))
        .help("without jitter, like replicas are played once"));
    }
    let times = Times::new(machine, model, batch, layout, stack);
    let mut play = Play::new(layout, stack, times, micro_batches, replicas, unlike);
    play.data_before();
    play.all_passes();
    play.data_after_and_update();
    play.engine.play();
    if !play.engine.all_done() {
        return Err(Diagnostic::error(format!("the schedule of {layout} waits for itself")));
    }
    Ok(play.result(slow_hosts))
}
#[cfg(test)]
mod tests;
