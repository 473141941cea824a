//! What joins the accelerators of one job, and how long collectives over it take.
//!
//! Ranks are numbered from the inside out: tensor parallel neighbours lie nearest to each other,
//! then context, data and expert, and pipeline stages furthest apart. A [`Group`] is every
//! `stride`-th of `size` ranks, so how many of it share a level follows from the two numbers.

use runs::Seconds;

use crate::{Accelerator, BytesPerSecond, Tier};

/// How many tiers of fabric beyond the domain a network may have.
pub(crate) const MOST_TIERS: usize = 3;

/// One level: what each rank has to reach the others inside it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Level {
    ranks: f64,
    /// Sustained, per rank, one way, bytes per second.
    bandwidth: f64,
    /// Its inverse: divisions are what closed forms spend their time on.
    per_byte: f64,
    latency: f64,
}

impl Level {
    fn new(ranks: f64, bandwidth: f64, latency: f64) -> Self {
        Self { ranks, bandwidth, per_byte: 1.0 / bandwidth, latency }
    }
}

/// Levels of links from the inside out; the outermost has no end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Network {
    levels: [Level; MOST_TIERS + 1],
    used: usize,
}

/// One class of links, for people.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// How many accelerators it joins; `None` where it joins all.
    pub joined: Option<u32>,
    /// What collectives sustain on it per accelerator, one way.
    pub bandwidth: BytesPerSecond,
    /// Latency of one hop, software included.
    pub latency: Seconds,
}

/// Ranks that take part in one collective.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// How many.
    pub size: f64,
    /// How far apart.
    pub stride: f64,
}

impl Group {
    /// `size` ranks, `stride` apart.
    pub fn new(size: u32, stride: u32) -> Self {
        Self { size: f64::from(size), stride: f64::from(stride) }
    }
}

impl Network {
    /// The network of `accelerator`s with `domain` of them on the fast links and the given fabric
    /// beyond; without tiers, each accelerator's own interface joins all.
    ///
    /// Returns `None` where neither says how they are joined at all.
    pub fn new(accelerator: &Accelerator, domain: Option<u32>, tiers: &[Tier]) -> Option<Self> {
        let sustained = &accelerator.sustained;
        let nothing = Level::new(f64::INFINITY, f64::INFINITY, 0.0);
        let mut network = Self { levels: [nothing; MOST_TIERS + 1], used: 0 };
        if let Some(inside) = accelerator.scale_up {
            let ranks = domain.or(inside.domain).map_or(1.0, f64::from);
            if ranks > 1.0 {
                network.push(Level::new(
                    ranks,
                    inside.bandwidth.get() * sustained.scale_up,
                    sustained.scale_up_latency.get(),
                ));
            }
        }
        for tier in tiers.iter().take(MOST_TIERS) {
            network.push(Level::new(
                f64::from(tier.accelerators),
                tier.bandwidth.get() * sustained.scale_out,
                tier.latency.unwrap_or(sustained.scale_out_latency).get(),
            ));
        }
        if tiers.is_empty()
            && let Some(interface) = accelerator.scale_out
        {
            network.push(Level::new(
                f64::INFINITY,
                interface.get() * sustained.scale_out,
                sustained.scale_out_latency.get(),
            ));
        }
        (network.used > 0).then_some(network)
    }

    /// A network of one level: `bandwidth` per rank, one way, and `latency` a hop.
    pub fn flat(bandwidth: BytesPerSecond, latency: Seconds) -> Self {
        let level = Level::new(f64::INFINITY, bandwidth.get(), latency.get());
        Self { levels: [level; MOST_TIERS + 1], used: 1 }
    }

    fn push(&mut self, level: Level) {
        if self.used < self.levels.len() {
            self.levels[self.used] = level;
            self.used += 1;
        }
    }

    /// The same with bandwidths and latencies times so much.
    #[must_use]
    pub(crate) fn scaled(mut self, bandwidth: f64, latency: f64) -> Self {
        for level in &mut self.levels[..self.used] {
            *level = Level::new(level.ranks, level.bandwidth * bandwidth, level.latency * latency);
        }
        self
    }

    /// How many ranks it joins at most.
    pub fn reach(&self) -> f64 {
        self.levels[..self.used].last().map_or(1.0, |level| level.ranks)
    }

    /// Levels with how many of the group's members share each, from the inside out, up to the one
    /// that joins all.
    fn walk(&self, group: Group) -> impl Iterator<Item = (&Level, f64, f64)> {
        let mut inside = 1.0;
        self.levels[..self.used].iter().enumerate().map_while(move |(index, level)| {
            if inside >= group.size {
                return None;
            }
            let last = index + 1 == self.used;
            let joined = if last {
                group.size
            } else {
                (level.ranks / group.stride).floor().clamp(1.0, group.size)
            };
            let before = inside;
            inside = joined.max(before);
            Some((level, before, inside))
        })
    }

