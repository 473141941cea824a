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

use std::collections::BTreeMap;

use diagnostic::Diagnostic;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use runs::Seconds;

use crate::memory::Share;
use crate::step::{Pieces, data_traffic};
use crate::{Batch, Layout, Machine, Model, Schedule, Stack, Stragglers, Zero, explain};
use engine::{Engine, Follows};
use order::{Pass, passes, warm_up};

mod engine;
mod order;

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

/// What makes ranks unlike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unlike {
    /// Hosts that run slowly, drawn at random.
    pub slow: Option<Stragglers>,
    /// Accelerators of one host.
    pub host: u32,
    /// Spread of each pass's time: the standard deviation of its logarithm, with the mean kept.
    pub jitter: f64,
    /// Where the random numbers start.
    pub seed: u64,
}

impl Unlike {
    /// Nothing does: all ranks are alike.
    pub const NOTHING: Self = Self { slow: None, host: 8, jitter: 0.0, seed: 0 };
}

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
    let (replicas, slow_hosts) = replicas(layout, unlike);
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

/// How much longer the passes of each stage take, of replicas that are alike, with how many.
fn replicas(layout: &Layout, unlike: &Unlike) -> (Vec<(Vec<f64>, u32)>, u32) {
    let size = u64::from(layout.tp) * u64::from(layout.cp);
    let host = u64::from(unlike.host.max(1));
    let hosts = layout.ranks().div_ceil(host);
    let mut random = ChaCha8Rng::seed_from_u64(unlike.seed);
    let mut slow = vec![false; if unlike.slow.is_some() { hosts as usize } else { 0 }];
    let share = unlike.slow.map_or(0.0, |slow| slow.share);
    for host in &mut slow {
        *host = random.random::<f64>() < share;
    }
    let slower = 1.0 + unlike.slow.map_or(0.0, |slow| slow.slower.max(0.0));
    // Stages are furthest apart, and tensor and context ranks next to each other.
    let factor = |replica: u32, stage: u32| {
        let first = (u64::from(stage) * u64::from(layout.dp) + u64::from(replica)) * size;
        let own = first / host..(first + size).div_ceil(host);
        let waits = own.into_iter().any(|host| slow.get(host as usize) == Some(&true));
        if waits { slower } else { 1.0 }
    };
    let of = |replica: u32| (0..layout.pp).map(|stage| factor(replica, stage)).collect::<Vec<_>>();
    let slow_hosts = slow.iter().filter(|slow| **slow).count() as u32;
    if unlike.jitter > 0.0 {
        return ((0..layout.dp).map(|replica| (of(replica), 1)).collect(), slow_hosts);
    }
    if slow_hosts == 0 {
        return (vec![(vec![1.0; layout.pp as usize], layout.dp)], 0);
    }
    let mut alike: BTreeMap<Vec<u64>, (Vec<f64>, u32)> = BTreeMap::new();
    for replica in 0..layout.dp {
        let factors = of(replica);
        let key = factors.iter().map(|factor| factor.to_bits()).collect();
        alike.entry(key).or_insert((factors, 0)).1 += 1;
    }
    (alike.into_values().collect(), slow_hosts)
}

/// Times of the pieces that a step is put together from.
struct Times {
    /// Layers of each part of each stage: `layers[part][stage]`.
    layers: Vec<Vec<f64>>,
    mean_layers: f64,
    forward: f64,
    /// Without weight gradients where the schedule does those apart.
    backward: f64,
    weights: f64,
    head: f64,
    crossing: f64,
    scatter: f64,
    gather: f64,
    gather_forward: f64,
    gather_backward: f64,
    scatter_backward: f64,
    update: f64,
    /// What traffic takes from the passes beside it, as a share of its time.
    contention: f64,
}

