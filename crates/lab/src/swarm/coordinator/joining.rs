//! How peers come in: what those who come back missed, and where newcomers fetch the state.

use super::Coordinator;
use super::book::{Peer, Standing};
use crate::swarm::learner::Learner;
use crate::swarm::machine::Effect;
use crate::swarm::message::{Hash, Keep, Message, PeerId, hash_of};
use crate::swarm::outer::fragment;
use crate::swarm::time::Time;

/// Numbers of the shared state in one part that is fetched.
const PART: usize = 64 * 1024;

impl<L: Learner> Coordinator<L> {
    pub(super) fn hello(
        &mut self,
        from: PeerId,
        speed: f64,
        holds: Option<u64>,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        let known = self.book.peers.contains_key(&from);
        let peer = self.book.peers.entry(from).or_insert_with(Peer::new);
        if speed.is_finite() && speed > 0.0 && peer.speed == 0.0 {
            peer.speed = speed;
        }
        let what = if known { "back" } else { "joined" };
        match holds {
            Some(version) if self.covers(version) && self.is_near(version) => {
                self.stand(from, Standing::Active, what, out);
                out.push(Effect::Send(from, Message::Resume { version: self.book.round }));
                self.catch_up(from, version, out);
                self.start_if_all(now, out);
                self.wake_idle(now, out);
            }
            _ => {
                // Whatever it was training on is void.
                self.release(from);
                self.stand(from, Standing::Waiting, what, out);
                if !self.welcome(from, out) {
                    self.wake_idle(now, out);
                }
                self.close_if_all(now, out);
            }
        }
    }

    /// Whether the outcomes from `version` on are all kept.
    pub(super) fn covers(&self, version: u64) -> bool {
        version == self.book.round
            || self.recent.front().is_some_and(|first| first.round <= version)
                && version < self.book.round
    }

    /// Whether the outcomes from `version` on are fewer bytes than the state.
    pub(super) fn is_near(&self, version: u64) -> bool {
        let missed = self.recent.iter().filter(|outcome| outcome.round >= version);
        let bytes: usize = missed.map(|outcome| outcome.body.len() + 256).sum();
        bytes <= 8 * self.learner.parameters().len()
    }

    /// Sends the outcomes from `version` on, and the peer's open work.
    pub(super) fn catch_up(&self, peer: PeerId, version: u64, out: &mut Vec<Effect>) {
        let missed = self.recent.iter().filter(|outcome| outcome.round >= version);
        out.extend(missed.map(|outcome| Effect::Send(peer, Message::Outcome(outcome.clone()))));
        let work: Vec<_> = self
            .book
            .given
            .iter()
            .filter(|a| a.peer == peer && a.round >= version && self.book.ledger.has(peer, a.round))
            .filter(|a| !self.pending.contains_key(&(peer, a.round)))
            .cloned()
            .collect();
        if !work.is_empty() {
            out.push(Effect::Send(peer, Message::Work(work)));
        }
    }

    /// Points `peer` at the copy, if there is one that later outcomes lead on from.
    pub(super) fn welcome(&mut self, peer: PeerId, out: &mut Vec<Effect>) -> bool {
        let Some(copy) = &self.copy else { return false };
        if !self.covers(copy.version) {
            return false;
        }
        let (version, hashes, updates) = (copy.version, copy.hashes.clone(), copy.updates);
        let active = self.book.peers.iter().filter(|(_, p)| p.standing == Standing::Active);
        let mut sources: Vec<PeerId> = active.map(|(id, _)| *id).collect();
        sources.push(PeerId::COORDINATOR);
        out.push(Effect::Send(peer, Message::Welcome { version, sources, hashes, updates }));
        self.catch_up(peer, version, out);
        self.stand(peer, Standing::Syncing, "fetching", out);
        true
    }

    pub(super) fn ready(&mut self, from: PeerId, version: u64, now: Time, out: &mut Vec<Effect>) {
        if self.standing(from) != Some(Standing::Syncing) {
            return;
        }
        if self.covers(version) {
            self.stand(from, Standing::Active, "ready", out);
            self.catch_up(from, version, out);
            self.start_if_all(now, out);
            self.wake_idle(now, out);
        } else {
            self.stand(from, Standing::Waiting, "too far behind", out);
            self.welcome(from, out);
        }
    }

    pub(super) fn ask(&mut self, from: PeerId, version: u64, out: &mut Vec<Effect>) {
        match self.standing(from) {
            Some(Standing::Active) if self.covers(version) => self.catch_up(from, version, out),
            Some(Standing::Waiting | Standing::Syncing) => {}
            _ => out.push(Effect::Send(from, Message::Rejoin)),
        }
    }

    /// What peers are told to keep: a copy while somebody waits for one.
    pub(super) fn keep(&self) -> Keep {
        let any = |standing| self.book.peers.values().any(|peer| peer.standing == standing);
        let usable = self.copy.as_ref().is_some_and(|copy| self.covers(copy.version));
        if any(Standing::Waiting) && !(usable && any(Standing::Syncing)) {
            Keep::Copy
        } else if self.copy.is_some() && !any(Standing::Syncing) && !any(Standing::Waiting) {
            Keep::Nothing
        } else {
            Keep::Same
        }
    }
}

/// Part `part` of `parts` of a state.
pub(super) fn part_of(state: &[f32], part: u32, parts: u32) -> &[f32] {
    &state[fragment(state.len(), parts.into(), part.into())]
}

/// Hashes of the parts of a state.
pub(super) fn hashes_of(state: &[f32]) -> Vec<Hash> {
    let parts = state.len().div_ceil(PART).max(1) as u32;
    (0..parts).map(|part| hash_of(&[part_of(state, part, parts)])).collect()
}
