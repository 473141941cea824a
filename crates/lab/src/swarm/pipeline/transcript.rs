//! What a stage sends and reads in a step, as hashes to report and as evidence to show.

use super::message::{Evidence, Report, Side};
use crate::optimiser::RunningNorm;
use crate::swarm::message::{Hash, hash_of_state};

/// The hash of messages in their order.
#[derive(Clone, Default)]
pub(super) struct Transcript(blake3::Hasher);

impl Transcript {
    pub(super) fn add(&mut self, body: &[u8]) {
        self.0.update(&(body.len() as u64).to_le_bytes()).update(body);
    }

    pub(super) fn add_norm(&mut self, norm: &RunningNorm) {
        // A struct of numbers always serialises.
        self.add(&postcard::to_allocvec(norm).unwrap_or_default());
    }

    pub(super) fn hash(&self) -> Hash {
        let mut hash = [0; 16];
        hash.copy_from_slice(&self.0.finalize().as_bytes()[..16]);
        hash
    }
}

/// A step as it goes on.
pub(super) struct Record {
    /// From and to the stage before and the next one.
    read: [Transcript; 2],
    sent: [Transcript; 2],
    evidence: Evidence,
}

impl Record {
    /// Of a step that begins from `state`.
    pub(super) fn new(state: Vec<f32>) -> Self {
        let evidence = Evidence { state, ..Evidence::default() };
        Self { read: Default::default(), sent: Default::default(), evidence }
    }

    pub(super) fn read(&mut self, from: Side, body: &[u8]) {
        self.read[from as usize].add(body);
        match from {
            Side::Before => self.evidence.activations.extend_from_slice(body),
            Side::Next => self.evidence.gradients.extend_from_slice(body),
        }
    }

    pub(super) fn sent(&mut self, to: Side, body: &[u8]) {
        self.sent[to as usize].add(body);
    }

    pub(super) fn norms(&mut self, read: Option<RunningNorm>, sent: Option<RunningNorm>) {
        if let Some(norm) = &read {
            self.read[Side::Before as usize].add_norm(norm);
        }
        if let Some(norm) = &sent {
            self.sent[Side::Next as usize].add_norm(norm);
        }
        self.evidence.norm = read;
    }

    /// The step is done, with `state` after so many steps; the next one is recorded from here on.
    pub(super) fn close(&mut self, state: Vec<f32>, steps: u64, norm: f64) -> (Report, Evidence) {
        let hash = hash_of_state(&state, steps);
        let mut done = std::mem::replace(self, Self::new(state));
        done.evidence.total = Some(norm);
        let report = Report {
            state: hash,
            read: done.read.map(|transcript| transcript.hash()),
            sent: done.sent.map(|transcript| transcript.hash()),
            norm: norm.to_bits(),
        };
        (report, done.evidence)
    }
}
