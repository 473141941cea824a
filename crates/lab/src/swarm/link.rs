//! The law of a link: when bytes that are sent now arrive.
//!
//! A link passes bytes on in order, at most at its rate, after a delay: a token bucket (a burst
//! passes at once, then the rate holds) and then a queue. It is a function of time alone, so a
//! rehearsal in virtual time and real sockets behind a [`super::transport`] obey the same law.
//!
//! **Loss.** Of a stream of packets each is lost with probability p, and what is lost is sent
//! again a round trip later, while what follows waits: once more the packet, and a round trip, for
//! every time something of a message is lost. And a stream slows down by itself when packets are
//! lost: at round trip R, a Reno stream carries at most S/R √(3/2p) with S = 1448 bytes (Mathis et
//! al. 1997, eq. 3), CUBIC S/R · 1.054 (R/p)^¾ with R in seconds, and never less than Reno (RFC 9438,
//! section 5.1), and BBR does not slow down. More streams carry proportionally more.
//!
//! ```
//! use lab::swarm::Time;
//! use lab::swarm::link::{Link, LinkSettings};
//!
//! let settings = LinkSettings { bits_per_second: 8e6, delay_seconds: 0.02, ..LinkSettings::default() };
//! let mut link = Link::new(settings, 0);
//! assert_eq!(link.deliver(Time::ZERO, 1_000_000).seconds(), 1.02);
//! assert_eq!(link.deliver(Time::ZERO, 1_000_000).seconds(), 2.02); // waits for the first
//! ```

use std::time::Duration;

use diagnostic::Diagnostic;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::Time;
use super::wire::{PIECE, bytes_on_wire};

/// Bytes of a message in a packet: Ethernet's 1500 less the headers of IP and TCP.
const PACKET: f64 = 1448.0;

/// What a stream carries of a rate that counts whole frames of Ethernet, as kernels and providers
/// do: 1448 of 1514 bytes.
pub const STREAM_SHARE: f64 = PACKET / 1514.0;

/// What a link does to bytes, in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkSettings {
    /// Rate in bit/s; infinite for none.
    pub bits_per_second: f64,
    /// Time from one end to the other, in seconds.
    pub delay_seconds: f64,
    /// Bytes that pass at once after a pause.
    pub burst_bytes: f64,
    /// Probability that a packet is lost.
    pub loss: f64,
    /// How a stream reacts to loss.
    pub congestion: Congestion,
    /// Streams that share the work.
    pub streams: u32,
}

/// How a stream reacts to loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Congestion {
    /// Linux's default.
    #[default]
    Cubic,
    /// The classic.
    Reno,
    /// Goes by bandwidth, not by loss.
    Bbr,
}

impl Default for LinkSettings {
    /// No limit at all.
    fn default() -> Self {
        Self {
            bits_per_second: f64::INFINITY,
            delay_seconds: 0.0,
            burst_bytes: 0.0,
            loss: 0.0,
            congestion: Congestion::Cubic,
            streams: 1,
        }
    }
}

impl LinkSettings {
    /// Says what is wrong with settings that no link can have.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), Diagnostic> {
        let wrong = |what: &str, value: f64, expected: &str| {
            Err(Diagnostic::error(format!("a link's {what} is {value}"))
                .help(format!("write {expected}")))
        };
        if self.bits_per_second.is_nan() || self.bits_per_second < 1.0 {
            return wrong("bits_per_second", self.bits_per_second, "a rate from 1 on, in bit/s");
        }
        if !(0.0..=3600.0).contains(&self.delay_seconds) {
            return wrong("delay_seconds", self.delay_seconds, "seconds from 0 to 3600");
        }
        if !(0.0..=1e12).contains(&self.burst_bytes) {
            return wrong("burst_bytes", self.burst_bytes, "bytes from 0 to 1e12");
        }
        if !(0.0..=0.5).contains(&self.loss) {
            return wrong("loss", self.loss, "a probability from 0 to 0.5");
        }
        if self.streams == 0 {
            return wrong("streams", 0.0, "1 or more");
        }
        Ok(())
    }

    /// What streams carry at a round trip of twice the delay, in bit/s: the link's rate, or what
    /// loss leaves of it.
    pub fn carries(&self) -> f64 {
        let round_trip = 2.0 * self.delay_seconds;
        if self.loss <= 0.0 || round_trip <= 0.0 || self.congestion == Congestion::Bbr {
            return self.bits_per_second;
        }
        let reno = libm::sqrt(1.5 / self.loss);
        let window = match self.congestion {
            Congestion::Cubic => {
                let cubic = 1.054 * libm::pow(round_trip / self.loss, 0.75);
                cubic.max(reno)
            }
            Congestion::Reno | Congestion::Bbr => reno,
        };
        let stream = window * PACKET * 8.0 / round_trip;
        self.bits_per_second.min(stream * f64::from(self.streams))
    }
}

