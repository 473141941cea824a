//! The passes, sends and collectives of a step, and what each waits for.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use runs::Seconds;

use super::engine::{Engine, Follows};
use super::order::{Pass, passes, warm_up};
use super::times::Times;
use super::{BACKWARD, BETWEEN, DATA, FILLER, FORWARD, KINDS, Link, Played, Span, UPDATE, Unlike};
use crate::{Layout, Stack};

/// A step being put together.
pub(super) struct Play<'a> {
    layout: &'a Layout,
    times: Times,
    overlap_data: bool,
    overlap_pipeline: bool,
    micro_batches: u32,
    replicas: Vec<(Vec<f64>, u32)>,
    pub(super) engine: Engine,
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
    pub(super) fn new(
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
    pub(super) fn data_before(&mut self) {
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

    pub(super) fn all_passes(&mut self) {
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
        let crossing = if self.overlap_pipeline {
            self.engine.alone(BETWEEN, self.times.crossing)
        } else {
            let own = self.engine.tasks[task as usize].line();
            let crossing = self.engine.task(BETWEEN, own, self.times.crossing, 1.0);
            self.engine.then(crossing);
            crossing
        };
        self.engine.follow(crossing, task, Follows::Whole);
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
    pub(super) fn data_after_and_update(&mut self) {
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

    pub(super) fn result(&self, slow_hosts: u32) -> Played {
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
