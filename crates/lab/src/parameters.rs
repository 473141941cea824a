//! Where each parameter lives: one flat vector, cut into named matrices.

use std::ops::Range;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::shape::{Head, Mlp, Shape};

/// What a matrix does; decides its initial values and its optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// One row a token.
    Embedding,
    /// A matrix inside a block that reads the residual stream.
    Input,
    /// A matrix inside a block that writes to the residual stream.
    Output,
    /// The output projection to the vocabulary.
    Head,
}

/// One matrix: `rows` inputs by `columns` outputs, row after row, at `range` of the vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// For people and checkpoints: `block3.query`.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Inputs.
    pub rows: usize,
    /// Outputs.
    pub columns: usize,
    /// Its place in the flat vector.
    pub range: Range<usize>,
}

/// The matrices of one block, as places in the flat vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockLayout {
    pub(crate) query: Range<usize>,
    pub(crate) key: Range<usize>,
    pub(crate) value: Range<usize>,
    pub(crate) output: Range<usize>,
    pub(crate) up: Range<usize>,
    pub(crate) gate: Option<Range<usize>>,
    pub(crate) down: Range<usize>,
}

/// All matrices of a model and their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    tensors: Vec<Tensor>,
    /// Empty in a part that does not begin the model.
    pub(crate) embedding: Range<usize>,
    pub(crate) blocks: Vec<BlockLayout>,
    /// `width x vocab`; `None` when tied to the embedding, and in a part that does not end the model.
    pub(crate) head: Option<Range<usize>>,
    /// Whether it ends with the losses.
    pub(crate) is_last: bool,
}

impl Layout {
    /// The matrices of `shape`, embedding first, head last.
    pub fn new(shape: &Shape) -> Self {
        let mut tensors: Vec<Tensor> = Vec::new();
        let mut add = |name: String, role, rows: usize, columns: usize| {
            let start = tensors.last().map_or(0, |tensor: &Tensor| tensor.range.end);
            let range = start..start + rows * columns;
            tensors.push(Tensor { name, role, rows, columns, range: range.clone() });
            range
        };
        let (width, hidden) = (shape.width, shape.hidden());
        let embedding = add("embedding".into(), Role::Embedding, shape.vocab, width);
        let blocks = (0..shape.depth)
            .map(|block| {
                let mut matrix = |name: &str, role, rows, columns| {
                    add(format!("block{block}.{name}"), role, rows, columns)
                };
                BlockLayout {
                    query: matrix("query", Role::Input, width, width),
                    key: matrix("key", Role::Input, width, width),
                    value: matrix("value", Role::Input, width, width),
                    output: matrix("output", Role::Output, width, width),
                    up: matrix("up", Role::Input, width, hidden),
                    gate: (shape.mlp == Mlp::Swiglu)
                        .then(|| matrix("gate", Role::Input, width, hidden)),
                    down: matrix("down", Role::Output, hidden, width),
                }
            })
            .collect();
        let head = (shape.head == Head::Untied)
            .then(|| add("head".into(), Role::Head, width, shape.vocab));
        Self { tensors, embedding, blocks, head, is_last: true }
    }

    /// The layout of `blocks` alone, and the place of their parameters in the whole flat vector. The
    /// embedding goes with the first block, the head with the last.
    ///
    /// # Panics
    /// When there are no such blocks.
    pub fn part(&self, blocks: Range<usize>) -> (Self, Range<usize>) {
        let depth = self.blocks.len();
        let matrices = self.blocks.first().map_or(0, |block| 6 + usize::from(block.gate.is_some()));
        let (is_first, is_last) = (blocks.start == 0, blocks.end == depth);
        let from = if is_first { 0 } else { 1 + blocks.start * matrices };
        let to = if is_last { self.tensors.len() } else { 1 + blocks.end * matrices };
        let tensors = &self.tensors[from..to];
        let place = tensors[0].range.start..tensors[tensors.len() - 1].range.end;
        let moved = |range: &Range<usize>| range.start - place.start..range.end - place.start;
        let part = Self {
            tensors: tensors
                .iter()
                .map(|tensor| Tensor { range: moved(&tensor.range), ..tensor.clone() })
                .collect(),
            embedding: if is_first { self.embedding.clone() } else { 0..0 },
            blocks: self.blocks[blocks]
                .iter()
                .map(|block| BlockLayout {
                    query: moved(&block.query),
                    key: moved(&block.key),
                    value: moved(&block.value),
                    output: moved(&block.output),
                    up: moved(&block.up),
                    gate: block.gate.as_ref().map(moved),
                    down: moved(&block.down),
                })
                .collect(),
            head: self.head.as_ref().filter(|_| is_last).map(moved),
            is_last,
        };
        (part, place)
    }

