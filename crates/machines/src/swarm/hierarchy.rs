//! Sites with quick lines inside and slow ones between them: sums at two levels.

use runs::Seconds;

use super::shares::ring;
use crate::{Bytes, BytesPerSecond};

/// Peers or sites that sum with each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// How many.
    pub members: u32,
    /// The line of each.
    pub bandwidth: BytesPerSecond,
    /// To another and back.
    pub round_trip: Seconds,
    /// Inner steps from one sum to the next.
    pub steps: u32,
}

impl Level {
    /// One sum of `bytes` around a ring.
    pub fn sum(&self, bytes: Bytes) -> Seconds {
        if self.members < 2 {
            return Seconds(0.0);
        }
        let lines = vec![self.bandwidth; self.members as usize];
        ring(bytes, &lines) + self.round_trip * f64::from(self.members - 1)
    }
}

/// Sites of like peers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hierarchy {
    /// The peers of one site.
    pub within: Level,
    /// The sites. A site sends its sum once, over its own line.
    pub between: Level,
}

impl Hierarchy {
    /// Waiting that each inner step bears, nothing hidden: sums within and between, each spread
    /// over its steps, and the outer sum handed on within.
    pub fn waiting_per_step(&self, bytes: Bytes) -> Seconds {
        let within = self.within.sum(bytes) / f64::from(self.within.steps.max(1));
        let hand_on =
            if self.within.members < 2 { 0.0 } else { bytes.get() / self.within.bandwidth.get() };
        let between = self.between.sum(bytes) + Seconds(hand_on);
        within + between / f64::from(self.between.steps.max(1))
    }

    /// The same if all peers of all sites were one ring, summing as often as the sites do. The
    /// peers of a site share its line.
    pub fn flat(&self, bytes: Bytes) -> Seconds {
        // Of a ring through the sites one after another, one link of each site crosses.
        let all = Level { members: self.within.members * self.between.members, ..self.between };
        all.sum(bytes) / f64::from(self.between.steps.max(1))
    }

    /// Bytes that a site sends over its line for each inner step.
    pub fn sent_between(&self, bytes: Bytes) -> Bytes {
        let sites = f64::from(self.between.members.max(1));
        bytes * (2.0 * (sites - 1.0) / sites / f64::from(self.between.steps.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITES: Hierarchy = Hierarchy {
        within: Level {
            members: 16,
            bandwidth: BytesPerSecond(1.25e9),
            round_trip: Seconds(1e-3),
            steps: 1,
        },
        between: Level {
            members: 8,
            bandwidth: BytesPerSecond(12.5e6),
            round_trip: Seconds(0.15),
            steps: 100,
        },
    };

    #[test]
    fn sites_save_the_latency_of_a_long_ring_and_keep_its_traffic() {
        let small = Bytes(1e6);
        // 127 hops of 150 ms against 7.
        assert!(SITES.flat(small).get() > 10.0 * SITES.between.sum(small).get() / 100.0);
        let sent = SITES.sent_between(Bytes(1e9));
        assert!((sent.get() - 1.75e9 / 100.0).abs() < 1.0);
    }

    #[test]
    fn one_site_of_one_peer_waits_for_nothing_and_seldom_is_cheaper() {
        let alone = Hierarchy {
            within: Level { members: 1, ..SITES.within },
            between: Level { members: 1, ..SITES.between },
        };
        assert_eq!(alone.waiting_per_step(Bytes(1e9)), Seconds(0.0));
        let often = Hierarchy { between: Level { steps: 10, ..SITES.between }, ..SITES };
        assert!(often.waiting_per_step(Bytes(1e9)) > SITES.waiting_per_step(Bytes(1e9)));
    }
}
