//! The sum of one vector of each peer, at every peer, around a ring.
//!
//! The vector is cut into as many segments as there are peers, and those into pieces. A piece of
//! segment s starts at rank s and goes around: n − 1 hops on which each rank adds its own values,
//! and n − 1 more that carry the sum. Every link carries 2 (n − 1)/n of the vector, which is the
//! least that any method can do (Patarasuk and Yuan 2009, doi:10.1016/j.jpdc.2008.09.002), and all links work
//! all the time, since pieces follow each other.
//!
//! The order of additions is that of the ring, from rank s on: all ranks hold the same bits.

use std::time::{Duration, Instant};

use diagnostic::Diagnostic;

use super::transport::Transport;
use super::wire::PeerId;
use crate::kernels::add_assign;

/// Values in a piece: 64 KiB. Small enough to fill a pipeline, large enough to hide headers.
pub const PIECE_VALUES: usize = 16 * 1024;
/// Segment, piece and hop before the values.
const HEADER: usize = 12;

/// One rank of an all-reduce: messages in, messages for the next rank out.
#[derive(Debug)]
pub struct Ring {
    rank: usize,
    ranks: usize,
    values: Vec<f32>,
    /// For each segment, how many hops its pieces have made here last.
    pieces: Vec<Vec<u32>>,
    left: usize,
}

impl Ring {
    /// Rank `rank` of `ranks`, with its vector; all ranks bring the same length.
    pub fn new(rank: usize, ranks: usize, values: Vec<f32>) -> Self {
        let mut ring = Self { rank, ranks: ranks.max(1), values, pieces: Vec::new(), left: 0 };
        ring.pieces = (0..ring.ranks)
            .map(|segment| vec![0; ring.segment(segment).len().div_ceil(PIECE_VALUES)])
            .collect();
        if ring.ranks > 1 {
            ring.left = ring.pieces.iter().map(Vec::len).sum();
        }
        ring
    }

    fn segment(&self, segment: usize) -> std::ops::Range<usize> {
        let at = |segment: usize| self.values.len() * segment / self.ranks;
        at(segment)..at(segment + 1)
    }

    fn piece(&self, segment: usize, piece: usize) -> std::ops::Range<usize> {
        let all = self.segment(segment);
        let start = all.start + piece * PIECE_VALUES;
        start..(start + PIECE_VALUES).min(all.end)
    }

    fn write(&self, segment: usize, piece: usize, hop: u32) -> Vec<u8> {
        let values = &self.values[self.piece(segment, piece)];
        let mut bytes = Vec::with_capacity(HEADER + values.len() * 4);
        for number in [segment as u32, piece as u32, hop] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend(values.iter().flat_map(|x| x.to_le_bytes()));
        bytes
    }

    /// What this rank sends at first: the pieces of its own segment.
    pub fn start(&self) -> Vec<Vec<u8>> {
        if self.ranks == 1 {
            return Vec::new();
        }
        (0..self.pieces[self.rank].len()).map(|piece| self.write(self.rank, piece, 1)).collect()
    }

    /// A message of the rank before: what to send to the next one, if anything.
    ///
    /// # Errors
    /// If it is no piece of such a vector, or came before.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Diagnostic> {
        let refused = || Diagnostic::error("a piece of an all-reduce is refused: it fits nowhere");
        let (header, body) = bytes.split_first_chunk::<HEADER>().ok_or_else(refused)?;
        let word = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let (segment, piece, hop) = (word(0) as usize, word(4) as usize, word(8));
        // Hops are counted from the rank where the segment starts.
        let away = (self.rank + self.ranks - segment.min(self.rank + self.ranks)) % self.ranks;
        let expected = |seen: u32| match seen {
            0 if away == 0 => self.ranks as u32,
            0 => away as u32,
            seen => seen + self.ranks as u32,
        };
        let last = 2 * (self.ranks as u32 - 1);
        let seen = self.pieces.get(segment).and_then(|pieces| pieces.get(piece));
        let seen = *seen.ok_or_else(refused)?;
        let place = self.piece(segment, piece);
        if hop != expected(seen) || hop > last || body.len() != place.len() * 4 {
            return Err(refused());
        }
        let came: Vec<f32> =
            body.as_chunks::<4>().0.iter().map(|raw| f32::from_le_bytes(*raw)).collect();
        let own = &mut self.values[place];
        if (hop as usize) < self.ranks {
            // The sum so far comes first: the same order everywhere.
            let mut sum = came;
            add_assign(&mut sum, own);
            own.copy_from_slice(&sum);
        } else {
            own.copy_from_slice(&came);
        }
        self.pieces[segment][piece] = hop;
        if hop as usize >= self.ranks - 1 {
            self.left -= 1;
        }
        Ok((hop < last).then(|| self.write(segment, piece, hop + 1)))
    }

    /// Whether all values are sums.
    pub fn is_done(&self) -> bool {
        self.left == 0
    }

    /// The vector: sums, once it [is done](Self::is_done).
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }
}

/// The least time for `bytes` at each of `ranks`, over links of `bits_per_second`, in seconds.
pub fn bound_seconds(ranks: usize, bytes: usize, bits_per_second: f64) -> f64 {
    2.0 * (ranks as f64 - 1.0) / ranks as f64 * bytes as f64 * 8.0 / bits_per_second
}

