//! Neighbours in dispute: one says it sent what the other says it did not read. Nobody can tell who
//! lies, so from then on they speak through the coordinator, who knows what was said.

use std::collections::BTreeMap;

use super::super::message::{Micro, Report, Say, Side};
use super::super::model::Model;
use super::super::stage::{AHEAD, say_to};
use super::super::transcript::Transcript;
use super::Conductor;
use crate::swarm::codec::Codec;
use crate::swarm::machine::{Effect, Note};
use crate::swarm::message::{Hash, PeerId};
use crate::swarm::time::Time;

/// What is wrong with the reports of a step.
pub(super) enum Fault {
    /// A stage lied.
    Lie(usize, String),
    /// One of two did.
    Dispute(usize, usize),
}

/// What passed between stages in dispute, in an attempt.
#[derive(Default)]
pub(super) struct Witness {
    /// By step, sender and receiver: micro-batches so far, and their hash.
    heard: BTreeMap<(u64, usize, usize), (u32, Transcript)>,
    /// The norms that the last stage told, by step and receiver.
    totals: BTreeMap<(u64, usize), u64>,
}

impl Witness {
    fn hash(&self, step: u64, from: usize, to: usize) -> Hash {
        let heard = self.heard.get(&(step, from, to));
        heard.map_or_else(|| Transcript::default().hash(), |(_, transcript)| transcript.hash())
    }

    /// Forgets the steps before this one.
    pub(super) fn forget(&mut self, before: u64) {
        self.heard.retain(|(step, ..), _| *step >= before);
        self.totals.retain(|(step, _), _| *step >= before);
    }
}

impl<M: Model> Conductor<M> {
    /// Whether two stages speak through the coordinator.
    pub(super) fn in_dispute(&self, one: usize, other: usize) -> bool {
        let pair =
            (self.posts.get(one).copied().flatten(), self.posts.get(other).copied().flatten());
        matches!(pair, (Some(a), Some(b)) if self.book.disputes.contains(&(a.min(b), a.max(b))))
    }

    /// To whom a stage is to speak in place of each stage.
    pub(super) fn reached(&self, stage: usize, peers: &[PeerId]) -> Vec<PeerId> {
        let to = |(other, peer): (usize, &PeerId)| {
            if self.in_dispute(stage, other) { PeerId::COORDINATOR } else { *peer }
        };
        peers.iter().enumerate().map(to).collect()
    }

    /// The first thing that does not fit in what all stages reported of a step.
    pub(super) fn fault(&self, reports: &[Report]) -> Option<Fault> {
        let (step, last) = (self.book.step, reports.len().checked_sub(1)?);
        for stage in 0..last {
            let (one, other) = (&reports[stage], &reports[stage + 1]);
            let (before, next) = (Side::Before as usize, Side::Next as usize);
            let ways = [
                (stage, one.sent[next], stage + 1, other.read[before]),
                (stage + 1, other.sent[before], stage, one.read[next]),
            ];
            for (from, sent, to, read) in ways {
                let fault =
                    self.judge((from, &sent), (to, &read), || self.witness.hash(step, from, to));
                if fault.is_some() {
                    return fault;
                }
            }
        }
        let told = reports[last].norm;
        (0..last).find_map(|to| {
            let seen = || self.witness.totals.get(&(step, to)).copied().unwrap_or(told);
            self.judge((last, &told), (to, &reports[to].norm), seen)
        })
    }

    /// Who lies when one says it sent this, and the other that it read that.
    fn judge<T: PartialEq>(
        &self,
        (from, sent): (usize, &T),
        (to, read): (usize, &T),
        seen: impl FnOnce() -> T,
    ) -> Option<Fault> {
        if !self.in_dispute(from, to) {
            return (sent != read).then_some(Fault::Dispute(from, to));
        }
        let (seen, lie) = (seen(), |stage, what: &str| Some(Fault::Lie(stage, what.to_owned())));
        if *sent != seen {
            return lie(from, "it sent something else than it reported");
        }
        if *read != seen {
            return lie(to, "it read something else than it reported");
        }
        None
    }

