//! How frames get from one peer to another.
//!
//! A state machine sees a [`Transport`]: send, receive, and nothing about how. Delivery is in order
//! between two peers, but a frame may be lost when a connection breaks or a queue is full, and may
//! come twice after a reconnection; whoever needs more asks again.

use std::time::Duration;

use super::wire::PeerId;

/// Sends frames to peers and receives theirs.
pub trait Transport {
    /// Sends `bytes` to a peer, sooner or later or never; does not wait.
    fn send(&mut self, to: PeerId, bytes: Vec<u8>);

    /// The next frame that arrived, and who really sent it; waits for one at most `patience`.
    fn receive(&mut self, patience: Duration) -> Option<(PeerId, Vec<u8>)>;
}
