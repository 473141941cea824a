//! The coordinator of a pipeline: who has which stage, what is kept, and what happens when a stage
//! is gone.
//!
//! ```text
//! hello ─▶ (all there) ─▶ begin ─▶ done, done, ... kept ─▶ ... ─▶ over
//!                           ▲                  │ a stage is gone
//!                           └── from the last copy of all parts, with a peer that waits
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Pipeline;
use super::cut::cut;
use super::message::{Post, Say};
use super::model::Model;
use super::stage::say_to;
use crate::optimiser::Optimiser;
use crate::parameters::Layout;
use crate::swarm::coordinator::Standing;
use crate::swarm::machine::{Effect, Event, Note, RoundNote};
use crate::swarm::message::{Message, PeerId};
use crate::swarm::patience::Patience;
use crate::swarm::roles::Attendance;
use crate::swarm::settings::{Method, Settings, Share};
use crate::swarm::time::Time;
use crate::train::Validation;

/// A coordinator of a pipeline as a state machine.
pub struct Conductor<M> {
    pub(super) settings: Settings,
    pipeline: Pipeline,
    model: M,
    pub(super) book: Book,
    peers: BTreeMap<PeerId, Known>,
    /// Who has each stage; nobody while it is vacant.
    posts: Vec<Option<PeerId>>,
    /// Steps of which not all stages are done, by stage: loss and computing.
    done: BTreeMap<u64, BTreeMap<usize, (f64, Duration)>>,
    /// Copies of which not all parts are here.
    copies: BTreeMap<u64, BTreeMap<usize, Vec<f32>>>,
    opened: Time,
    patience: Patience,
    wake: u64,
    /// Who was heard since all were asked, and what they had computed then.
    asked: Option<(BTreeSet<PeerId>, u64)>,
    progress: u64,
    /// Earlier attempts from the same copy.
    restarts: u32,
    /// The copy that the last attempt began from.
    began_from: Option<u64>,
    problem: Option<String>,
}

/// What survives a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Book {
    pub(super) attempt: u32,
    pub(super) started: bool,
    pub(super) finished: bool,
    /// Steps done.
    pub(super) step: u64,
    /// The blocks of each stage.
    pub(super) cut: Vec<Range<usize>>,
    /// The last copy of all parts, after so many steps.
    pub(super) kept: (u64, Vec<Vec<f32>>),
}

struct Known {
    standing: Standing,
    speed: f64,
    windows: u64,
}

impl<M: Model> Conductor<M> {
    /// A coordinator of a fresh run.
    pub fn new(settings: Settings, model: M) -> Self {
        let finished = settings.run.steps == 0;
        let (cut, kept) = (Vec::new(), (0, Vec::new()));
        let book = Book { attempt: 0, started: false, finished, step: 0, cut, kept };
        Self::with_book(settings, model, book)
    }

    pub(super) fn with_book(settings: Settings, model: M, book: Book) -> Self {
        let pipeline = match settings.method {
            Method::Pipeline(pipeline) => pipeline,
            _ => Pipeline::new(1, &settings.run),
        };
        let patience =
            Patience::new(Duration::from_secs(60), Duration::from_secs(2), 0.8, settings.patience);
        Self {
            posts: vec![None; pipeline.stages as usize],
            settings,
            pipeline,
            model,
            book,
            peers: BTreeMap::new(),
            done: BTreeMap::new(),
            copies: BTreeMap::new(),
            opened: Time::ZERO,
            patience,
            wake: 0,
            asked: None,
            progress: 0,
            restarts: 0,
            began_from: None,
            problem: None,
        }
    }

    /// Windows trained on, in what the run holds now.
    pub fn trained(&self) -> u64 {
        self.book.step * self.settings.step_windows()
    }

    /// Whether every window was trained on.
    pub fn is_finished(&self) -> bool {
        self.book.finished
    }

    /// Steps of the last copy of all parts: what a restart goes on from.
    pub fn version(&self) -> u64 {
        self.book.kept.0
    }