impl Times {
    fn new(machine: &Machine, model: &Model, batch: Batch, layout: &Layout, stack: &Stack) -> Self {
        let pieces = Pieces::new(machine, model, batch, layout, stack);
        let share = Share::new(model, layout);
        let mean_layers = f64::from(model.layers) / f64::from(layout.pp);
        let traffic = data_traffic(machine, layout, stack, &share, mean_layers);
        let apart = layout.schedule == Schedule::ZeroBubble && layout.pp > 1;
        let weights = if apart { pieces.weight_gradients() } else { 0.0 };
        let sharded = layout.zero == Zero::Parameters;
        let gather_backward = if sharded { traffic.each_forward } else { 0.0 };
        Self {
            layers: spread(model.layers, layout),
            mean_layers,
            forward: pieces.forward(),
            backward: pieces.backward(layout.recompute) - weights,
            weights,
            head: pieces.head(),
            crossing: crate::step::crossing(machine, model, batch, layout),
            scatter: traffic.scatter,
            gather: traffic.gather,
            gather_forward: traffic.each_forward,
            gather_backward,
            scatter_backward: traffic.each_backward - gather_backward,
            update: crate::step::update(machine, layout, &share),
            contention: if stack.overlap_data { machine.contention() } else { 0.0 },
        }
    }
}

/// Layers by part and stage: alike where they divide; else the last and the first place, which hold
/// the head and the embedding, take one fewer, then those beside them.
fn spread(layers: u32, layout: &Layout) -> Vec<Vec<f64>> {
    let (pp, parts) = (layout.pp as usize, layout.interleave as usize);
    let places = pp * parts;
    let most = (layers as usize).div_ceil(places);
    let mut held = vec![most; places];
    let spare = most * places - layers as usize;
    for fewer in 0..spare {
        let place = if fewer % 2 == 0 { places - 1 - fewer / 2 } else { fewer / 2 };
        held[place] -= 1;
    }
    (0..parts).map(|part| (0..pp).map(|stage| held[part * pp + stage] as f64).collect()).collect()
}

/// A step being put together.
struct Play<'a> {
    layout: &'a Layout,
    times: Times,
    overlap_data: bool,
    overlap_pipeline: bool,
    micro_batches: u32,
    replicas: Vec<(Vec<f64>, u32)>,
    engine: Engine,
    /// Lines of the units: `units[replica][stage]`.
    units: Vec<Vec<u32>>,
    /// Channels of collectives over replicas, by stage.
    channels: Vec<u32>,
    /// Gathers before the first forward pass, by stage and part.
    gathers: Vec<Vec<u32>>,
    /// First task of each replica and stage, by part and micro-batch: forward, backward, weights.
    passes: Vec<u32>,
    jitter: f64,
    random: ChaCha8Rng,
}

impl<'a> Play<'a> {
    fn new(
        layout: &'a Layout,
        stack: &Stack,
        times: Times,
        micro_batches: u32,
        replicas: Vec<(Vec<f64>, u32)>,
        unlike: &Unlike,
    ) -> Self {
        let mut engine = Engine::default();
        let stages = layout.pp as usize;
        let units =
            (0..replicas.len()).map(|_| (0..stages).map(|_| engine.line()).collect()).collect();
        let channels = (0..stages).map(|_| engine.line()).collect();
        let mut random = ChaCha8Rng::seed_from_u64(unlike.seed);
        random.set_stream(1);
        Self {
            layout,
            times,
            overlap_data: stack.overlap_data,
            overlap_pipeline: stack.overlap_pipeline,
            micro_batches,
            replicas,
            engine,
            units,
            channels,
            gathers: Vec::new(),
            passes: Vec::new(),
            jitter: unlike.jitter,
            random,
        }
    }

    fn beside(&self) -> Follows {
        if self.overlap_data { Follows::Pieces } else { Follows::Whole }
    }

    fn layers(&self, part: u32, stage: usize) -> f64 {
        self.times.layers[part as usize][stage]
    }

