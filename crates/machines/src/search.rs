//! The quickest layout under memory and batch limits, and what binds it.

use rayon::prelude::*;

use crate::step::{Pieces, assemble};
use crate::{Batch, Bytes, Layout, Machine, Misfit, Model, Recompute, Schedule, Stack, Step, Zero};

mod binding;

pub use binding::Binding;

/// Which layouts to try. Sizes that do not divide what they have to divide are passed over.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    /// Tensor parallel ranks up to this.
    pub most_tensor: u32,
    /// Tensor parallel ranks of which the other way of splitting matrices takes up to this; 1: none.
    pub most_rows: u32,
    /// Context parallel ranks up to this.
    pub most_context: u32,
    /// Interleaved parts per stage up to this.
    pub most_parts: u32,
    /// Sequences per micro-batch up to this.
    pub most_micro_batch: u32,
    /// What data parallel ranks may share out.
    pub zero: Vec<Zero>,
    /// What may be computed again.
    pub recompute: Vec<Recompute>,
    /// Orders of passes in a pipeline.
    pub schedules: Vec<Schedule>,
    /// Sizes that are settled.
    pub settled: Settled,
    /// How many layouts to keep beside the best.
    pub runners_up: usize,
    /// Whether to compute even layouts that cannot be quicker than those found.
    pub without_pruning: bool,
}

/// Sizes of a layout that a search leaves as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settled {
    /// Tensor parallel ranks.
    pub tp: Option<u32>,
    /// Context parallel ranks.
    pub cp: Option<u32>,
    /// Pipeline stages.
    pub pp: Option<u32>,
    /// Data parallel replicas.
    pub dp: Option<u32>,
    /// Expert parallel ranks.
    pub ep: Option<u32>,
    /// Parts per pipeline stage.
    pub interleave: Option<u32>,
    /// Sequences per micro-batch.
    pub micro_batch: Option<u32>,
    /// Whether norms and residuals are split along the sequence.
    pub sequence_parallel: Option<bool>,
}

impl Default for Space {
    /// Everything that frameworks of 2025 offer.
    fn default() -> Self {
        Self {
            most_tensor: 64,
            most_rows: 1,
            most_context: 64,
            most_parts: 16,
            most_micro_batch: 64,
            zero: vec![Zero::Optimizer, Zero::Gradients, Zero::Parameters],
            recompute: vec![
                Recompute::None,
                Recompute::Selective,
                Recompute::Operators,
                Recompute::Full,
            ],
            schedules: vec![Schedule::OneForwardOneBackward, Schedule::ZeroBubble],
            settled: Settled::default(),
            runners_up: 0,
            without_pruning: false,
        }
    }
}

/// A layout with its step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// The layout.
    pub layout: Layout,
    /// Its step.
    pub step: Step,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// The quickest layout that fits the memory; `None` if none does.
    pub best: Option<Found>,
    /// The next quickest that fit, as many as [`Space::runners_up`]; of layouts with the same time
    /// and memory only the first.
    pub runners_up: Vec<Found>,
    /// The quickest whatever the memory: how much memory costs is the difference.
    pub unlimited: Option<Found>,
    /// The layout that needs least memory: where nothing fits, how much is missing.
    pub smallest: Option<Found>,
    /// Layouts whose time was computed.
    pub evaluated: u64,
    /// Layouts passed over because no member of their family could be quicker than one found.
    pub pruned: u64,
    /// Layouts refused, by why.
    pub refused: [u64; Misfit::ALL.len()],
}

/// The divisors of `of` up to `most`, in order, or the one that is settled if it is one.
fn divisors(of: u32, most: u32, settled: Option<u32>) -> Vec<u32> {
    match settled {
        Some(part) if part > 0 && of.is_multiple_of(part) => vec![part],
        Some(_) => Vec::new(),
        None => {
            let small = (1..=of.isqrt()).filter(|part| of.is_multiple_of(*part));
            let mut parts: Vec<u32> = small.flat_map(|part| [part, of / part]).collect();
            parts.retain(|part| *part <= most);
            parts.sort_unstable();
            parts.dedup();
            parts
        }
    }
}

/// What all layouts of one search share.
#[derive(Clone, Copy)]
struct Question<'a> {
    machine: &'a Machine,
    model: &'a Model,
    batch: Batch,
    stack: &'a Stack,
    space: &'a Space,
}