    /// Why the run cannot go on, if so.
    pub fn problem(&self) -> Option<String> {
        self.problem.clone().or_else(|| {
            let vacant = self.posts.iter().position(Option::is_none)?;
            (self.book.started && !self.book.finished).then(|| {
                format!(
                    "stage {} of {} has no peer, and nobody waits to take it; {} of {} steps are kept",
                    vacant + 1,
                    self.posts.len(),
                    self.book.kept.0,
                    self.settings.run.steps
                )
            })
        })
    }

    /// Everybody who was ever here.
    pub fn attendance(&self) -> BTreeMap<PeerId, Attendance> {
        let peers = self.peers.iter();
        peers
            .map(|(id, p)| (*id, Attendance { windows: p.windows, standing: p.standing }))
            .collect()
    }

    /// The parameters of the last copy, in the order of the whole model's layout.
    pub fn kept_parameters(&self) -> Vec<f32> {
        let whole = Layout::new(&self.settings.run.shape);
        let parts = self.book.cut.iter().zip(&self.book.kept.1);
        parts
            .flat_map(|(blocks, state)| {
                let numbers = whole.part(blocks.clone()).1.len();
                state[..numbers.min(state.len())].iter().copied()
            })
            .collect()
    }

    /// The loss of the last copy on held-out text.
    pub fn validate(&mut self) -> Validation {
        let parameters = self.kept_parameters();
        self.model.validate(&parameters)
    }

    /// One event, and what follows from it.
    pub fn step(&mut self, now: Time, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        match event {
            Event::Start => self.opened = now,
            Event::Received(from, message) => self.received(from, message, now, &mut out),
            Event::Woke(tag) if tag == self.wake => self.woke(now, &mut out),
            Event::Woke(_) | Event::Worked(_) => {}
        }
        out
    }

    fn received(&mut self, from: PeerId, message: Message, now: Time, out: &mut Vec<Effect>) {
        match message {
            Message::Knock => {
                // A struct of numbers and names always serialises.
                let terms = serde_json::to_string(&self.settings).unwrap_or_default();
                out.push(Effect::Send(from, Message::Terms(terms)));
            }
            Message::Hello { speed, .. } => self.hello(from, speed, now, out),
            Message::Leave => {
                self.vacate(from, "left", out);
                self.begin(now, out);
            }
            // Of a run that is over, or by someone who was taken for gone.
            Message::Ask { .. } | Message::Pipeline(_)
                if !self.is_here(from) && !self.book.finished =>
            {
                out.push(Effect::Send(from, Message::Rejoin));
            }
            Message::Pipeline(say) => self.heard(from, say, now, out),
            _ => {}
        }
    }

    fn is_here(&self, peer: PeerId) -> bool {
        self.peers.get(&peer).is_some_and(|known| known.standing != Standing::Gone)
    }

    fn stand(&mut self, peer: PeerId, standing: Standing, what: &str, out: &mut Vec<Effect>) {
        if let Some(known) = self.peers.get_mut(&peer) {
            known.standing = standing;
        }
        out.push(Effect::Note(Note::Peer { peer, what: what.to_owned() }));
    }

    fn hello(&mut self, from: PeerId, speed: f64, now: Time, out: &mut Vec<Effect>) {
        if self.book.finished {
            out.push(say_to(from, Say::Over));
            return;
        }
        let speed = if speed.is_finite() && speed > 0.0 { speed } else { 1.0 };
        let what = if self.peers.contains_key(&from) { "back" } else { "joined" };
        // Who had a stage and says hello has lost it.
        self.vacate(from, "lost its part", out);
        let known = Known { standing: Standing::Waiting, speed, windows: 0 };
        self.peers.entry(from).or_insert(known).speed = speed;
        self.stand(from, Standing::Waiting, what, out);
        out.push(say_to(from, Say::Wait));
        self.begin(now, out);
    }

    /// Takes the stage of `peer` away, if it has one.
    fn vacate(&mut self, peer: PeerId, what: &str, out: &mut Vec<Effect>) {
        let holds = self.posts.iter_mut().find(|post| **post == Some(peer));
        let had = holds.map(|post| *post = None).is_some();
        if had || what == "left" && self.is_here(peer) {
            self.stand(peer, Standing::Gone, what, out);
        }
    }

