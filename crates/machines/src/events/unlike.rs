//! What makes ranks unlike, and which replicas are alike all the same.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{Layout, Stragglers};

/// What makes ranks unlike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unlike {
    /// Hosts that run slowly, drawn at random.
    pub slow: Option<Stragglers>,
    /// Accelerators of one host.
    pub host: u32,
    /// Spread of each pass's time: the standard deviation of its logarithm, with the mean kept.
    pub jitter: f64,
    /// Where the random numbers start.
    pub seed: u64,
}

impl Unlike {
    /// Nothing does: all ranks are alike.
    pub const NOTHING: Self = Self { slow: None, host: 8, jitter: 0.0, seed: 0 };
}

/// How much longer the passes of each stage take, of replicas that are alike, with how many.
pub(super) fn replicas(layout: &Layout, unlike: &Unlike) -> (Vec<(Vec<f64>, u32)>, u32) {
    let size = u64::from(layout.tp) * u64::from(layout.cp);
    let host = u64::from(unlike.host.max(1));
    let hosts = layout.ranks().div_ceil(host);
    let mut random = ChaCha8Rng::seed_from_u64(unlike.seed);
    let mut slow = vec![false; if unlike.slow.is_some() { hosts as usize } else { 0 }];
    let share = unlike.slow.map_or(0.0, |slow| slow.share);
    for host in &mut slow {
        *host = random.random::<f64>() < share;
    }
    let slower = 1.0 + unlike.slow.map_or(0.0, |slow| slow.slower.max(0.0));
    // Stages are furthest apart, and tensor and context ranks next to each other.
    let factor = |replica: u32, stage: u32| {
        let first = (u64::from(stage) * u64::from(layout.dp) + u64::from(replica)) * size;
        let own = first / host..(first + size).div_ceil(host);
        let waits = own.into_iter().any(|host| slow.get(host as usize) == Some(&true));
        if waits { slower } else { 1.0 }
    };
    let of = |replica: u32| (0..layout.pp).map(|stage| factor(replica, stage)).collect::<Vec<_>>();
    let slow_hosts = slow.iter().filter(|slow| **slow).count() as u32;
    if unlike.jitter > 0.0 {
        return ((0..layout.dp).map(|replica| (of(replica), 1)).collect(), slow_hosts);
    }
    if slow_hosts == 0 {
        return (vec![(vec![1.0; layout.pp as usize], layout.dp)], 0);
    }
    let mut alike: BTreeMap<Vec<u64>, (Vec<f64>, u32)> = BTreeMap::new();
    for replica in 0..layout.dp {
        let factors = of(replica);
        let key = factors.iter().map(|factor| factor.to_bits()).collect();
        alike.entry(key).or_insert((factors, 0)).1 += 1;
    }
    (alike.into_values().collect(), slow_hosts)
}
