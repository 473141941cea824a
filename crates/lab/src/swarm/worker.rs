//! A worker: trains what it is given, shares what changed, follows the shared state.
//!
//! ```text
//! hello ──▶ resume | welcome ─▶ fetch parts from several peers ─▶ ready
//!   round r:  overlap steps ─▶ outcome r-1 applied ─▶ the other steps ─▶ update r
//! ```

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::checkpoint::Checkpoint;
use super::codec::Encoder;
use super::fetching::Fetching;
use super::habit::Habit;
use super::learner::Learner;
use super::machine::{Effect, Event};
use super::message::{
    Assignment, Hash, Keep, Message, Outcome, PeerId, Update, hash_of, hash_of_state,
};
use super::outer::{Outer, encoders, fragment};
use super::patience::Patience;
use super::settings::{Method, Settings};
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

struct Training {
    assignment: Assignment,
    done: u32,
    loss: f64,
    busy: Duration,
    began: Hash,
    commitments: Vec<Hash>,
    gradient: Option<Vec<f32>>,
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
            Place::Head(Head::new(self.id, self.speed, self.settings.patience))
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

    /// Whether the coordinator does not want it.
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

    fn outcome(&mut self, mut outcome: Outcome, now: Time, out: &mut Vec<Effect>) {
        if outcome.round < self.version {
            return;
        }
        self.keep_assignments(std::mem::take(&mut outcome.assignments));
        if outcome.round == self.version
            && let Some(since) = self.waiting_since.take()
        {
            self.patience.saw(now.since(since));
            self.asked = 0;
        }
        let room = MOST_WAITING * 4 * self.learner.parameters().len();
        if self.bytes_waiting() + 64 * self.outcomes.len() < room || outcome.round == self.version {
            self.outcomes.insert(outcome.round, outcome);
        }
        // One is missing in between: it was lost.
        if self.fetching.is_none()
            && !self.lost
            && self.training.is_none()
            && !self.outcomes.contains_key(&self.version)
        {
            out.push(Effect::Send(PeerId::COORDINATOR, Message::Ask { version: self.version }));
        }
        // The round in training was given up by the others: so is it here.
        let given_up = self.training.as_ref().is_some_and(|training| {
            let last = self.outcomes.keys().next_back().copied().unwrap_or(0);
            last > training.assignment.round + 1
        });
        if given_up {
            self.training = None;
        }
    }

    fn part(
        &mut self,
        from: PeerId,
        version: u64,
        part: u32,
        parts: u32,
        values: Vec<f32>,
        out: &mut Vec<Effect>,
    ) {
        let Some(fetching) = &mut self.fetching else { return };
        out.extend(fetching.received(from, version, part, parts, values));
        if let Some(state) = fetching.whole() {
            let version = fetching.version();
            if self.install(&state, version) {
                self.fetching = None;
                self.apply_all();
                out.push(Effect::Send(
                    PeerId::COORDINATOR,
                    Message::Ready { version: self.version },
                ));
            } else {
                // Of another length: those peers hold another model.
                self.start_over(out);
            }
        }
    }

    /// Forgets what it holds of the run, and asks to be welcomed.
    fn start_over(&mut self, out: &mut Vec<Effect>) {
        self.fetching = None;
        self.training = None;
        self.unanswered = None;
        self.assignments.clear();
        self.outcomes.clear();
        self.joined = false;
        self.lost = true;
        self.hello(out);
    }

    fn install(&mut self, state: &[f32], version: u64) -> bool {
        let whole = match &mut self.outer {
            Some(outer) => outer.restore(state),
            None => self.learner.restore(state, self.updates),
        };
        if !whole {
            return false;
        }
        if let Some(outer) = &self.outer {
            self.learner.set_parameters(&outer.parameters);
        }
        self.version = version;
        self.round = version;
        self.lost = false;
        true
    }

    /// Everything that came while the state was fetched.
    fn apply_all(&mut self) {
        while let Some(outcome) = self.outcomes.remove(&self.version) {
            self.apply(outcome);
        }
        self.round = self.round.max(self.version);
    }