/// Sums `values` over `peers`, of which this one is number `rank`; returns when the sums are here
/// and what others need has been sent.
///
/// # Errors
/// If nothing comes for `patience`, or what comes is no piece.
pub fn all_reduce(
    transport: &mut impl Transport,
    peers: &[PeerId],
    rank: usize,
    values: Vec<f32>,
    patience: Duration,
) -> Result<Vec<f32>, Diagnostic> {
    let mut ring = Ring::new(rank, peers.len(), values);
    let next = peers[(rank + 1) % peers.len()];
    let before = peers[(rank + peers.len() - 1) % peers.len()];
    for bytes in ring.start() {
        transport.send(next, bytes);
    }
    let mut heard = Instant::now();
    while !ring.is_done() {
        let Some((from, bytes)) = transport.receive(patience) else {
            return Err(Diagnostic::error(format!(
                "an all-reduce waited {:.0} s for {before} in vain",
                heard.elapsed().as_secs_f64()
            )));
        };
        if from == before {
            heard = Instant::now();
            if let Some(bytes) = ring.receive(&bytes)? {
                transport.send(next, bytes);
            }
        }
    }
    Ok(ring.into_values())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swarm::Time;
    use crate::swarm::link::{Link, LinkSettings};
    use proptest::prelude::*;
    use std::collections::BinaryHeap;

    fn vectors(ranks: usize, len: usize) -> Vec<Vec<f32>> {
        let value = |rank: usize, at: usize| ((at * 37 + rank * 101) % 1009) as f32 / 7.0 - 50.0;
        (0..ranks).map(|rank| (0..len).map(|at| value(rank, at)).collect()).collect()
    }

    /// Runs all ranks in virtual time; their vectors, and when the last was done.
    fn run(vectors: &[Vec<f32>], settings: LinkSettings) -> (Vec<Vec<f32>>, Time) {
        let ranks = vectors.len();
        let mut rings: Vec<Ring> =
            (0..ranks).map(|rank| Ring::new(rank, ranks, vectors[rank].clone())).collect();
        let mut up: Vec<Link> = (0..ranks).map(|_| Link::new(settings, 0)).collect();
        let mut wire = BinaryHeap::new();
        let mut count = 0_u64;
        let mut send = |wire: &mut BinaryHeap<_>, from: usize, now: Time, bytes: Vec<u8>| {
            let len = crate::swarm::wire::bytes_on_wire(bytes.len());
            count += 1;
            let at = up[from].deliver(now, len);
            wire.push(std::cmp::Reverse((at, count, (from + 1) % ranks, bytes)));
        };
        for (rank, ring) in rings.iter().enumerate() {
            for bytes in ring.start() {
                send(&mut wire, rank, Time::ZERO, bytes);
            }
        }
        let mut end = Time::ZERO;
        while let Some(std::cmp::Reverse((now, _, rank, bytes))) = wire.pop() {
            end = now;
            if let Some(bytes) = rings[rank].receive(&bytes).unwrap() {
                send(&mut wire, rank, now, bytes);
            }
        }
        assert!(rings.iter().all(Ring::is_done));
        (rings.into_iter().map(Ring::into_values).collect(), end)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn every_rank_holds_the_same_sums_in_the_order_of_the_ring(
            ranks in 1_usize..9,
            len in prop_oneof![0_usize..20, 0_usize..100_000],
        ) {
            let vectors = vectors(ranks, len);
            let (sums, _) = run(&vectors, LinkSettings::default());
            let mut expected = vec![0.0_f32; len];
            for segment in 0..ranks {
                for at in len * segment / ranks..len * (segment + 1) / ranks {
                    let order = (0..ranks).map(|i| vectors[(segment + i) % ranks][at]);
                    expected[at] = order.reduce(|sum, x| sum + x).unwrap();
                }
            }
            for sum in sums {
                prop_assert_eq!(&sum, &expected);
            }
        }

        #[test]
        fn pieces_that_fit_nowhere_are_refused(
            words in proptest::collection::vec(0_u32..10, 3),
            len in 0_usize..200,
        ) {
            let mut ring = Ring::new(1, 4, vec![1.0; 40]);
            let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            bytes.resize(HEADER + len, 0);
            // Rank 1 is one hop from segment 0, two from 3 and three from 2.
            let hop = |segment| match segment { 0 => 1, 1 => 4, 2 => 3, _ => 2 };
            let fits = words[0] < 4 && words[1] == 0 && words[2] == hop(words[0]) && len == 40;
            prop_assert_eq!(ring.receive(&bytes).is_ok(), fits);
            prop_assert!(ring.receive(&bytes).is_err(), "it came before");
            prop_assert!(ring.receive(&bytes[..5]).is_err());
        }
    }

    #[test]
    fn a_ring_reaches_nine_tenths_of_the_bound() {
        let settings =
            LinkSettings { bits_per_second: 50e6, delay_seconds: 0.01, ..LinkSettings::default() };
        for ranks in [2, 4, 8] {
            let vectors = vectors(ranks, 2_000_000);
            let (_, end) = run(&vectors, settings);
            let share = bound_seconds(ranks, 8_000_000, 50e6) / end.seconds();
            assert!(share > 0.9 && share < 1.0, "{ranks} ranks: {share}");
        }
    }
}