    /// A collective of `time` for the mean stage, for one part of this one.
    fn collective(&mut self, stage: usize, part: u32, time: f64) -> u32 {
        let layers = self.layers(part, stage);
        let time = time * layers / self.times.mean_layers;
        let task = self.engine.task(DATA, self.channels[stage], time, layers);
        self.engine.then(task);
        task
    }

    /// Updated parameters are gathered beside the first forward passes.
    fn data_before(&mut self) {
        for stage in 0..self.channels.len() {
            let gathers = if self.times.gather > 0.0 {
                let time = self.times.gather;
                (0..self.layout.interleave).map(|part| self.collective(stage, part, time)).collect()
            } else {
                Vec::new()
            };
            self.gathers.push(gathers);
        }
    }

    /// The task of a pass: its kind, how long it takes, and its pieces.
    fn pass(&mut self, replica: usize, stage: usize, kind: u8, (part, at): (u32, u32)) -> u32 {
        let layers = self.layers(part, stage);
        let times = &self.times;
        let once = |when: bool, time: f64| if when { time } else { 0.0 };
        let beside = match kind {
            FORWARD => times.gather_forward + once(at == 0, times.gather),
            BACKWARD => {
                let last = at + 1 == self.micro_batches;
                times.gather_backward + times.scatter_backward + once(last, times.scatter)
            }
            _ => 0.0,
        };
        let work = match kind {
            FORWARD => times.forward,
            BACKWARD => times.backward,
            _ => times.weights,
        };
        // Only what runs beside the work takes from it.
        let beside = (beside / times.mean_layers).min(work);
        let mut time = layers * (work + times.contention * beside);
        let last = stage + 1 == self.channels.len() && part + 1 == self.layout.interleave;
        if last {
            // The head's products: one forward, two backward, of which one for its weights.
            let apart = times.weights > 0.0;
            time += times.head / 3.0 * if kind == BACKWARD && !apart { 2.0 } else { 1.0 };
        }
        time *= self.replicas[replica].0[stage];
        if self.jitter > 0.0 {
            let (u, v) = (1.0 - self.random.random::<f64>(), self.random.random::<f64>());
            let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
            time *= (self.jitter * normal - 0.5 * self.jitter * self.jitter).exp();
        }
        self.engine.task(kind, self.units[replica][stage], time, layers)
    }

    fn index(&self, replica: usize, stage: usize, kind: u8, part: u32, micro_batch: u32) -> usize {
        let stages = self.channels.len();
        let each = (self.layout.interleave * self.micro_batches) as usize;
        let place = (replica * stages + stage) * 3 + usize::from(kind);
        place * each + (part * self.micro_batches + micro_batch) as usize
    }

    fn all_passes(&mut self) {
        let stages = self.channels.len();
        let each = (self.layout.interleave * self.micro_batches) as usize;
        self.passes = vec![u32::MAX; self.replicas.len() * stages * 3 * each];
        let orders: Vec<Vec<Pass>> = (0..self.layout.pp)
            .map(|stage| passes(self.layout, stage, self.micro_batches))
            .collect();
        for replica in 0..self.replicas.len() {
            for stage in 0..stages {
                for part in 0..self.layout.interleave {
                    for micro_batch in 0..self.micro_batches {
                        let apart = self.times.weights > 0.0;
                        for kind in if apart { FORWARD..=FILLER } else { FORWARD..=BACKWARD } {
                            let task = self.pass(replica, stage, kind, (part, micro_batch));
                            let index = self.index(replica, stage, kind, part, micro_batch);
                            self.passes[index] = task;
                        }
                    }
                }
            }
        }
        // The first replica makes the collectives that the others join.
        let each_pass = self.times.gather_forward + self.times.scatter_backward > 0.0;
        for (stage, order) in orders.iter().enumerate() {
            let mut joined: Vec<Joined> = Vec::new();
            for replica in 0..self.replicas.len() {
                for (place, pass) in order.iter().enumerate() {
                    let task = self.put(replica, stage, *pass);
                    if each_pass {
                        self.join(&mut joined, place, stage, *pass, task);
                    }
                    self.engine.then(task);
                    self.send(replica, stage, *pass, task);
                }
                self.weights(replica, stage, order);
            }
        }
    }

