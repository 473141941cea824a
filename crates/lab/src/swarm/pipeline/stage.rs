//! A worker of a pipeline: waits until it is given a part of the model, then trains it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::Pipeline;
use super::cut::share;
use super::message::{Micro, Post, Say};
use super::model::{Model, Part};
use crate::engine::LeafSum;
use crate::optimiser::RunningNorm;
use crate::swarm::codec::{Codec, Encoder};
use crate::swarm::machine::{Effect, Event};
use crate::swarm::message::{Message, PeerId};
use crate::swarm::settings::{Method, Settings};
use crate::swarm::wire::bytes_on_wire;

/// Silence after which a stage tells the coordinator that it waits; longer each time.
const SILENCE: Duration = Duration::from_secs(30);
const LONGEST_SILENCE: Duration = Duration::from_secs(3600);

/// A worker of a pipeline as a state machine.
pub struct Stage<M: Model> {
    settings: Settings,
    pipeline: Pipeline,
    model: M,
    speed: f64,
    joined: bool,
    stopped: bool,
    work: Option<Work<M::Part>>,
    /// What is sent when the computing at hand is done.
    computing: Option<Vec<Effect>>,
    /// Tokens of work that were too few to tell.
    owed: f64,
    wake: u64,
    silent: u32,
}

/// A stage at its post.
struct Work<P> {
    attempt: u32,
    stage: usize,
    peers: Vec<PeerId>,
    part: P,
    /// Its FLOP as a share of the whole model's.
    share: f64,
    step: u64,
    batches: Vec<Range<u64>>,
    forward: usize,
    backward: usize,
    sum: LeafSum,
    /// What came from the stage before and from the next one, by step and micro-batch.
    activations: Inbox,
    gradients: Inbox,
    norm: Option<(u64, RunningNorm)>,
    total: Option<(u64, f64)>,
    told_norm: bool,
    gradient: Option<(f64, Vec<f32>)>,
    busy: Duration,
    done: u64,
    /// Bytes sent to other stages in this step.
    sent: BTreeMap<PeerId, u64>,
}

/// Packed vectors that wait, by step and micro-batch.
type Inbox = BTreeMap<(u64, u32), Vec<u8>>;

impl<M: Model> Stage<M> {
    /// A worker that believes to compute `speed` tokens a second of the whole model.
    pub fn new(settings: Settings, model: M, speed: f64) -> Self {
        let pipeline = match settings.method {
            Method::Pipeline(pipeline) => pipeline,
            _ => Pipeline::new(1, &settings.run),
        };
        Self {
            settings,
            pipeline,
            model,
            speed,
            joined: false,
            stopped: false,
            work: None,
            computing: None,
            owed: 0.0,
            wake: 0,
            silent: 0,
        }
    }

    /// Whether it was told that the run is over, or left.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Steps that its part has behind it.
    pub fn version(&self) -> u64 {
        self.work.as_ref().map_or(0, |work| work.step)
    }

    /// One event, and what follows from it.
    pub fn step(&mut self, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        if self.stopped {
            return out;
        }
        match event {
            Event::Start => {
                self.hello(&mut out);
                self.wake(&mut out);
            }
            Event::Received(from, message) => self.received(from, message, &mut out),
            Event::Worked(took) => {
                if let Some(work) = &mut self.work {
                    work.busy = work.busy.saturating_add(took);
                }
                out.extend(self.computing.take().unwrap_or_default());
            }
            Event::Woke(tag) if tag == self.wake => self.woke(&mut out),
            Event::Woke(_) => {}
        }
        self.advance(&mut out);
        out
    }

    /// Counts what goes to other stages.
    fn count(&mut self, effects: &[Effect]) {
        let Some(work) = &mut self.work else { return };
        for effect in effects {
            if let Effect::Send(to, message) = effect
                && *to != PeerId::COORDINATOR
            {
                let bytes = bytes_on_wire(message.to_bytes().len());
                *work.sent.entry(*to).or_default() += bytes as u64;
            }
        }
    }

    /// Says goodbye.
    pub fn leave(&mut self) -> Vec<Effect> {
        self.stopped = true;
        vec![Effect::Send(PeerId::COORDINATOR, Message::Leave), Effect::Stop]
    }

