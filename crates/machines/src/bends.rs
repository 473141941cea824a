//! What bends the curve of a growing machine: latency, bandwidth or the batch.

use crate::{Batch, Found, Machine, Model, Space, Stack, search};

/// The best step of a machine, and what share of its time would go were one limit lifted, with
/// the layout chosen anew each time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bends {
    /// The batch that trains quickest of those tried.
    pub batch: Batch,
    /// The quickest layout that fits.
    pub found: Found,
    /// Without the latency of hops and of launching kernels.
    pub latency: f64,
    /// With links of endless bandwidth.
    pub bandwidth: f64,
    /// With a batch [`Bends::LARGER`] times as large, per token.
    pub batch_size: f64,
}

impl Bends {
    /// By how much the larger batch is larger.
    pub const LARGER: u32 = 8;

    /// Of `model` on `machine` with a batch within an eighth of `batch`; `None` where no layout
    /// fits.
    pub fn new(
        machine: &Machine,
        model: &Model,
        batch: Batch,
        stack: &Stack,
        space: &Space,
    ) -> Option<Self> {
        let quickest = |machine: &Machine, batch: Batch| {
            let tried = batch.divisible(machine.accelerators).into_iter();
            let found = tried.filter_map(|batch| {
                let best = search(machine, model, batch, stack, space).best?;
                Some((best.step.time().get() / batch.tokens().get(), batch, best))
            });
            found.min_by(|a, b| a.0.total_cmp(&b.0))
        };
        let (time, chosen, found) = quickest(machine, batch)?;
        let gone = |machine: &Machine, batch: Batch| {
            let without = quickest(machine, batch).map_or(time, |(time, ..)| time);
            (1.0 - without / time).max(0.0)
        };
        let larger = batch.sequences.saturating_mul(Self::LARGER);
        Some(Self {
            batch: chosen,
            found,
            latency: gone(&machine.without_latency(), batch),
            bandwidth: gone(&machine.with_endless_bandwidth(), batch),
            batch_size: gone(machine, Batch { sequences: larger, ..batch }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FlopConvention, Precision};

    fn bends(accelerators: u32, sequences: u32) -> (Bends, f64) {
        let device = crate::accelerator("gb200").unwrap();
        let machine = Machine::new(&device, accelerators, Precision::Bf16, None, &[]).unwrap();
        let model = crate::model("llama3-70b").unwrap();
        let batch = Batch { sequences, sequence: 8192 };
        let found = Bends::new(&machine, &model, batch, &Stack::MODERN, &Space::default()).unwrap();
        let convention = FlopConvention::CausalAttention;
        let mfu = found.found.step.mfu(&machine, &model, found.batch, convention);
        (found, mfu)
    }

    #[test]
    fn a_small_machine_computes_and_a_large_one_waits_for_its_batch() {
        let (small, busy) = bends(72, 2304);
        let (large, idle) = bends(72 * 4096, 2304);
        assert!(
            small.latency < 0.1 && small.bandwidth < 0.1 && small.batch_size < 0.1,
            "{small:?}"
        );
        assert!(idle < 0.5 * busy, "{idle} {busy}");
        assert!(large.batch_size > 0.4, "{large:?}");
        assert!(large.latency > small.latency, "{large:?}");
    }
}
