//! Frames: what one peer sends to another, checked and bounded.
//!
//! ```text
//! bytes   0     4        5      6  8    16      20        24      28    60
//!         magic version  signed 0  run  sender  receiver  length  hash  payload [key counter signature]
//! ```
//!
//! Numbers are little-endian. The hash is BLAKE3 of everything before it and everything after it.
//! The payload is a [`Packet`] in postcard's format. An announcement (who is here, who takes part)
//! ends with an ed25519 public key, a counter and a signature of all that stands before the
//! signature but the hash. A [`ReplayGuard`] refuses announcements that were seen before.
//!
//! Messages of any size travel as [`Piece`]s of at most 256 KiB, each a frame for itself, so a
//! broken connection costs one piece.
//!
//! ```
//! use lab::swarm::wire::{Frame, Limits, Packet, PeerId, RunId, Signer};
//!
//! let mut signer = Signer::from_seed([7; 32]);
//! let packet = Packet::Refuse { reason: "the run is over".to_owned() };
//! let frame = Frame { run: RunId(1), sender: PeerId(0), receiver: PeerId(3), packet };
//! let bytes = frame.signed(&mut signer, 1_700_000_000_000_000_000);
//! let received = Frame::from_bytes(&bytes, &Limits::default())?;
//! assert_eq!(received.frame, frame);
//! assert_eq!(received.signed.map(|signed| signed.key), Some(signer.key()));
//! assert!(Frame::from_bytes(&frame.to_bytes(), &Limits::default()).is_err()); // not signed
//! # Ok::<(), diagnostic::Diagnostic>(())
//! ```

mod frame;
#[cfg(test)]
mod hostile;
mod packet;
mod printable;
mod replay;
mod signer;

pub use frame::{Frame, HEADER, Limits, Received, Signed, frame_len, route};
pub use packet::{Acknowledge, Hello, Member, PIECE, Packet, Piece};
pub use printable::printable;
pub use replay::ReplayGuard;
pub use signer::Signer;

/// Bytes on the wire for a message of `len` bytes: pieces and their headers.
///
/// Headers of pieces have a few bytes more or less with the numbers in them; this counts the most.
pub fn bytes_on_wire(len: usize) -> usize {
    // Variant, epoch, number, total, offset and size as postcard writes them.
    const AROUND: usize = HEADER + 1 + 10 + 5 + 5 + 5 + 3;
    len + len.div_ceil(PIECE).max(1) * AROUND
}

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names a peer within a run; [`PeerId::COORDINATOR`] is 0.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct PeerId(pub u32);

impl PeerId {
    /// The coordinator.
    pub const COORDINATOR: Self = Self(0);
    /// A peer that has no number yet.
    pub const NOBODY: Self = Self(u32::MAX);
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::COORDINATOR => write!(f, "coordinator"),
            Self::NOBODY => write!(f, "new peer"),
            Self(number) => write!(f, "peer {number}"),
        }
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
