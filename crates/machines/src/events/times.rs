//! The times of the pieces that a step is put together from.

use crate::memory::Share;
use crate::step::{Pieces, data_traffic};
use crate::{Batch, Layout, Machine, Model, Schedule, Stack, Zero};

/// Times of the pieces that a step is put together from.
pub(super) struct Times {
    /// Layers of each part of each stage: `layers[part][stage]`.
    pub(super) layers: Vec<Vec<f64>>,
    pub(super) mean_layers: f64,
    pub(super) forward: f64,
    /// Without weight gradients where the schedule does those apart.
    pub(super) backward: f64,
    pub(super) weights: f64,
    pub(super) head: f64,
    pub(super) crossing: f64,
    pub(super) scatter: f64,
    pub(super) gather: f64,
    pub(super) gather_forward: f64,
    pub(super) gather_backward: f64,
    pub(super) scatter_backward: f64,
    pub(super) update: f64,
    /// What traffic takes from the passes beside it, as a share of its time.
    pub(super) contention: f64,
}

impl Times {
    pub(super) fn new(
        machine: &Machine,
        model: &Model,
        batch: Batch,
        layout: &Layout,
        stack: &Stack,
    ) -> Self {
        let pieces = Pieces::new(machine, model, batch, layout, stack);
        let share = Share::new(model, layout);
        let mean_layers = f64::from(model.layers) / f64::from(layout.pp);
        let traffic = data_traffic(machine, layout, stack, &share, mean_layers);
        let apart = layout.schedule == Schedule::ZeroBubble && layout.pp > 1;
        let weights = if apart { pieces.weight_gradients() } else { 0.0 };
        let sharded = layout.zero == Zero::Parameters;
        let gather_backward = if sharded { traffic.each_forward } else { 0.0 };
        Self {
            layers: spread(model.layers, layout),
            mean_layers,
            forward: pieces.forward(),
            backward: pieces.backward(layout.recompute) - weights,
            weights,
            head: pieces.head(),
            crossing: crate::step::crossing(machine, model, batch, layout),
            scatter: traffic.scatter,
            gather: traffic.gather,
            gather_forward: traffic.each_forward,
            gather_backward,
            scatter_backward: traffic.each_backward - gather_backward,
            update: crate::step::update(machine, layout, &share),
            contention: if stack.overlap_data { machine.contention() } else { 0.0 },
        }
    }
}

/// Layers by part and stage: alike where they divide; else the last and the first place, which hold
/// the head and the embedding, take one fewer, then those beside them.
pub(super) fn spread(layers: u32, layout: &Layout) -> Vec<Vec<f64>> {
    let (pp, parts) = (layout.pp as usize, layout.interleave as usize);
    let places = pp * parts;
    let most = (layers as usize).div_ceil(places);
    let mut held = vec![most; places];
    let spare = most * places - layers as usize;
    for fewer in 0..spare {
        let place = if fewer % 2 == 0 { places - 1 - fewer / 2 } else { fewer / 2 };
        held[place] -= 1;
    }
    (0..parts).map(|part| (0..pp).map(|stage| held[part * pp + stage] as f64).collect()).collect()
}
