//! The coordinator of a pipeline: who has which stage, what is kept, and what happens when a stage
//! is gone.
//!
//! ```text
//! hello ─▶ (all there) ─▶ begin ─▶ done, done, ... kept ─▶ ... ─▶ over
//!                           ▲                  │ a stage is gone
//!                           └── from the last copy of all parts, with a peer that waits
//! ```

mod audit;
mod silence;
mod steps;
mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::audit::Audits;
use self::steps::Done;
use self::witness::Witness;
use super::Pipeline;
use super::cut::cut;
use super::message::{Micro, Post, Say};
use super::model::Model;
use super::stage::say_to;
use crate::parameters::Layout;
use crate::swarm::coordinator::Standing;
use crate::swarm::machine::{Effect, Event, Note};
use crate::swarm::message::{Message, PeerId};
use crate::swarm::patience::Patience;
use crate::swarm::roles::Attendance;
use crate::swarm::settings::{Settings, Share};
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
    /// Steps of which not all stages are done, by stage.
    done: BTreeMap<u64, BTreeMap<usize, Done>>,
    /// Copies of which not all parts are here, or audited.
    copies: BTreeMap<u64, BTreeMap<usize, Vec<f32>>>,
    audits: Audits,
    witness: Witness,
    /// The stage and the step that could not go on.
    diverged: Option<(usize, u64)>,
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
    /// Who is not listened to any more.
    pub(super) evicted: BTreeSet<PeerId>,
    /// Pairs of which one said it sent what the other said it did not read.
    pub(super) disputes: BTreeSet<(PeerId, PeerId)>,
}

struct Known {
    standing: Standing,
    speed: f64,
    windows: u64,
    /// Posts lost with an audit open.
    dodges: u32,
}

impl<M: Model> Conductor<M> {
    /// A coordinator of a fresh run.
    pub fn new(settings: Settings, model: M) -> Self {
        let finished = settings.run.steps == 0;
        let book = Book {
            attempt: 0,
            started: false,
            finished,
            step: 0,
            cut: Vec::new(),
            kept: (0, Vec::new()),
            evicted: BTreeSet::new(),
            disputes: BTreeSet::new(),
        };
        Self::with_book(settings, model, book)
    }

    pub(super) fn with_book(settings: Settings, model: M, book: Book) -> Self {
        let pipeline = Pipeline::of(&settings);
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
            audits: Audits::default(),
            witness: Witness::default(),
            diverged: None,
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
        if self.book.evicted.contains(&from) {
            out.push(Effect::Send(from, Message::Evicted));
            return;
        }
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
        let gone = |known: &Known| matches!(known.standing, Standing::Gone | Standing::Evicted);
        self.peers.get(&peer).is_some_and(|known| !gone(known))
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
        if self.book.evicted.contains(&from) {
            self.begin(now, out);
            return;
        }
        let known = Known { standing: Standing::Waiting, speed, windows: 0, dodges: 0 };
        self.peers.entry(from).or_insert(known).speed = speed;
        self.stand(from, Standing::Waiting, what, out);
        out.push(say_to(from, Say::Wait));
        self.begin(now, out);
    }

    /// Takes the stage of `peer` away, if it has one.
    fn vacate(&mut self, peer: PeerId, what: &str, out: &mut Vec<Effect>) {
        let holds = self.posts.iter().position(|post| *post == Some(peer));
        if let Some(stage) = holds {
            self.posts[stage] = None;
            if self.dodges(peer, stage) {
                self.expel(peer, "it was gone with an audit open, once too often", out);
                return;
            }
        }
        if holds.is_some() || what == "left" && self.is_here(peer) {
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
        self.audits = self.first_audits();
        self.witness = Witness::default();
        (self.opened, self.asked, self.progress) = (now, None, 0);
        out.push(Effect::Persist);
        for (stage, peer) in peers.iter().enumerate() {
            let blocks = self.book.cut[stage].clone();
            let post = Post {
                attempt: self.book.attempt,
                stage: stage as u32,
                blocks: blocks.start as u32..blocks.end as u32,
                peers: self.reached(stage, &peers),
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
        out.push(Effect::Wake(self.span(), self.wake));
    }

    /// Each time that no new copy came of it, it gets twice the time: a copy that takes longer than
    /// many steps would otherwise never be whole.
    fn span(&self) -> Duration {
        self.patience.span().saturating_mul(1 << self.restarts.min(10))
    }

    fn heard(&mut self, from: PeerId, say: Say, now: Time, out: &mut Vec<Effect>) {
        if let Some((heard, _)) = &mut self.asked {
            heard.insert(from);
        }
        let Some(stage) = self.posts.iter().position(|post| *post == Some(from)) else { return };
        let attempt = self.book.attempt;
        match say {
            Say::Done { attempt: of, step, loss, busy, report, .. }
                if of == attempt && (self.book.step..self.settings.run.steps).contains(&step) =>
            {
                self.done.entry(step).or_default().insert(stage, Done { loss, busy, report });
                self.close(now, out);
            }
            Say::Kept { attempt: of, step, state } if of == attempt => {
                self.keep(stage, step, state, now, out);
            }
            Say::Proof { attempt: of, step, evidence } if of == attempt => {
                self.proof(stage, step, &evidence, now, out);
                self.take_copy(now, out);
            }
            Say::Here { attempt: of, done } if of == attempt => {
                self.progress = self.progress.wrapping_add(done);
            }
            Say::Broken { attempt: of, step, from, why } if of == attempt => {
                self.broken(stage, step, from, &why, now, out);
            }
            Say::Activations(Micro { attempt: of, .. })
            | Say::Gradients(Micro { attempt: of, .. })
            | Say::Norm { attempt: of, .. }
            | Say::Total { attempt: of, .. }
                if of == attempt =>
            {
                self.pass_on(stage, say, now, out);
            }
            _ => {}
        }
    }
}
