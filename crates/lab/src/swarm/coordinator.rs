//! The coordinator: gives out work, averages what comes back, welcomes, waits, and drops.
//!
//! ```text
//! hello ─▶ (all there) ─▶ round: work ─▶ updates ─▶ close ─▶ outcome, with the next work
//!                           ▲   late: one round more │ then gone, its windows go to others
//!                           └────────────────────────┘
//! ```
//! Everything that must survive a restart is in `book`; it is kept before an outcome is told.

mod audit;
mod book;
mod close;
mod joining;
mod save;
mod share;
mod update;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use self::audit::Challenge;
use self::book::{Book, Contribution};
pub use self::book::{Peer, Standing};
use self::joining::part_of;
pub(super) use self::share::apportion;
use super::codec::Encoder;
use super::learner::Learner;
use super::machine::{Effect, Event, Note};
use super::message::{Hash, Message, Outcome, PeerId};
use super::outer::{Outer, encoders, fragment};
use super::patience::Patience;
use super::settings::Settings;
use super::site::SiteSay;
use super::time::Time;
use crate::train::Validation;

/// Members refused by sites that the log tells of.
const MOST_REFUSED: usize = 100;

/// A coordinator as a state machine.
pub struct Coordinator<L> {
    settings: Settings,
    learner: L,
    outer: Option<Outer>,
    book: Book,
    encoders: Vec<Encoder>,
    /// Updates that are not in an outcome yet.
    pending: BTreeMap<(PeerId, u64), Contribution>,
    recent: VecDeque<Outcome>,
    copy: Option<Copy>,
    /// Peers whose update of this round is waited for.
    expected: BTreeSet<PeerId>,
    challenges: BTreeMap<PeerId, Challenge>,
    /// Members that sites refused.
    refused: BTreeSet<PeerId>,
    opened: Time,
    delivered: Time,
    extended: u32,
    patience: Patience,
    wake: u64,
}

/// The shared state as those who join fetch it.
struct Copy {
    version: u64,
    state: Vec<f32>,
    updates: u64,
    hashes: Vec<Hash>,
}

impl<L: Learner> Coordinator<L> {
    /// A coordinator of a fresh run.
    pub fn new(settings: Settings, learner: L) -> Self {
        let book = Book::new(settings.windows());
        Self::with_book(settings, learner, book)
    }

    fn with_book(settings: Settings, learner: L, book: Book) -> Self {
        let outer = Outer::of(&settings, learner.parameters());
        let encoders = encoders(&settings, settings.down, learner.parameters().len());
        let patience =
            Patience::new(Duration::from_secs(60), Duration::from_secs(2), 0.8, settings.patience);
        Self {
            settings,
            learner,
            outer,
            book,
            encoders,
            pending: BTreeMap::new(),
            recent: VecDeque::new(),
            copy: None,
            expected: BTreeSet::new(),
            challenges: BTreeMap::new(),
            refused: BTreeSet::new(),
            opened: Time::default(),
            delivered: Time::default(),
            extended: 0,
            patience,
            wake: 0,
        }
    }

    /// Outcomes told: the version of the shared state.
    pub fn version(&self) -> u64 {
        self.book.round
    }

    /// Windows trained on.
    pub fn trained(&self) -> u64 {
        self.book.ledger.trained()
    }

    /// Whether every window was trained on.
    pub fn is_finished(&self) -> bool {
        self.book.finished
    }

    /// Whether every window is in exactly one place: trained on, given out, or free.
    pub fn balances(&self) -> bool {
        self.book.ledger.balances()
    }

    /// Everybody who was ever here.
    pub fn peers(&self) -> &BTreeMap<PeerId, Peer> {
        &self.book.peers
    }

    /// The parameters that all peers share.
    pub fn shared_parameters(&self) -> &[f32] {
        self.outer.as_ref().map_or(self.learner.parameters(), |outer| &outer.parameters)
    }

    /// The loss of the shared parameters on held-out text.
    pub fn validate(&mut self) -> Validation {
        if let Some(outer) = &self.outer {
            self.learner.set_parameters(&outer.parameters);
        }
        self.learner.validate()
    }

