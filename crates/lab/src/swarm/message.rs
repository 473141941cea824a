//! What peers say to each other, as values and as bytes.
//!
//! Bytes are little-endian; lists begin with their length, which is checked against the bytes that
//! are there before anything is allocated.

use std::ops::Range;
use std::time::Duration;

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

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
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The round.
    pub round: u64,
    /// Windows trained on.
    pub windows: u64,
    /// Mean loss over them, nats per token.
    pub loss: f64,
    /// Time spent computing.
    pub busy: Duration,
    /// Hash of the shared state that the round began from; zeros where not asked for.
    pub began: Hash,
    /// Hashes of the peer's own state before each inner step and after the last; empty without
    /// audits.
    pub commitments: Vec<Hash>,
    /// The change (before - after), or gradient, packed by the codec on the way up.
    pub body: Vec<u8>,
}

/// What holders of the shared state keep for those who join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// As before.
    Same,
    /// Keep a copy of the state after this outcome.
    Copy,
    /// Nobody needs the copy any more.
    Nothing,
}

/// The end of a round.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The round; the shared state's version becomes `round + 1`.
    pub round: u64,
    /// Where the schedule stood when the round began, in windows.
    pub position: u64,
    /// Whose updates of which rounds are in it.
    pub included: Vec<(PeerId, u64)>,
    /// The mean change, packed by the codec on the way down; empty when there was none.
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

