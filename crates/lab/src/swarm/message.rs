//! What peers say to each other.

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::time::Duration;

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

use super::pipeline::Say;
use super::site::SiteSay;
pub use super::wire::PeerId;

/// Half a BLAKE3 hash.
pub type Hash = [u8; 16];

/// The hash of an optimiser's state: numbers, and how many updates made them.
pub fn hash_of_state(state: &[f32], updates: u64) -> Hash {
    let count = [f32::from_bits(updates as u32), f32::from_bits((updates >> 32) as u32)];
    hash_of(&[state, &count])
}

/// The hash of numbers, by their bits.
pub fn hash_of(parts: &[&[f32]]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    let mut bytes = Vec::with_capacity(4 * 4096);
    for piece in parts.iter().flat_map(|part| part.chunks(4096)) {
        bytes.clear();
        bytes.extend(piece.iter().flat_map(|x| x.to_le_bytes()));
        hasher.update(&bytes);
    }
    let mut hash = [0; 16];
    hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    hash
}

/// One peer's work for one round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Who.
    pub peer: PeerId,
    /// The round it belongs to.
    pub round: u64,
    /// Inner steps.
    pub steps: u32,
    /// Windows given out before this round: where the schedule stands.
    pub position: u64,
    /// Windows of all peers in this round.
    pub round_windows: u64,
    /// The windows to train on.
    pub ranges: Vec<Range<u64>>,
}

impl Assignment {
    /// Windows of inner step `step`.
    pub fn batch(&self, step: u32) -> Vec<u64> {
        let all = super::ledger::count(&self.ranges);
        let at = |step: u32| all * u64::from(step) / u64::from(self.steps.max(1));
        let windows = self.ranges.iter().cloned().flatten();
        windows.skip(at(step) as usize).take((at(step + 1) - at(step)) as usize).collect()
    }

    /// Windows of the schedule at inner step `step`.
    pub fn position_at(&self, step: u32) -> u64 {
        let done = u128::from(self.round_windows) * u128::from(step);
        self.position + (done / u128::from(self.steps.max(1))) as u64
    }
}

/// A peer's result of one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// The round.
    pub round: u64,
    /// Windows trained on.
    pub windows: u64,
    /// Mean loss over them, nats per token.
    pub loss: f64,
    /// Time spent computing.
    pub busy: Duration,
    /// Bytes that crossed within the sender's site since its last update, both ways.
    pub near: u64,
    /// Hash of the shared state that the round began from; zeros where not asked for.
    pub began: Hash,
    /// Hashes of the peer's own state before each inner step and after the last; empty without
    /// audits.
    pub commitments: Vec<Hash>,
    /// The change (before - after), or gradient, packed by the codec on the way up.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
}

/// What holders of the shared state keep for those who join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keep {
    /// As before.
    Same,
    /// Keep a copy of the state after this outcome.
    Copy,
    /// Nobody needs the copy any more.
    Nothing,
}

/// The end of a round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The round; the shared state's version becomes `round + 1`.
    pub round: u64,
    /// Where the schedule stood when the round began, in windows.
    pub position: u64,
    /// Whose updates of which rounds are in it.
    pub included: Vec<(PeerId, u64)>,
    /// The mean change, packed by the codec on the way down; empty when there was none.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
    /// Mean loss of the updates in it.
    pub loss: f64,
    /// What to keep for those who join.
    pub keep: Keep,
    /// Work of a coming round.
    pub assignments: Vec<Assignment>,
    /// Windows from here on were never given out.
    pub next: u64,
    /// Windows before that are not trained on yet; with the state, all that a new coordinator needs.
    pub open: Vec<Range<u64>>,
    /// Whether the run is over.
    pub finished: bool,
}