    /// Bytes held for others, for tests of bounded memory.
    pub fn bytes_waiting(&self) -> usize {
        let recent: usize = self.recent.iter().map(|outcome| outcome.body.len()).sum();
        let pending: usize = self.pending.values().map(|c| 4 * c.change.len()).sum();
        let copy = self.copy.as_ref().map_or(0, |copy| 4 * copy.state.len());
        recent + pending + copy
    }

    /// One event, and what follows from it.
    pub fn step(&mut self, now: Time, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        match event {
            Event::Start => {
                self.opened = now;
                self.delivered = now;
                if self.book.started {
                    // After a restart: what was said meanwhile is lost, so all say it again.
                    let peers: Vec<PeerId> = self.active().collect();
                    out.extend(peers.into_iter().map(|peer| Effect::Send(peer, Message::Rejoin)));
                    self.open(now, &mut out);
                }
            }
            Event::Received(from, message) => self.received(from, message, now, &mut out),
            Event::Worked(_) => {}
            Event::Woke(tag) => {
                if tag == self.wake {
                    self.woke(now, &mut out);
                }
            }
        }
        out
    }

    fn received(&mut self, from: PeerId, message: Message, now: Time, out: &mut Vec<Effect>) {
        if self.standing(from) == Some(Standing::Evicted) {
            if !matches!(message, Message::Fetch { .. } | Message::Part { .. }) {
                out.push(Effect::Send(from, Message::Evicted));
            }
            return;
        }
        match message {
            Message::Hello { speed, holds } => self.hello(from, speed, holds, now, out),
            Message::Ready { version } => self.ready(from, version, now, out),
            Message::Update(update) => self.update(from, &update, now, out),
            Message::Ask { version } => self.ask(from, version, out),
            Message::Knock => {
                // A struct of numbers and names always serialises.
                let terms = serde_json::to_string(&self.settings).unwrap_or_default();
                out.push(Effect::Send(from, Message::Terms(terms)));
            }
            Message::Leave => {
                self.drop_peer(from, Standing::Gone, "left", out);
                self.close_if_all(now, out);
            }
            Message::Fetch { version, part, parts } => {
                let values = self
                    .copy
                    .as_ref()
                    .filter(|copy| copy.version == version && part < parts)
                    .map(|copy| part_of(&copy.state, part, parts).to_vec())
                    .unwrap_or_default();
                out.push(Effect::Send(from, Message::Part { version, part, parts, values }));
            }
            Message::Proof { round, step, updates, state } => {
                self.proof(from, round, step, updates, &state, now, out);
            }
            Message::Site(SiteSay::Refused { peer }) => self.refused(from, peer, out),
            _ => {}
        }
    }

    fn standing(&self, peer: PeerId) -> Option<Standing> {
        self.book.peers.get(&peer).map(|peer| peer.standing)
    }

    /// A site refused a member. For the log alone, and only so often: anybody could say so.
    fn refused(&mut self, by: PeerId, member: PeerId, out: &mut Vec<Effect>) {
        let may_be = self.standing(by) == Some(Standing::Active) && self.standing(member).is_none();
        if may_be && self.refused.len() < MOST_REFUSED && self.refused.insert(member) {
            let what = format!("refused by {by}: its gradient was wrong");
            out.push(Effect::Note(Note::Peer { peer: member, what }));
        }
    }

    fn stand(&mut self, peer: PeerId, standing: Standing, what: &str, out: &mut Vec<Effect>) {
        if let Some(known) = self.book.peers.get_mut(&peer) {
            known.standing = standing;
        }
        out.push(Effect::Note(Note::Peer { peer, what: what.to_owned() }));
    }

    fn start_if_all(&mut self, now: Time, out: &mut Vec<Effect>) {
        let active = self.active().count();
        if self.book.started || active < self.settings.peers as usize {
            return;
        }
        self.book.started = true;
        for round in self.book.round..=self.book.round + self.settings.ahead() {
            self.give(round);
        }
        out.push(Effect::Persist);
        let peers: Vec<PeerId> = self.active().collect();
        for peer in peers {
            self.catch_up(peer, self.book.round, out);
        }
        self.open(now, out);
    }

