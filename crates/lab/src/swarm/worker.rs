//! A worker: trains what it is given, shares what changed, follows the shared state.
//!
//! ```text
//! hello ──▶ resume | welcome ─▶ fetch parts from several peers ─▶ ready
//!   round r:  overlap steps ─▶ outcome r-1 applied ─▶ the other steps ─▶ update r
//! ```

mod follow;
mod in_site;
mod training;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use self::training::Training;

use super::checkpoint::Checkpoint;
use super::codec::Encoder;
use super::fetching::Fetching;
use super::habit::Habit;
use super::learner::Learner;
use super::machine::{Effect, Event};
use super::message::{Assignment, Message, Outcome, PeerId, Update};
use super::outer::{Outer, encoders, fragment};
use super::patience::Patience;
use super::settings::Settings;
use super::site::{Head, Member, Place, SiteSay};
use super::time::Time;

/// Bytes of outcomes that wait to be applied, as a multiple of the parameters'; more are asked for
/// again.
const MOST_WAITING: usize = 32;

/// Wakes with this bit are for the steps of a site.
const SITE: u64 = 1 << 63;

/// A worker as a state machine.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not one state")]
pub struct Worker<L> {
    id: PeerId,
    settings: Settings,
    learner: L,
    /// With `DiLoCo`.
    outer: Option<Outer>,
    /// Outcomes applied.
    version: u64,
    /// The round that is trained or waited for.
    round: u64,
    training: Option<Training>,
    working: bool,
    assignments: BTreeMap<u64, Assignment>,
    outcomes: BTreeMap<u64, Outcome>,
    encoders: Vec<Encoder>,
    /// The last update, until it is known to be in an outcome.
    unanswered: Option<Update>,
    fetching: Option<Fetching>,
    /// Updates of the optimiser in what is fetched.
    updates: u64,
    /// The copy kept for those who join, with its version.
    copy: Option<(u64, Vec<f32>)>,
    /// For audits: the round, the state it began from, and its assignment.
    evidence: Option<(Assignment, Vec<f32>, u64)>,
    /// The ledger as of the last outcome.
    account: (u64, Vec<Range<u64>>),
    speed: f64,
    habit: Habit,
    /// Where several peers act as one.
    site: Option<Place>,
    joined: bool,
    /// It holds nothing that others could go on from.
    lost: bool,
    stopped: bool,
    evicted: bool,
    wake: u64,
    waiting_since: Option<Time>,
    asked: u32,
    patience: Patience,
}

impl<L: Learner> Worker<L> {
    /// A worker that holds nothing but the seed's first parameters and believes to compute `speed`
    /// tokens a second.
    pub fn new(id: PeerId, settings: Settings, learner: L, speed: f64) -> Self {
        let outer = Outer::of(&settings, learner.parameters());
        let encoders = encoders(&settings, settings.up, learner.parameters().len());
        let patience =
            Patience::new(Duration::from_secs(60), Duration::from_secs(5), 0.9, settings.patience);
        Self {
            id,
            settings,
            learner,
            outer,
            version: 0,
            round: 0,
            training: None,
            working: false,
            assignments: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            encoders,
            unanswered: None,
            fetching: None,
            updates: 0,
            copy: None,
            evidence: None,
            account: (0, Vec::new()),
            speed,
            habit: Habit::Honest,
            site: None,
            joined: false,
            lost: false,
            stopped: false,
            evicted: false,
            wake: 0,
            waiting_since: None,
            asked: 0,
            patience,
        }
    }

    /// The same with another habit; for rehearsals of hostile peers.
    #[must_use]
    pub fn with_habit(mut self, habit: Habit) -> Self {
        self.habit = habit;
        self
    }

    /// The same in a site that `head` speaks for, which may be itself.
    #[must_use]
    pub fn in_site(mut self, head: PeerId) -> Self {
        self.site = Some(if head == self.id {
            let parameters = self.learner.parameters().len();
            Place::Head(Box::new(Head::new(self.id, self.speed, &self.settings, parameters)))
        } else {
            Place::Member(Member::new(head))
        });
        self
    }