/// Everything that is said. The order of variants is part of the format: add at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Message {
    /// Worker: I am here (again), compute so many tokens a second, and hold this version.
    Hello {
        /// Tokens a second, as the peer believes.
        speed: f64,
        /// The version of the shared state it holds; all hold 0.
        holds: Option<u64>,
    },
    /// Coordinator: go on from what you hold.
    Resume {
        /// The coordinator's version.
        version: u64,
    },
    /// Coordinator: fetch this version from these peers.
    Welcome {
        /// The version of the copies.
        version: u64,
        /// Who keeps one.
        sources: Vec<PeerId>,
        /// The hash of each part.
        hashes: Vec<Hash>,
        /// Updates of the optimiser in it.
        updates: u64,
    },
    /// Worker: I hold this version.
    Ready {
        /// The version.
        version: u64,
    },
    /// Coordinator: work of rounds before any outcome.
    Work(Vec<Assignment>),
    /// Worker: a result.
    Update(Update),
    /// Coordinator: the end of a round.
    Outcome(Outcome),
    /// Worker: I wait and hold this version.
    Ask {
        /// The version.
        version: u64,
    },
    /// Coordinator: I took you for gone; say hello.
    Rejoin,
    /// Worker: I leave.
    Leave,
    /// Peer to peer: send me a part of your copy.
    Fetch {
        /// The copy's version.
        version: u64,
        /// Which part.
        part: u32,
        /// Of how many.
        parts: u32,
    },
    /// Peer to peer: a part of a copy; no values when there is no such copy.
    Part {
        /// The copy's version.
        version: u64,
        /// Which part.
        part: u32,
        /// Of how many.
        parts: u32,
        /// Its values.
        values: Vec<f32>,
    },
    /// Coordinator: show the state before this inner step.
    Challenge {
        /// The round.
        round: u64,
        /// The inner step, or their number for the state after the last.
        step: u32,
    },
    /// Worker: the state that was asked for.
    Proof {
        /// The round.
        round: u64,
        /// The inner step.
        step: u32,
        /// Updates of the optimiser so far.
        updates: u64,
        /// Parameters, then the optimiser's memory.
        state: Vec<f32>,
    },
    /// Coordinator: you are out.
    Evicted,
    /// Newcomer: on what does the run agree?
    Knock,
    /// Coordinator: on these settings, as JSON.
    Terms(String),
    /// What is said in a pipeline.
    Pipeline(Say),
    /// What is said within a site.
    Site(SiteSay),
}

impl Message {
    /// A word for logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Resume { .. } => "resume",
            Self::Welcome { .. } => "welcome",
            Self::Ready { .. } => "ready",
            Self::Work(_) => "work",
            Self::Update(_) => "update",
            Self::Outcome(_) => "outcome",
            Self::Ask { .. } => "ask",
            Self::Rejoin => "rejoin",
            Self::Leave => "leave",
            Self::Fetch { .. } => "fetch",
            Self::Part { .. } => "part",
            Self::Challenge { .. } => "challenge",
            Self::Proof { .. } => "proof",
            Self::Evicted => "evicted",
            Self::Knock => "knock",
            Self::Terms(_) => "terms",
            Self::Pipeline(say) => say.kind(),
            Self::Site(say) => say.kind(),
        }
    }

    /// As bytes, in postcard's format.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Nothing that a message holds can fail to be written to memory.
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// From bytes that a stranger sent. No list takes more memory than the bytes that are there.
    ///
    /// # Errors
    /// When they are no message, or more than one, or hold numbers that no run has.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Diagnostic> {
        let problem =
            |why: &str| Diagnostic::error("a message of the swarm is malformed").note(why);
        let (message, rest) = postcard::take_from_bytes::<Self>(bytes)
            .map_err(|error| problem(&error.to_string()))?;
        if !rest.is_empty() {
            return Err(problem(&format!("{} bytes follow it", rest.len())));
        }
        if !message.is_possible() {
            return Err(problem(
                "work without steps, windows that no text has, or a norm that nobody adds up",
            ));
        }
        Ok(message)
    }

    /// Whether sums over its windows stay within bounds, whoever wrote it.
    fn is_possible(&self) -> bool {
        let range =
            |range: &Range<u64>| range.start < range.end && range.end - range.start < 1 << 32;
        let assignment = |assignment: &Assignment| {
            assignment.steps > 0
                && assignment.position < 1 << 62
                && assignment.round_windows < 1 << 62
                && assignment.ranges.iter().all(range)
        };
        match self {
            Self::Work(assignments) => assignments.iter().all(assignment),
            Self::Outcome(outcome) => {
                outcome.open.iter().all(range) && outcome.assignments.iter().all(assignment)
            }
            Self::Pipeline(say) => say.is_possible(),
            _ => true,
        }
    }
}
