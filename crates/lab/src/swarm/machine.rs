//! What goes into a state machine and what comes out; drivers supply the world.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::message::{Message, PeerId};

/// Something that happened to a peer.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It was switched on.
    Start,
    /// A message came.
    Received(PeerId, Message),
    /// The work that an [`Effect::Work`] announced is done; it took so long.
    Worked(Duration),
    /// A moment that an [`Effect::Wake`] asked for has come.
    Woke(u64),
}

/// Something a peer wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send a message.
    Send(PeerId, Message),
    /// Computing this many tokens takes time: say [`Event::Worked`] when it has passed.
    Work {
        /// Tokens.
        tokens: u64,
    },
    /// Say [`Event::Woke`] with this tag after a while.
    Wake(Duration, u64),
    /// Before anything that follows: keep what the machine saves now. A coordinator that is
    /// restarted goes on from there.
    Persist,
    /// For logs and live views.
    Note(Note),
    /// Nothing more will come.
    Stop,
}

/// What a coordinator tells its log.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// A round ended.
    Round(RoundNote),
    /// A peer's standing changed.
    Peer {
        /// Who.
        peer: PeerId,
        /// `joined`, `late`, `gone`, `back`, `left`, `evicted: ...`.
        what: String,
    },
}

/// One round, for logs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundNote {
    /// The round.
    pub round: u64,
    /// Windows trained on since the start.
    pub windows: u64,
    /// Mean training loss of the updates in it, nats per token.
    pub loss: f64,
    /// Updates in it.
    pub included: usize,
    /// Of them, from earlier rounds.
    pub late: usize,
    /// Peers that were given work and had not delivered.
    pub missing: usize,
    /// From first to last moment.
    pub took: Duration,
    /// Computing of the updates in it, summed.
    pub busy: Duration,
    /// Computing of the slowest.
    pub slowest: Duration,
}
