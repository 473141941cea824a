//! How updates travel between peers with unlike lines, and what that takes.

use runs::Seconds;

use super::link::{Congestion, Line};
use super::shares::best_shares_of;
use crate::{Bytes, BytesPerSecond, FlopPerSecond, PeerClass};

/// How updates travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exchange {
    /// A ring through all peers, at the pace of the slowest.
    Ring,
    /// Each peer sums the share that suits its line ([`best_shares_of`]).
    Shares,
    /// Each pair of peers sums one of n(n-1)/2 shards, so that every sum is made twice and two
    /// peers that disagree are seen (IOTA, arXiv:2507.17766): half as much traffic again as a
    /// ring, and the share of shards lost is only the square of the share of peers that fail.
    Butterfly,
    /// Everybody fetches everybody's update (`SparseLoCo`, `DisTrO`).
    AllGather,
    /// One aggregator with lines wide enough for all sums and hands out the result.
    Aggregator,
}

impl Exchange {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Ring, Self::Shares, Self::Butterfly, Self::AllGather, Self::Aggregator];

    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::Shares => "sums in shares",
            Self::Butterfly => "butterfly",
            Self::AllGather => "all-gather",
            Self::Aggregator => "aggregator",
        }
    }
}

impl Exchange {
    /// The share of a sum that comes out right and in time among so many `peers`, of which each
    /// fails or spoils what it sums with the probability `harmful`.
    ///
    /// Through a ring every part passes everybody; in shares it rests on its owner; a butterfly
    /// loses only what both owners spoil; whoever gets all updates, or a trusted aggregator, sums
    /// rightly.
    pub fn kept(self, peers: f64, harmful: f64) -> f64 {
        let sound = 1.0 - harmful.clamp(0.0, 1.0);
        match self {
            Self::Ring => sound.powf((peers - 1.0).max(0.0)),
            Self::Shares => sound,
            Self::Butterfly => 1.0 - butterfly_loss(1.0 - sound),
            Self::AllGather | Self::Aggregator => 1.0,
        }
    }

    /// Whether it adds updates up on their way, so that sums have to stay as small as updates.
    pub const fn adds_up(self) -> bool {
        matches!(self, Self::Ring | Self::Shares | Self::Butterfly)
    }
}

/// A server that sums for everybody.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Server {
    /// Its line, each way.
    pub line: BytesPerSecond,
    /// Bytes of a sum over those of an update: one where sums stay as small, more where they are
    /// of sparse updates.
    pub growth: f64,
}

impl Server {
    /// A line wider than all peers' together, and sums as small as updates.
    pub const WIDE: Self = Self { line: BytesPerSecond(f64::INFINITY), growth: 1.0 };
}

/// The share of a butterfly's shards that is lost when a share `failing` of its peers fails during
/// the sum: both owners of a shard have to.
pub fn butterfly_loss(failing: f64) -> f64 {
    failing * failing
}

/// Peers of one class that take part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Member<'a> {
    /// The class.
    pub class: &'a PeerClass,
    /// How many of it are there, on average.
    pub present: f64,
    /// What one computes.
    pub rate: FlopPerSecond,
}

/// What an exchange takes, whatever the size of the update: times are `per_byte` times it, and
/// the delay.
#[derive(Debug, Clone, PartialEq)]
pub struct Toll {
    /// Seconds for each byte of a peer's update.
    pub per_byte: f64,
    /// Latency, whatever the size.
    pub delay: Seconds,
    /// Bytes that a peer sends for each byte of its update.
    pub sent: f64,
    /// Bytes that it receives.
    pub received: f64,
    /// The line that bounds the exchange; empty where nobody waits for one.
    pub bound_by: String,
}

