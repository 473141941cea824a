//! Announcements count once.

use std::collections::BTreeMap;

use diagnostic::Diagnostic;

use super::{PeerId, Signed};

/// How far a peer's clock may be ahead, in nanoseconds: five minutes.
const AHEAD: u64 = 300_000_000_000;

/// Remembers the last counter of each peer, for a bounded number of peers.
///
/// When it is full, the peer with the oldest counter is forgotten, and from then on nothing that
/// old is accepted from a peer that is not known: memory is bounded and no replay gets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayGuard {
    last: BTreeMap<PeerId, u64>,
    floor: u64,
    most: usize,
}

impl ReplayGuard {
    /// A guard that remembers `most` peers.
    pub fn new(most: usize) -> Self {
        Self { last: BTreeMap::new(), floor: 0, most: most.max(1) }
    }

    /// Accepts an announcement of `peer` at `now` (nanoseconds of the clock that signers share).
    ///
    /// # Errors
    /// If it was seen before, is older than one that was, or is from the future.
    pub fn accept(&mut self, peer: PeerId, signed: &Signed, now: u64) -> Result<(), Diagnostic> {
        let known = self.last.get(&peer).copied();
        if signed.counter > now.saturating_add(AHEAD) {
            return Err(Diagnostic::error(format!(
                "an announcement of peer {peer} is {} s ahead of our clock",
                (signed.counter - now) / 1_000_000_000
            ))
            .help("set the clocks of both machines"));
        }
        if signed.counter <= known.unwrap_or(self.floor) {
            return Err(Diagnostic::error(format!("an announcement of peer {peer} came again"))
                .note("someone repeats old messages, or the peer's clock went back"));
        }
        if known.is_none() && self.last.len() >= self.most {
            let oldest = self.last.iter().min_by_key(|(_, counter)| **counter);
            if let Some((oldest, counter)) = oldest.map(|(peer, counter)| (*peer, *counter)) {
                self.last.remove(&oldest);
                self.floor = self.floor.max(counter);
            }
        }
        self.last.insert(peer, signed.counter);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(counter: u64) -> Signed {
        Signed { key: [0; 32], counter }
    }

    #[test]
    fn an_announcement_counts_once_and_older_ones_not_at_all() {
        let mut guard = ReplayGuard::new(10);
        let (a, b) = (PeerId(1), PeerId(2));
        assert!(guard.accept(a, &signed(5), 5).is_ok());
        assert!(guard.accept(a, &signed(5), 5).is_err());
        assert!(guard.accept(a, &signed(4), 5).is_err());
        assert!(guard.accept(b, &signed(4), 5).is_ok());
        assert!(guard.accept(a, &signed(6), 5).is_ok());
        assert!(guard.accept(a, &signed(AHEAD + 6), 5).is_err());
    }

    #[test]
    fn a_flood_of_new_peers_neither_fills_memory_nor_lets_an_old_message_in() {
        let mut guard = ReplayGuard::new(4);
        assert!(guard.accept(PeerId(0), &signed(1), 1).is_ok());
        for peer in 1..1000_u32 {
            let now = u64::from(peer) + 1;
            assert!(guard.accept(PeerId(peer), &signed(now), now).is_ok());
        }
        assert_eq!(guard.last.len(), 4);
        assert!(guard.accept(PeerId(0), &signed(1), 1000).is_err(), "forgotten, but still refused");
        assert!(guard.accept(PeerId(0), &signed(1001), 1001).is_ok());
    }
}
