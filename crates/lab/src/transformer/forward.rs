//! From tokens to losses.

use super::{Sequences, Transformer, Workspace};
use crate::kernels::attention::attention;
use crate::kernels::cross_entropy::cross_entropy;
use crate::kernels::matmul::{Matrix, MatrixMut, Write, matmul};
use crate::kernels::norm::{rms_norm, rms_norm_in_place};
use crate::shape::Shape;

impl Transformer {
    /// Losses of every token, in `workspace.losses`; with `gradient_scale`, the logits become the
    /// gradient of `scale * sum of losses`, ready for [`Self::backward`].
    pub(crate) fn forward(
        &self,
        parameters: &[f32],
        batch: Sequences<'_>,
        workspace: &mut Workspace,
        gradient_scale: Option<f32>,
    ) {
        self.embed(parameters, batch.inputs, workspace);
        self.run_blocks(parameters, batch.inputs.len(), workspace);
        self.project(parameters, batch.targets, workspace, gradient_scale);
    }

    /// From tokens to the residual stream that the first block reads.
    pub(crate) fn embed(&self, parameters: &[f32], inputs: &[u32], w: &mut Workspace) {
        let (width, tokens) = (self.shape.width, inputs.len());
        let table = &parameters[self.layout.embedding.clone()];

        let stream = &mut w.stream[..tokens * width];
        for (row, token) in stream.chunks_exact_mut(width).zip(inputs) {
            row.copy_from_slice(&table[*token as usize * width..][..width]);
        }
        let embedded = &mut w.embedded[..tokens * width];
        rms_norm(stream, embedded, &mut w.embedded_scale, width);
        stream.copy_from_slice(embedded);
    }

    /// The residual stream of `tokens` tokens through every block.
    pub(crate) fn run_blocks(&self, parameters: &[f32], tokens: usize, w: &mut Workspace) {
        let Shape { width, heads, context, .. } = self.shape;
        let (hidden, head_width) = (self.shape.hidden(), self.shape.head_width());
        debug_assert!(tokens <= w.sequences * context);
        let stream = &mut w.stream[..tokens * width];
        for (block, places) in w.blocks.iter_mut().zip(&self.layout.blocks) {
            let square = |range: &std::ops::Range<usize>| {
                Matrix::new(&parameters[range.clone()], width, width)
            };
            let input = &mut block.attention_input[..tokens * width];
            rms_norm(stream, input, &mut block.attention_input_scale, width);
            let input = Matrix::new(input, tokens, width);
            for (target, place) in [
                (&mut block.query, &places.query),
                (&mut block.key, &places.key),
                (&mut block.value, &places.value),
            ] {
                let target = MatrixMut::new(target, tokens, width);
                matmul(target, Write::Replace, 1.0, input, square(place));
            }
            for (x, scale) in
                [(&mut block.query, &mut block.query_scale), (&mut block.key, &mut block.key_scale)]
            {
                let x = &mut x[..tokens * width];
                self.rotary.rotate(x, context, width);
                rms_norm_in_place(x, scale, head_width);
            }
            for (sequence, table) in
                block.probabilities.chunks_exact_mut(heads * context * context).enumerate()
            {
                if sequence * context == tokens {
                    break;
                }
                let part = sequence * context * width..(sequence + 1) * context * width;
                attention(
                    self.heads(),
                    &block.query[part.clone()],
                    &block.key[part.clone()],
                    &block.value[part.clone()],
                    table,
                    &mut block.mixed[part],
                );
            }
            let mixed = Matrix::new(&block.mixed, tokens, width);
            let residual = MatrixMut::new(stream, tokens, width);
            matmul(residual, Write::Add, 1.0, mixed, square(&places.output));

            let input = &mut block.mlp_input[..tokens * width];
            rms_norm(stream, input, &mut block.mlp_input_scale, width);
            let input = Matrix::new(input, tokens, width);
            let up = Matrix::new(&parameters[places.up.clone()], width, hidden);
            matmul(MatrixMut::new(&mut block.up, tokens, hidden), Write::Replace, 1.0, input, up);
            if let Some(gate) = &places.gate {
                let gate = Matrix::new(&parameters[gate.clone()], width, hidden);
                let target = MatrixMut::new(&mut block.gate, tokens, hidden);
                matmul(target, Write::Replace, 1.0, input, gate);
            }
            block.activate(&mut w.hidden[..tokens * hidden]);
            let down = Matrix::new(&parameters[places.down.clone()], hidden, width);
            let active = Matrix::new(&w.hidden, tokens, hidden);
            matmul(MatrixMut::new(stream, tokens, width), Write::Add, 1.0, active, down);
        }
    }

    /// From the residual stream behind the last block to the losses.
    pub(crate) fn project(
        &self,
        parameters: &[f32],
        targets: &[u32],
        w: &mut Workspace,
        gradient_scale: Option<f32>,
    ) {
        let Shape { width, vocab, .. } = self.shape;
        let tokens = targets.len();
        let stream = &mut w.stream[..tokens * width];
        let last = &mut w.last[..tokens * width];
        rms_norm(stream, last, &mut w.last_scale, width);
        let logits = &mut w.logits[..tokens * vocab];
        matmul(
            MatrixMut::new(logits, tokens, vocab),
            Write::Replace,
            1.0,
            Matrix::new(last, tokens, width),
            self.head(parameters),
        );
        let losses = &mut w.losses[..tokens];
        cross_entropy(logits, vocab, targets, losses, gradient_scale);
    }
}
