//! The end of a round.

use std::time::Duration;

use super::book::{Peer, Standing};
use super::joining::hashes_of;
use super::{Contribution, Coordinator, Copy};
use crate::swarm::learner::Learner;
use crate::swarm::machine::{Effect, Note, RoundNote};
use crate::swarm::message::{Keep, Message, Outcome, PeerId};
use crate::swarm::outer::fragment;
use crate::swarm::robust::{Weighted, cosine, median, norm};
use crate::swarm::time::Time;

/// Bytes of outcomes that are kept for those who missed them, as a multiple of the parameters'.
const RECENT: usize = 16;

impl<L: Learner> Coordinator<L> {
    /// Averages what came, tells everybody, and opens the next round.
    pub(super) fn close(&mut self, now: Time, out: &mut Vec<Effect>) {
        loop {
            self.close_once(now, out);
            if self.book.finished {
                return;
            }
            self.open(now, out);
            if !self.is_idle_with_work() {
                return;
            }
        }
    }

    fn close_once(&mut self, now: Time, out: &mut Vec<Effect>) {
        let round = self.book.round;
        let (n, fragments) = (self.learner.parameters().len(), self.settings.fragments());
        let range = fragment(n, fragments, round % fragments);

        let ready: Vec<(PeerId, u64)> = self
            .pending
            .keys()
            .filter(|(_, of)| of % fragments == round % fragments)
            .copied()
            .collect();
        let mut taken: Vec<((PeerId, u64), Contribution)> = Vec::new();
        for key in ready {
            let Some(contribution) = self.pending.remove(&key) else { continue };
            if self.book.peers.get(&key.0).is_some_and(Peer::is_heard) {
                taken.push((key, contribution));
            } else {
                // Not heard: others do its windows.
                self.book.ledger.release(key.0, key.1);
            }
        }
        let body = self.average(&taken, range.len(), round % fragments);
        let mut note = RoundNote {
            round,
            windows: 0,
            loss: f64::NAN,
            included: taken.len(),
            late: taken.iter().filter(|((_, of), _)| *of != round).count(),
            missing: self.expected.len(),
            took: now.since(self.opened),
            busy: Duration::ZERO,
            slowest: Duration::ZERO,
        };
        let (mut loss, mut windows) = (0.0, 0);
        for ((peer, of), contribution) in &taken {
            self.book.ledger.accept(*peer, *of);
            loss += contribution.loss * contribution.windows as f64;
            windows += contribution.windows;
            note.busy += contribution.busy;
            note.slowest = note.slowest.max(contribution.busy);
            if let Some(known) = self.book.peers.get_mut(peer) {
                known.included += 1;
                known.windows += contribution.windows;
            }
        }
        note.loss = loss / windows as f64;
        note.windows = self.book.ledger.trained();
        if !taken.is_empty() {
            self.patience.saw(self.delivered.since(self.opened));
        }
        self.drop_silent(round, out);

        let position = self.book.positions.remove(&round).unwrap_or(0);
        self.apply(&body, range, round % fragments, position);
        self.book.round = round + 1;
        let keep = self.keep();
        match keep {
            Keep::Same => {}
            Keep::Nothing => self.copy = None,
            Keep::Copy => {
                let state = self.shared_state();
                let hashes = hashes_of(&state);
                let updates = self.learner.state().1;
                self.copy = Some(Copy { version: round + 1, state, updates, hashes });
            }
        }
        self.book.given.retain(|assignment| assignment.round >= round);
        let coming = round + 1 + self.settings.ahead();
        self.give(coming);
        self.book.finished = self.book.ledger.is_finished();
        let outcome = Outcome {
            round,
            position,
            included: taken.iter().map(|(key, _)| *key).collect(),
            body,
            loss: note.loss,
            keep,
            assignments: self.book.given.iter().filter(|a| a.round == coming).cloned().collect(),
            next: self.book.ledger.next(),
            open: self.book.ledger.open(),
            finished: self.book.finished,
        };
        self.remember(outcome.clone(), 4 * n);
        // A log that is kept with the state has the round in it.
        out.push(Effect::Note(Note::Round(note)));
        out.push(Effect::Persist);
        self.tell(&outcome, out);
        if keep == Keep::Copy {
            let waiting: Vec<PeerId> = self
                .book
                .peers
                .iter()
                .filter(|(_, peer)| peer.standing == Standing::Waiting)
                .map(|(id, _)| *id)
                .collect();
            for peer in waiting {
                self.welcome(peer, out);
            }
        }
        if self.book.finished {
            out.push(Effect::Stop);
        }
    }

