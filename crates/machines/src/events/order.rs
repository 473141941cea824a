//! The order in which one stage takes its passes.

use crate::Layout;

/// One pass of one micro-batch through one part of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pass {
    pub(super) forward: bool,
    pub(super) part: u32,
    pub(super) micro_batch: u32,
}

/// Forward passes that `stage` does before its first backward pass (Narayanan et al. 2021,
/// arXiv:2104.04473, section 2.2; interleaved as in Megatron's schedule).
pub(super) fn warm_up(layout: &Layout, stage: u32, micro_batches: u32) -> u32 {
    let after = layout.pp - 1 - stage;
    let ahead = if layout.interleave == 1 {
        after
    } else {
        2 * after + (layout.interleave - 1) * layout.pp
    };
    ahead.min(micro_batches * layout.interleave)
}

/// All passes of `stage`, in order: one forward, one backward after the first forward passes.
pub(super) fn passes(layout: &Layout, stage: u32, micro_batches: u32) -> Vec<Pass> {
    let (pp, parts) = (layout.pp, layout.interleave);
    let total = micro_batches * parts;
    let ahead = warm_up(layout, stage, micro_batches);
    let pass = |forward: bool, count: u32| {
        let part = count % (pp * parts) / pp;
        let micro_batch = count / (pp * parts) * pp + count % pp;
        // With one part the count is the micro-batch, whatever divides.
        if parts == 1 {
            return Pass { forward, part: 0, micro_batch: count };
        }
        Pass { forward, part: if forward { part } else { parts - 1 - part }, micro_batch }
    };
    let first = (0..ahead).map(|count| pass(true, count));
    let pairs = (0..total - ahead).flat_map(|k| [pass(true, ahead + k), pass(false, k)]);
    let rest = (total - ahead..total).map(|count| pass(false, count));
    first.chain(pairs).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pass_is_done_once_and_backward_after_forward() {
        for (pp, interleave, micro_batches) in
            [(1, 1, 5), (4, 1, 2), (4, 1, 9), (4, 3, 8), (8, 2, 8)]
        {
            let layout = Layout { pp, interleave, ..Layout::default() };
            for stage in 0..pp {
                let order = passes(&layout, stage, micro_batches);
                assert_eq!(order.len() as u32, 2 * interleave * micro_batches);
                for part in 0..interleave {
                    for micro_batch in 0..micro_batches {
                        let at = |forward| {
                            let wanted = Pass { forward, part, micro_batch };
                            order.iter().position(|pass| *pass == wanted).expect("a pass")
                        };
                        assert!(at(true) < at(false));
                    }
                }
            }
        }
    }
}