    fn waiting(&self) -> Vec<PeerId> {
        let peers = self.peers.iter();
        peers.filter(|(_, p)| p.standing == Standing::Waiting).map(|(id, _)| *id).collect()
    }

    /// Begins an attempt if every stage has a peer, or one that waits can take it.
    fn begin(&mut self, now: Time, out: &mut Vec<Effect>) {
        let mut spare = self.waiting();
        let wanted = if self.book.started { 0 } else { self.settings.peers as usize };
        let vacant = self.posts.iter().filter(|post| post.is_none()).count();
        if self.book.finished || vacant == 0 || spare.len() < wanted.max(vacant) {
            return;
        }
        spare.reverse();
        for stage in 0..self.posts.len() {
            if self.posts[stage].is_none()
                && let Some(peer) = spare.pop()
            {
                self.posts[stage] = Some(peer);
                let what = format!("has stage {}", stage + 1);
                self.stand(peer, Standing::Active, &what, out);
            }
        }
        self.again(now, out);
    }

    /// All stages begin from the last copy.
    fn again(&mut self, now: Time, out: &mut Vec<Effect>) {
        let peers: Vec<PeerId> = self.posts.iter().copied().flatten().collect();
        if self.book.cut.is_empty() {
            let speed = |peer: &PeerId| match self.settings.share {
                Share::Even => 1.0,
                Share::BySpeed => self.peers.get(peer).map_or(1.0, |known| known.speed),
            };
            let speeds: Vec<f64> = peers.iter().map(speed).collect();
            self.book.cut = cut(&self.settings.run.shape, &speeds);
        }
        self.book.started = true;
        self.book.attempt += 1;
        self.book.step = self.book.kept.0;
        self.done.clear();
        self.copies.clear();
        (self.opened, self.asked, self.progress) = (now, None, 0);
        out.push(Effect::Persist);
        for (stage, peer) in peers.iter().enumerate() {
            let blocks = self.book.cut[stage].clone();
            let post = Post {
                attempt: self.book.attempt,
                stage: stage as u32,
                blocks: blocks.start as u32..blocks.end as u32,
                peers: peers.clone(),
                step: self.book.kept.0,
                state: self.book.kept.1.get(stage).cloned().unwrap_or_default(),
            };
            out.push(say_to(*peer, Say::Begin(post)));
        }
        if self.began_from.replace(self.book.kept.0) == Some(self.book.kept.0) {
            self.restarts += 1;
        } else {
            self.restarts = 0;
        }
        self.arm(out);
    }

    fn arm(&mut self, out: &mut Vec<Effect>) {
        self.wake += 1;
        // Each time that no new copy came of it, it gets twice the time: a copy that takes longer
        // than many steps would otherwise never be whole.
        let span = self.patience.span().saturating_mul(1 << self.restarts.min(10));
        out.push(Effect::Wake(span, self.wake));
    }

    fn heard(&mut self, from: PeerId, say: Say, now: Time, out: &mut Vec<Effect>) {
        if let Some((heard, _)) = &mut self.asked {
            heard.insert(from);
        }
        let Some(stage) = self.posts.iter().position(|post| *post == Some(from)) else { return };
        match say {
            Say::Done { attempt, step, loss, busy, .. }
                if attempt == self.book.attempt
                    && (self.book.step..self.settings.run.steps).contains(&step) =>
            {
                self.done.entry(step).or_default().insert(stage, (loss, busy));
                self.close(now, out);
            }
            Say::Kept { attempt, step, state } if attempt == self.book.attempt => {
                self.keep(stage, step, state, out);
            }
            Say::Here { attempt, done } if attempt == self.book.attempt => {
                self.progress = self.progress.wrapping_add(done);
            }
            Say::Broken { attempt, step, why } if attempt == self.book.attempt => {
                self.give_up(stage, step, &why, out);
            }
            _ => {}
        }
    }