/// One direction of a link, and what is on it.
#[derive(Debug, Clone)]
pub struct Link {
    settings: LinkSettings,
    bytes_per_nanosecond: f64,
    /// When the bytes sent so far have passed the bucket.
    busy: Time,
    /// The last arrival; nothing overtakes.
    last: Time,
    /// Packets that pass until the next one is lost.
    until_loss: u64,
    random: ChaCha8Rng,
}

impl Link {
    /// A link on which nothing is. `settings` must have passed [`LinkSettings::check`]; the same
    /// seed loses the same packets.
    pub fn new(settings: LinkSettings, seed: u64) -> Self {
        let mut link = Self {
            settings,
            bytes_per_nanosecond: settings.carries() / 8e9,
            busy: Time::ZERO,
            last: Time::ZERO,
            until_loss: u64::MAX,
            random: ChaCha8Rng::seed_from_u64(seed),
        };
        link.until_loss = link.draw();
        link
    }

    /// What it does.
    pub fn settings(&self) -> &LinkSettings {
        &self.settings
    }

    /// Changes what it does to bytes sent from now on.
    pub fn change(&mut self, settings: LinkSettings) {
        self.settings = settings;
        self.bytes_per_nanosecond = settings.carries() / 8e9;
        self.until_loss = self.draw();
    }

    /// When the last of `bytes`, sent at `now`, arrives. `now` must not go back.
    pub fn deliver(&mut self, now: Time, bytes: usize) -> Time {
        let lost = self.losses(bytes);
        let bytes = bytes as f64 + lost.packets as f64 * PACKET;
        let burst = Duration::from_secs_f64(self.passing(self.settings.burst_bytes));
        // The bucket is full when the link was idle for the time of a burst.
        let full = Time::ZERO + now.since(Time::ZERO + burst);
        self.busy = self.busy.max(full) + Duration::from_secs_f64(self.passing(bytes));
        let trips = 1.0 + 2.0 * lost.trips as f64;
        let way = Duration::from_secs_f64(self.settings.delay_seconds * trips);
        self.last = self.last.max(self.busy.max(now) + way);
        self.last
    }

    /// When everything sent so far has left.
    pub fn idle_from(&self) -> Time {
        self.busy
    }

    /// Seconds that `bytes` take at the rate.
    fn passing(&self, bytes: f64) -> f64 {
        bytes / self.bytes_per_nanosecond / 1e9
    }

    /// Packets that pass until one is lost: geometric.
    fn draw(&mut self) -> u64 {
        if self.settings.loss <= 0.0 {
            return u64::MAX;
        }
        let u = 1.0 - self.random.random::<f64>(); // in (0, 1]
        (libm::log(u) / libm::log1p(-self.settings.loss)) as u64
    }

    /// What of a message is lost, and how many round trips it takes until all is there.
    fn losses(&mut self, bytes: usize) -> Losses {
        let mut losses = Losses { packets: 0, trips: 0 };
        let mut sent = (bytes as f64 / PACKET).ceil() as u64;
        loop {
            let again = self.lost_of(sent);
            if again == 0 {
                return losses;
            }
            losses.packets += again;
            losses.trips += 1;
            sent = again;
        }
    }

    fn lost_of(&mut self, packets: u64) -> u64 {
        let (mut left, mut lost) = (packets, 0);
        while self.until_loss < left {
            left -= self.until_loss + 1;
            lost += 1;
            self.until_loss = self.draw();
        }
        if self.until_loss != u64::MAX {
            self.until_loss -= left;
        }
        lost
    }
}

struct Losses {
    packets: u64,
    trips: u64,
}

