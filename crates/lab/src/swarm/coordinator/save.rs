//! A coordinator as bytes, and a new one from them or from any peer's checkpoint.

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

use super::book::{Book, Contribution};
use super::joining::hashes_of;
use super::{Coordinator, Copy};
use crate::swarm::checkpoint::Checkpoint;
use crate::swarm::learner::Learner;
use crate::swarm::ledger::Ledger;
use crate::swarm::message::{Message, PeerId};
use crate::swarm::sealed::{seal, unseal};
use crate::swarm::settings::Settings;

#[derive(Serialize, Deserialize)]
struct Saved {
    settings: Settings,
    book: Book,
    updates: u64,
    /// Keys, windows, losses and times of updates that wait; their numbers follow.
    pending: Vec<(PeerId, u64, u64, f64, u64, usize)>,
    residuals: Vec<usize>,
    state: usize,
    outcomes: Vec<usize>,
}

const MAGIC: &[u8] = b"ISOFLOP-SWARM 1\n";

impl<L: Learner> Coordinator<L> {
    /// All that a coordinator needs to go on without loss: a line of JSON, numbers, outcomes, and
    /// a BLAKE3 hash over them.
    pub fn save(&self) -> Vec<u8> {
        let state = self.shared_state();
        let outcomes: Vec<Vec<u8>> = self
            .recent
            .iter()
            .map(|outcome| Message::Outcome(outcome.clone()).to_bytes())
            .collect();
        let saved = Saved {
            settings: self.settings.clone(),
            book: self.book.clone(),
            updates: self.learner.state().1,
            pending: self
                .pending
                .iter()
                .map(|((peer, round), c)| {
                    let busy = u64::try_from(c.busy.as_nanos()).unwrap_or(u64::MAX);
                    (*peer, *round, c.windows, c.loss, busy, c.change.len())
                })
                .collect(),
            residuals: self.encoders.iter().map(|encoder| encoder.residual().len()).collect(),
            state: state.len(),
            outcomes: outcomes.iter().map(Vec::len).collect(),
        };
        let mut bytes = Vec::new();
        let mut numbers =
            |values: &[f32]| bytes.extend(values.iter().flat_map(|x| x.to_le_bytes()));
        numbers(&state);
        for contribution in self.pending.values() {
            numbers(&contribution.change);
        }
        for encoder in &self.encoders {
            numbers(encoder.residual());
        }
        for outcome in &outcomes {
            bytes.extend(outcome);
        }
        seal(MAGIC, &saved, &bytes)
    }

    /// From [`Self::save`].
    ///
    /// # Errors
    /// When the bytes are torn or belong to other settings.
    pub fn restore(settings: Settings, learner: L, bytes: &[u8]) -> Result<Self, Diagnostic> {
        let torn = || Diagnostic::error("the coordinator's file is torn, or of another version");
        let (saved, mut rest): (Saved, _) = unseal(MAGIC, bytes).ok_or_else(torn)?;
        settings.must_be(&saved.settings)?;
        let mut coordinator = Self::with_book(settings, learner, saved.book);
        let state = numbers(&mut rest, saved.state).ok_or_else(torn)?;
        coordinator.load(&state, saved.updates).ok_or_else(torn)?;
        for (peer, round, windows, loss, busy, length) in saved.pending {
            let change = numbers(&mut rest, length).ok_or_else(torn)?;
            let busy = std::time::Duration::from_nanos(busy);
            let contribution = Contribution { windows, loss, busy, change };
            coordinator.pending.insert((peer, round), contribution);
        }
        for (encoder, length) in coordinator.encoders.iter_mut().zip(saved.residuals) {
            let residual = numbers(&mut rest, length).ok_or_else(torn)?;
            encoder.restore(&residual)?;
        }
        for length in saved.outcomes {
            let (head, tail) = rest.split_at_checked(length).ok_or_else(torn)?;
            rest = tail;
            if let Message::Outcome(outcome) = Message::from_bytes(head)? {
                coordinator.recent.push_back(outcome);
            }
        }
        Ok(coordinator)
    }

    /// A coordinator that goes on from what one peer held.
    ///
    /// # Errors
    /// When the checkpoint is of another model or run.
    pub fn from_checkpoint(
        settings: Settings,
        learner: L,
        checkpoint: &Checkpoint,
    ) -> Result<Self, Diagnostic> {
        let other = || Diagnostic::error("the checkpoint belongs to another run");
        let windows = settings.windows();
        let ledger =
            Ledger::resumed(windows, checkpoint.next, &checkpoint.open).ok_or_else(other)?;
        let finished = ledger.is_finished();
        let book = Book { round: checkpoint.version, ledger, finished, ..Book::new(windows) };
        let mut coordinator = Self::with_book(settings, learner, book);
        coordinator.load(&checkpoint.state, checkpoint.updates).ok_or_else(other)?;
        // Nobody holds this state: everybody fetches it.
        let state = checkpoint.state.clone();
        let hashes = hashes_of(&state);
        let (version, updates) = (checkpoint.version, checkpoint.updates);
        coordinator.copy = Some(Copy { version, state, updates, hashes });
        Ok(coordinator)
    }

    fn load(&mut self, state: &[f32], updates: u64) -> Option<()> {
        let whole = match &mut self.outer {
            Some(outer) => outer.restore(state),
            None => self.learner.restore(state, updates),
        };
        whole.then_some(())
    }
}

fn numbers(rest: &mut &[u8], length: usize) -> Option<Vec<f32>> {
    let (head, tail) = rest.split_at_checked(length.checked_mul(4)?)?;
    *rest = tail;
    Some(head.as_chunks::<4>().0.iter().map(|raw| f32::from_le_bytes(*raw)).collect())
}
