//! The model on one core: forward and backward over a few sequences.
//!
//! ```text
//! token -> embedding -> norm -> block * depth -> norm -> head -> logits -> loss
//! block:  x += output(attention(norm(rotate(query)), norm(rotate(key)), value)) of norm(x)
//!         x += down(relu(up)^2) of norm(x)
//! ```
//! No biases and no weights in the norms, as in nanochat. Gradients are written out by hand;
//! `tests` holds each matrix against finite differences.

mod backward;
mod forward;
mod workspace;

use crate::kernels::attention::Heads;
use crate::kernels::matmul::Matrix;
use crate::kernels::rotary::Rotary;
use crate::parameters::Layout;
use crate::shape::Shape;

pub(crate) use workspace::Workspace;

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

impl Transformer {
    pub(crate) fn new(shape: Shape) -> Self {
        let rotary = Rotary::new(shape.context, shape.head_width());
        Self { shape, layout: Layout::new(&shape), rotary }
    }

    /// The blocks `blocks` of a model of `shape`, with the embedding if they are the first and the
    /// head if they are the last. Its shape has their depth.
    pub(crate) fn part(shape: Shape, blocks: std::ops::Range<usize>) -> Self {
        let depth = blocks.len();
        let layout = Layout::new(&shape).part(blocks).0;
        Self { layout, ..Self::new(Shape { depth, ..shape }) }
    }

    fn heads(&self) -> Heads {
        let Shape { context, width, heads, .. } = self.shape;
        Heads { context, width, count: heads }
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::{Head, Mlp};

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