    /// Takes the shared state one version on.
    fn apply(&mut self, outcome: Outcome) {
        let round = outcome.round;
        let (n, fragments) = (self.learner.parameters().len(), self.settings.fragments());
        let range = fragment(n, fragments, round % fragments);
        if !outcome.body.is_empty()
            && let Ok(change) = self.settings.down.decode(&outcome.body, range.len())
        {
            if let Some(outer) = &mut self.outer {
                outer.apply(range.clone(), &change);
                let keep = match self.settings.method {
                    Method::Diloco(diloco) if diloco.overlap > 0 => diloco.mix,
                    _ => 0.0,
                };
                let mut mine = self.learner.parameters().to_vec();
                for (own, shared) in mine[range.clone()].iter_mut().zip(&outer.parameters[range]) {
                    *own = keep * *own + (1.0 - keep) * shared;
                }
                self.learner.set_parameters(&mine);
            } else {
                self.learner.apply(change, self.settings.schedule(outcome.position));
            }
        }
        self.version = round + 1;
        match outcome.keep {
            Keep::Same => {}
            Keep::Copy => self.copy = Some((self.version, self.shared_state())),
            Keep::Nothing => self.copy = None,
        }
        if let Some(update) = &self.unanswered
            && outcome.included.contains(&(self.id, update.round))
        {
            self.unanswered = None;
        }
        self.account = (outcome.next, outcome.open);
        self.assignments.retain(|assigned, _| *assigned >= round);
        if outcome.finished {
            self.stopped = true;
        }
    }