/// Layouts that share everything that changes a layer's time.
struct Family {
    layout: Layout,
    pieces: Pieces,
    /// Time that none of them goes below.
    least: f64,
}

/// Families of the first round; each round takes twice as many as the one before, up to the last.
const FIRST_ROUND: usize = 8;
const LARGEST_ROUND: usize = 512;

/// Tries every layout of `space` for `model` on `machine` and keeps the quickest that fits.
///
/// Exhaustive: families of layouts that share a layer's time are tried in the order of the least
/// time they could reach, and passed over once that is above what was found. Families are tried
/// side by side in rounds whose sizes are fixed, each with what the rounds before it found, and
/// ties go to the first in a fixed order: answer and counts are the same for any number of threads.
pub fn search(
    machine: &Machine,
    model: &Model,
    batch: Batch,
    stack: &Stack,
    space: &Space,
) -> Search {
    let question = Question { machine, model, batch, stack, space };
    let mut search = Search::nothing();
    let families = question.families(&mut search.refused);
    let (mut rest, mut size) = (&families[..], FIRST_ROUND);
    while !rest.is_empty() {
        let (round, after) = rest.split_at(size.min(rest.len()));
        let bound = search.bound(space.runners_up);
        let found: Vec<Search> =
            round.par_iter().map(|family| question.try_family(family, bound)).collect();
        for part in found {
            search.merge(part, space.runners_up);
        }
        (rest, size) = (after, (2 * size).min(LARGEST_ROUND));
    }
    search
}

impl Question<'_> {
    /// All families whose own sizes fit, from the one with the least time on.
    fn families(&self, refused: &mut [u64; Misfit::ALL.len()]) -> Vec<Family> {
        let Self { machine, model, batch, stack, space } = *self;
        let (n, settled) = (machine.accelerators, &space.settled);
        let experts = model.experts.map_or(1, |experts| experts.count);
        let mut layouts: Vec<Layout> = Vec::new();
        for tp in divisors(n, space.most_tensor, settled.tp) {
            for cp in divisors(n / tp, space.most_context, settled.cp) {
                for ep in divisors(experts, n, settled.ep) {
                    let micro_batches =
                        divisors(batch.sequences, space.most_micro_batch, settled.micro_batch);
                    for micro_batch in micro_batches {
                        for sequence_parallel in [true, false] {
                            let wanted = settled.sequence_parallel.unwrap_or(tp > 1);
                            let open = settled.sequence_parallel.is_none() && tp > 1;
                            if sequence_parallel != wanted && !open {
                                continue;
                            }
                            for rows in divisors(tp, space.most_rows, None) {
                                let layout = Layout {
                                    tp,
                                    rows,
                                    cp,
                                    ep,
                                    micro_batch,
                                    sequence_parallel,
                                    ..Layout::default()
                                };
                                // What one stage and one replica already break, more cannot mend.
                                let whole = Layout { ep: 1, ..layout };
                                match whole.check(model, batch.sequence, batch.sequences) {
                                    Ok(()) => layouts.push(layout),
                                    Err(misfit) => refused[misfit as usize] += 1,
                                }
                            }
                        }
                    }
                }
            }
        }
        let mut families: Vec<Family> = layouts
            .into_par_iter()
            .map(|layout| {
                let pieces = Pieces::new(machine, model, batch, &layout, stack);
                let least = pieces.least(machine, model, batch, &layout);
                Family { layout, pieces, least }
            })
            .collect();
        families.sort_by(|a, b| a.least.total_cmp(&b.least));
        families
    }

    /// Tries one family; nothing slower than `bound` is of interest.
    fn try_family(&self, family: &Family, bound: f64) -> Search {
        let Self { machine, model, batch, stack, space } = *self;
        let settled = &space.settled;
        let mut search = Search::nothing();
        let rest = machine.accelerators / (family.layout.tp * family.layout.cp);
        for pp in divisors(rest, model.layers, settled.pp) {
            let dp = rest / pp;
            if settled.dp.is_some_and(|settled| settled != dp) {
                continue;
            }
            let parts = if pp == 1 { 1 } else { space.most_parts };
            for interleave in divisors(model.layers.div_ceil(pp), parts, settled.interleave) {
                for &schedule in &space.schedules {
                    // Without stages both orders are one.
                    let other = space.schedules.len() > 1 && schedule == Schedule::ZeroBubble;
                    if pp == 1 && other {
                        continue;
                    }
                    for &zero in &space.zero {
                        // Stages 2 and 3 move gradients every micro-batch; frameworks refuse them
                        // with pipelines.
                        if pp > 1 && zero > Zero::Optimizer && space.zero.len() > 1 {
                            continue;
                        }
                        let layout = Layout { pp, dp, interleave, zero, schedule, ..family.layout };
                        let count = space.recompute.len() as u64;
                        if let Err(misfit) = layout.check(model, batch.sequence, batch.sequences) {
                            search.refused[misfit as usize] += count;
                            continue;
                        }
                        let bound = bound.min(search.bound(space.runners_up));
                        if family.least >= bound && !space.without_pruning {
                            search.pruned += count;
                            continue;
                        }
                        for &recompute in &space.recompute {
                            let layout = Layout { recompute, ..layout };
                            let step =
                                assemble(machine, model, batch, &layout, stack, &family.pieces);
                            search.evaluated += 1;
                            search.take(Found { layout, step }, machine.memory, space.runners_up);
                        }
                    }
                }
            }
        }
        search
    }
}