    /// Outcomes applied.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether it was told that the run is over, left, or was evicted.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Whether the coordinator, or the head of its site, does not want it.
    pub fn is_evicted(&self) -> bool {
        self.evicted
    }

    /// The version whose shared state it holds; none while it fetches one.
    pub fn holds(&self) -> Option<u64> {
        Some(self.version).filter(|_| self.fetching.is_none() && !self.lost)
    }

    /// What it holds of the shared run; nothing while it fetches the state.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        let version = self.holds()?;
        let (next, open) = self.account.clone();
        let (state, updates) = (self.shared_state(), self.learner.state().1);
        Some(Checkpoint { version, next, open, updates, state })
    }

    /// The parameters that all peers share.
    pub fn shared_parameters(&self) -> &[f32] {
        self.outer.as_ref().map_or(self.learner.parameters(), |outer| &outer.parameters)
    }

    /// Bytes held beside the learner, for tests of bounded memory.
    pub fn bytes_waiting(&self) -> usize {
        self.outcomes.values().map(|outcome| outcome.body.len()).sum()
    }

    /// One event, and what follows from it.
    pub fn step(&mut self, now: Time, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        if self.stopped {
            // A worker that finished still serves its copy and audits no more.
            return out;
        }
        if let (Some(Place::Head(head)), Event::Received(from, message)) = (&mut self.site, &event)
        {
            head.crosses(*from, message);
        }
        match event {
            Event::Start => {
                self.hello(&mut out);
                self.wake_after(self.patience.span(), &mut out);
            }
            Event::Received(from, message) => self.received(from, message, now, &mut out),
            Event::Worked(took) => self.worked(took, &mut out),
            Event::Woke(tag) if tag & SITE != 0 => self.site_woke(tag, &mut out),
            Event::Woke(tag) if tag == self.wake => self.woke(now, &mut out),
            Event::Woke(_) => {}
        }
        if !self.stopped {
            self.advance(now, &mut out);
        }
        if let Some(Place::Head(head)) = &mut self.site {
            for effect in &out {
                if let Effect::Send(to, message) = effect {
                    head.crosses(*to, message);
                }
            }
        }
        out
    }

    /// Says goodbye.
    pub fn leave(&mut self) -> Vec<Effect> {
        self.stopped = true;
        vec![Effect::Send(PeerId::COORDINATOR, Message::Leave), Effect::Stop]
    }

    fn hello(&mut self, out: &mut Vec<Effect>) {
        if let Some(Place::Member(member)) = &self.site {
            let join = SiteSay::Join { speed: self.speed };
            out.push(Effect::Send(member.head, Message::Site(join)));
            return;
        }
        let hello = Message::Hello { speed: self.speed, holds: self.holds() };
        out.push(Effect::Send(PeerId::COORDINATOR, hello));
    }

    fn wake_after(&mut self, span: Duration, out: &mut Vec<Effect>) {
        self.wake += 1;
        out.push(Effect::Wake(span, self.wake));
    }

    fn received(&mut self, from: PeerId, message: Message, now: Time, out: &mut Vec<Effect>) {
        match message {
            Message::Fetch { version, part, parts } => {
                let values = self
                    .copy
                    .as_ref()
                    .filter(|(held, _)| *held == version && part < parts)
                    .map(|(_, state)| {
                        state[fragment(state.len(), parts.into(), part.into())].to_vec()
                    })
                    .unwrap_or_default();
                out.push(Effect::Send(from, Message::Part { version, part, parts, values }));
            }
            Message::Part { version, part, parts, values } => {
                self.part(from, version, part, parts, values, out);
            }
            Message::Site(say) => self.site_says(from, say, now, out),
            // Everything else only the coordinator may say.
            _ if from != PeerId::COORDINATOR => {}
            Message::Resume { version } => {
                self.joined = true;
                self.fetching = None;
                if version < self.version {
                    // A coordinator that restarted from an earlier state than ours.
                    self.start_over(out);
                } else if let Some(update) = &self.unanswered {
                    // It may be lost with a coordinator that was restarted.
                    out.push(Effect::Send(from, Message::Update(update.clone())));
                }
            }
            Message::Welcome { version, sources, hashes, updates } => {
                self.joined = true;
                self.training = None;
                self.unanswered = None;
                self.assignments.clear();
                self.outcomes.retain(|round, _| *round >= version);
                self.version = version;
                self.fetching = Fetching::new(version, hashes, sources, self.id);
                self.updates = updates;
                if let Some(fetching) = &mut self.fetching {
                    out.extend(fetching.requests());
                }
                self.wake_after(self.patience.span(), out);
            }
            Message::Work(assignments) => self.keep_assignments(assignments),
            Message::Outcome(outcome) => self.outcome(outcome, now, out),
            Message::Rejoin => self.hello(out),
            Message::Challenge { round, step } => self.challenge(round, step, out),
            Message::Evicted => {
                self.evicted = true;
                self.stopped = true;
                out.push(Effect::Stop);
            }
            _ => {}
        }
    }

    fn keep_assignments(&mut self, assignments: Vec<Assignment>) {
        for assignment in assignments {
            if assignment.peer == self.id && assignment.round >= self.round {
                self.assignments.entry(assignment.round).or_insert(assignment);
            }
        }
    }

    fn woke(&mut self, now: Time, out: &mut Vec<Effect>) {
        if let Some(Place::Member(member)) = &self.site {
            if member.welcome {
                return;
            }
            self.hello(out);
            self.asked = (self.asked + 1).min(4);
        } else if let Some(fetching) = &mut self.fetching {
            if fetching.retries() < 8 {
                out.extend(fetching.again());
            } else {
                // The copy is gone from all of them: be welcomed anew.
                self.start_over(out);
            }
        } else if !self.joined {
            self.hello(out);
        } else if self.waiting_since.is_some() || self.training.is_none() {
            // The update or the outcome may be lost, or the coordinator was restarted.
            if let Some(update) = &self.unanswered {
                out.push(Effect::Send(PeerId::COORDINATOR, Message::Update(update.clone())));
            }
            out.push(Effect::Send(PeerId::COORDINATOR, Message::Ask { version: self.version }));
            self.asked = (self.asked + 1).min(4);
        }
        let _ = now;
        let span = self.patience.span().saturating_mul(1 << self.asked);
        self.wake_after(span.min(Duration::from_secs(3600)), out);
    }

    /// Goes as far as it can without another event.
    fn advance(&mut self, now: Time, out: &mut Vec<Effect>) {
        if let Some(Place::Member(_)) = &self.site {
            return;
        }
        while !self.working && self.fetching.is_none() && !self.lost && !self.stopped {
            let overlap = self.settings.overlap();
            if let Some(training) = &self.training {
                let (done, round) = (training.done, training.assignment.round);
                if done >= training.assignment.steps {
                    self.deliver(out);
                    continue;
                }
                // An outcome is merged at one fixed step, however early it came.
                let merged = self.version >= round;
                if done < overlap.min(training.assignment.steps) || merged {
                    self.compute(now, out);
                    continue;
                }
                if self.merge_next() {
                    continue;
                }
                self.wait(now, out);
                return;
            }
            // Without overlap nothing starts before all earlier outcomes are applied.
            if overlap == 0 && self.version < self.round {
                if self.merge_next() {
                    continue;
                }
                self.wait(now, out);
                return;
            }
            if let Some(assignment) = self.assignments.remove(&self.round) {
                self.begin(assignment);
                continue;
            }
            // No work in this round: follow the others.
            if self.merge_next() {
                self.round = self.round.max(self.version);
                continue;
            }
            self.wait(now, out);
            return;
        }
        if self.stopped {
            if let Some(Place::Head(head)) = &self.site {
                head.end(out);
            }
            // The last word: a transport that has delivered it has delivered all before.
            out.push(Effect::Send(PeerId::COORDINATOR, Message::Ask { version: self.version }));
            out.push(Effect::Stop);
        }
    }

    fn wait(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.waiting_since.is_none() {
            self.waiting_since = Some(now);
            let span = self.patience.span();
            self.wake_after(span, out);
        }
    }
}
