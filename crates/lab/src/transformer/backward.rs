//! From the gradient of the losses to the gradient of every matrix, written out by hand.

use super::{Sequences, Transformer, Workspace};
use crate::kernels::activation::{squared_relu_gradient, swiglu_gradient};
use crate::kernels::attention::{Kept, attention_gradient};
use crate::kernels::matmul::{Matrix, MatrixMut, Write, matmul};
use crate::kernels::norm::{rms_norm_gradient, rms_norm_gradient_in_place};
use crate::shape::Shape;

impl Transformer {
    /// Gradient of what [`Self::forward`] scaled, written over `gradient`.
    pub(crate) fn backward(
        &self,
        parameters: &[f32],
        batch: Sequences<'_>,
        workspace: &mut Workspace,
        gradient: &mut [f32],
    ) {
        self.project_back(parameters, batch.inputs.len(), workspace, gradient);
        self.run_blocks_back(parameters, batch.inputs.len(), workspace, gradient);
        self.embed_back(batch.inputs, workspace, gradient);
    }

    /// From the gradient of the logits to that of the residual stream behind the last block.
    pub(crate) fn project_back(
        &self,
        parameters: &[f32],
        tokens: usize,
        w: &mut Workspace,
        gradient: &mut [f32],
    ) {
        let Shape { width, vocab, .. } = self.shape;
        let d_normed = &mut w.d_normed[..tokens * width];
        let d_stream = &mut w.d_stream[..tokens * width];

        let d_logits = Matrix::new(&w.logits, tokens, vocab);
        let last = Matrix::new(&w.last, tokens, width);
        if let Some(head) = &self.layout.head {
            let d_head = MatrixMut::new(&mut gradient[head.clone()], width, vocab);
            matmul(d_head, Write::Replace, 1.0, last.transposed(), d_logits);
        } else {
            let d_table = &mut gradient[self.layout.embedding.clone()];
            let d_table = MatrixMut::new(d_table, vocab, width);
            matmul(d_table, Write::Replace, 1.0, d_logits.transposed(), last);
        }
        let d_last = MatrixMut::new(d_normed, tokens, width);
        matmul(d_last, Write::Replace, 1.0, d_logits, self.head(parameters).transposed());
        rms_norm_gradient(&w.last, &w.last_scale, d_normed, d_stream, width, Write::Replace);
    }

