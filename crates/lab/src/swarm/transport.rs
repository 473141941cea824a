//! How messages get from one peer to another.
//!
//! ```text
//!  driver ──▶ Tcp: send, receive
//!               │
//!          switchboard: one thread        connections: two threads each
//!            session   a stream to and from every peer, resumed after breaks
//!            links     the law of time: when a frame leaves, when it is read
//!            routes    directly, or through the coordinator
//! ```
//!
//! A state machine sees a [`Transport`]: send, receive, and nothing about how. Between two peers,
//! messages arrive in order and once, over as many connections as it takes. What cannot wait any
//! longer is dropped: a message for a peer that owes too many already, and what has not left when
//! a process ends. What is on its link then, answers above all, still goes out for two seconds.

mod channel;
mod connection;
mod handshake;
mod roster;
mod session;
mod switchboard;
mod tcp;

use std::time::Duration;

pub use channel::{Channel, Exchange};
pub use tcp::{JoinAddress, Role, Tcp, TcpSettings, Traffic};

use super::wire::PeerId;

/// Sends messages to peers and receives theirs.
pub trait Transport {
    /// Sends `bytes` to a peer, sooner or later; does not wait.
    fn send(&mut self, to: PeerId, bytes: Vec<u8>);

    /// The next message that arrived, and who really sent it; waits for one at most `patience`.
    fn receive(&mut self, patience: Duration) -> Option<(PeerId, Vec<u8>)>;
}