    /// Every matrix, in order.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Numbers in the flat vector.
    pub fn len(&self) -> usize {
        self.tensors.last().map_or(0, |tensor| tensor.range.end)
    }

    /// Whether there is no matrix at all; never so for a checked shape.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Initial parameters for `seed`: each matrix has a random stream of its own, keyed by its
    /// place, so the same seed gives a deeper model the same first blocks.
    ///
    /// Matrices that read the residual stream start with variance 1/inputs, those that write to
    /// it at zero, so that every block starts as the identity; the head starts near zero, so the
    /// first loss is ln(vocab).
    pub fn initial(&self, seed: u64) -> Vec<f32> {
        let mut values = vec![0.0_f32; self.len()];
        for (stream, tensor) in self.tensors.iter().enumerate() {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(stream as u64 + 1);
            let slot = &mut values[tensor.range.clone()];
            match tensor.role {
                Role::Embedding if self.head.is_none() => fill_normal(slot, 0.02, &mut random),
                Role::Embedding => fill_normal(slot, 0.8, &mut random),
                Role::Input => {
                    let bound = (3.0 / tensor.rows as f32).sqrt();
                    slot.fill_with(|| bound * (2.0 * random.random::<f32>() - 1.0));
                }
                Role::Output => {}
                Role::Head => fill_normal(slot, 0.001, &mut random),
            }
        }
        values
    }
}

fn fill_normal(slot: &mut [f32], deviation: f32, random: &mut impl Rng) {
    slot.fill_with(|| {
        let z: f32 = StandardNormal.sample(random);
        deviation * z
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_holds_exactly_the_counted_parameters() {
        for mlp in [Mlp::SquaredRelu, Mlp::Swiglu] {
            for head in [Head::Untied, Head::Tied] {
                let shape = Shape { mlp, head, ..Shape::from_depth(3, 64, 256) };
                assert_eq!(Layout::new(&shape).len() as u64, shape.total_parameters());
            }
        }
    }

    #[test]
    fn parts_hold_every_matrix_once_in_the_order_of_the_whole() {
        for mlp in [Mlp::SquaredRelu, Mlp::Swiglu] {
            let whole = Layout::new(&Shape { mlp, ..Shape::from_depth(5, 64, 256) });
            let mut next = 0;
            let mut names = Vec::new();
            for blocks in [0..2, 2..3, 3..5] {
                let (part, place) = whole.part(blocks.clone());
                assert_eq!(
                    (part.blocks.len(), place.start, part.len()),
                    (blocks.len(), next, place.len())
                );
                next = place.end;
                names.extend(part.tensors().iter().map(|tensor| tensor.name.clone()));
            }
            assert_eq!(next, whole.len());
            let all: Vec<String> = whole.tensors().iter().map(|t| t.name.clone()).collect();
            assert_eq!(names, all);
            assert_eq!(whole.part(0..5), (whole.clone(), 0..whole.len()));
        }
    }

    #[test]
    fn a_seed_fixes_the_initial_values_and_another_seed_changes_them() {
        let layout = Layout::new(&Shape::from_depth(2, 64, 256));
        assert_eq!(layout.initial(7), layout.initial(7));
        assert_ne!(layout.initial(7), layout.initial(8));
    }
}