    /// What the pass waits for beside its line: the pass before it, and parameters.
    fn put(&mut self, replica: usize, stage: usize, pass: Pass) -> u32 {
        let kind = if pass.forward { FORWARD } else { BACKWARD };
        let task = self.passes[self.index(replica, stage, kind, pass.part, pass.micro_batch)];
        if pass.forward
            && pass.micro_batch == 0
            && let Some(&gather) = self.gathers[stage].get(pass.part as usize)
        {
            let follows = self.beside();
            self.engine.follow(task, gather, follows);
        }
        task
    }

    /// Gathers parameters for a pass and scatters its gradients, with all replicas.
    fn join(
        &mut self,
        joined: &mut Vec<Joined>,
        place: usize,
        stage: usize,
        pass: Pass,
        task: u32,
    ) {
        let times = &self.times;
        let (gather, scatter) = if pass.forward {
            (times.gather_forward, 0.0)
        } else {
            (times.gather_backward, times.scatter_backward)
        };
        let follows = self.beside();
        let before = self.engine.last_of(self.engine.tasks[task as usize].line());
        // A backward pass ends with its gradients scattered.
        let scattered = place.checked_sub(1).and_then(|before| joined[before].scatter);
        if let Some(scattered) = scattered {
            self.engine.follow(task, scattered, Follows::Whole);
        }
        if joined.len() <= place {
            let mut make =
                |time: f64| (time > 0.0).then(|| self.collective(stage, pass.part, time));
            joined.push(Joined { gather: make(gather), scatter: make(scatter) });
        }
        let Joined { gather, scatter } = joined[place];
        if let Some(gather) = gather {
            // Nothing is fetched ahead across passes.
            if let Some(before) = before {
                self.engine.follow(gather, before, Follows::Whole);
            }
            self.engine.follow(task, gather, follows);
        }
        if let Some(scatter) = scatter {
            self.engine.follow(scatter, task, follows);
        }
    }

    /// Sends a pass's result to the stage that goes on with it.
    fn send(&mut self, replica: usize, stage: usize, pass: Pass, task: u32) {
        let stages = self.channels.len();
        let place = pass.part as usize * stages + stage;
        let places = stages * self.layout.interleave as usize;
        let kind = if pass.forward { FORWARD } else { BACKWARD };
        let next = match (pass.forward, place) {
            (true, place) if place + 1 < places => place + 1,
            // The last forward pass is the first backward's input.
            (true, _) => {
                let back = self.index(replica, stage, BACKWARD, pass.part, pass.micro_batch);
                let back = self.passes[back];
                return self.engine.follow(back, task, Follows::Whole);
            }
            (false, 0) => return,
            (false, place) => place - 1,
        };
        let (part, to) = ((next / stages) as u32, next % stages);
        let next = self.passes[self.index(replica, to, kind, part, pass.micro_batch)];
        if stages == 1 {
            return self.engine.follow(next, task, Follows::Whole);
        }
        // Wires go beside computing where software lets them.
        let own = self.engine.tasks[task as usize].line();
        let line = if self.overlap_pipeline { self.engine.line() } else { own };
        let crossing = self.engine.task(BETWEEN, line, self.times.crossing, 1.0);
        self.engine.follow(crossing, task, Follows::Whole);
        self.engine.then(crossing);
        self.engine.follow(next, crossing, Follows::Whole);
    }

