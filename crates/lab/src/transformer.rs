//! The model on one core: forward and backward over a few sequences.
//!
//! ```text
//! token -> embedding -> norm -> block * depth -> norm -> head -> logits -> loss
//! block:  x += output(attention(norm(rotate(query)), norm(rotate(key)), value)) of norm(x)
//!         x += down(relu(up)^2) of norm(x)
//! ```
//! No biases and no weights in the norms, as in nanochat. Gradients are written out by hand;
//! `tests` holds each matrix against finite differences.

use crate::kernels::activation::{squared_relu, squared_relu_gradient, swiglu, swiglu_gradient};
use crate::kernels::attention::{Heads, Kept, attention, attention_gradient, scratch_len};
use crate::kernels::cross_entropy::cross_entropy;
use crate::kernels::matmul::{Matrix, MatrixMut, Write, matmul};
use crate::kernels::norm::{
    rms_norm, rms_norm_gradient, rms_norm_gradient_in_place, rms_norm_in_place,
};
use crate::kernels::rotary::Rotary;
use crate::parameters::Layout;
use crate::shape::{Mlp, Shape};

/// Whole sequences: `context` input tokens and as many targets each, one after another.
#[derive(Debug, Clone, Copy)]
pub struct Sequences<'a> {
    /// Tokens read.
    pub inputs: &'a [u32],
    /// The token that follows each.
    pub targets: &'a [u32],
}

impl<'a> Sequences<'a> {
    /// The sequences `range` of `context` tokens each.
    pub(crate) fn slice(self, range: std::ops::Range<usize>, context: usize) -> Sequences<'a> {
        let tokens = range.start * context..range.end * context;
        Sequences { inputs: &self.inputs[tokens.clone()], targets: &self.targets[tokens] }
    }
}

/// A shape with its layout and tables; holds no parameters.
pub(crate) struct Transformer {
    pub(crate) shape: Shape,
    pub(crate) layout: Layout,
    rotary: Rotary,
}

/// What the backward pass needs of one block, for every token.
struct BlockActivations {
    attention_input: Vec<f32>,
    attention_input_scale: Vec<f32>,
    query: Vec<f32>,
    query_scale: Vec<f32>,
    key: Vec<f32>,
    key_scale: Vec<f32>,
    value: Vec<f32>,
    probabilities: Vec<f32>,
    mixed: Vec<f32>,
    mlp_input: Vec<f32>,
    mlp_input_scale: Vec<f32>,
    up: Vec<f32>,
    gate: Vec<f32>,
}

/// Activations and scratch for up to `sequences` sequences at once.
pub(crate) struct Workspace {
    sequences: usize,
    embedded: Vec<f32>,
    embedded_scale: Vec<f32>,
    stream: Vec<f32>,
    blocks: Vec<BlockActivations>,
    hidden: Vec<f32>,
    last: Vec<f32>,
    last_scale: Vec<f32>,
    logits: Vec<f32>,
    pub(crate) losses: Vec<f32>,
    d_stream: Vec<f32>,
    d_normed: Vec<f32>,
    d_query: Vec<f32>,
    d_key: Vec<f32>,
    d_value: Vec<f32>,
    d_gate: Vec<f32>,
    scores: Vec<f32>,
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

impl Transformer {
    pub(crate) fn new(shape: Shape) -> Self {
        let rotary = Rotary::new(shape.context, shape.head_width());
        Self { shape, layout: Layout::new(&shape), rotary }
    }

    fn heads(&self) -> Heads {
        let Shape { context, width, heads, .. } = self.shape;
        Heads { context, width, count: heads }
    }

