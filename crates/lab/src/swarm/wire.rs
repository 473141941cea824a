//! Frames: what one peer sends to another, checked and bounded.
//!
//! ```text
//! bytes   0     4        5      6  8    16     24      32      36    68
//!         magic version  signed 0  run  round  sender  length  hash  payload [key counter signature]
//! ```
//!
//! Numbers are little-endian. The hash is BLAKE3 of everything before it and everything after it.
//! The payload is a [`Message`] in postcard's format. An announcement (join, leave, welcome: what
//! changes who takes part) ends with an ed25519 public key, a counter and a signature of all that
//! stands before the signature but the hash; its sender is the hash of its key, so nobody speaks
//! for another. A [`ReplayGuard`] refuses announcements that were seen before.
//!
//! Bulk data travels as [`Piece`]s of at most 256 KiB, each for itself, so a broken connection
//! costs one piece: [`Assembly`] knows which are missing.
//!
//! ```
//! use lab::swarm::wire::{Frame, Limits, Message, PeerId, RunId, Signer};
//!
//! let mut signer = Signer::from_seed([7; 32]);
//! let frame = Frame {
//!     run: RunId(1),
//!     round: 4,
//!     sender: signer.peer(),
//!     message: Message::Leave { reason: "stopped by its owner".to_owned() },
//! };
//! let bytes = frame.signed(&mut signer, 1_700_000_000_000_000_000);
//! let received = Frame::from_bytes(&bytes, &Limits::default())?;
//! assert_eq!(received.frame, frame);
//! assert!(Frame::from_bytes(&frame.to_bytes(), &Limits::default()).is_err()); // not signed
//! # Ok::<(), diagnostic::Diagnostic>(())
//! ```

mod assembly;
mod frame;
#[cfg(test)]
mod hostile;
mod message;
mod replay;
mod signer;

pub use assembly::{Assembly, PIECE, pieces};
pub use frame::{Frame, HEADER, Limits, Received, Signed};
pub use message::{Audit, Heartbeat, Join, Member, Message, Object, Piece, Welcome, Work};
pub use replay::ReplayGuard;
pub use signer::Signer;

use std::fmt;

use serde::{Deserialize, Serialize};

/// A peer: the first eight bytes of the BLAKE3 hash of its public key.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct PeerId(pub u64);

impl PeerId {
    /// The peer that holds the key.
    pub fn of_key(key: &[u8; 32]) -> Self {
        let hash = blake3::hash(key);
        Self(hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)))
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A run of a swarm: peers of another run are not listened to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