    fn hello(&self, out: &mut Vec<Effect>) {
        let hello = Message::Hello { speed: self.speed, holds: None };
        out.push(Effect::Send(PeerId::COORDINATOR, hello));
    }

    fn wake(&mut self, out: &mut Vec<Effect>) {
        self.wake += 1;
        let span = SILENCE.saturating_mul(1 << self.silent.min(10)).min(LONGEST_SILENCE);
        out.push(Effect::Wake(span, self.wake));
    }

    fn woke(&mut self, out: &mut Vec<Effect>) {
        if !self.joined {
            self.hello(out);
        } else if let Some(work) = &self.work {
            // The coordinator may have been restarted, and know nothing of this peer.
            let ask = Message::Ask { version: work.step };
            out.push(Effect::Send(PeerId::COORDINATOR, ask));
        } else {
            return;
        }
        self.silent += 1;
        self.wake(out);
    }

    fn received(&mut self, from: PeerId, message: Message, out: &mut Vec<Effect>) {
        match message {
            Message::Pipeline(say) if from == PeerId::COORDINATOR => self.told(say, out),
            Message::Pipeline(say) => self.heard(from, say),
            Message::Rejoin if from == PeerId::COORDINATOR => {
                self.work = None;
                self.hello(out);
            }
            _ => {}
        }
    }

    fn told(&mut self, say: Say, out: &mut Vec<Effect>) {
        match say {
            Say::Wait => {
                self.joined = true;
                self.work = None;
            }
            Say::Begin(post) => self.begin(post, out),
            Say::Check { attempt } => {
                let done = self.work.as_ref().filter(|work| work.attempt == attempt);
                let done = done.map_or(0, |work| work.done);
                out.push(say_to(PeerId::COORDINATOR, Say::Here { attempt, done }));
            }
            Say::Over => {
                self.stopped = true;
                // The last word: a transport that has delivered it has delivered all before.
                let version = self.version();
                out.push(Effect::Send(PeerId::COORDINATOR, Message::Ask { version }));
                out.push(Effect::Stop);
            }
            _ => {}
        }
    }

    fn begin(&mut self, post: Post, out: &mut Vec<Effect>) {
        let depth = self.settings.run.shape.depth;
        let blocks = post.blocks.start as usize..post.blocks.end as usize;
        let stale = self.work.as_ref().is_some_and(|work| work.attempt >= post.attempt);
        let possible = !blocks.is_empty()
            && blocks.end <= depth
            && (post.stage as usize) < post.peers.len()
            && (post.stage == 0) == (blocks.start == 0)
            && (post.stage as usize + 1 == post.peers.len()) == (blocks.end == depth);
        if stale || !possible || post.step > self.settings.run.steps {
            return;
        }
        self.joined = true;
        self.silent = 0;
        let mut part = self.model.part(blocks.clone());
        if !post.state.is_empty() && !part.restore(&post.state, post.step) {
            let why = "the part has another size".to_owned();
            let broken = Say::Broken { attempt: post.attempt, step: post.step, why };
            out.push(say_to(PeerId::COORDINATOR, broken));
            return;
        }
        self.wake(out);
        self.work = Some(Work {
            attempt: post.attempt,
            stage: post.stage as usize,
            share: share(&self.settings.run.shape, &blocks),
            peers: post.peers,
            part,
            step: post.step,
            batches: Vec::new(),
            forward: 0,
            backward: 0,
            sum: LeafSum::new(0),
            activations: BTreeMap::new(),
            gradients: BTreeMap::new(),
            norm: None,
            total: None,
            told_norm: false,
            gradient: None,
            busy: Duration::ZERO,
            done: 0,
            sent: BTreeMap::new(),
        });
        // Computing of an earlier attempt is void; its time still has to pass.
        if let Some(effects) = &mut self.computing {
            effects.clear();
        }
        self.open();
    }

    /// The micro-batches of the step that begins.
    fn open(&mut self) {
        let Some(work) = &mut self.work else { return };
        work.batches = self.pipeline.micro_batches(&self.settings, work.step);
        work.sum = LeafSum::new(work.batches.len());
        (work.forward, work.backward, work.told_norm) = (0, 0, false);
        let step = work.step;
        work.activations.retain(|(of, _), _| *of >= step);
        work.gradients.retain(|(of, _), _| *of >= step);
    }