    /// The gradient of the residual stream of `tokens` tokens back through every block.
    pub(crate) fn run_blocks_back(
        &self,
        parameters: &[f32],
        tokens: usize,
        w: &mut Workspace,
        gradient: &mut [f32],
    ) {
        let Shape { width, heads, context, .. } = self.shape;
        let (hidden, head_width) = (self.shape.hidden(), self.shape.head_width());
        let d_normed = &mut w.d_normed[..tokens * width];
        let d_stream = &mut w.d_stream[..tokens * width];
        for (block, places) in w.blocks.iter_mut().zip(&self.layout.blocks).rev() {
            let active = &mut w.hidden[..tokens * hidden];
            block.activate(active);
            let matrix = |range: &std::ops::Range<usize>, rows, columns| {
                Matrix::new(&parameters[range.clone()], rows, columns)
            };
            // Feed-forward: the gradient of `down`, then of what it read.
            let d_out = Matrix::new(d_stream, tokens, width);
            matmul(
                MatrixMut::new(&mut gradient[places.down.clone()], hidden, width),
                Write::Replace,
                1.0,
                Matrix::new(active, tokens, hidden).transposed(),
                d_out,
            );
            matmul(
                MatrixMut::new(active, tokens, hidden),
                Write::Replace,
                1.0,
                d_out,
                matrix(&places.down, hidden, width).transposed(),
            );
            match &places.gate {
                None => squared_relu_gradient(&block.up, active),
                Some(_) => swiglu_gradient(&block.up, &block.gate, active, &mut w.d_gate),
            }
            let input = Matrix::new(&block.mlp_input, tokens, width);
            let readers = [(Some(&places.up), &*active), (places.gate.as_ref(), &w.d_gate)];
            let mut write = Write::Replace;
            for (place, d_hidden) in readers {
                let Some(place) = place else { continue };
                let d_hidden = Matrix::new(d_hidden, tokens, hidden);
                let target = MatrixMut::new(&mut gradient[place.clone()], width, hidden);
                matmul(target, Write::Replace, 1.0, input.transposed(), d_hidden);
                let target = MatrixMut::new(d_normed, tokens, width);
                matmul(target, write, 1.0, d_hidden, matrix(place, width, hidden).transposed());
                write = Write::Add;
            }
            rms_norm_gradient(
                &block.mlp_input,
                &block.mlp_input_scale,
                d_normed,
                d_stream,
                width,
                Write::Add,
            );

            // Attention: the gradient of `output`, of the mixing, and of the three projections.
            let d_out = Matrix::new(d_stream, tokens, width);
            let mixed = Matrix::new(&block.mixed, tokens, width);
            let target = MatrixMut::new(&mut gradient[places.output.clone()], width, width);
            matmul(target, Write::Replace, 1.0, mixed.transposed(), d_out);
            matmul(
                MatrixMut::new(d_normed, tokens, width),
                Write::Replace,
                1.0,
                d_out,
                matrix(&places.output, width, width).transposed(),
            );
            for sequence in 0..tokens / context {
                let part = sequence * context * width..(sequence + 1) * context * width;
                let table = heads * context * context;
                attention_gradient(
                    self.heads(),
                    Kept {
                        query: &block.query[part.clone()],
                        key: &block.key[part.clone()],
                        value: &block.value[part.clone()],
                        probabilities: &block.probabilities[sequence * table..][..table],
                    },
                    &d_normed[part.clone()],
                    &mut w.d_query[part.clone()],
                    &mut w.d_key[part.clone()],
                    &mut w.d_value[part],
                    &mut w.scores,
                );
            }
            for (y, scale, d) in [
                (&block.query, &block.query_scale, &mut w.d_query),
                (&block.key, &block.key_scale, &mut w.d_key),
            ] {
                let d = &mut d[..tokens * width];
                rms_norm_gradient_in_place(y, scale, d, head_width);
                self.rotary.rotate_back(d, context, width);
            }
            let input = Matrix::new(&block.attention_input, tokens, width);
            let mut write = Write::Replace;
            for (place, d) in
                [(&places.query, &w.d_query), (&places.key, &w.d_key), (&places.value, &w.d_value)]
            {
                let d = Matrix::new(d, tokens, width);
                let target = MatrixMut::new(&mut gradient[place.clone()], width, width);
                matmul(target, Write::Replace, 1.0, input.transposed(), d);
                let target = MatrixMut::new(d_normed, tokens, width);
                matmul(target, write, 1.0, d, matrix(place, width, width).transposed());
                write = Write::Add;
            }
            rms_norm_gradient(
                &block.attention_input,
                &block.attention_input_scale,
                d_normed,
                d_stream,
                width,
                Write::Add,
            );
        }
    }

    /// From the gradient of what the first block read to that of the embedding. With a tied head
    /// it is added to the head's.
    pub(crate) fn embed_back(&self, inputs: &[u32], w: &mut Workspace, gradient: &mut [f32]) {
        let width = self.shape.width;
        let d_stream = &mut w.d_stream[..inputs.len() * width];
        rms_norm_gradient_in_place(&w.embedded, &w.embedded_scale, d_stream, width);
        let d_table = &mut gradient[self.layout.embedding.clone()];
        if self.layout.head.is_some() || !self.layout.is_last {
            d_table.fill(0.0);
        }
        for (row, token) in d_stream.chunks_exact(width).zip(inputs) {
            let slot = &mut d_table[*token as usize * width..][..width];
            for (slot, d) in slot.iter_mut().zip(row) {
                *slot += d;
            }
        }
    }
}
