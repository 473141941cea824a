//! Messages and computing in virtual time: what closed forms of an exchange are checked against.
//!
//! Each piece of work needs some things (a line up, a line down, a device) for a time, after other
//! pieces. It starts when they are done and the things are free, first come first served.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A piece of work.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// What it needs alone, by number.
    pub on: Vec<usize>,
    /// For how long.
    pub takes: f64,
    /// Delay before what follows can start: latency.
    pub then: f64,
    /// What has to be done first, by place in the list.
    pub after: Vec<usize>,
}

/// A time that can be ordered: never NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
struct At(f64);

impl Eq for At {}

impl PartialOrd for At {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for At {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// When all of it is done; `None` where work waits for itself, or for work that does not exist.
pub fn finish(work: &[Work]) -> Option<f64> {
    let things = work.iter().flat_map(|one| &one.on).max().map_or(0, |last| last + 1);
    let mut free = vec![0.0_f64; things];
    let mut ready = vec![0.0_f64; work.len()];
    let mut missing: Vec<usize> = work.iter().map(|one| one.after.len()).collect();
    let mut follows: Vec<Vec<usize>> = vec![Vec::new(); work.len()];
    for (index, one) in work.iter().enumerate() {
        for &before in &one.after {
            follows.get_mut(before)?.push(index);
        }
    }
    let mut queue: BinaryHeap<Reverse<(At, usize)>> = (missing.iter().enumerate())
        .filter(|(_, missing)| **missing == 0)
        .map(|(index, _)| Reverse((At(0.0), index)))
        .collect();
    let (mut done, mut end) = (0, 0.0_f64);
    while let Some(Reverse((At(at), index))) = queue.pop() {
        let one = &work[index];
        let start = one.on.iter().map(|&thing| free[thing]).fold(at, f64::max);
        if start > at {
            // Somebody who can start earlier goes first.
            queue.push(Reverse((At(start), index)));
            continue;
        }
        let stop = start + one.takes;
        for &thing in &one.on {
            free[thing] = stop;
        }
        end = end.max(stop + one.then);
        done += 1;
        for &next in &follows[index] {
            ready[next] = ready[next].max(stop + one.then);
            missing[next] -= 1;
            if missing[next] == 0 {
                queue.push(Reverse((At(ready[next]), next)));
            }
        }
    }
    (done == work.len()).then_some(end)
}

/// The messages of a ring all-reduce of `bytes` over lines of so many bytes a second: each peer
/// passes a part on, 2(n-1) times, and the next one only when the last has come.
pub fn ring(bytes: f64, lines: &[f64], one_way: f64) -> Vec<Work> {
    let n = lines.len();
    let mut work = Vec::new();
    for turn in 0..2 * n.saturating_sub(1) {
        for (peer, line) in lines.iter().enumerate() {
            // What it passes on is what came in the turn before.
            let before = (peer + n - 1) % n;
            let after = if turn == 0 { vec![] } else { vec![(turn - 1) * n + before] };
            let takes = bytes / n as f64 / line;
            work.push(Work { on: vec![peer], takes, then: one_way, after });
        }
    }
    work
}

/// The messages of an aggregator with lines as wide as need be: all up, the sum, all down.
pub fn aggregator(bytes: f64, up: &[f64], down: &[f64], one_way: f64) -> Vec<Work> {
    let n = up.len();
    let send = |peer: usize| Work {
        on: vec![peer],
        takes: bytes / up[peer],
        then: one_way,
        after: vec![],
    };
    let fetch = |peer: usize| Work {
        on: vec![n + peer],
        takes: bytes / down[peer],
        then: one_way,
        after: (0..n).collect(),
    };
    (0..n).map(send).chain((0..n).map(fetch)).collect()
}

/// The messages of an all-gather: each peer's update goes up once, to a store, and down to all
/// others.
pub fn all_gather(bytes: f64, up: &[f64], down: &[f64]) -> Vec<Work> {
    let n = up.len();
    let mut work: Vec<Work> = (0..n)
        .map(|peer| Work { on: vec![peer], takes: bytes / up[peer], then: 0.0, after: vec![] })
        .collect();
    for (peer, rate) in down.iter().enumerate().take(n) {
        for other in (0..n).filter(|&other| other != peer) {
            let takes = bytes / rate;
            work.push(Work { on: vec![n + peer], takes, then: 0.0, after: vec![other] });
        }
    }
    work
}

#[cfg(test)]
mod tests {
    use runs::Seconds;

    use super::super::exchange::{Exchange, Member, Toll};
    use super::super::link::Congestion;
    use super::*;
    use crate::{Bytes, BytesPerSecond, FlopPerSecond};

    const BYTES: f64 = 8e6;

    /// The closed form for peers of these lines, one class each.
    fn closed(exchange: Exchange, up: &[f64], down: &[f64], round_trip: f64) -> f64 {
        let swarm = crate::cluster("covenant").unwrap();
        let mut classes = vec![swarm.peers[0].clone(); up.len()];
        for (class, (up, down)) in classes.iter_mut().zip(up.iter().zip(down)) {
            (class.up, class.down) = (BytesPerSecond(*up), BytesPerSecond(*down));
            class.round_trip = Seconds(round_trip);
        }
        let rate = FlopPerSecond(1.0);
        let members: Vec<Member<'_>> =
            classes.iter().map(|class| Member { class, present: 1.0, rate }).collect();
        Toll::new(exchange, &members, Congestion::Bbr, 8).time(Bytes(BYTES)).get()
    }

    #[test]
    fn closed_forms_agree_with_messages() {
        let mbit = |rates: &[f64]| -> Vec<f64> { rates.iter().map(|r| r * 1e6 / 8.0).collect() };
        for up in [mbit(&[50.0; 4]), mbit(&[50.0, 50.0, 10.0, 50.0]), mbit(&[20.0; 32])] {
            let wide = vec![1e12; up.len()];
            let found = finish(&ring(BYTES, &up, 0.02)).unwrap();
            let said = closed(Exchange::Ring, &up, &wide, 0.04);
            // Beside one slow line, others' latency hides.
            assert!((found / said - 1.0).abs() < 0.015, "ring {found} {said}");
            let down: Vec<f64> = up.iter().map(|rate| 5.0 * rate).collect();
            let found = finish(&aggregator(BYTES, &up, &down, 0.02)).unwrap();
            let said = closed(Exchange::Aggregator, &up, &down, 0.04);
            assert!((found / said - 1.0).abs() < 0.01, "aggregator {found} {said}");
        }
        // Twenty peers at Covenant's lines: the way down bounds, from the first upload on.
        let (up, down) = (mbit(&[110.0; 20]), mbit(&[500.0; 20]));
        let found = finish(&all_gather(BYTES, &up, &down)).unwrap();
        let said = closed(Exchange::AllGather, &up, &down, 0.0);
        let first = BYTES / up[0];
        assert!(found >= said && found <= said + first + 1e-9, "{found} {said}");
    }

    #[test]
    fn work_that_waits_for_itself_never_ends() {
        let waits = |after| Work { on: vec![0], takes: 1.0, then: 0.0, after };
        assert_eq!(finish(&[waits(vec![1]), waits(vec![0])]), None);
        assert_eq!(finish(&[waits(vec![7])]), None);
        assert_eq!(finish(&[waits(vec![]), waits(vec![])]), Some(2.0));
        assert_eq!(finish(&[]), Some(0.0));
    }
}