    fn active(&self) -> impl Iterator<Item = PeerId> + '_ {
        let peers = self.book.peers.iter();
        peers.filter(|(_, peer)| peer.standing == Standing::Active).map(|(id, _)| *id)
    }

    /// Those who are given work: all whose updates have weight, and the others only where an audit
    /// can show that they are honest after all.
    fn eligible(&self) -> impl Iterator<Item = PeerId> + '_ {
        let audits = self.audits();
        self.active().filter(move |id| audits || self.book.peers[id].is_heard())
    }

    /// A round begins: who is expected, and until when.
    fn open(&mut self, now: Time, out: &mut Vec<Effect>) {
        let round = self.book.round;
        self.opened = now;
        self.delivered = now;
        self.extended = 0;
        self.expected = self
            .book
            .ledger
            .outstanding()
            .filter(|(peer, of)| *of == round && !self.pending.contains_key(&(*peer, round)))
            .map(|(peer, _)| peer)
            .collect();
        self.arm(out);
    }

    fn arm(&mut self, out: &mut Vec<Effect>) {
        self.wake += 1;
        out.push(Effect::Wake(self.patience.span(), self.wake));
    }

    /// Whether a round nobody works on should end at once, since its end brings work, or the copy
    /// that somebody waits for.
    fn is_idle_with_work(&self) -> bool {
        let waits = self.book.peers.values().any(|peer| peer.standing == Standing::Waiting);
        let usable = self.copy.as_ref().is_some_and(|copy| self.covers(copy.version));
        self.book.started
            && !self.book.finished
            && self.expected.is_empty()
            && (!self.pending.is_empty()
                || waits && !usable
                || self.book.ledger.outstanding().any(|(_, round)| round > self.book.round)
                || self.book.ledger.free() > 0 && self.eligible().next().is_some())
    }

    fn wake_idle(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.is_idle_with_work() {
            self.close(now, out);
        }
    }

    fn woke(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.book.finished || !self.book.started {
            return;
        }
        let delivered: u64 = self
            .pending
            .iter()
            .filter(|((_, round), _)| *round == self.book.round)
            .map(|(_, contribution)| contribution.windows)
            .sum();
        let missing: u64 = self
            .expected
            .iter()
            .filter_map(|peer| self.book.ledger.windows(*peer, self.book.round))
            .map(super::ledger::count)
            .sum();
        let enough = delivered as f64 >= self.settings.quorum * (delivered + missing) as f64;
        let others_out = self.book.ledger.outstanding().next().is_some();
        if missing > 0 && (enough || self.extended >= 2)
            || missing == 0 && (others_out || self.is_idle_with_work())
        {
            self.close(now, out);
        } else {
            self.extended += 1;
            self.arm(out);
        }
    }

    fn drop_peer(&mut self, peer: PeerId, to: Standing, what: &str, out: &mut Vec<Effect>) {
        if self.book.peers.contains_key(&peer) && self.standing(peer) != Some(to) {
            self.release(peer);
            self.stand(peer, to, what, out);
        }
    }

    /// Takes back all windows that `peer` has, and forgets its updates.
    fn release(&mut self, peer: PeerId) {
        let rounds: Vec<u64> = self
            .book
            .ledger
            .outstanding()
            .filter(|(who, _)| *who == peer)
            .map(|(_, round)| round)
            .collect();
        for round in rounds {
            self.pending.remove(&(peer, round));
            self.book.ledger.release(peer, round);
        }
        self.expected.remove(&peer);
        self.challenges.remove(&peer);
    }

    fn close_if_all(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.book.started && !self.book.finished && self.expected.is_empty() {
            let delivered = self.pending.keys().any(|(_, round)| *round == self.book.round);
            if delivered || self.is_idle_with_work() {
                self.close(now, out);
            }
        }
    }

    fn shared_state(&self) -> Vec<f32> {
        self.outer.as_ref().map_or_else(|| self.learner.state().0, Outer::state)
    }
}