    /// Losses of every token, in `workspace.losses`; with `gradient_scale`, the logits become the
    /// gradient of `scale * sum of losses`, ready for [`Self::backward`].
    pub(crate) fn forward(
        &self,
        parameters: &[f32],
        batch: Sequences<'_>,
        workspace: &mut Workspace,
        gradient_scale: Option<f32>,
    ) {
        let Shape { width, heads, context, vocab, .. } = self.shape;
        let (hidden, head_width) = (self.shape.hidden(), self.shape.head_width());
        let tokens = batch.inputs.len();
        debug_assert!(tokens <= workspace.sequences * context);
        let w = workspace;
        let table = &parameters[self.layout.embedding.clone()];

        let stream = &mut w.stream[..tokens * width];
        for (row, token) in stream.chunks_exact_mut(width).zip(batch.inputs) {
            row.copy_from_slice(&table[*token as usize * width..][..width]);
        }
        let embedded = &mut w.embedded[..tokens * width];
        rms_norm(stream, embedded, &mut w.embedded_scale, width);
        stream.copy_from_slice(embedded);

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
            activate(block, &mut w.hidden[..tokens * hidden]);
            let down = Matrix::new(&parameters[places.down.clone()], hidden, width);
            let active = Matrix::new(&w.hidden, tokens, hidden);
            matmul(MatrixMut::new(stream, tokens, width), Write::Add, 1.0, active, down);
        }

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
        cross_entropy(logits, vocab, batch.targets, losses, gradient_scale);
    }

    /// The output projection, `width x vocab`.
    fn head<'a>(&self, parameters: &'a [f32]) -> Matrix<'a> {
        let Shape { width, vocab, .. } = self.shape;
        match &self.layout.head {
            Some(head) => Matrix::new(&parameters[head.clone()], width, vocab),
            None => {
                Matrix::new(&parameters[self.layout.embedding.clone()], vocab, width).transposed()
            }
        }
    }

    /// Gradient of what [`Self::forward`] scaled, written over `gradient`.
    pub(crate) fn backward(
        &self,
        parameters: &[f32],
        batch: Sequences<'_>,
        workspace: &mut Workspace,
        gradient: &mut [f32],
    ) {
        let Shape { width, heads, context, vocab, .. } = self.shape;
        let (hidden, head_width) = (self.shape.hidden(), self.shape.head_width());
        let tokens = batch.inputs.len();
        let w = workspace;
        let d_normed = &mut w.d_normed[..tokens * width];
        let d_stream = &mut w.d_stream[..tokens * width];

        let d_logits = Matrix::new(&w.logits, tokens, vocab);
        let last = Matrix::new(&w.last, tokens, width);
        let d_table = &mut gradient[self.layout.embedding.clone()];
        if let Some(head) = &self.layout.head {
            d_table.fill(0.0);
            let d_head = MatrixMut::new(&mut gradient[head.clone()], width, vocab);
            matmul(d_head, Write::Replace, 1.0, last.transposed(), d_logits);
        } else {
            let d_table = MatrixMut::new(d_table, vocab, width);
            matmul(d_table, Write::Replace, 1.0, d_logits.transposed(), last);
        }
        let d_last = MatrixMut::new(d_normed, tokens, width);
        matmul(d_last, Write::Replace, 1.0, d_logits, self.head(parameters).transposed());
        rms_norm_gradient(&w.last, &w.last_scale, d_normed, d_stream, width, Write::Replace);

        for (block, places) in w.blocks.iter_mut().zip(&self.layout.blocks).rev() {
            let active = &mut w.hidden[..tokens * hidden];
            activate(block, active);
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

        rms_norm_gradient_in_place(&w.embedded, &w.embedded_scale, d_stream, width);
        let d_table = &mut gradient[self.layout.embedding.clone()];
        for (row, token) in d_stream.chunks_exact(width).zip(batch.inputs) {
            let slot = &mut d_table[*token as usize * width..][..width];
            for (slot, d) in slot.iter_mut().zip(row) {
                *slot += d;
            }
        }
    }
}

