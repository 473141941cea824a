//! A worker of a pipeline: waits until it is given a part of the model, then trains it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::Pipeline;
use super::cut::share;
use super::message::{Evidence, Micro, Post, Say};
use super::model::{Model, Part};
use super::work::{Ended, Out, Turn, Work};
use crate::swarm::codec::Codec;
use crate::swarm::habit::Habit;
use crate::swarm::machine::{Effect, Event};
use crate::swarm::message::{Message, PeerId};
use crate::swarm::settings::Settings;
use crate::swarm::wire::bytes_on_wire;

/// Silence after which a stage tells the coordinator that it waits; longer each time.
const SILENCE: Duration = Duration::from_secs(30);
const LONGEST_SILENCE: Duration = Duration::from_secs(3600);
/// Steps that may end before the audits of one are settled: so many are kept as evidence.
pub(super) const AHEAD: usize = 2;

/// A worker of a pipeline as a state machine.
pub struct Stage<M: Model> {
    settings: Settings,
    pipeline: Pipeline,
    model: M,
    speed: f64,
    habit: Habit,
    joined: bool,
    stopped: bool,
    evicted: bool,
    post: Option<Held<M::Part>>,
    /// What is sent when the computing at hand is done.
    computing: Option<Vec<Effect>>,
    /// Tokens of work that were too few to tell.
    owed: f64,
    wake: u64,
    silent: u32,
}

/// A post that it holds.
struct Held<P> {
    attempt: u32,
    peers: Vec<PeerId>,
    work: Work<P>,
    /// Its FLOP as a share of the whole model's.
    share: f64,
    busy: Duration,
    done: u64,
    /// Bytes sent to other stages in this step.
    sent: BTreeMap<PeerId, u64>,
    /// Steps that may be audited.
    unsettled: VecDeque<(u64, Evidence)>,
}

impl<M: Model> Stage<M> {
    /// A worker that believes to compute `speed` tokens a second of the whole model.
    pub fn new(settings: Settings, model: M, speed: f64) -> Self {
        Self {
            pipeline: Pipeline::of(&settings),
            settings,
            model,
            speed,
            habit: Habit::Honest,
            joined: false,
            stopped: false,
            evicted: false,
            post: None,
            computing: None,
            owed: 0.0,
            wake: 0,
            silent: 0,
        }
    }

    /// The same with a habit, for rehearsals.
    #[must_use]
    pub fn with_habit(mut self, habit: Habit) -> Self {
        self.habit = habit;
        self
    }

    /// Whether the coordinator does not want it any more.
    pub fn is_evicted(&self) -> bool {
        self.evicted
    }