    /// Gathering `bytes`, of which each rank holds an equal part, or scattering their sum: the
    /// quicker of one ring through all ranks, (g-1)/g V / w with g-1 hops (Patarasuk and Yuan
    /// 2009), and a ring at each level over what the level inside left.
    pub fn all_gather(&self, group: Group, bytes: f64) -> f64 {
        let (ring, nested) = self.rings(group, bytes, 1.0);
        ring.min(nested)
    }

    /// The same in `pieces` one after the other, each with its own hops: by the quicker way, or by
    /// the ring through all ranks where software knows no other.
    pub(crate) fn gather_pieces(
        &self,
        group: Group,
        bytes: f64,
        pieces: f64,
        ring_only: bool,
    ) -> f64 {
        let (ring, nested) = self.rings(group, bytes, pieces);
        if ring_only { ring } else { ring.min(nested) }
    }

    /// Times of one ring through all ranks, and of rings at each level.
    fn rings(&self, group: Group, bytes: f64, pieces: f64) -> (f64, f64) {
        if group.size <= 1.0 {
            return (0.0, 0.0);
        }
        let (mut slowest, mut ring_latency) = (0.0_f64, 0.0);
        let mut nested = 0.0;
        let mut part_before = 1.0;
        for (level, before, inside) in self.walk(group) {
            if inside <= before {
                continue;
            }
            let part = 1.0 / inside;
            let hops = level.latency * pieces;
            // `before` ranks reach this level side by side, each over its own interface.
            let per_byte = level.per_byte * part_before;
            slowest = slowest.max(per_byte);
            ring_latency += group.size * (part_before - part) * hops;
            nested +=
                (1.0 - before * part) * bytes * per_byte + (inside * part_before - 1.0) * hops;
            part_before = part;
        }
        let ring = (1.0 - 1.0 / group.size) * bytes * slowest + ring_latency;
        (ring, nested)
    }

    /// Summing `bytes` over all ranks, every rank getting the sum: scatter and gather, or a tree
    /// (twice the bytes, twice log2 of the ranks in hops), whichever is quicker.
    pub fn all_reduce(&self, group: Group, bytes: f64) -> f64 {
        if group.size <= 1.0 {
            return 0.0;
        }
        let rings = 2.0 * self.all_gather(group, bytes);
        let (mut slowest, mut levels) = (0.0_f64, 0.0);
        for (level, before, inside) in self.walk(group) {
            if inside > before {
                slowest = slowest.max(level.per_byte / before);
                levels += 2.0 * level.latency;
            }
        }
        // A tree has one hop a level at least.
        if rings <= 2.0 * bytes * slowest + levels {
            return rings;
        }
        let mut latency = 0.0;
        for (level, before, inside) in self.walk(group) {
            if inside > before {
                latency += 2.0 * (inside / before).log2().ceil() * level.latency;
            }
        }
        rings.min(2.0 * bytes * slowest + latency)
    }

    /// Every rank sending an equal part of its `bytes` to every other.
    pub fn all_to_all(&self, group: Group, bytes: f64) -> f64 {
        self.exchange(group, bytes, 1.0, false)
    }

    /// Every rank sending `bytes` in `copies` copies to ranks drawn at random. With `merged`, what
    /// goes to several ranks behind one interface crosses to them once and is handed on inside:
    /// of M such places, M (1 - (1 - 1/M)^copies) are met.
    pub(crate) fn exchange(&self, group: Group, bytes: f64, copies: f64, merged: bool) -> f64 {
        if group.size <= 1.0 {
            return 0.0;
        }
        let (mut slowest, mut latency) = (0.0_f64, 0.0_f64);
        for (level, before, inside) in self.walk(group) {
            if inside <= before {
                continue;
            }
            let crossing = crossing(group.size, before, copies, merged);
            slowest = slowest.max(bytes * crossing / level.bandwidth);
            latency = latency.max(level.latency);
        }
        slowest + latency
    }

    /// The classes of links, from the inside out.
    pub fn links(&self) -> Vec<Link> {
        (self.levels[..self.used].iter())
            .map(|level| Link {
                joined: level.ranks.is_finite().then_some(level.ranks as u32),
                bandwidth: BytesPerSecond(level.bandwidth),
                latency: Seconds(level.latency),
            })
            .collect()
    }

    /// What each rank sends over each level, on average, in [`Network::all_gather`] (or
    /// [`Network::gather_pieces`]), by whichever way that takes.
    pub(crate) fn carried(
        &self,
        group: Group,
        bytes: f64,
        pieces: f64,
        ring_only: bool,
    ) -> [f64; MOST_TIERS + 1] {
        let (ring, nested) = self.rings(group, bytes, pieces);
        let by_ring = ring_only || ring <= nested;
        let mut carried = [0.0; MOST_TIERS + 1];
        for ((_, before, inside), carried) in self.walk(group).zip(&mut carried) {
            let steps = inside / before;
            if steps <= 1.0 {
                continue;
            }
            *carried = if by_ring {
                // The hops of the ring that cross this level and none further out.
                let last = inside >= group.size;
                let places = group.size / before;
                let hops = if last { places } else { places - group.size / inside };
                (group.size - 1.0) / group.size * bytes * hops / group.size
            } else {
                (steps - 1.0) / steps * bytes / before
            };
        }
        carried
    }

