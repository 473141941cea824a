//! Memory per accelerator by what it holds.

use crate::{Bytes, Layout, Machine, Model, Precision, Recompute, Stack, Zero};

/// What a framework, its collectives and fragmentation take: measured on none, a middle of the
/// two to five gigabytes that users report.
const WORKSPACE: f64 = 3e9;

/// Memory of the fullest accelerator, by what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Memory {
    /// Weights that compute.
    pub parameters: Bytes,
    /// Gradients.
    pub gradients: Bytes,
    /// Master weights and two moments in 32 bits: 12 bytes per parameter.
    pub optimizer: Bytes,
    /// What the backward pass needs of the forward pass.
    pub activations: Bytes,
    /// The output head's logits.
    pub logits: Bytes,
    /// The framework's own.
    pub workspace: Bytes,
}

impl Memory {
    /// All of it.
    pub fn total(&self) -> Bytes {
        Bytes(
            self.parameters.0
                + self.gradients.0
                + self.optimizer.0
                + self.activations.0
                + self.logits.0
                + self.workspace.0,
        )
    }

    /// Kinds with their sizes, for people.
    pub fn parts(&self) -> [(&'static str, Bytes); 6] {
        [
            ("parameters", self.parameters),
            ("gradients", self.gradients),
            ("optimiser", self.optimizer),
            ("activations", self.activations),
            ("logits", self.logits),
            ("workspace", self.workspace),
        ]
    }
}

/// Parameters on one accelerator of the fullest stage, before any sharding over data parallel
/// ranks: those that all hold alike, and those of its experts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    pub(crate) common: f64,
    pub(crate) experts: f64,
}

impl Share {
    pub(crate) fn new(model: &Model, layout: &Layout) -> Self {
        let (tp, pp) = (f64::from(layout.tp), f64::from(layout.pp));
        let layers = (f64::from(model.layers) / pp).ceil();
        let expert_share = f64::from(model.expert_layers()) / f64::from(model.layers);
        let dense = model.ffn_matrices(f64::from(model.ffn)) * (1.0 - expert_share);
        let (mut common, mut routed) = (model.attention_matrices() + dense, 0.0);
        if let Some(experts) = &model.experts {
            let one = model.ffn_matrices(f64::from(experts.width));
            common += expert_share
                * (one * f64::from(experts.shared)
                    + f64::from(experts.count) * f64::from(model.hidden) * tp);
            routed = expert_share * one * f64::from(experts.count) / f64::from(layout.ep);
        }
        let table = f64::from(model.vocabulary) * f64::from(model.hidden) / tp;
        // One stage holds both tables where there is one; else the first and last hold one each.
        let tables = if layout.pp == 1 && !model.tied { 2.0 } else { 1.0 };
        Self { common: layers * common / tp + tables * table, experts: layers * routed }
    }
}

/// Bytes per token and layer that stay for the backward pass, before splitting: those split over
/// tensor parallel ranks, and those split only with sequence parallelism. Korthikanti et al. 2022
/// count 34 h and 5 a s for GPT; here by matrix, for gated feed-forwards and grouped heads too.
fn activations(model: &Model, sequence: f64, stack: &Stack, recompute: Recompute) -> (f64, f64) {
    let hidden = f64::from(model.hidden);
    let attention = model.attention;
    // Inputs of two norms and of the two blocks, and dropout masks.
    let mut whole = 8.0 * hidden;
    if stack.dropout {
        whole += 2.0 * hidden;
    }
    // Query, key, value, and the heads' output.
    let query = attention.score_width();
    let mut split = 2.0 * (query + attention.kv_width() + attention.value_width());
    let inner = if model.gated { 3.0 } else { 2.0 };
    let expert_share = f64::from(model.expert_layers()) / f64::from(model.layers);
    let mut width = f64::from(model.ffn) * (1.0 - expert_share);
    if let Some(experts) = &model.experts {
        let passed = f64::from(experts.active) + f64::from(experts.shared);
        width += expert_share * passed * f64::from(experts.width);
        // The copies that went to the experts, and came back.
        whole += 4.0 * expert_share * f64::from(experts.active) * hidden;
    }
    split += 2.0 * inner * width;
    if !stack.fused_attention && recompute == Recompute::None {
        // Scores, softmax and dropout mask.
        split += 5.0 * f64::from(attention.heads()) * sequence;
    }
    (split, whole)
}

/// Memory of the fullest accelerator.
pub(crate) fn memory(
    machine: &Machine,
    model: &Model,
    layout: &Layout,
    stack: &Stack,
    sequence: f64,
    micro_batches: f64,
) -> Memory {
    let share = Share::new(model, layout);
    let sharing = f64::from(layout.sharding_ranks());
    // Each expert's weights are held by fewer ranks, so fewer share them out.
    let replicas = f64::from(layout.dp) * f64::from(layout.cp) * f64::from(layout.tp);
    let expert_sharing = (replicas / f64::from(layout.ep)).clamp(1.0, sharing);
    let held = |stage: Zero, bytes: f64| {
        if layout.zero >= stage {
            bytes * (share.common / sharing + share.experts / expert_sharing)
        } else {
            bytes * (share.common + share.experts)
        }
    };
    let weight = if machine.precision == Precision::Fp32 { 0.0 } else { 2.0 };
    let gradient = if stack.wide_gradients { 4.0 } else { 2.0 };
    let (tp, cp, pp) = (f64::from(layout.tp), f64::from(layout.cp), f64::from(layout.pp));
    let tokens = f64::from(layout.micro_batch) * sequence / cp;
    let (split, whole) = activations(model, sequence / cp, stack, layout.recompute);
    let whole = if layout.sequence_parallel { whole / tp } else { whole };
    let per_layer = tokens * (split / tp + whole);
    let layers = f64::from(model.layers);
    // The first stage holds as many micro-batches as there are stages (1F1B); interleaving adds
    // (p-1)/(p v) of them (Korthikanti et al. 2022, appendix).
    let interleaved = if layout.interleave > 1 {
        1.0 + (pp - 1.0) / (pp * f64::from(layout.interleave))
    } else {
        1.0
    };
    let held_micro_batches = micro_batches.min(pp * interleaved);
    let stage_layers = (layers / pp).ceil();
    let width = f64::from(model.hidden);
    let per_layer = if layout.recompute == Recompute::Operators { 0.6 } else { 1.0 } * per_layer;
    let activations = if layout.recompute == Recompute::Full {
        let input = 2.0 * tokens * width / if layout.sequence_parallel { tp } else { 1.0 };
        held_micro_batches * stage_layers * input + per_layer
    } else {
        held_micro_batches * stage_layers * per_layer
    };
    // In bf16 and again in 32 bits for the loss.
    let logits = tokens * f64::from(model.vocabulary) / tp * 6.0;
    let mut parameters = held(Zero::Parameters, weight);
    if layout.zero == Zero::Parameters {
        // Two layers are gathered at a time: one computing, one on its way.
        parameters += 2.0 * weight * (share.common + share.experts) / stage_layers;
    }
    Memory {
        parameters: Bytes(parameters),
        gradients: Bytes(held(Zero::Gradients, gradient)),
        optimizer: Bytes(held(Zero::Optimizer, 12.0)),
        activations: Bytes(activations),
        logits: Bytes(logits),
        workspace: Bytes(WORKSPACE),
    }
}