    /// Whether it was told that the run is over, or left.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Steps that its part has behind it.
    pub fn version(&self) -> u64 {
        self.post.as_ref().map_or(0, |post| post.work.step)
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
                if let Some(post) = &mut self.post {
                    post.busy = post.busy.saturating_add(took);
                }
                out.extend(self.computing.take().unwrap_or_default());
            }
            Event::Woke(tag) if tag == self.wake => self.woke(&mut out),
            Event::Woke(_) => {}
        }
        self.advance(&mut out);
        out
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
        } else if self.post.is_some() {
            // The coordinator may have been restarted, and know nothing of this peer.
            let ask = Message::Ask { version: self.version() };
            out.push(Effect::Send(PeerId::COORDINATOR, ask));
        } else {
            return;
        }
        self.silent += 1;
        self.wake(out);
    }

    fn received(&mut self, from: PeerId, message: Message, out: &mut Vec<Effect>) {
        match message {
            Message::Pipeline(
                say @ (Say::Activations(_)
                | Say::Gradients(_)
                | Say::Norm { .. }
                | Say::Total { .. }),
            ) => self.heard(from, say),
            Message::Pipeline(say) if from == PeerId::COORDINATOR => self.told(say, out),
            Message::Rejoin if from == PeerId::COORDINATOR => {
                self.post = None;
                self.hello(out);
            }
            Message::Evicted if from == PeerId::COORDINATOR => {
                (self.evicted, self.stopped) = (true, true);
                out.push(Effect::Stop);
            }
            _ => {}
        }
    }

    fn told(&mut self, say: Say, out: &mut Vec<Effect>) {
        match say {
            Say::Wait => {
                self.joined = true;
                self.post = None;
            }
            Say::Begin(post) => self.begin(post, out),
            Say::Check { attempt } => {
                let done = self.post.as_ref().filter(|post| post.attempt == attempt);
                let done = done.map_or(0, |post| post.done);
                out.push(say_to(PeerId::COORDINATOR, Say::Here { attempt, done }));
            }
            Say::Challenge { attempt, step } => self.show(attempt, step, out),
            Say::Settled { attempt, step } => {
                if let Some(post) = self.post.as_mut().filter(|post| post.attempt == attempt) {
                    post.unsettled.retain(|(of, _)| *of >= step);
                }
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
        let stale = self.post.as_ref().is_some_and(|held| held.attempt >= post.attempt);
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
        let (attempt, step) = (post.attempt, post.step);
        if !post.state.is_empty() && !part.restore(&post.state, step) {
            let why = "the part has another size".to_owned();
            let broken = Say::Broken { attempt, step, from: None, why };
            out.push(say_to(PeerId::COORDINATOR, broken));
            return;
        }
        self.wake(out);
        let (stage, stages) = (post.stage as usize, post.peers.len());
        self.post = Some(Held {
            attempt,
            share: share(&self.settings.run.shape, &blocks),
            peers: post.peers,
            work: Work::new(&self.settings, stage, stages, part, step).with_habit(&self.habit),
            busy: Duration::ZERO,
            done: 0,
            sent: BTreeMap::new(),
            unsettled: VecDeque::new(),
        });
        // Computing of an earlier attempt is void; its time still has to pass.
        if let Some(effects) = &mut self.computing {
            effects.clear();
        }
    }

    /// From another stage, or from the coordinator, who passes on what neighbours in dispute say.
    /// No more is kept than two steps have micro-batches.
    fn heard(&mut self, from: PeerId, say: Say) {
        let Some(post) = &mut self.post else { return };
        let (peers, work) = (&post.peers, &mut post.work);
        let at = |stage: Option<usize>| stage.and_then(|stage| peers.get(stage)) == Some(&from);
        let before = at(work.stage.checked_sub(1));
        let (next, last) = (at(Some(work.stage + 1)), peers.last() == Some(&from));
        let (this, now, micros) = (post.attempt, work.step, work.micro_batches());
        let due = |attempt: u32, step: u64| attempt == this && (step == now || step == now + 1);
        let most = self.pipeline.stream(&self.settings);
        let is_due =
            |micro: &Micro| due(micro.attempt, micro.step) && (micro.micro as usize) < micros;
        // What is too long to be read need not be kept to be refused when its turn comes.
        let body = |micro: Micro, codec: Codec| {
            if micro.body.len() <= codec.bytes(most) { micro.body } else { Vec::new() }
        };
        let (up, down) = (self.settings.up, self.settings.down);
        match say {
            Say::Activations(micro) if before && is_due(&micro) => {
                work.activations.insert((micro.step, micro.micro), body(micro, up));
            }
            Say::Gradients(micro) if next && is_due(&micro) => {
                work.gradients.insert((micro.step, micro.micro), body(micro, down));
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
            let Some(post) = &mut self.post else { return };
            let waits_for_audits = post.work.is_computed() && post.unsettled.len() >= AHEAD;
            if post.work.step >= self.settings.run.steps || waits_for_audits {
                return;
            }
            let step = post.work.step;
            match post.work.turn(&self.settings) {
                Turn::Waits => return,
                Turn::Computed(tokens, sent) => {
                    post.done += 1;
                    self.silent = 0;
                    let exact = self.owed + tokens * post.share;
                    self.owed = exact.fract();
                    let sent = sent.map(|sent| post.send(step, sent)).unwrap_or_default();
                    self.computing = Some(sent);
                    out.push(Effect::Work { tokens: exact as u64 });
                }
                Turn::Told(told) => out.extend(post.send(step, told)),
                Turn::Ended(ended) => self.ended(step, ended, out),
                Turn::Broken(from, why) => {
                    // The coordinator decides.
                    let broken = Say::Broken { attempt: post.attempt, step, from, why };
                    self.post = None;
                    out.push(say_to(PeerId::COORDINATOR, broken));
                }
            }
        }
    }

    fn ended(&mut self, step: u64, ended: Ended, out: &mut Vec<Effect>) {
        let Some(post) = &mut self.post else { return };
        let (attempt, loss) = (post.attempt, ended.loss);
        let busy = std::mem::take(&mut post.busy);
        let sent = std::mem::take(&mut post.sent).into_iter().collect();
        let report = ended.audit.map(|(report, evidence)| {
            post.unsettled.push_back((step, evidence));
            report
        });
        out.push(say_to(
            PeerId::COORDINATOR,
            Say::Done { attempt, step, loss, busy, sent, report },
        ));
        let step = post.work.step;
        if self.pipeline.keeps(step, self.settings.run.steps) {
            let state = post.work.part.state();
            out.push(say_to(PeerId::COORDINATOR, Say::Kept { attempt, step, state }));
        }
    }

    /// Shows what a step was made of.
    fn show(&self, attempt: u32, step: u64, out: &mut Vec<Effect>) {
        let Some(post) = self.post.as_ref().filter(|post| post.attempt == attempt) else { return };
        if let Some((_, evidence)) = post.unsettled.iter().find(|(of, _)| *of == step) {
            let proof = Say::Proof { attempt, step, evidence: evidence.clone() };
            out.push(say_to(PeerId::COORDINATOR, proof));
        }
    }
}

impl<P: Part> Held<P> {
    /// To whom it goes, with the bytes counted that go to other stages.
    fn send(&mut self, step: u64, out: Out) -> Vec<Effect> {
        let (attempt, stage) = (self.attempt, self.work.stage);
        let say = match out {
            Out::Activations(micro, body) => Say::Activations(Micro { attempt, step, micro, body }),
            Out::Gradients(micro, body) => Say::Gradients(Micro { attempt, step, micro, body }),
            Out::Norm(norm) => Say::Norm { attempt, step, norm },
            Out::Total(norm) => Say::Total { attempt, step, norm },
        };
        let to = match say {
            Say::Gradients(_) => stage.saturating_sub(1)..stage,
            Say::Total { .. } => 0..stage,
            _ => stage + 1..stage + 2,
        };
        let to: Vec<PeerId> = self.peers.get(to).unwrap_or_default().to_vec();
        let effects: Vec<Effect> = to.iter().map(|peer| say_to(*peer, say.clone())).collect();
        for (peer, effect) in to.iter().zip(&effects) {
            if let Effect::Send(_, message) = effect
                && *peer != PeerId::COORDINATOR
            {
                let bytes = bytes_on_wire(message.to_bytes().len());
                *self.sent.entry(*peer).or_default() += bytes as u64;
            }
        }
        effects
    }
}

pub(super) fn say_to(peer: PeerId, say: Say) -> Effect {
    Effect::Send(peer, Message::Pipeline(say))
}