    /// Books steps that all stages are done with.
    fn close(&mut self, now: Time, out: &mut Vec<Effect>) {
        while let Some(parts) = self.done.get(&self.book.step)
            && parts.len() == self.posts.len()
        {
            let busy: Vec<Duration> = parts.values().map(|(_, busy)| *busy).collect();
            let loss = parts.values().next_back().map_or(f64::NAN, |(loss, _)| *loss);
            self.done.remove(&self.book.step);
            let windows = self.settings.step_windows();
            let took = now.since(self.opened);
            let note = RoundNote {
                round: self.book.step,
                windows: self.trained() + windows,
                loss,
                included: self.posts.len(),
                late: 0,
                missing: 0,
                took,
                busy: busy.iter().sum(),
                slowest: busy.iter().max().copied().unwrap_or_default(),
            };
            self.book.step += 1;
            for peer in self.posts.iter().flatten() {
                if let Some(known) = self.peers.get_mut(peer) {
                    known.windows += windows;
                }
            }
            out.push(Effect::Note(Note::Round(note)));
            self.patience.saw(took);
            (self.opened, self.asked, self.progress) = (now, None, 0);
            self.arm(out);
        }
    }

    /// A part of a copy.
    fn keep(&mut self, stage: usize, step: u64, state: Vec<f32>, out: &mut Vec<Effect>) {
        let every = self.pipeline.checkpoint_every.max(1);
        let due = step == self.settings.run.steps || step.is_multiple_of(every);
        if !due || step <= self.book.kept.0 || step > self.settings.run.steps {
            return;
        }
        if state.len() != self.numbers(stage) {
            let why = "it sent a part of another size".to_owned();
            self.give_up(stage, step, &why, out);
            return;
        }
        let copy = self.copies.entry(step).or_default();
        copy.insert(stage, state);
        if copy.len() < self.posts.len() {
            return;
        }
        let parts = self.copies.remove(&step).unwrap_or_default().into_values().collect();
        self.copies.retain(|of, _| *of > step);
        self.book.kept = (step, parts);
        self.book.finished = step == self.settings.run.steps;
        out.push(Effect::Persist);
        if self.book.finished {
            self.end(out);
        }
    }

    /// Numbers of a stage's state.
    fn numbers(&self, stage: usize) -> usize {
        let whole = Layout::new(&self.settings.run.shape);
        let part = self.book.cut.get(stage).map(|blocks| whole.part(blocks.clone()).0);
        let memory = |part: &Layout| Optimiser::numbers(self.settings.run.optimiser.method, part);
        part.map_or(0, |part| part.len() + memory(&part))
    }

    fn give_up(&mut self, stage: usize, step: u64, why: &str, out: &mut Vec<Effect>) {
        let (stage, stages) = (stage + 1, self.posts.len());
        self.problem
            .get_or_insert(format!("stage {stage} of {stages} stopped at step {step}: {why}"));
        self.end(out);
    }

    fn end(&mut self, out: &mut Vec<Effect>) {
        let here = self.peers.iter().filter(|(_, known)| known.standing != Standing::Gone);
        out.extend(here.map(|(peer, _)| say_to(*peer, Say::Over)));
        out.push(Effect::Stop);
    }

    /// A step takes long: ask all stages, then go on without those that are silent. When all
    /// answer and none computes, something was lost on the way, and all begin again.
    fn woke(&mut self, now: Time, out: &mut Vec<Effect>) {
        let running = self.posts.iter().all(Option::is_some);
        if self.book.finished || !self.book.started || !running || self.problem.is_some() {
            return;
        }
        let posts: Vec<PeerId> = self.posts.iter().copied().flatten().collect();
        let now_done = std::mem::take(&mut self.progress);
        if let Some((heard, before)) = self.asked.take() {
            for peer in posts.iter().filter(|peer| !heard.contains(peer)) {
                self.vacate(*peer, "gone", out);
            }
            if self.posts.iter().any(Option::is_none) {
                self.begin(now, out);
                return;
            }
            if now_done == before {
                self.again(now, out);
                return;
            }
        }
        self.asked = Some((BTreeSet::new(), now_done));
        let attempt = self.book.attempt;
        out.extend(posts.iter().map(|peer| say_to(*peer, Say::Check { attempt })));
        self.arm(out);
    }
}