    fn shared_state(&self) -> Vec<f32> {
        self.outer.as_ref().map_or_else(|| self.learner.state().0, Outer::state)
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

    fn merge_next(&mut self) -> bool {
        let next = self.outcomes.remove(&self.version);
        next.is_some_and(|outcome| {
            self.apply(outcome);
            true
        })
    }

    fn wait(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.waiting_since.is_none() {
            self.waiting_since = Some(now);
            let span = self.patience.span();
            self.wake_after(span, out);
        }
    }

    fn begin(&mut self, assignment: Assignment) {
        let began = if self.settings.checks(assignment.round) && self.settings.overlap() == 0 {
            hash_of(&[self.shared_parameters()])
        } else {
            [0; 16]
        };
        let commitments = if self.audited() {
            let (state, updates) = self.learner.state();
            let first = hash_of_state(&state, updates);
            self.evidence = Some((assignment.clone(), state, updates));
            vec![first]
        } else {
            Vec::new()
        };
        self.training = Some(Training {
            assignment,
            done: 0,
            loss: 0.0,
            busy: Duration::ZERO,
            began,
            commitments,
            gradient: None,
        });
    }

    fn audited(&self) -> bool {
        self.settings.audit.share > 0.0
            && self.settings.overlap() == 0
            && matches!(self.settings.method, Method::Diloco(_))
    }

    /// One inner step; its time passes before anything else happens.
    fn compute(&mut self, now: Time, out: &mut Vec<Effect>) {
        let audited = self.audited();
        let Some(training) = &mut self.training else { return };
        let step = training.done;
        let windows = training.assignment.batch(step);
        let schedule = self.settings.schedule(training.assignment.position_at(step));
        if let Some(Place::Head(head)) = &mut self.site
            && !windows.is_empty()
        {
            let own = head.begin(&mut self.learner, &windows, schedule, now, out);
            self.working = true;
            out.push(Effect::Work { tokens: own * self.settings.context() as u64 });
            out.push(Effect::Wake(head.span(), SITE | head.tag()));
            return;
        }
        let share = windows.len() as f64;
        if !windows.is_empty() {
            let loss = if self.outer.is_some() {
                self.learner.train(&windows, schedule)
            } else {
                let (loss, gradient) = self.learner.gradient(&windows);
                training.gradient = Some(gradient);
                loss
            };
            training.loss += share * loss;
        }
        if audited {
            let (state, updates) = self.learner.state();
            training.commitments.push(hash_of_state(&state, updates));
        }
        training.done += 1;
        self.working = true;
        out.push(Effect::Work { tokens: (windows.len() * self.settings.context()) as u64 });
    }

    fn worked(&mut self, took: Duration, out: &mut Vec<Effect>) {
        self.working = false;
        if let Some(training) = &mut self.training {
            training.busy = training.busy.saturating_add(took);
        }
        match &mut self.site {
            Some(Place::Head(head)) => {
                head.computed();
                self.site_step();
            }
            Some(Place::Member(member)) => {
                let answer = member.answer.take().map(Message::Site);
                out.extend(answer.map(|answer| Effect::Send(member.head, answer)));
            }
            None => {}
        }
    }

    fn site_says(&mut self, from: PeerId, say: SiteSay, now: Time, out: &mut Vec<Effect>) {
        match &mut self.site {
            Some(Place::Head(head)) => {
                head.heard(from, say, now, out);
                self.site_step();
            }
            Some(Place::Member(member)) if member.head == from => match say {
                SiteSay::Welcome => member.welcome = true,
                SiteSay::Over => {
                    self.stopped = true;
                    out.push(Effect::Stop);
                }
                say => {
                    if let Some(windows) = member.compute(&mut self.learner, say) {
                        let tokens = windows * self.settings.context() as u64;
                        out.push(Effect::Work { tokens });
                    }
                }
            },
            _ => {}
        }
    }

    /// A step of the site has taken long.
    fn site_woke(&mut self, tag: u64, out: &mut Vec<Effect>) {
        let Some(Place::Head(head)) = &mut self.site else { return };
        if tag == SITE | head.tag() {
            let windows = head.give_up(&mut self.learner);
            if windows > 0 {
                let tokens = windows * self.settings.context() as u64;
                out.push(Effect::Work { tokens });
            }
        }
    }

    /// Ends a step of the site once every part of it is there.
    fn site_step(&mut self) {
        let parameters = self.learner.parameters().len();
        let Some(Place::Head(head)) = &mut self.site else { return };
        if let Some(whole) = head.whole(parameters) {
            self.learner.apply(whole.gradient, whole.schedule);
            self.working = false;
            if let Some(training) = &mut self.training {
                training.loss += whole.windows * whole.loss;
                training.done += 1;
            }
        } else {
            self.working = self.working || head.is_busy();
        }
    }

    fn deliver(&mut self, out: &mut Vec<Effect>) {
        let Some(training) = self.training.take() else { return };
        let round = training.assignment.round;
        let fragments = self.settings.fragments();
        let index = round % fragments;
        let range = fragment(self.learner.parameters().len(), fragments, index);
        let change: Vec<f32> = match &self.outer {
            Some(outer) => {
                let pairs = outer.parameters[range.clone()].iter();
                pairs.zip(&self.learner.parameters()[range]).map(|(a, b)| a - b).collect()
            }
            None => training.gradient.unwrap_or_else(|| vec![0.0; range.len()]),
        };
        let change = self.habit.change(change, round);
        let body = self.encoders[index as usize].encode(&change);
        let body = self.habit.bytes(body, round);
        let windows = super::ledger::count(&training.assignment.ranges);
        let update = Update {
            round,
            windows,
            loss: training.loss / (windows as f64).max(1.0),
            busy: training.busy,
            began: training.began,
            commitments: training.commitments,
            body,
        };
        out.push(Effect::Send(PeerId::COORDINATOR, Message::Update(update.clone())));
        self.unanswered = Some(update);
        self.round = round + 1;
    }

    /// Repeats the round up to the step that was asked for, and shows the state there.
    fn challenge(&mut self, round: u64, step: u32, out: &mut Vec<Effect>) {
        let Some((assignment, start, updates)) = &self.evidence else { return };
        if assignment.round != round || step > assignment.steps {
            return;
        }
        let (now, now_updates) = self.learner.state();
        if !self.learner.restore(start, *updates) {
            return;
        }
        for earlier in 0..step {
            let windows = assignment.batch(earlier);
            if !windows.is_empty() {
                let schedule = self.settings.schedule(assignment.position_at(earlier));
                self.learner.train(&windows, schedule);
            }
        }
        let (state, updates) = self.learner.state();
        self.learner.restore(&now, now_updates);
        out.push(Effect::Send(PeerId::COORDINATOR, Message::Proof { round, step, updates, state }));
    }
}