    fn tell(&self, outcome: &Outcome, out: &mut Vec<Effect>) {
        let listening = self
            .book
            .peers
            .iter()
            .filter(|(_, peer)| matches!(peer.standing, Standing::Active | Standing::Syncing));
        out.extend(listening.map(|(id, _)| Effect::Send(*id, Message::Outcome(outcome.clone()))));
    }

    /// Those that were late already, and still have not delivered, are gone.
    fn drop_silent(&mut self, round: u64, out: &mut Vec<Effect>) {
        let silent: Vec<(PeerId, u64)> = self
            .book
            .ledger
            .outstanding()
            .filter(|key| key.1 <= round && !self.pending.contains_key(key))
            .collect();
        for (peer, of) in silent {
            if of < round {
                self.drop_peer(peer, Standing::Gone, "gone: silent for two rounds", out);
                // One that is gone twice over holds nothing any more.
                self.book.ledger.release(peer, of);
            } else {
                out.push(Effect::Note(Note::Peer { peer, what: "late".to_owned() }));
            }
        }
    }

    /// The combined change as everybody will read it.
    fn average(
        &mut self,
        taken: &[((PeerId, u64), Contribution)],
        length: usize,
        index: u64,
    ) -> Vec<u8> {
        if taken.is_empty() {
            return Vec::new();
        }
        let weighted: Vec<Weighted<'_>> =
            taken.iter().map(|(_, c)| (c.windows as f64, c.change.as_slice())).collect();
        let mean = self.settings.aggregation.combine(&weighted, length);
        self.judge(taken, &mean);
        self.encoders[index as usize].encode(&mean)
    }

    /// Reputation: falls when an update is far longer than the median or points away from the mean.
    fn judge(&mut self, taken: &[((PeerId, u64), Contribution)], mean: &[f32]) {
        if taken.len() < 3 {
            return;
        }
        let norms: Vec<f64> = taken.iter().map(|(_, c)| norm(&c.change)).collect();
        let usual = median(&norms);
        for (((peer, _), contribution), size) in taken.iter().zip(norms) {
            let odd = size > 4.0 * usual
                || size < 0.05 * usual
                || cosine(&contribution.change, mean) < 0.0;
            if let Some(known) = self.book.peers.get_mut(peer) {
                let moved = if odd { -0.1 } else { 0.03 };
                known.reputation = (known.reputation + moved).clamp(0.0, 1.0);
            }
        }
    }

    fn apply(&mut self, body: &[u8], range: std::ops::Range<usize>, _index: u64, position: u64) {
        if body.is_empty() {
            return;
        }
        // What peers will read, not what was meant.
        let Ok(change) = self.settings.down.decode(body, range.len()) else { return };
        match &mut self.outer {
            Some(outer) => outer.apply(range, &change),
            None => self.learner.apply(change, self.settings.schedule(position)),
        }
    }

    fn remember(&mut self, outcome: Outcome, parameters: usize) {
        self.recent.push_back(outcome);
        let size = |outcome: &Outcome| outcome.body.len() + 256;
        let mut total: usize = self.recent.iter().map(size).sum();
        while total > RECENT * parameters.max(4096) && self.recent.len() > 4 {
            if let Some(first) = self.recent.pop_front() {
                total -= size(&first);
            }
        }
        while self.recent.len() > 64 {
            self.recent.pop_front();
        }
    }
}