impl Search {
    fn nothing() -> Self {
        Self {
            best: None,
            runners_up: Vec::new(),
            unlimited: None,
            smallest: None,
            evaluated: 0,
            pruned: 0,
            refused: [0; Misfit::ALL.len()],
        }
    }

    /// How many layouts were looked at in whatever way.
    pub fn looked_at(&self) -> u64 {
        self.evaluated + self.pruned + self.refused_unseen()
    }

    /// Layouts whose sizes do not fit; those that miss memory alone were evaluated.
    fn refused_unseen(&self) -> u64 {
        let refused = Misfit::ALL.into_iter().zip(self.refused);
        refused.filter(|(misfit, _)| *misfit != Misfit::Memory).map(|(_, count)| count).sum()
    }

    /// Slower than this, a layout changes nothing.
    fn bound(&self, runners_up: usize) -> f64 {
        let last = match runners_up {
            0 => self.best.as_ref(),
            count => self.runners_up.get(count - 1),
        };
        last.map_or(f64::INFINITY, |found| found.step.time().get())
    }

    fn take(&mut self, found: Found, memory: Bytes, runners_up: usize) {
        self.take_unlimited(&found);
        self.take_smallest(&found);
        if found.step.memory.total() > memory {
            self.refused[Misfit::Memory as usize] += 1;
        } else {
            self.take_fitting(found, runners_up);
        }
    }

    fn take_unlimited(&mut self, found: &Found) {
        if self.unlimited.as_ref().is_none_or(|known| found.step.time() < known.step.time()) {
            self.unlimited = Some(*found);
        }
    }

    fn take_smallest(&mut self, found: &Found) {
        let needed = found.step.memory.total();
        if self.smallest.as_ref().is_none_or(|known| needed < known.step.memory.total()) {
            self.smallest = Some(*found);
        }
    }

    /// Keeps the quickest in order; the first of those alike.
    fn take_fitting(&mut self, found: Found, runners_up: usize) {
        let time = found.step.time();
        if self.best.as_ref().is_none_or(|known| time < known.step.time()) {
            if let Some(second) = self.best.replace(found)
                && runners_up > 0
            {
                self.runners_up.insert(0, second);
                self.runners_up.truncate(runners_up);
            }
            return;
        }
        if runners_up == 0 || time.get() > self.bound(runners_up) {
            return;
        }
        let alike = |known: &Found| {
            known.step.time() == time && known.step.memory.total() == found.step.memory.total()
        };
        if self.best.iter().chain(&self.runners_up).any(alike) {
            return;
        }
        let place = self.runners_up.partition_point(|known| known.step.time() <= time);
        self.runners_up.insert(place, found);
        self.runners_up.truncate(runners_up);
    }

    /// Adds what another part of the same search found.
    fn merge(&mut self, part: Self, runners_up: usize) {
        if let Some(found) = &part.unlimited {
            self.take_unlimited(found);
        }
        if let Some(found) = &part.smallest {
            self.take_smallest(found);
        }
        for found in part.best.into_iter().chain(part.runners_up) {
            self.take_fitting(found, runners_up);
        }
        self.evaluated += part.evaluated;
        self.pruned += part.pruned;
        for (sum, more) in self.refused.iter_mut().zip(part.refused) {
            *sum += more;
        }
    }
}

#[cfg(test)]
mod tests;
