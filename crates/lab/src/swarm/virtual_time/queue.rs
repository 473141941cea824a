//! What is to come, by time.

use std::time::Duration;

use super::Act;
use crate::swarm::message::PeerId;
use crate::swarm::time::Time;

/// What comes due.
pub(super) enum What {
    Deliver { from: PeerId, bytes: Vec<u8> },
    Worked(Duration),
    Woke(u64),
    Start,
    Act(Act),
    Restart,
}

/// When something comes due, and for whom. Of equal times the one pushed first comes first.
pub(super) struct Item {
    pub(super) at: Time,
    pub(super) order: u64,
    pub(super) to: PeerId,
    pub(super) incarnation: u64,
    pub(super) what: What,
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Item {}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Item {
    /// The earliest is the greatest: a heap gives it first.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}