impl Toll {
    /// The toll of `exchange` among `members`, whose lines carry `streams` connections each; an
    /// aggregator's own line is wide enough.
    pub fn new(
        exchange: Exchange,
        members: &[Member<'_>],
        congestion: Congestion,
        streams: u32,
    ) -> Self {
        Self::with_server(exchange, members, congestion, streams, Server::WIDE)
    }

    /// The same with the `server` that an aggregator runs on.
    pub fn with_server(
        exchange: Exchange,
        members: &[Member<'_>],
        congestion: Congestion,
        streams: u32,
        server: Server,
    ) -> Self {
        let peers: f64 = members.iter().map(|member| member.present).sum();
        let others = (peers - 1.0).max(0.0);
        if others == 0.0 {
            let (sent, received, bound_by) = (0.0, 0.0, String::new());
            return Self { per_byte: 0.0, delay: Seconds(0.0), sent, received, bound_by };
        }
        let line = |class: &PeerClass, bandwidth: BytesPerSecond| {
            Line { bandwidth, round_trip: class.round_trip, loss: class.loss }
                .throughput(congestion, streams)
                .get()
        };
        let (up, down) = (
            |class: &PeerClass| line(class, class.up),
            |class: &PeerClass| line(class, class.down),
        );
        let slowest = |time: &dyn Fn(&PeerClass) -> (f64, &'static str)| {
            let (mut worst, mut who) = (0.0, String::new());
            for member in members {
                let (time, way) = time(member.class);
                if time > worst {
                    (worst, who) = (time, format!("{way} of {}", member.class.name));
                }
            }
            (worst, who)
        };
        let longer = |up: f64, down: f64| if up >= down { (up, "up") } else { (down, "down") };
        let round_trips = members.iter().map(|member| member.class.round_trip.get());
        let delay = round_trips.fold(0.0, f64::max);
        let all = 2.0 * others / peers;
        let (per_byte, delay, sent, received, bound_by) = match exchange {
            Exchange::Ring => {
                let (time, who) = slowest(&|class| longer(all / up(class), all / down(class)));
                (time, others.max(1.0) * delay, all, all, who)
            }
            Exchange::Shares => {
                let lines = lines(members, congestion, streams);
                let time = best_shares_of(Bytes(1.0), &lines).map_or(0.0, |split| split.time.get());
                let (least, who) = slowest(&|class| longer(1.0 / up(class), 1.0 / down(class)));
                let alike = members.iter().all(|member| member.class.name == members[0].class.name);
                let who = if time > least * (1.0 + 1e-6) && !alike {
                    "all lines together".into()
                } else {
                    who
                };
                (time, delay, all, all, who)
            }
            Exchange::Butterfly => {
                let each = ((3.0 * peers - 4.0) / peers).max(1.0);
                let (time, who) = slowest(&|class| longer(each / up(class), each / down(class)));
                (time, delay, each, each, who)
            }
            Exchange::AllGather => {
                let (time, who) = slowest(&|class| longer(1.0 / up(class), others / down(class)));
                (time, delay, 1.0, others, who)
            }
            Exchange::Aggregator => {
                // Up, then down again: the sum cannot leave before the last update is there.
                let (line, growth) = (server.line.get(), server.growth);
                let (up_time, who) = slowest(&|class| (1.0 / up(class), "up"));
                let (down_time, _) = slowest(&|class| (growth / down(class), "down"));
                let (all_up, all_down) = (peers / line, peers * growth / line);
                let who = if all_up + all_down > up_time + down_time {
                    "the aggregator".into()
                } else {
                    format!("{who}, then down")
                };
                (up_time.max(all_up) + down_time.max(all_down), delay, 1.0, growth, who)
            }
        };
        Self { per_byte, delay: Seconds(delay), sent, received, bound_by }
    }

    /// The time of an exchange of updates of `bytes` each.
    pub fn time(&self, bytes: Bytes) -> Seconds {
        Seconds(self.per_byte * bytes.get()) + self.delay
    }
}

/// The line of each peer, the slower way, with how many have it.
fn lines(
    members: &[Member<'_>],
    congestion: Congestion,
    streams: u32,
) -> Vec<(BytesPerSecond, f64)> {
    let rate = |class: &PeerClass| {
        let line = |bandwidth| {
            Line { bandwidth, round_trip: class.round_trip, loss: class.loss }
                .throughput(congestion, streams)
        };
        BytesPerSecond(line(class.up).get().min(line(class.down).get()))
    };
    members.iter().map(|member| (rate(member.class), member.present)).collect()
}

/// The share of a sum that all peers of each of `members` own together, where it goes in shares.
pub fn owned(members: &[Member<'_>], congestion: Congestion, streams: u32) -> Vec<f64> {
    let lines = lines(members, congestion, streams);
    best_shares_of(Bytes(1.0), &lines).map_or_else(
        || vec![1.0 / members.len().max(1) as f64; members.len()],
        |split| split.shares,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn swarm(count: f64) -> (crate::Cluster, f64) {
        let mut swarm = crate::cluster("covenant").unwrap();
        swarm.peers[0].round_trip = Seconds(0.0);
        (swarm, count)
    }

    fn toll(exchange: Exchange, peers: f64) -> Toll {
        let (swarm, present) = swarm(peers);
        let member = Member { class: &swarm.peers[0], present, rate: FlopPerSecond(1.0) };
        Toll::new(exchange, &[member], Congestion::Bbr, 8)
    }

    #[test]
    fn a_butterfly_pays_half_again_for_making_every_sum_twice() {
        let (ring, butterfly) = (toll(Exchange::Ring, 1000.0), toll(Exchange::Butterfly, 1000.0));
        assert!((butterfly.sent / ring.sent - 1.5).abs() < 2e-3, "{}", butterfly.sent);
        assert!((butterfly.per_byte / ring.per_byte - 1.5).abs() < 2e-3);
        // Two peers own the one shard together: each sends its half of the sum once.
        assert_eq!(toll(Exchange::Butterfly, 2.0).sent, 1.0);
        // A fifth of the peers gone costs a twenty-fifth of the shards.
        assert!((butterfly_loss(0.2) - 0.04).abs() < 1e-12);
    }

    #[test]
    fn an_aggregator_is_bound_by_its_own_line_and_by_sums_that_grow() {
        let (swarm, present) = swarm(20.0);
        let member = Member { class: &swarm.peers[0], present, rate: FlopPerSecond(1.0) };
        let toll = |line: f64, growth| {
            let server = Server { line: BytesPerSecond(line), growth };
            Toll::with_server(Exchange::Aggregator, &[member], Congestion::Bbr, 8, server)
        };
        let wide = toll(1e12, 1.0);
        assert_eq!(wide.per_byte, self::toll(Exchange::Aggregator, 20.0).per_byte);
        let narrow = toll(12.5e6, 1.0);
        assert!((narrow.per_byte - 2.0 * 20.0 / 12.5e6).abs() < 1e-12, "{narrow:?}");
        assert_eq!(narrow.bound_by, "the aggregator");
        assert!(toll(1e12, 20.0).per_byte > 2.0 * wide.per_byte);
        assert_eq!(toll(1e12, 20.0).received, 20.0);
    }

    #[test]
    fn slow_peers_own_nothing_of_a_sum_and_the_rest_what_their_lines_bear() {
        // The measured example: three lines of 50 Mbit/s and one of 10, 8 MB.
        let (swarm, _) = swarm(1.0);
        let mut classes = [swarm.peers[0].clone(), swarm.peers[0].clone()];
        for (class, mbit) in classes.iter_mut().zip([50e6, 10e6]) {
            (class.up, class.down) = (BytesPerSecond(mbit / 8.0), BytesPerSecond(1e9));
        }
        classes[1].name = "slow".into();
        let rate = FlopPerSecond(1.0);
        let member = |at: usize, present| Member { class: &classes[at], present, rate };
        let members = [member(0, 3.0), member(1, 1.0)];
        assert_eq!(owned(&members, Congestion::Bbr, 8), [1.0, 0.0]);
        let time =
            |exchange| Toll::new(exchange, &members, Congestion::Bbr, 8).time(Bytes(8e6)).get();
        assert!((time(Exchange::Shares) - 6.4).abs() < 1e-9);
        assert!((time(Exchange::Ring) - 9.6).abs() < 1e-9);
    }

    #[test]
    fn what_is_summed_twice_survives_those_that_leave_or_lie() {
        let kept = |exchange: Exchange| exchange.kept(100.0, 0.1);
        assert!((kept(Exchange::Shares) - 0.9).abs() < 1e-12);
        assert!((kept(Exchange::Butterfly) - 0.99).abs() < 1e-12);
        assert!(kept(Exchange::Ring) < 1e-4 && kept(Exchange::AllGather) == 1.0);
        for exchange in Exchange::ALL {
            assert_eq!(exchange.kept(100.0, 0.0), 1.0);
        }
    }

    #[test]
    fn what_crosses_a_line_stays_but_for_an_all_gather() {
        for exchange in [Exchange::Ring, Exchange::Shares, Exchange::Butterfly] {
            assert!(toll(exchange, 1e4).received < 1.02 * toll(exchange, 100.0).received);
        }
        assert_eq!(toll(Exchange::Aggregator, 1e4).received, 1.0);
        assert_eq!(toll(Exchange::AllGather, 101.0).received, 100.0);
    }

    proptest! {
        #[test]
        fn shares_are_never_slower_than_a_ring_and_a_ring_than_a_butterfly(
            peers in 3.0..500.0f64,
        ) {
            let peers = peers.round();
            let time = |exchange| toll(exchange, peers).per_byte;
            prop_assert!(time(Exchange::Shares) <= time(Exchange::Ring) * (1.0 + 1e-9));
            prop_assert!(time(Exchange::Ring) <= time(Exchange::Butterfly));
        }
    }
}
