//! Activations that the backward pass needs, and scratch, for a few sequences at once.

use crate::kernels::activation::{squared_relu, swiglu};
use crate::kernels::attention::scratch_len;
use crate::shape::{Mlp, Shape};

/// What the backward pass needs of one block, for every token.
pub(super) struct BlockActivations {
    pub(super) attention_input: Vec<f32>,
    pub(super) attention_input_scale: Vec<f32>,
    pub(super) query: Vec<f32>,
    pub(super) query_scale: Vec<f32>,
    pub(super) key: Vec<f32>,
    pub(super) key_scale: Vec<f32>,
    pub(super) value: Vec<f32>,
    pub(super) probabilities: Vec<f32>,
    pub(super) mixed: Vec<f32>,
    pub(super) mlp_input: Vec<f32>,
    pub(super) mlp_input_scale: Vec<f32>,
    pub(super) up: Vec<f32>,
    pub(super) gate: Vec<f32>,
}

/// Activations and scratch for up to `sequences` sequences at once.
pub(crate) struct Workspace {
    pub(super) sequences: usize,
    pub(super) embedded: Vec<f32>,
    pub(super) embedded_scale: Vec<f32>,
    pub(super) stream: Vec<f32>,
    pub(super) blocks: Vec<BlockActivations>,
    pub(super) hidden: Vec<f32>,
    pub(super) last: Vec<f32>,
    pub(super) last_scale: Vec<f32>,
    pub(super) logits: Vec<f32>,
    pub(crate) losses: Vec<f32>,
    pub(super) d_stream: Vec<f32>,
    pub(super) d_normed: Vec<f32>,
    pub(super) d_query: Vec<f32>,
    pub(super) d_key: Vec<f32>,
    pub(super) d_value: Vec<f32>,
    pub(super) d_gate: Vec<f32>,
    pub(super) scores: Vec<f32>,
}

impl Workspace {
    pub(crate) fn new(shape: &Shape, sequences: usize) -> Self {
        let tokens = sequences * shape.context;
        let features = || vec![0.0; tokens * shape.width];
        let hidden = || vec![0.0; tokens * shape.hidden()];
        let gate = || if shape.mlp == Mlp::Swiglu { hidden() } else { Vec::new() };
        let blocks = (0..shape.depth)
            .map(|_| BlockActivations {
                attention_input: features(),
                attention_input_scale: vec![0.0; tokens],
                query: features(),
                query_scale: vec![0.0; tokens * shape.heads],
                key: features(),
                key_scale: vec![0.0; tokens * shape.heads],
                value: features(),
                probabilities: vec![0.0; tokens * shape.heads * shape.context],
                mixed: features(),
                mlp_input: features(),
                mlp_input_scale: vec![0.0; tokens],
                up: hidden(),
                gate: gate(),
            })
            .collect();
        Self {
            sequences,
            embedded: features(),
            embedded_scale: vec![0.0; tokens],
            stream: features(),
            blocks,
            hidden: hidden(),
            last: features(),
            last_scale: vec![0.0; tokens],
            logits: vec![0.0; tokens * shape.vocab],
            losses: vec![0.0; tokens],
            d_stream: features(),
            d_normed: features(),
            d_query: features(),
            d_key: features(),
            d_value: features(),
            d_gate: gate(),
            scores: vec![0.0; scratch_len(shape.context)],
        }
    }

    /// Whether so many sequences fit.
    pub(crate) fn holds(&self, sequences: usize) -> bool {
        sequences <= self.sequences
    }

    /// The residual stream of `numbers` numbers: what the next block reads.
    pub(crate) fn stream(&mut self, numbers: usize) -> &mut [f32] {
        &mut self.stream[..numbers]
    }

    /// The gradient of the residual stream.
    pub(crate) fn d_stream(&mut self, numbers: usize) -> &mut [f32] {
        &mut self.d_stream[..numbers]
    }

    /// Numbers held for each token of a sequence, by the shape alone.
    pub(crate) fn numbers_per_token(shape: &Shape) -> usize {
        let block = 6 * shape.width
            + 2
            + 2 * shape.heads
            + shape.heads * shape.context
            + shape.hidden() * if shape.mlp == Mlp::Swiglu { 2 } else { 1 };
        let gate = if shape.mlp == Mlp::Swiglu { shape.hidden() } else { 0 };
        shape.depth * block + 8 * shape.width + shape.hidden() + gate + shape.vocab + 3
    }
}

impl BlockActivations {
    /// The hidden layer of the feed-forward part, from what was kept of it.
    pub(super) fn activate(&self, hidden: &mut [f32]) {
        if self.gate.is_empty() {
            squared_relu(&self.up, hidden);
        } else {
            swiglu(&self.up, &self.gate, hidden);
        }
    }
}