/// When a message of `len` bytes, sent at `now`, has arrived whole, through the sender's link up
/// and the receiver's link down: in pieces, as frames travel.
pub fn deliver(up: &mut Link, down: &mut Link, now: Time, len: usize) -> Time {
    let mut pass = |piece: usize| {
        let bytes = bytes_on_wire(piece);
        down.deliver(up.deliver(now, bytes), bytes)
    };
    let last = if len == 0 { 0 } else { (len - 1) % PIECE + 1 };
    for _ in 0..(len - last) / PIECE {
        pass(PIECE);
    }
    pass(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn settings(megabits: f64, milliseconds: f64, loss: f64) -> LinkSettings {
        LinkSettings {
            bits_per_second: megabits * 1e6,
            delay_seconds: milliseconds / 1e3,
            loss,
            ..LinkSettings::default()
        }
    }

    proptest! {
        #[test]
        fn nothing_overtakes_and_the_rate_holds_over_any_time(
            sends in proptest::collection::vec((0_u64..50_000_000, 1_usize..200_000), 1..60),
            burst in 0.0..100_000.0,
            loss in prop_oneof![Just(0.0), 0.0..0.1],
        ) {
            let settings = LinkSettings { burst_bytes: burst, ..settings(10.0, 30.0, loss) };
            let mut link = Link::new(settings, 5);
            let (mut now, mut last, mut start, mut sum) = (Time::ZERO, Time::ZERO, Time::ZERO, 0.0);
            for (wait, bytes) in sends {
                now += Duration::from_nanos(wait);
                if link.idle_from() < now {
                    (start, sum) = (now, 0.0);
                }
                let arrived = link.deliver(now, bytes);
                sum += bytes as f64;
                prop_assert!(arrived >= last && arrived >= now + Duration::from_millis(30));
                // Since the link was last idle, no more than the bucket and the rate let through.
                let passed = (arrived - start).as_secs_f64() - 0.03;
                prop_assert!(sum <= burst + settings.carries() / 8.0 * passed + 1.0);
                last = arrived;
            }
        }
    }

    #[test]
    fn a_burst_passes_at_once_and_only_once() {
        let mut link = Link::new(LinkSettings { burst_bytes: 1e6, ..settings(8.0, 0.0, 0.0) }, 0);
        let start = Time::from_seconds(10.0);
        assert_eq!(link.deliver(start, 1_000_000), start);
        assert_eq!(link.deliver(start, 1_000_000), start + Duration::from_secs(1));
        let later = Time::from_seconds(60.0);
        assert_eq!(link.deliver(later, 1_000_000), later);
    }

    #[test]
    fn loss_slows_streams_as_their_congestion_control_says() {
        // 20 Mbit/s, 200 ms round trip, 0.1 % loss.
        let lossy = |congestion, streams| {
            let settings = LinkSettings { congestion, streams, ..settings(20.0, 100.0, 1e-3) };
            settings.carries() / 1e6
        };
        // Mathis: 1448 · 8 / 0.2 · √1500 = 2.243 Mbit/s.
        assert!((lossy(Congestion::Reno, 1) - 2.243).abs() < 0.001);
        assert!((lossy(Congestion::Cubic, 1) - 3.247).abs() < 0.002);
        assert!((lossy(Congestion::Cubic, 4) - 4.0 * 3.247).abs() < 0.01);
        assert_eq!(lossy(Congestion::Bbr, 1), 20.0);
        assert_eq!(lossy(Congestion::Cubic, 100), 20.0);
    }

    #[test]
    fn the_share_of_lost_packets_is_the_one_asked_for_however_bytes_are_cut() {
        for size in [1448, 14_480, 1_448_000] {
            let mut link = Link::new(settings(1000.0, 1.0, 0.02), 3);
            let packets = 200_000;
            let mut lost = 0;
            for _ in 0..packets / (size / 1448) {
                lost += link.losses(size).packets;
            }
            // What is sent again is lost again: p / (1 − p).
            let share = lost as f64 / packets as f64;
            assert!((share - 0.02 / 0.98).abs() < 0.0015, "{size}: {share}");
        }
    }

    #[test]
    fn a_message_passes_two_links_in_pieces() {
        let link = || Link::new(settings(50.0, 10.0, 0.0), 0);
        let bytes = 8 * PIECE;
        let took = deliver(&mut link(), &mut link(), Time::ZERO, bytes).seconds();
        let piece = bytes_on_wire(PIECE) as f64 * 8.0 / 50e6;
        assert!((took - (9.0 * piece + 0.02)).abs() < 1e-6, "{took}");
    }

    #[test]
    fn impossible_links_are_refused() {
        let good = LinkSettings::default();
        assert!(good.check().is_ok());
        for bad in [
            LinkSettings { bits_per_second: 0.0, ..good },
            LinkSettings { bits_per_second: f64::NAN, ..good },
            LinkSettings { delay_seconds: -1.0, ..good },
            LinkSettings { loss: 0.6, ..good },
            LinkSettings { burst_bytes: f64::INFINITY, ..good },
            LinkSettings { streams: 0, ..good },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