    /// From another stage. No more is kept than two steps have micro-batches.
    fn heard(&mut self, from: PeerId, say: Say) {
        let Some(work) = &mut self.work else { return };
        let at =
            |stage: Option<usize>| stage.and_then(|stage| work.peers.get(stage)) == Some(&from);
        let before = at(work.stage.checked_sub(1));
        let (next, last) = (at(Some(work.stage + 1)), work.peers.last() == Some(&from));
        let (this, now, micros) = (work.attempt, work.step, work.batches.len());
        let due = |attempt: u32, step: u64| attempt == this && (step == now || step == now + 1);
        let most = self.pipeline.stream(&self.settings);
        let fits = |micro: &Micro, codec: Codec| {
            due(micro.attempt, micro.step)
                && (micro.micro as usize) < micros
                && micro.body.len() <= codec.bytes(most)
        };
        match say {
            Say::Activations(micro) if before && fits(&micro, self.settings.up) => {
                work.activations.insert((micro.step, micro.micro), micro.body);
            }
            Say::Gradients(micro) if next && fits(&micro, self.settings.down) => {
                work.gradients.insert((micro.step, micro.micro), micro.body);
            }
            Say::Norm { attempt, step, norm } if before && due(attempt, step) => {
                work.norm = Some((step, norm));
            }
            Say::Total { attempt, step, norm } if last && due(attempt, step) => {
                work.total = Some((step, norm));
            }
            _ => {}
        }
    }

    /// Goes as far as it can without another event.
    fn advance(&mut self, out: &mut Vec<Effect>) {
        while self.computing.is_none() && !self.stopped {
            let Some(work) = &self.work else { return };
            if work.step >= self.settings.run.steps {
                return;
            }
            let went_on = if work.backward == work.batches.len() {
                self.update(out)
            } else {
                self.compute(out)
            };
            if !went_on {
                return;
            }
        }
    }

    /// One micro-batch forward or back, back first; false when there is nothing to do yet.
    fn compute(&mut self, out: &mut Vec<Effect>) -> bool {
        let Some(work) = &mut self.work else { return false };
        let (step, stages) = (work.step, work.peers.len());
        let (is_first, is_last) = (work.stage == 0, work.stage + 1 == stages);
        let (up, down) = (self.settings.up, self.settings.down);
        let numbers = |windows: &Range<u64>| {
            let shape = &self.settings.run.shape;
            (windows.end - windows.start) as usize * shape.context * shape.width
        };
        // What came, as this stage reads it.
        let read = |body: &[u8], codec: Codec, len: usize| {
            codec.decode(body, len).map_err(|problem| problem.message().to_owned())
        };
        let (micro, windows, third) =
            if !is_last && let Some(body) = work.gradients.remove(&(step, work.backward as u32)) {
                let windows = work.batches[work.backward].clone();
                let micro = work.backward as u32;
                let gradient = match read(&body, down, numbers(&windows)) {
                    Ok(gradient) => gradient,
                    Err(why) => return self.broken(why, out),
                };
                let (own, before) = work.part.backward(micro, windows.clone(), &gradient);
                work.sum.add(0.0, own);
                work.backward += 1;
                (micro, windows, Direction::Back(before))
            } else if work.forward < work.batches.len() {
                let windows = work.batches[work.forward].clone();
                let micro = work.forward as u32;
                let stream = if is_first {
                    Vec::new()
                } else {
                    let Some(body) = work.activations.remove(&(step, micro)) else { return false };
                    match read(&body, up, numbers(&windows)) {
                        Ok(stream) => stream,
                        Err(why) => return self.broken(why, out),
                    }
                };
                work.forward += 1;
                if is_last {
                    let scale = (1.0 / self.settings.run.batch_tokens as f64) as f32;
                    let loss = work.part.losses(micro, windows.clone(), &stream, scale);
                    let (own, before) = work.part.backward(micro, windows.clone(), &[]);
                    work.sum.add(loss, own);
                    work.backward += 1;
                    (micro, windows, Direction::Turn(before))
                } else {
                    let given = work.part.forward(micro, windows.clone(), &stream);
                    (micro, windows, Direction::Forward(given))
                }
            } else {
                return false;
            };
        work.done += 1;
        self.silent = 0;
        let pack = |codec: Codec, values: &[f32]| Micro {
            attempt: work.attempt,
            step,
            micro,
            body: Encoder::new(codec, values.len()).encode(values),
        };
        // Forward is a third of the work, backward two.
        let (part, sent) = match &third {
            Direction::Forward(given) => {
                let packed = Say::Activations(pack(up, given));
                (1.0 / 3.0, Some(say_to(work.peers[work.stage + 1], packed)))
            }
            Direction::Back(before) | Direction::Turn(before) => {
                let part = if matches!(third, Direction::Turn(_)) { 1.0 } else { 2.0 / 3.0 };
                let packed = || Say::Gradients(pack(down, before));
                (part, (!is_first).then(|| say_to(work.peers[work.stage - 1], packed())))
            }
        };
        let tokens = (windows.end - windows.start) as f64 * self.settings.context() as f64;
        let exact = self.owed + tokens * work.share * part;
        self.owed = exact.fract();
        let sent: Vec<Effect> = sent.into_iter().collect();
        self.count(&sent);
        self.computing = Some(sent);
        out.push(Effect::Work { tokens: exact as u64 });
        true
    }

