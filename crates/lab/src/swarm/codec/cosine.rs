//! The largest cosine coefficients of each square of values, by sign.
//!
//! Every `side`² values in a row are seen as a square A and transformed, X = C A Cᵀ with the
//! orthonormal DCT-II, C[k][n] = √(2/side) cos(π (2n + 1) k / (2 side)), √(1/side) for k = 0. A
//! chunk is the mean magnitude of the kept coefficients (bf16), then their indices and signs.
//! `DeMo` sends the coefficients or their bare signs, and leaves the step size to the optimiser;
//! the mean magnitude makes the signs an estimate of the vector itself, as error feedback needs
//! (Karimireddy et al. 2019, arXiv:1901.09847).
//!
//! Cosines come from `libm`, not from the machine's library, so that all peers read the same.

use std::f64::consts::PI;
use std::sync::OnceLock;

use super::Refusal;
use super::bits::{BitReader, BitWriter, index_bits};
use super::plain::{push_scale, scale};
use super::sparse::{Ascending, Selection, kept, packed};
use crate::kernels::wide;

/// The largest side: 128 × 128 = 2^14 values in a chunk.
pub(super) const LARGEST_SIDE: usize = 128;

/// Encoded size of `len` values.
pub(super) fn bytes(len: usize, keep: usize, side: usize) -> usize {
    let chunk = side * side;
    let size = |n: usize| match n {
        0 => 0,
        n => 2 + packed(kept(n, keep, chunk), chunk, 1),
    };
    (len / chunk).saturating_mul(size(chunk)).saturating_add(size(len % chunk))
}

pub(super) fn encode(values: &[f32], bytes: &mut Vec<u8>, keep: usize, side: usize) {
    let (chunk, basis) = (side * side, Basis::of(side));
    let width = index_bits(chunk);
    let (mut selection, mut square) = (Selection::default(), vec![0.0; chunk]);
    let mut half = vec![0.0; chunk];
    for values in values.chunks(chunk) {
        square[..values.len()].copy_from_slice(values);
        square[values.len()..].fill(0.0);
        multiply(&basis.rows, &square, &mut half, side);
        multiply(&half, &basis.columns, &mut square, side);
        let positions = selection.largest(&square, kept(values.len(), keep, chunk));
        let sum: f64 = positions.iter().map(|&at| f64::from(square[at as usize].abs())).sum();
        push_scale(bytes, (sum / positions.len().max(1) as f64) as f32);
        let mut writer = BitWriter::new(bytes);
        for &at in positions {
            writer.write(at | u32::from(square[at as usize] < 0.0) << width, width + 1);
        }
        writer.finish();
    }
}

pub(super) fn decode(
    bytes: &[u8],
    values: &mut [f32],
    keep: usize,
    side: usize,
) -> Result<(), Refusal> {
    let (chunk, basis) = (side * side, Basis::of(side));
    let width = index_bits(chunk);
    let (mut half, mut square) = (vec![0.0; chunk], vec![0.0; chunk]);
    let mut used = vec![false; side];
    let mut rest = bytes;
    for values in values.chunks_mut(chunk) {
        let count = kept(values.len(), keep, chunk);
        let short = "it ends early";
        let (head, after) = rest.split_first_chunk::<2>().ok_or(short)?;
        let (codes, after) = after.split_at_checked(packed(count, chunk, 1)).ok_or(short)?;
        rest = after;
        let magnitude = scale(*head)?;
        let mut reader = BitReader::new(codes);
        let mut positions = Ascending::default();
        // A = Cᵀ (X C): rows of X without a coefficient are skipped in both products.
        half.fill(0.0);
        square.fill(0.0);
        used.fill(false);
        for _ in 0..count {
            let at = positions.next(reader.read(width), chunk)?;
            let x = if reader.read(1) == 1 { -magnitude } else { magnitude };
            let (row, column) = (at / side, at % side);
            used[row] = true;
            add_scaled(&mut half[row * side..][..side], x, &basis.rows[column * side..][..side]);
        }
        for row in (0..side).filter(|&row| used[row]) {
            let from = &half[row * side..][..side];
            wide(|| {
                for (out, c) in square.chunks_mut(side).zip(&basis.rows[row * side..][..side]) {
                    for (a, b) in out.iter_mut().zip(from) {
                        *a += c * b;
                    }
                }
            });
        }
        values.copy_from_slice(&square[..values.len()]);
    }
    Ok(())
}

fn add_scaled(into: &mut [f32], factor: f32, from: &[f32]) {
    wide(|| {
        for (a, b) in into.iter_mut().zip(from) {
            *a += factor * b;
        }
    });
}

/// `out` = `a` `b` for squares, summed in order of the inner index.
fn multiply(a: &[f32], b: &[f32], out: &mut [f32], side: usize) {
    wide(|| {
        for (out, a) in out.chunks_mut(side).zip(a.chunks(side)) {
            out.fill(0.0);
            for (factor, row) in a.iter().zip(b.chunks(side)) {
                for (x, y) in out.iter_mut().zip(row) {
                    *x += factor * y;
                }
            }
        }
    });
}

/// The cosine matrix C by rows, and by columns.
struct Basis {
    rows: Vec<f32>,
    columns: Vec<f32>,
}

impl Basis {
    /// The basis for a `side` that is a power of two up to [`LARGEST_SIDE`].
    fn of(side: usize) -> &'static Self {
        static BASES: [OnceLock<Basis>; LARGEST_SIDE.ilog2() as usize + 1] =
            [const { OnceLock::new() }; LARGEST_SIDE.ilog2() as usize + 1];
        BASES[side.ilog2() as usize].get_or_init(|| {
            let n = side as f64;
            let cosine = |k: usize, at: usize| {
                let norm = libm::sqrt(if k == 0 { 1.0 } else { 2.0 } / n);
                (norm * libm::cos(PI * (2 * at + 1) as f64 * k as f64 / (2.0 * n))) as f32
            };
            let table = |f: &dyn Fn(usize, usize) -> f32| {
                (0..side * side).map(|at| f(at / side, at % side)).collect()
            };
            Self { rows: table(&cosine), columns: table(&|row, column| cosine(column, row)) }
        })
    }
}
