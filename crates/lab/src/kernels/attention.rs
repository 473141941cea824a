//! Causal multi-head attention of one sequence, forward and backward.
//!
//! Queries go in blocks of [`BLOCK`] rows against the keys up to the block's end, so the masked
//! half is skipped but for the blocks on the diagonal. The probabilities are kept for the
//! backward pass: at these widths reading them back is cheaper than computing them again.

use super::cross_entropy::maximum;
use super::exponential::exp;
use super::matmul::{Matrix, MatrixMut, Write, matmul};
use super::{sum, wide};

/// Rows of queries handled at once.
const BLOCK: usize = 64;

/// The sizes of one attention layer.
#[derive(Clone, Copy)]
pub(crate) struct Heads {
    /// Tokens of the sequence.
    pub(crate) context: usize,
    /// Features of the residual stream (the distance between rows).
    pub(crate) width: usize,
    /// How many.
    pub(crate) count: usize,
}

impl Heads {
    fn head_width(self) -> usize {
        self.width / self.count
    }

    /// What products of normalised queries and keys are multiplied by.
    ///
    /// A normalised query and key of h features have a product within +-h, so scores lie within
    /// +-12 whatever the head's size; at h = 144 this is the usual `1/sqrt(h)`.
    fn score_scale(self) -> f32 {
        12.0 / self.head_width() as f32
    }

    /// First and last row of each block of queries.
    fn blocks(self) -> impl DoubleEndedIterator<Item = (usize, usize)> {
        (0..self.context.div_ceil(BLOCK))
            .map(move |block| (block * BLOCK, ((block + 1) * BLOCK).min(self.context)))
    }

    /// `rows` rows of head `head`, from row `start` of one sequence's `[context, width]`.
    fn rows(self, x: &[f32], head: usize, start: usize, end: usize) -> Matrix<'_> {
        let from = start * self.width + head * self.head_width();
        Matrix::strided(&x[from..], end - start, self.head_width(), self.width)
    }

    fn rows_mut(self, x: &mut [f32], head: usize, start: usize, end: usize) -> MatrixMut<'_> {
        let from = start * self.width + head * self.head_width();
        MatrixMut::strided(&mut x[from..], end - start, self.head_width(), self.width)
    }
}

/// `out = softmax(q k' scale) v` for each head of one sequence.
///
/// `query`, `key`, `value`, `out`: `[context, width]`; `probabilities`: `[heads, context,
/// context]`, kept for [`attention_gradient`].
pub(crate) fn attention(
    sizes: Heads,
    query: &[f32],
    key: &[f32],
    value: &[f32],
    probabilities: &mut [f32],
    out: &mut [f32],
) {
    let context = sizes.context;
    for (head, table) in probabilities.chunks_exact_mut(context * context).enumerate() {
        for (start, end) in sizes.blocks() {
            let block = &mut table[start * context..end * context];
            matmul(
                MatrixMut::strided(block, end - start, end, context),
                Write::Replace,
                sizes.score_scale(),
                sizes.rows(query, head, start, end),
                sizes.rows(key, head, 0, end).transposed(),
            );
            wide(|| {
                for (offset, row) in block.chunks_exact_mut(context).enumerate() {
                    let (seen, masked) = row[..end].split_at_mut(start + offset + 1);
                    softmax(seen);
                    masked.fill(0.0);
                }
            });
            matmul(
                sizes.rows_mut(out, head, start, end),
                Write::Replace,
                1.0,
                Matrix::strided(block, end - start, end, context),
                sizes.rows(value, head, 0, end),
            );
        }
    }
}

#[expect(clippy::inline_always, reason = "must be compiled inside `wide`")]
#[inline(always)]
fn softmax(row: &mut [f32]) {
    let highest = maximum(row);
    for x in row.iter_mut() {
        *x = exp(*x - highest);
    }
    let inverse = 1.0 / sum(row.len(), |i| row[i]);
    for x in row.iter_mut() {
        *x *= inverse;
    }
}

/// What the backward pass of [`attention`] reads.
#[derive(Clone, Copy)]
pub(crate) struct Kept<'a> {
    pub(crate) query: &'a [f32],
    pub(crate) key: &'a [f32],
    pub(crate) value: &'a [f32],
    pub(crate) probabilities: &'a [f32],
}

/// Gradients of [`attention`]: from `d_out` to `d_query`, `d_key`, `d_value`, all `[context,
/// width]`. `scores` is scratch of at least `BLOCK * context`.
pub(crate) fn attention_gradient(
    sizes: Heads,
    kept: Kept<'_>,
    d_out: &[f32],
    d_query: &mut [f32],
    d_key: &mut [f32],
    d_value: &mut [f32],
    scores: &mut [f32],
) {
    let context = sizes.context;
    for (head, table) in kept.probabilities.chunks_exact(context * context).enumerate() {
        // From the last block down: it reaches every key, so it writes where the others add.
        for (start, end) in sizes.blocks().rev() {
            let rows = end - start;
            let write = if end == context { Write::Replace } else { Write::Add };
            let block = &table[start * context..end * context];
            let scores = &mut scores[..rows * end];
            let probabilities = Matrix::strided(block, rows, end, context);
            let d_out_rows = sizes.rows(d_out, head, start, end);
            matmul(
                MatrixMut::new(scores, rows, end),
                Write::Replace,
                1.0,
                d_out_rows,
                sizes.rows(kept.value, head, 0, end).transposed(),
            );
            matmul(
                sizes.rows_mut(d_value, head, 0, end),
                write,
                1.0,
                probabilities.transposed(),
                d_out_rows,
            );
            wide(|| {
                for (d, p) in scores.chunks_exact_mut(end).zip(block.chunks_exact(context)) {
                    let p = &p[..end];
                    let along = sum(end, |i| d[i] * p[i]);
                    for i in 0..end {
                        d[i] = p[i] * (d[i] - along);
                    }
                }
            });
            let scores = Matrix::new(scores, rows, end);
            matmul(
                sizes.rows_mut(d_query, head, start, end),
                Write::Replace,
                sizes.score_scale(),
                scores,
                sizes.rows(kept.key, head, 0, end),
            );
            matmul(
                sizes.rows_mut(d_key, head, 0, end),
                write,
                sizes.score_scale(),
                scores.transposed(),
                sizes.rows(kept.query, head, start, end),
            );
        }
    }
}

/// Numbers of scratch that [`attention_gradient`] needs for sequences of `context` tokens.
pub(crate) fn scratch_len(context: usize) -> usize {
    BLOCK.min(context) * context
}
