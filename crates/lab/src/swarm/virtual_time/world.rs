//! Peers, their lines, what happens to them, and what crosses.

use std::borrow::Cow;
use std::time::Duration;

use crate::swarm::habit::Habit;
use crate::swarm::link::LinkSettings;
use crate::swarm::message::PeerId;
use crate::swarm::time::Time;

/// A peer's line to the internet, both ways; without limits by default.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Line {
    /// What it sends.
    pub up: LinkSettings,
    /// What it receives.
    pub down: LinkSettings,
}

impl Line {
    /// `up` and `down` in bit/s, and `delay` seconds to the middle of the network.
    pub fn new(up: f64, down: f64, delay: f64) -> Self {
        let way = |bits_per_second| LinkSettings {
            bits_per_second,
            delay_seconds: delay,
            ..LinkSettings::default()
        };
        Self { up: way(up), down: way(down) }
    }

    /// The same, with packets lost with probability `loss`.
    #[must_use]
    pub fn losing(mut self, loss: f64) -> Self {
        self.up.loss = loss;
        self.down.loss = loss;
        self
    }
}

/// A peer as it is rehearsed.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualPeer {
    /// Tokens a second that it computes.
    pub speed: f64,
    /// Its line.
    pub line: Line,
    /// How it behaves.
    pub habit: Habit,
}

/// Something that happens to peers.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// A peer is switched on; one that was here before has forgotten everything.
    Join(PeerId, VirtualPeer),
    /// A peer says goodbye.
    Leave(PeerId),
    /// A peer dies without a word.
    Kill(PeerId),
    /// A peer does nothing for a while.
    Stall(PeerId, Duration),
    /// Messages from and to these peers are lost for a while.
    Partition(Vec<PeerId>, Duration),
    /// A peer's clock jumps by so many nanoseconds.
    ClockJump(PeerId, i64),
    /// The coordinator dies, and is restarted from what it kept after a while.
    RestartCoordinator(Duration),
}

/// One message, for the traffic log.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// When it left.
    pub at: Time,
    /// From whom.
    pub from: PeerId,
    /// To whom.
    pub to: PeerId,
    /// What it was.
    pub kind: Cow<'static, str>,
    /// With its frame.
    pub bytes: usize,
}
