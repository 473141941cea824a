//! What a coordinator must not forget.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::swarm::ledger::Ledger;
use crate::swarm::message::{Assignment, PeerId};

/// Below this a peer's updates have no weight.
const HEARD: f64 = 0.2;

/// How a peer stands with the coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Holds the shared state; is given work.
    Active,
    /// Waits for the next copy of the shared state.
    Waiting,
    /// Fetches a copy.
    Syncing,
    /// Left, or was silent for too long; welcome to come back.
    Gone,
    /// Not welcome.
    Evicted,
}

/// What is known of a peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Peer {
    /// How it stands.
    pub standing: Standing,
    /// Tokens a second: first what it said, then what was seen.
    pub speed: f64,
    /// From 0 to 1: rises slowly with updates like the others', falls fast with others.
    pub reputation: f64,
    /// Updates that could not be read.
    pub strikes: u32,
    /// Updates that went into outcomes.
    pub included: u64,
    /// Windows of them.
    pub windows: u64,
}

impl Peer {
    pub(super) fn new() -> Self {
        Self {
            standing: Standing::Waiting,
            speed: 0.0,
            reputation: 0.5,
            strikes: 0,
            included: 0,
            windows: 0,
        }
    }

    /// Whether its updates have weight.
    pub(super) fn is_heard(&self) -> bool {
        self.reputation >= HEARD
    }

    /// Takes over a speed that was seen, once it is 10 % off: small changes would move work about
    /// for nothing, and make runs hard to repeat.
    pub(super) fn measured(&mut self, tokens: u64, busy: Duration) {
        let seen = tokens as f64 / busy.as_secs_f64();
        if seen.is_finite() && seen > 0.0 && (seen / self.speed - 1.0).abs() > 0.1 {
            self.speed = seen;
        }
    }
}

/// An update that waits for its outcome.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Contribution {
    pub(super) windows: u64,
    pub(super) loss: f64,
    pub(super) busy: Duration,
    pub(super) change: Vec<f32>,
}

/// Everything but the numbers of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Book {
    /// The round that goes on.
    pub(super) round: u64,
    pub(super) started: bool,
    pub(super) finished: bool,
    pub(super) ledger: Ledger,
    pub(super) peers: BTreeMap<PeerId, Peer>,
    /// Work given out in this and coming rounds.
    pub(super) given: Vec<Assignment>,
    /// Where the schedule stood at the beginning of each round from the current one on.
    pub(super) positions: BTreeMap<u64, u64>,
}

impl Book {
    pub(super) fn new(windows: u64) -> Self {
        Self {
            round: 0,
            started: false,
            finished: windows == 0,
            ledger: Ledger::new(windows),
            peers: BTreeMap::new(),
            given: Vec::new(),
            positions: BTreeMap::new(),
        }
    }
}