    /// Weight gradients follow their backward pass, and no more wait than the plain schedule holds.
    fn weights(&mut self, replica: usize, stage: usize, order: &[Pass]) {
        if self.times.weights == 0.0 {
            return;
        }
        let most = warm_up(self.layout, 0, self.micro_batches) as usize + 1;
        let task = |play: &Self, kind: u8, pass: &Pass| {
            play.passes[play.index(replica, stage, kind, pass.part, pass.micro_batch)]
        };
        let (forward, backward): (Vec<Pass>, Vec<Pass>) =
            order.iter().partition(|pass| pass.forward);
        for pass in &backward {
            let (after, weights) = (task(self, BACKWARD, pass), task(self, FILLER, pass));
            self.engine.follow(weights, after, Follows::Whole);
        }
        for (later, earlier) in forward.iter().skip(most).zip(&backward) {
            let (later, weights) = (task(self, FORWARD, later), task(self, FILLER, earlier));
            self.engine.follow(later, weights, Follows::Whole);
        }
    }

    /// Sums gradients beside the last passes; all wait for the norm of all; then all update.
    fn data_after_and_update(&mut self) {
        let stages = self.channels.len();
        let norm_line = self.engine.line();
        let norm = self.engine.task(UPDATE, norm_line, 0.0, 1.0);
        self.engine.then(norm);
        let apart = self.times.weights > 0.0;
        let kind = if apart { FILLER } else { BACKWARD };
        let last = self.micro_batches - 1;
        for stage in 0..stages {
            for part in (0..self.layout.interleave).rev() {
                let scatter = self.times.scatter;
                let scatter = (scatter > 0.0).then(|| self.collective(stage, part, scatter));
                for replica in 0..self.replicas.len() {
                    let pass = self.passes[self.index(replica, stage, kind, part, last)];
                    self.engine.follow(norm, pass, Follows::Whole);
                    let Some(scatter) = scatter else { continue };
                    let follows = self.beside();
                    self.engine.follow(scatter, pass, follows);
                    if !self.overlap_data {
                        let end = self.passes[self.index(replica, stage, kind, 0, last)];
                        self.engine.follow(scatter, end, Follows::Whole);
                    }
                }
                if let Some(scatter) = scatter {
                    self.engine.follow(norm, scatter, Follows::Whole);
                }
            }
            if let Some(last) = self.engine.last_of(self.channels[stage]) {
                self.engine.follow(norm, last, Follows::Whole);
            }
        }
        for replica in 0..self.replicas.len() {
            for stage in 0..stages {
                let line = self.units[replica][stage];
                let update = self.engine.task(UPDATE, line, self.times.update, 1.0);
                self.engine.then(update);
                self.engine.follow(update, norm, Follows::Whole);
            }
        }
    }

    fn result(&self, slow_hosts: u32) -> Played {
        let path: [f64; KINDS] = self.engine.path();
        let time = self.engine.tasks.iter().map(|task| task.end).fold(0.0, f64::max);
        let busy = self.engine.busy();
        let all: f64 = self.replicas.iter().map(|(_, count)| f64::from(*count)).sum();
        let idle = (0..self.channels.len())
            .map(|stage| {
                let works = self.units.iter().zip(&self.replicas);
                let works = works
                    .map(|(lines, (_, count))| busy[lines[stage] as usize] * f64::from(*count));
                1.0 - works.sum::<f64>() / (all * time)
            })
            .collect();
        let slowest = &self.units[self.engine.ends_last(&self.units, BACKWARD)];
        let stages = slowest
            .iter()
            .map(|line| {
                let mut spans: Vec<Span> = (self.engine.of(*line))
                    .filter(|task| task.end > task.start)
                    .map(|task| Span {
                        link: Link::ALL[usize::from(task.kind)],
                        start: Seconds(task.start),
                        end: Seconds(task.end),
                    })
                    .collect();
                spans.sort_by(|a, b| a.start.get().total_cmp(&b.start.get()));
                spans
            })
            .collect();
        Played {
            time: Seconds(time),
            path,
            idle,
            stages,
            events: self.engine.tasks.len() as u64,
            unlike_replicas: self.replicas.len() as u32,
            slow_hosts,
        }
    }
}

/// The collectives of one pass.
#[derive(Debug, Clone, Copy)]
struct Joined {
    gather: Option<u32>,
    scatter: Option<u32>,
}

#[cfg(test)]
mod tests;