fn activate(block: &BlockActivations, hidden: &mut [f32]) {
    if block.gate.is_empty() {
        squared_relu(&block.up, hidden);
    } else {
        swiglu(&block.up, &block.gate, hidden);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Head;

    fn tiny(mlp: Mlp, head: Head) -> Shape {
        Shape { depth: 2, width: 12, heads: 3, context: 70, vocab: 11, mlp, head }
    }

    /// Random parameters with no zeros, so that every path carries gradient.
    fn parameters(layout: &Layout) -> Vec<f32> {
        let mut state = 12_345_u64;
        (0..layout.len())
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                ((state >> 40) as f32 / (1 << 24) as f32 - 0.5) * 0.8
            })
            .collect()
    }

    fn mean_loss(model: &Transformer, p: &[f32], batch: Sequences<'_>, w: &mut Workspace) -> f64 {
        model.forward(p, batch, w, None);
        w.losses.iter().map(|x| f64::from(*x)).sum::<f64>() / w.losses.len() as f64
    }

    #[test]
    fn every_matrix_has_the_gradient_that_finite_differences_give() {
        for mlp in [Mlp::SquaredRelu, Mlp::Swiglu] {
            for head in [Head::Untied, Head::Tied] {
                let shape = tiny(mlp, head);
                let model = Transformer::new(shape);
                let tokens: Vec<u32> = (0..2 * 70).map(|i| (i * i * 7 + i * 3) % 11).collect();
                let targets: Vec<u32> = (0..2 * 70).map(|i| (i * 5 + i / 3) % 11).collect();
                let batch = Sequences { inputs: &tokens, targets: &targets };
                let mut w = Workspace::new(&shape, 2);
                let mut p = parameters(&model.layout);
                let mut gradient = vec![f32::NAN; model.layout.len()];
                model.forward(&p, batch, &mut w, Some(1.0 / tokens.len() as f32));
                model.backward(&p, batch, &mut w, &mut gradient);
                for tensor in model.layout.tensors() {
                    // Along the gradient itself the change is largest against f32 rounding.
                    let g = gradient[tensor.range.clone()].to_vec();
                    let norm = g.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
                    assert!(norm > 1e-6, "{} has no gradient", tensor.name);
                    let saved = p.clone();
                    let mut at = |distance: f64| {
                        for (offset, slot) in p[tensor.range.clone()].iter_mut().enumerate() {
                            let along = f64::from(g[offset]) / norm;
                            let base = f64::from(saved[tensor.range.start + offset]);
                            *slot = (base + distance * along) as f32;
                        }
                        mean_loss(&model, &p, batch, &mut w)
                    };
                    let mut slope = |h: f64| (at(h) - at(-h)) / (2.0 * h);
                    // Richardson: the error of second order cancels between two steps.
                    let slope = (4.0 * slope(2e-3) - slope(4e-3)) / 3.0;
                    p = saved;
                    assert!(
                        (slope / norm - 1.0).abs() < 2e-3,
                        "{mlp:?} {head:?} {}: finite differences {slope}, backward {norm}",
                        tensor.name
                    );
                }
            }
        }
    }

    #[test]
    fn a_token_never_sees_what_follows_it() {
        let shape = tiny(Mlp::SquaredRelu, Head::Untied);
        let model = Transformer::new(shape);
        let p = parameters(&model.layout);
        let mut w = Workspace::new(&shape, 1);
        let mut inputs: Vec<u32> = (0..70).map(|i| i % 11).collect();
        let targets = vec![1; 70];
        model.forward(&p, Sequences { inputs: &inputs, targets: &targets }, &mut w, None);
        let before = w.losses.clone();
        inputs[66] = 9;
        model.forward(&p, Sequences { inputs: &inputs, targets: &targets }, &mut w, None);
        assert_eq!(before[..66], w.losses[..66]);
        assert_ne!(before[66..], w.losses[66..]);
    }

    #[test]
    fn the_first_loss_is_the_logarithm_of_the_vocabulary() {
        let shape = Shape::from_depth(2, 64, 256);
        let model = Transformer::new(shape);
        let p = model.layout.initial(3);
        let mut w = Workspace::new(&shape, 1);
        let inputs: Vec<u32> = (0..64).map(|i| i * 3).collect();
        let batch = Sequences { inputs: &inputs, targets: &inputs };
        assert!((mean_loss(&model, &p, batch, &mut w) - 256.0_f64.ln()).abs() < 0.02);
    }
}
