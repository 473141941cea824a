//! What a peer holds of the shared run, as a file from which a new coordinator goes on.

use std::ops::Range;

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

use super::sealed::{seal, unseal};

/// The shared state of a run, with the account of its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Outcomes in it.
    pub version: u64,
    /// Windows from here on were never given out.
    pub next: u64,
    /// Windows before that are not trained on.
    pub open: Vec<Range<u64>>,
    /// Updates of the optimiser.
    pub updates: u64,
    /// The shared parameters with the outer momentum, or the optimiser's memory.
    #[serde(skip)]
    pub state: Vec<f32>,
}

const MAGIC: &[u8] = b"ISOFLOP-SWARM-PEER 1\n";

impl Checkpoint {
    /// A line of JSON, the state as f32 little-endian, and a BLAKE3 hash over both.
    pub fn to_bytes(&self) -> Vec<u8> {
        let state: Vec<u8> = self.state.iter().flat_map(|x| x.to_le_bytes()).collect();
        seal(MAGIC, self, &state)
    }

    /// From [`Self::to_bytes`].
    ///
    /// # Errors
    /// When the bytes are torn, or something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Diagnostic> {
        read(bytes).ok_or_else(|| {
            Diagnostic::error("the checkpoint is torn, or not one of a swarm's peer")
                .help("take the file of another peer: all hold the same")
        })
    }
}

fn read(bytes: &[u8]) -> Option<Checkpoint> {
    let (checkpoint, body): (Checkpoint, _) = unseal(MAGIC, bytes)?;
    let (numbers, torn) = body.as_chunks::<4>();
    let state = numbers.iter().map(|raw| f32::from_le_bytes(*raw)).collect();
    torn.is_empty().then_some(Checkpoint { state, ..checkpoint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_comes_back_whole_or_not_at_all() {
        let checkpoint = Checkpoint {
            version: 7,
            next: 90,
            open: vec![3..5, 80..90],
            updates: 12,
            state: vec![1.5, -0.25, f32::MIN_POSITIVE],
        };
        let bytes = checkpoint.to_bytes();
        assert_eq!(Checkpoint::from_bytes(&bytes).unwrap(), checkpoint);
        for at in 0..bytes.len() {
            assert!(Checkpoint::from_bytes(&bytes[..at]).is_err());
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Checkpoint::from_bytes(&changed).is_err(), "{at}");
        }
    }
}