    /// What each rank sends across each level in [`Network::exchange`].
    pub(crate) fn exchanged(
        &self,
        group: Group,
        bytes: f64,
        copies: f64,
        merged: bool,
    ) -> [f64; MOST_TIERS + 1] {
        let mut sent = [0.0; MOST_TIERS + 1];
        for ((_, before, inside), sent) in self.walk(group).zip(&mut sent) {
            if inside > before {
                *sent = bytes * crossing(group.size, before, copies, merged);
            }
        }
        sent
    }

    /// The level over which the rank `distance` away is reached.
    pub(crate) fn level_of(&self, distance: f64) -> usize {
        let used = &self.levels[..self.used];
        let found = used.iter().position(|level| distance < level.ranks);
        found.unwrap_or(self.used.saturating_sub(1))
    }

    /// Sending `bytes` to the rank `distance` away.
    pub fn send(&self, distance: f64, bytes: f64) -> f64 {
        let level = self.levels[..self.used].get(self.level_of(distance));
        level.map_or(0.0, |level| bytes / level.bandwidth + level.latency)
    }

    /// The largest number of ranks on the innermost links.
    pub fn domain(&self) -> f64 {
        self.levels[0].ranks
    }
}

/// Copies of a token that leave the `inside` ranks around it for others of `size`.
fn crossing(size: f64, inside: f64, copies: f64, merged: bool) -> f64 {
    let places = size / inside;
    if merged && inside > 1.0 {
        (places - 1.0) * (1.0 - (1.0 - 1.0 / places).powf(copies))
    } else {
        copies * (places - 1.0) / places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_levels() -> Network {
        let mut network = Network::flat(BytesPerSecond(100.0), Seconds(0.0));
        network.levels[0].ranks = 8.0;
        network.push(Level::new(f64::INFINITY, 10.0, 0.0));
        network
    }

    #[test]
    fn a_flat_ring_takes_the_bandwidth_bound_and_one_hop_per_rank() {
        let network = Network::flat(BytesPerSecond(1e9), Seconds(1e-6));
        let group = Group::new(4, 1);
        // (g-1)/g V/w + (g-1) latencies.
        assert!((network.all_gather(group, 8e9) - (6.0 + 3e-6)).abs() < 1e-9);
        assert!((network.all_reduce(group, 8e9) - (12.0 + 6e-6)).abs() < 1e-9);
        assert_eq!(network.all_reduce(Group::new(1, 1), 8e9), 0.0);
    }

    #[test]
    fn small_messages_go_by_tree_where_the_ring_has_too_many_hops() {
        let network = Network::flat(BytesPerSecond(1e9), Seconds(1e-5));
        let time = network.all_reduce(Group::new(1024, 1), 1.0);
        assert!((time - 20.0 * 1e-5).abs() < 1e-8, "{time}");
    }

    #[test]
    fn ranks_of_one_node_carry_the_ring_over_all_their_interfaces() {
        let network = two_levels();
        // Sixteen neighbours: eight a node; the ring's 15/16 V leaves each node over 8 interfaces.
        let near = network.all_gather(Group::new(16, 1), 1600.0);
        assert!((near - 15.0 / 16.0 * 1600.0 / 80.0).abs() < 1e-9, "{near}");
        // Two ranks eight apart have one interface each.
        let far = network.all_gather(Group::new(2, 8), 1600.0);
        assert!((far - 80.0).abs() < 1e-9, "{far}");
    }

    #[test]
    fn an_exchange_is_bound_by_what_leaves_the_domain() {
        let time = two_levels().all_to_all(Group::new(16, 1), 1600.0);
        assert!((time - 800.0 / 10.0).abs() < 1e-9, "{time}");
        let inside = two_levels().all_to_all(Group::new(8, 1), 800.0);
        assert!((inside - 7.0).abs() < 1e-9, "{inside}");
    }

    #[test]
    fn copies_for_one_node_cross_once_where_software_merges_them() {
        let network = two_levels();
        let group = Group::new(32, 1);
        // Four nodes: of eight copies six leave, or 3 (1 - (3/4)^8) = 2.7.
        assert!((network.exchange(group, 100.0, 8.0, false) - 60.0).abs() < 1e-9);
        let merged = network.exchange(group, 100.0, 8.0, true);
        assert!((merged - 30.0 * (1.0 - 0.75_f64.powi(8))).abs() < 1e-9, "{merged}");
    }

    #[test]
    fn stages_far_apart_send_over_the_fabric() {
        assert_eq!(two_levels().send(1.0, 100.0), 1.0);
        assert_eq!(two_levels().send(8.0, 100.0), 10.0);
    }
}