    /// The end of a step: the norm of all stages' gradients, and the update; false while it waits.
    fn update(&mut self, out: &mut Vec<Effect>) -> bool {
        let Some(work) = &mut self.work else { return false };
        if work.gradient.is_none() {
            work.gradient = work.sum.take();
        }
        let Some((_, gradient)) = &work.gradient else { return false };
        let (attempt, step, stage) = (work.attempt, work.step, work.stage);
        if self.settings.run.optimiser.clip > 0.0 && !work.told_norm {
            let so_far = if stage == 0 {
                Some(RunningNorm::default())
            } else {
                work.norm.filter(|(of, _)| *of == step).map(|(_, norm)| norm)
            };
            if let Some(mut norm) = so_far {
                norm.add(gradient);
                work.told_norm = true;
                let told: Vec<Effect> = if stage + 1 < work.peers.len() {
                    vec![say_to(work.peers[stage + 1], Say::Norm { attempt, step, norm })]
                } else {
                    let norm = norm.value();
                    work.total = Some((step, norm));
                    let others = work.peers[..stage].iter();
                    others.map(|peer| say_to(*peer, Say::Total { attempt, step, norm })).collect()
                };
                self.count(&told);
                out.extend(told);
            }
        }
        let Some(work) = &mut self.work else { return false };
        let norm = if self.settings.run.optimiser.clip > 0.0 {
            work.total.filter(|(of, _)| *of == step).map(|(_, norm)| norm)
        } else {
            Some(0.0)
        };
        let Some(norm) = norm else { return false };
        let Some((loss, gradient)) = work.gradient.take() else { return false };
        let schedule = self.settings.run.schedule.at(step, self.settings.run.steps);
        work.part.apply(gradient, norm, schedule);
        work.step += 1;
        let loss = loss / self.settings.run.batch_tokens as f64;
        let busy = std::mem::take(&mut work.busy);
        let sent = std::mem::take(&mut work.sent).into_iter().collect();
        out.push(say_to(PeerId::COORDINATOR, Say::Done { attempt, step, loss, busy, sent }));
        let every = self.pipeline.checkpoint_every;
        if work.step == self.settings.run.steps || every > 0 && work.step.is_multiple_of(every) {
            let state = work.part.state();
            let kept = Say::Kept { attempt, step: work.step, state };
            out.push(say_to(PeerId::COORDINATOR, kept));
        }
        self.open();
        true
    }

    /// Something cannot be read: the coordinator decides.
    fn broken(&mut self, why: String, out: &mut Vec<Effect>) -> bool {
        if let Some(work) = self.work.take() {
            let broken = Say::Broken { attempt: work.attempt, step: work.step, why };
            out.push(say_to(PeerId::COORDINATOR, broken));
        }
        false
    }
}

/// A micro-batch that was computed, with what goes on from here.
enum Direction {
    Forward(Vec<f32>),
    Back(Vec<f32>),
    /// Forward and back at once, in the last stage.
    Turn(Vec<f32>),
}

pub(super) fn say_to(peer: PeerId, say: Say) -> Effect {
    Effect::Send(peer, Message::Pipeline(say))
}
