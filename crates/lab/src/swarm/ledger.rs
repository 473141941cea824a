//! Which windows of text are free, given out, or trained on: every window counts exactly once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::message::PeerId;

/// The account of all windows `0..total`, numbered in the order of the sampler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    total: u64,
    /// Windows from here on were never given out.
    next: u64,
    /// Windows that came back.
    returned: Vec<Range<u64>>,
    /// Given out, by peer and round.
    out: Vec<(PeerId, u64, Vec<Range<u64>>)>,
    /// Trained on: first to one after the last, neighbours joined.
    trained: BTreeMap<u64, u64>,
    trained_count: u64,
}

/// Windows in `ranges`.
pub fn count(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end.saturating_sub(range.start)).sum()
}

impl Ledger {
    /// `total` windows, all free.
    pub fn new(total: u64) -> Self {
        Self {
            total,
            next: 0,
            returned: Vec::new(),
            out: Vec::new(),
            trained: BTreeMap::new(),
            trained_count: 0,
        }
    }

    /// The account when all before `next` but `open` are trained on and nobody has any; `None` when
    /// the two do not fit.
    pub fn resumed(total: u64, next: u64, open: &[Range<u64>]) -> Option<Self> {
        let mut sorted = open.to_vec();
        sorted.sort_by_key(|range| range.start);
        let apart = sorted.windows(2).all(|pair| pair[0].end <= pair[1].start);
        let inside = sorted.iter().all(|range| range.start < range.end && range.end <= next);
        if !apart || !inside || next > total {
            return None;
        }
        let mut ledger = Self { next, returned: sorted.clone(), ..Self::new(total) };
        let mut start = 0;
        for range in sorted.iter().cloned().chain(std::iter::once(next..next)) {
            if start < range.start {
                ledger.trained.insert(start, range.start);
                ledger.trained_count += range.start - start;
            }
            start = range.end;
        }
        Some(ledger)
    }

    /// Windows from here on were never given out.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Windows before [`Self::next`] that are not trained on, neighbours joined.
    pub fn open(&self) -> Vec<Range<u64>> {
        let mut start = 0;
        let mut open = Vec::new();
        let ends = self.trained.iter().map(|(from, to)| (*from, *to));
        for (from, to) in ends.chain(std::iter::once((self.next, self.next))) {
            if start < from {
                open.push(start..from);
            }
            start = to;
        }
        open
    }

    /// All windows of the run.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Windows that nobody has.
    pub fn free(&self) -> u64 {
        self.total - self.next + count(&self.returned)
    }

    /// Windows trained on.
    pub fn trained(&self) -> u64 {
        self.trained_count
    }

    /// Windows trained on or given out: where the run stands in its schedule.
    pub fn position(&self) -> u64 {
        self.total - self.free()
    }

    /// Whether every window was trained on.
    pub fn is_finished(&self) -> bool {
        self.trained_count == self.total
    }

    /// Gives `wanted` windows, or what is left, to `peer` for `round`.
    pub fn give(&mut self, peer: PeerId, round: u64, wanted: u64) -> Vec<Range<u64>> {
        let mut given = Vec::new();
        let mut wanted = wanted;
        while wanted > 0 {
            if let Some(range) = self.returned.pop() {
                let taken = wanted.min(range.end - range.start);
                given.push(range.start..range.start + taken);
                if range.start + taken < range.end {
                    self.returned.push(range.start + taken..range.end);
                }
                wanted -= taken;
            } else {
                let taken = wanted.min(self.total - self.next);
                if taken > 0 {
                    given.push(self.next..self.next + taken);
                    self.next += taken;
                }
                break;
            }
        }
        if !given.is_empty() {
            self.out.push((peer, round, given.clone()));
        }
        given
    }

    /// Whether `peer` has windows of `round`.
    pub fn has(&self, peer: PeerId, round: u64) -> bool {
        self.out.iter().any(|(who, when, _)| *who == peer && *when == round)
    }

    /// The windows that `peer` has for `round`.
    pub fn windows(&self, peer: PeerId, round: u64) -> Option<&[Range<u64>]> {
        let found = self.out.iter().find(|(who, when, _)| *who == peer && *when == round);
        found.map(|(_, _, ranges)| ranges.as_slice())
    }

    /// What is given out: peer and round.
    pub fn outstanding(&self) -> impl Iterator<Item = (PeerId, u64)> + '_ {
        self.out.iter().map(|(peer, round, _)| (*peer, *round))
    }

    fn take(&mut self, peer: PeerId, round: u64) -> Option<Vec<Range<u64>>> {
        let at = self.out.iter().position(|(who, when, _)| *who == peer && *when == round)?;
        Some(self.out.swap_remove(at).2)
    }

    /// Books the windows that `peer` had for `round` as trained on; false if it had none.
    pub fn accept(&mut self, peer: PeerId, round: u64) -> bool {
        let Some(ranges) = self.take(peer, round) else { return false };
        for range in ranges {
            self.trained_count += range.end - range.start;
            let mut joined = range;
            if let Some((&start, &end)) = self.trained.range(..=joined.start).next_back()
                && end == joined.start
            {
                self.trained.remove(&start);
                joined.start = start;
            }
            if let Some(end) = self.trained.remove(&joined.end) {
                joined.end = end;
            }
            self.trained.insert(joined.start, joined.end);
        }
        true
    }

    /// Takes back what `peer` had for `round`.
    pub fn release(&mut self, peer: PeerId, round: u64) {
        let ranges = self.take(peer, round).unwrap_or_default();
        self.returned.extend(ranges);
    }

    /// Whether every window is in exactly one place.
    pub fn balances(&self) -> bool {
        let trained = self.trained.iter().map(|(start, end)| *start..*end);
        let out = self.out.iter().flat_map(|(_, _, ranges)| ranges.iter().cloned());
        let all: Vec<Range<u64>> =
            trained.chain(out).chain(self.returned.iter().cloned()).collect();
        let starts: BTreeSet<u64> = all.iter().map(|range| range.start).collect();
        let mut sorted = all.clone();
        sorted.sort_by_key(|range| range.start);
        let apart = sorted.windows(2).all(|pair| pair[0].end == pair[1].start);
        starts.len() == all.len()
            && apart
            && count(&all) == self.next
            && sorted.first().is_none_or(|range| range.start == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_happens_every_window_is_in_one_place(
            total in 0_u64..300,
            acts in proptest::collection::vec((0_u8..3, 0_u32..4, 0_u64..6, 0_u64..40), 0..60),
        ) {
            let mut ledger = Ledger::new(total);
            for (act, peer, round, wanted) in acts {
                let peer = PeerId(peer);
                match act {
                    0 if !ledger.has(peer, round) => drop(ledger.give(peer, round, wanted)),
                    1 => drop(ledger.accept(peer, round)),
                    2 => ledger.release(peer, round),
                    _ => {}
                }
                prop_assert!(ledger.balances(), "{ledger:?}");
                let resumed = Ledger::resumed(total, ledger.next(), &ledger.open()).unwrap();
                prop_assert!(resumed.balances());
                prop_assert_eq!(resumed.trained(), ledger.trained());
            }
            let left: Vec<_> = ledger.outstanding().collect();
            for (peer, round) in left {
                ledger.release(peer, round);
            }
            ledger.give(PeerId(9), 99, u64::MAX);
            ledger.accept(PeerId(9), 99);
            prop_assert!(ledger.is_finished() && ledger.balances());
        }
    }
}