    /// Evicts who lied; or lets two speak through here, from the last copy on.
    pub(super) fn settle_fault(&mut self, fault: Fault, now: Time, out: &mut Vec<Effect>) {
        match fault {
            Fault::Lie(stage, why) => self.evict(stage, &why, now, out),
            Fault::Dispute(one, other) => {
                let (Some(a), Some(b)) = (self.posts[one], self.posts[other]) else { return };
                self.book.disputes.insert((a.min(b), a.max(b)));
                for (peer, with) in [(a, b), (b, a)] {
                    let what = format!("in dispute with {with}");
                    out.push(Effect::Note(Note::Peer { peer, what }));
                }
                self.again(now, out);
            }
        }
    }

    /// A stage cannot go on with what came from a neighbour, or with what it computed.
    pub(super) fn broken(
        &mut self,
        stage: usize,
        step: u64,
        from: Option<Side>,
        why: &str,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        let neighbour = match from {
            Some(Side::Before) => stage.checked_sub(1),
            Some(Side::Next) => Some(stage + 1).filter(|next| *next < self.posts.len()),
            None => Some(stage),
        };
        let is_vacant = self.posts.iter().any(Option::is_none);
        match neighbour {
            _ if !self.audits() => self.give_up(stage, step, why, out),
            // All begin again soon, whatever it is.
            _ if is_vacant => {}
            // A peer that waits may find otherwise; once.
            Some(other) if other == stage => {
                let again = self.diverged.replace((stage, step)) == Some((stage, step));
                let peer = self.posts[stage].filter(|_| !again && !self.waiting().is_empty());
                match peer {
                    Some(peer) => {
                        self.vacate(peer, "stopped", out);
                        self.begin(now, out);
                    }
                    None => self.give_up(stage, step, why, out),
                }
            }
            Some(other) if !self.in_dispute(stage, other) => {
                self.settle_fault(Fault::Dispute(other, stage), now, out);
            }
            // What passes here can be read.
            _ => self.evict(stage, "it cannot read what others can", now, out),
        }
    }

    /// What a stage says to one that it is in dispute with.
    pub(super) fn pass_on(&mut self, from: usize, say: Say, now: Time, out: &mut Vec<Effect>) {
        let (step, to) = match &say {
            Say::Activations(micro) => (micro.step, from + 1),
            Say::Gradients(micro) => (micro.step, from.wrapping_sub(1)),
            Say::Norm { step, .. } => (*step, from + 1),
            Say::Total { step, norm, .. } => {
                self.pass_total(from, *step, norm.to_bits(), &say, out);
                return;
            }
            _ => return,
        };
        if !self.is_near(step) || !self.in_dispute(from, to) {
            return;
        }
        let batches = self.pipeline.micro_batches(&self.settings, step);
        let (mut so_far, mut transcript) =
            self.witness.heard.get(&(step, from, to)).cloned().unwrap_or_default();
        match &say {
            Say::Activations(micro) | Say::Gradients(micro) => {
                // Others are lost or were here before: then the step stands still.
                if micro.micro != so_far || so_far as usize >= batches.len() {
                    return;
                }
                let is_activations = matches!(say, Say::Activations(_));
                let codec = if is_activations { self.settings.up } else { self.settings.down };
                let windows = batches[so_far as usize].end - batches[so_far as usize].start;
                if !self.reads(micro, codec, windows) {
                    self.evict(from, "it sent what nobody can read", now, out);
                    return;
                }
                so_far += 1;
                transcript.add(&micro.body);
            }
            Say::Norm { norm, .. } => {
                if so_far as usize != batches.len() {
                    return;
                }
                so_far += 1;
                transcript.add_norm(norm);
            }
            _ => return,
        }
        self.witness.heard.insert((step, from, to), (so_far, transcript));
        out.extend(self.posts[to].map(|peer| say_to(peer, say)));
    }

    fn pass_total(&mut self, from: usize, step: u64, norm: u64, say: &Say, out: &mut Vec<Effect>) {
        if from + 1 != self.posts.len() || !self.is_near(step) {
            return;
        }
        for to in (0..from).filter(|to| self.in_dispute(from, *to)).collect::<Vec<_>>() {
            if self.witness.totals.insert((step, to), norm).is_none() {
                out.extend(self.posts[to].map(|peer| say_to(peer, say.clone())));
            }
        }
    }

    /// Whether a stage can be at this step.
    fn is_near(&self, step: u64) -> bool {
        (self.book.step..=self.book.step + AHEAD as u64).contains(&step)
    }

    fn reads(&self, micro: &Micro, codec: Codec, windows: u64) -> bool {
        let shape = &self.settings.run.shape;
        codec.decode(&micro.body, windows as usize * shape.context * shape.width).is_ok()
    }
}
