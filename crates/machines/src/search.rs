//! The quickest layout under memory and batch limits, and what binds it.

use diagnostic::Diagnostic;
use runs::Seconds;

use crate::step::{Pieces, assemble};
use crate::{
    Batch, Bytes, Layout, Machine, Misfit, Model, Part, Recompute, Schedule, Stack, Step, Zero,
};

/// Which layouts to try. Sizes that do not divide what they have to divide are passed over.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    /// Tensor parallel ranks up to this.
    pub most_tensor: u32,
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
}

impl Default for Space {
    /// Everything that frameworks of 2025 offer.
    fn default() -> Self {
        Self {
            most_tensor: 64,
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

/// What holds the best layout back.
#[derive(Debug, Clone, PartialEq)]
pub enum Binding {
    /// Memory: without its limit, a step would take this long, under this layout.
    Memory {
        /// Time of the unlimited layout.
        without: Seconds,
        /// That layout.
        layout: Layout,
    },
    /// The batch: with one micro-batch per stage or fewer, pipelines and replicas run empty.
    Batch {
        /// Micro-batches per replica.
        micro_batches: u32,
    },
    /// A part of the step other than computing.
    Part {
        /// Which.
        part: Part,
        /// Its share of the step.
        share: f64,
    },
    /// Nothing takes a twentieth of the step but computing.
    Compute,
}

impl Search {
    /// What binds the best layout: memory if the quickest layout does not fit and is quicker by a
    /// fiftieth, else the batch if stages starve, else the largest part that is not computing.
    pub fn binding(&self) -> Option<Binding> {
        let best = self.best.as_ref()?;
        let time = best.step.time();
        if let Some(unlimited) = &self.unlimited
            && unlimited.step.time() / time < 0.98
        {
            let (without, layout) = (unlimited.step.time(), unlimited.layout);
            return Some(Binding::Memory { without, layout });
        }
        let share = |part: Part| best.step.part(part) / time;
        let micro_batches = best.step.micro_batches;
        if micro_batches <= best.layout.pp && best.layout.pp > 1 && share(Part::Bubble) > 0.05 {
            return Some(Binding::Batch { micro_batches });
        }
        let waiting = [
            Part::Recompute,
            Part::Bubble,
            Part::Tensor,
            Part::Context,
            Part::Experts,
            Part::Pipeline,
            Part::Data,
            Part::Host,
            Part::Streaming,
        ];
        let largest = waiting.into_iter().max_by(|a, b| share(*a).total_cmp(&share(*b)))?;
        Some(if share(largest) > 0.05 {
            Binding::Part { part: largest, share: share(largest) }
        } else {
            Binding::Compute
        })
    }

    /// That nothing fits, for people: by how much the smallest misses.
    pub fn nothing_fits(&self, machine: &Machine, model: &Model) -> Option<Diagnostic> {
        if self.best.is_some() {
            return None;
        }
        let accelerators = machine.accelerators;
        let problem = format!("no layout of {} fits on {accelerators} accelerators", model.title);
        let Some(smallest) = &self.smallest else {
            let reasons = Misfit::ALL.into_iter().zip(self.refused);
            let most = reasons.max_by_key(|(_, count)| *count);
            let why = most.map_or("nothing was tried", |(misfit, _)| misfit.describe());
            return Some(Diagnostic::error(problem).note(format!("most often: {why}")));
        };
        let needed = smallest.step.memory.total();
        Some(
            Diagnostic::error(problem)
                .note(format!(
                    "the smallest needs {needed} of {} on each: {}",
                    machine.memory, smallest.layout
                ))
                .help("more accelerators, a smaller model, or shorter sequences"),
        )
    }
}

fn divisors(of: u32, most: u32) -> Vec<u32> {
    (1..=most.min(of)).filter(|part| of.is_multiple_of(*part)).collect()
}

/// Tries every layout of `space` for `model` on `machine` and keeps the quickest that fits.
///
/// Exhaustive: families of layouts that share a layer's time are tried in the order of the least
/// time they could reach, and passed over once that is above what was found. Ties go to the first
/// in a fixed order, so the answer never depends on anything but the question.
pub fn search(
    machine: &Machine,
    model: &Model,
    batch: Batch,
    stack: &Stack,
    space: &Space,
) -> Search {
    let n = machine.accelerators;
    let mut search = Search {
        best: None,
        unlimited: None,
        smallest: None,
        evaluated: 0,
        pruned: 0,
        refused: [0; Misfit::ALL.len()],
    };
    // Families: everything that changes a layer's time.
    let experts = model.experts.map_or(1, |experts| experts.count);
    let mut families: Vec<(f64, Layout, Pieces)> = Vec::new();
    for tp in divisors(n, space.most_tensor) {
        for cp in divisors(n / tp, space.most_context) {
            for ep in divisors(experts, n) {
                for micro_batch in divisors(batch.sequences, space.most_micro_batch) {
                    for sequence_parallel in [true, false] {
                        if tp == 1 && !sequence_parallel {
                            continue;
                        }
                        let layout = Layout {
                            tp,
                            cp,
                            ep,
                            micro_batch,
                            sequence_parallel,
                            ..Layout::default()
                        };
                        // What one stage and one replica already break, more cannot mend.
                        let whole = Layout { ep: 1, ..layout };
                        if let Err(misfit) = whole.check(model, batch.sequence, batch.sequences) {
                            search.refused[misfit as usize] += 1;
                            continue;
                        }
                        let pieces = Pieces::new(machine, model, batch, &layout, stack);
                        let least = pieces.least(machine, model, batch, &layout);
                        families.push((least, layout, pieces));
                    }
                }
            }
        }
    }
    families.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (least, family, pieces) in &families {
        try_family(machine, model, batch, stack, space, (*least, family, pieces), &mut search);
    }
    search
}

fn try_family(
    machine: &Machine,
    model: &Model,
    batch: Batch,
    stack: &Stack,
    space: &Space,
    (least, family, pieces): (f64, &Layout, &Pieces),
    search: &mut Search,
) {
    let n = machine.accelerators;
    let rest = n / (family.tp * family.cp);
    for pp in divisors(rest, model.layers) {
        let parts = if pp == 1 { 1 } else { space.most_parts };
        for interleave in divisors(model.layers.div_ceil(pp), parts) {
            for &schedule in &space.schedules {
                if pp == 1 && schedule == Schedule::ZeroBubble {
                    continue;
                }
                for &zero in &space.zero {
                    // Stages 2 and 3 move gradients every micro-batch; frameworks refuse them
                    // with pipelines.
                    if pp > 1 && zero > Zero::Optimizer {
                        continue;
                    }
                    for &recompute in &space.recompute {
                        let layout = Layout {
                            pp,
                            dp: rest / pp,
                            interleave,
                            schedule,
                            zero,
                            recompute,
                            ..*family
                        };
                        if let Err(misfit) = layout.check(model, batch.sequence, batch.sequences) {
                            search.refused[misfit as usize] += 1;
                            continue;
                        }
                        let known = search.best.as_ref().map(|best| best.step.time().get());
                        if known.is_some_and(|known| least >= known) {
                            search.pruned += 1;
                            continue;
                        }
                        let step = assemble(machine, model, batch, &layout, stack, pieces);
                        search.evaluated += 1;
                        search.take(Found { layout, step }, machine.memory);
                    }
                }
            }
        }
    }
}

impl Search {
    fn take(&mut self, found: Found, memory: Bytes) {
        let quicker = |known: &Option<Found>| {
            known.as_ref().is_none_or(|known| found.step.time() < known.step.time())
        };
        let needed = found.step.memory.total();
        if quicker(&self.unlimited) {
            self.unlimited = Some(found);
        }
        if self.smallest.as_ref().is_none_or(|known| needed < known.step.memory.total()) {
            self.smallest = Some(found);
        }
        if needed > memory {
            self.refused[Misfit::Memory as usize] += 1;
        } else if quicker(&self.best) {
            self.best = Some(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FlopConvention, Precision};

    fn machine(name: &str, accelerators: u32) -> Machine {
        let device = crate::accelerator(name).unwrap();
        Machine::new(&device, accelerators, Precision::Bf16, None, &[]).unwrap()
    }

    const BATCH: Batch = Batch { sequences: 64, sequence: 2048 };

    #[test]
    fn pruning_never_loses_the_quickest() {
        let model = crate::model("llama3-8b").unwrap();
        let machine = machine("h100", 16);
        let stack = Stack::MODERN;
        let space = Space::default();
        let found = search(&machine, &model, BATCH, &stack, &space);
        let best = found.best.expect("it fits");
        // Every layout again, without pruning.
        let mut least = f64::INFINITY;
        for tp in divisors(16, 64) {
            for cp in divisors(16 / tp, 64) {
                for pp in divisors(16 / tp / cp, 32) {
                    for micro_batch in divisors(64, 64) {
                        for interleave in 1..=16 {
                            for zero in [Zero::Optimizer, Zero::Gradients, Zero::Parameters] {
                                for recompute in &space.recompute {
                                    for schedule in &space.schedules {
                                        if pp > 1 && zero > Zero::Optimizer {
                                            continue;
                                        }
                                        let layout = Layout {
                                            tp,
                                            cp,
                                            pp,
                                            dp: 16 / tp / cp / pp,
                                            micro_batch,
                                            interleave,
                                            zero,
                                            recompute: *recompute,
                                            schedule: *schedule,
                                            sequence_parallel: true,
                                            ..Layout::default()
                                        };
                                        let Ok(step) =
                                            crate::step(&machine, &model, BATCH, &layout, &stack)
                                        else {
                                            continue;
                                        };
                                        let parts = model.layers.div_ceil(pp);
                                        if step.memory.total() <= machine.memory
                                            && parts.is_multiple_of(interleave)
                                        {
                                            least = least.min(step.time().get());
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        assert!(best.step.time().get() <= least, "{} {least}", best.step.time().get());
        assert!(found.pruned > 0 && found.evaluated > 0);
        assert!(found.binding().is_some());
    }

    #[test]
    fn where_nothing_fits_the_smallest_is_named() {
        let machine = machine("h100", 8);
        let huge = crate::model("llama3-405b").unwrap();
        let found = search(&machine, &huge, BATCH, &Stack::MODERN, &Space::default());
        assert_eq!(found.best, None);
        let problem = found.nothing_fits(&machine, &huge).unwrap().to_string();
        assert!(problem.contains("the smallest needs"), "{problem}");
    }

    #[test]
    fn the_same_batch_on_a_larger_machine_computes_at_a_lower_share() {
        let model = crate::model("llama3-405b").unwrap();
        let batch = Batch { sequences: 2048, sequence: 8192 };
        let shares: Vec<f64> = [1024, 8192, 65_536, 524_288]
            .into_iter()
            .map(|accelerators| {
                let machine = machine("gb200", accelerators);
                let found = search(&machine, &model, batch, &Stack::MODERN, &Space::default());
                let best = found.best.expect("it fits");
                best.step.mfu(&machine, &model, batch, FlopConvention::CausalAttention)
            })
            .collect();
        assert!(shares.is_sorted_by(|a, b| a > b), "{shares:?}");
        // Half a million accelerators on one batch of 16.8 M tokens wait more than they compute.
        assert!(shares[3] < 0.5 * shares[0], "{shares:?}");
    }
}