/// Everything that is said.
#[derive(Debug, Clone, PartialEq)]
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
        }
    }

    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer(Vec::new());
        match self {
            Self::Hello { speed, holds } => {
                out.byte(0);
                out.float(*speed);
                out.byte(u8::from(holds.is_some()));
                out.long(holds.unwrap_or(0));
            }
            Self::Resume { version } => out.tagged(1, *version),
            Self::Welcome { version, sources, hashes, updates } => {
                out.tagged(2, *version);
                out.list(sources, |out, peer| out.word(peer.0));
                out.list(hashes, |out, hash| out.0.extend(hash));
                out.long(*updates);
            }
            Self::Ready { version } => out.tagged(3, *version),
            Self::Work(assignments) => {
                out.byte(4);
                out.list(assignments, Writer::assignment);
            }
            Self::Update(update) => {
                out.tagged(5, update.round);
                out.long(update.windows);
                out.float(update.loss);
                out.long(u64::try_from(update.busy.as_nanos()).unwrap_or(u64::MAX));
                out.0.extend(update.began);
                out.list(&update.commitments, |out, hash| out.0.extend(hash));
                out.bytes(&update.body);
            }
            Self::Outcome(outcome) => {
                out.tagged(6, outcome.round);
                out.long(outcome.position);
                out.list(&outcome.included, |out, (peer, round)| {
                    out.word(peer.0);
                    out.long(*round);
                });
                out.bytes(&outcome.body);
                out.float(outcome.loss);
                out.byte(match outcome.keep {
                    Keep::Same => 0,
                    Keep::Copy => 1,
                    Keep::Nothing => 2,
                });
                out.list(&outcome.assignments, Writer::assignment);
                out.long(outcome.next);
                out.list(&outcome.open, Writer::range);
                out.byte(u8::from(outcome.finished));
            }
            Self::Ask { version } => out.tagged(7, *version),
            Self::Rejoin => out.byte(8),
            Self::Leave => out.byte(9),
            Self::Fetch { version, part, parts } => {
                out.tagged(10, *version);
                out.word(*part);
                out.word(*parts);
            }
            Self::Part { version, part, parts, values } => {
                out.tagged(11, *version);
                out.word(*part);
                out.word(*parts);
                out.floats(values);
            }
            Self::Challenge { round, step } => {
                out.tagged(12, *round);
                out.word(*step);
            }
            Self::Proof { round, step, updates, state } => {
                out.tagged(13, *round);
                out.word(*step);
                out.long(*updates);
                out.floats(state);
            }
            Self::Evicted => out.byte(14),
            Self::Knock => out.byte(15),
            Self::Terms(text) => {
                out.byte(16);
                out.bytes(text.as_bytes());
            }
        }
        out.0
    }

    /// From bytes that a stranger sent.
    ///
    /// # Errors
    /// When they are no message, or more than one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Diagnostic> {
        let mut input = Reader(bytes);
        let message = input
            .message()
            .ok_or_else(|| Diagnostic::error("a message of the swarm is cut off or malformed"))?;
        if input.0.is_empty() {
            Ok(message)
        } else {
            Err(Diagnostic::error(format!(
                "a message of the swarm has {} bytes too many",
                input.0.len()
            )))
        }
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, x: u8) {
        self.0.push(x);
    }

    fn word(&mut self, x: u32) {
        self.0.extend(x.to_le_bytes());
    }

    fn long(&mut self, x: u64) {
        self.0.extend(x.to_le_bytes());
    }

    fn tagged(&mut self, tag: u8, x: u64) {
        self.byte(tag);
        self.long(x);
    }

    fn float(&mut self, x: f64) {
        self.0.extend(x.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u32);
        self.0.extend(bytes);
    }

    fn floats(&mut self, values: &[f32]) {
        self.word(values.len() as u32);
        self.0.extend(values.iter().flat_map(|x| x.to_le_bytes()));
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.word(items.len() as u32);
        for item in items {
            write(self, item);
        }
    }

    fn assignment(&mut self, assignment: &Assignment) {
        self.word(assignment.peer.0);
        self.long(assignment.round);
        self.word(assignment.steps);
        self.long(assignment.position);
        self.long(assignment.round_windows);
        self.list(&assignment.ranges, Self::range);
    }

    fn range(&mut self, range: &Range<u64>) {
        self.long(range.start);
        self.long(range.end);
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.array::<1>()?[0])
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn word(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn long(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn float(&mut self) -> Option<f64> {
        self.array().map(f64::from_le_bytes)
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let n = self.word()? as usize;
        self.take(n).map(<[u8]>::to_vec)
    }

    fn floats(&mut self) -> Option<Vec<f32>> {
        let n = self.word()? as usize;
        let bytes = self.take(n.checked_mul(4)?)?;
        Some(bytes.as_chunks::<4>().0.iter().map(|raw| f32::from_le_bytes(*raw)).collect())
    }

    /// A list whose items take at least `least` bytes each.
    fn list<T>(
        &mut self,
        least: usize,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let n = self.word()? as usize;
        if n.checked_mul(least)? > self.0.len() {
            return None;
        }
        (0..n).map(|_| read(self)).collect()
    }

    fn range(&mut self) -> Option<Range<u64>> {
        let range = self.long()?..self.long()?;
        (range.start < range.end && range.end - range.start < 1 << 32).then_some(range)
    }

    fn assignment(&mut self) -> Option<Assignment> {
        let assignment = Assignment {
            peer: PeerId(self.word()?),
            round: self.long()?,
            steps: self.word()?,
            position: self.long()?,
            round_windows: self.long()?,
            ranges: self.list(16, Self::range)?,
        };
        // Sums over it must not overflow, whoever wrote it.
        (assignment.steps > 0
            && assignment.position < 1 << 62
            && assignment.round_windows < 1 << 62)
            .then_some(assignment)
    }

    fn message(&mut self) -> Option<Message> {
        Some(match self.byte()? {
            0 => {
                let (speed, has, holds) = (self.float()?, self.flag()?, self.long()?);
                Message::Hello { speed, holds: has.then_some(holds) }
            }
            1 => Message::Resume { version: self.long()? },
            2 => Message::Welcome {
                version: self.long()?,
                sources: self.list(4, |input| input.word().map(PeerId))?,
                hashes: self.list(16, Self::array)?,
                updates: self.long()?,
            },
            3 => Message::Ready { version: self.long()? },
            4 => Message::Work(self.list(36, Self::assignment)?),
            5 => Message::Update(Update {
                round: self.long()?,
                windows: self.long()?,
                loss: self.float()?,
                busy: Duration::from_nanos(self.long()?),
                began: self.array()?,
                commitments: self.list(16, Self::array)?,
                body: self.bytes()?,
            }),
            6 => Message::Outcome(Outcome {
                round: self.long()?,
                position: self.long()?,
                included: self.list(12, |input| Some((PeerId(input.word()?), input.long()?)))?,
                body: self.bytes()?,
                loss: self.float()?,
                keep: match self.byte()? {
                    0 => Keep::Same,
                    1 => Keep::Copy,
                    2 => Keep::Nothing,
                    _ => return None,
                },
                assignments: self.list(36, Self::assignment)?,
                next: self.long()?,
                open: self.list(16, Self::range)?,
                finished: self.flag()?,
            }),
            7 => Message::Ask { version: self.long()? },
            8 => Message::Rejoin,
            9 => Message::Leave,
            10 => Message::Fetch { version: self.long()?, part: self.word()?, parts: self.word()? },
            11 => Message::Part {
                version: self.long()?,
                part: self.word()?,
                parts: self.word()?,
                values: self.floats()?,
            },
            12 => Message::Challenge { round: self.long()?, step: self.word()? },
            13 => Message::Proof {
                round: self.long()?,
                step: self.word()?,
                updates: self.long()?,
                state: self.floats()?,
            },
            14 => Message::Evicted,
            15 => Message::Knock,
            16 => Message::Terms(String::from_utf8(self.bytes()?).ok()?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn assignment() -> Assignment {
        Assignment {
            peer: PeerId(3),
            round: 7,
            steps: 4,
            position: 100,
            round_windows: 40,
            ranges: vec![5..8, 90..97],
        }
    }

    fn all() -> Vec<Message> {
        let outcome = Outcome {
            round: 9,
            position: 12,
            included: vec![(PeerId(1), 9), (PeerId(2), 8)],
            body: vec![1, 2, 3],
            loss: 2.5,
            keep: Keep::Copy,
            assignments: vec![assignment(), assignment()],
            next: 40,
            open: vec![3..4, 6..9],
            finished: false,
        };
        let update = Update {
            round: 3,
            windows: 8,
            loss: 3.25,
            busy: Duration::from_nanos(5),
            began: [7; 16],
            commitments: vec![[1; 16], [2; 16]],
            body: vec![9; 40],
        };
        let (version, part, parts) = (4, 1, 3);
        vec![
            Message::Hello { speed: 100.0, holds: Some(4) },
            Message::Hello { speed: 100.0, holds: None },
            Message::Resume { version },
            Message::Welcome {
                version,
                sources: vec![PeerId(1), PeerId::COORDINATOR],
                hashes: vec![[4; 16]],
                updates: 3,
            },
            Message::Ready { version },
            Message::Work(vec![assignment()]),
            Message::Update(update),
            Message::Outcome(outcome),
            Message::Ask { version },
            Message::Rejoin,
            Message::Leave,
            Message::Fetch { version, part, parts },
            Message::Part { version, part, parts, values: vec![1.5, -0.0] },
            Message::Challenge { round: 3, step: 2 },
            Message::Proof { round: 3, step: 2, updates: 9, state: vec![0.25; 5] },
            Message::Evicted,
            Message::Knock,
            Message::Terms("{}".to_owned()),
        ]
    }

    #[test]
    fn every_message_survives_the_wire_and_no_shortened_one_does() {
        for message in all() {
            let bytes = message.to_bytes();
            assert_eq!(Message::from_bytes(&bytes).unwrap(), message);
            for end in 0..bytes.len() {
                assert!(Message::from_bytes(&bytes[..end]).is_err(), "{message:?} cut at {end}");
            }
        }
    }

    #[test]
    fn batches_of_an_assignment_hold_each_window_once_in_order() {
        let batches: Vec<Vec<u64>> = (0..4).map(|step| assignment().batch(step)).collect();
        assert_eq!(batches.concat(), [5, 6, 7, 90, 91, 92, 93, 94, 95, 96]);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [2, 3, 2, 3]);
        assert_eq!(assignment().position_at(2), 120);
    }

    proptest! {
        #[test]
        fn changed_bytes_are_a_message_or_an_error_and_never_a_panic(
            which in 0_usize..18,
            changes in proptest::collection::vec((0_usize..400, 0_u8..), 1..6),
        ) {
            let mut bytes = all()[which].to_bytes();
            for (at, byte) in changes {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            if let Ok(message) = Message::from_bytes(&bytes) {
                prop_assert!(message.to_bytes().len() <= bytes.len());
            }
        }
    }
}
