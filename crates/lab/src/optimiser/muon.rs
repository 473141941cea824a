//! Muon on one matrix: Nesterov momentum, orthogonalised (Jordan et al. 2024, "Muon: an optimizer
//! for hidden layers"; the quintic Newton-Schulz iteration with its published coefficients).

use crate::kernels::matmul::{Matrix, MatrixMut, Write, matmul};
use crate::kernels::wide;

/// `X <- a X + (b X X' + c (X X')^2) X` drives every singular value into about [0.7, 1.2].
const COEFFICIENTS: (f32, f32, f32) = (3.4445, -4.7750, 2.0315);
const ITERATIONS: usize = 5;
const MOMENTUM: f32 = 0.95;
const FIRST_MOMENTUM: f32 = 0.85;
const MOMENTUM_STEPS: f32 = 300.0;

/// The running mean of one matrix's gradient, `rows x columns`.
pub(super) struct Momentum {
    rows: usize,
    columns: usize,
    mean: Vec<f32>,
}

impl Momentum {
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        Self { rows, columns, mean: vec![0.0; rows * columns] }
    }

    pub(super) fn state(&self) -> [&[f32]; 1] {
        [&self.mean]
    }

    pub(super) fn state_mut(&mut self) -> [&mut [f32]; 1] {
        [&mut self.mean]
    }

    pub(super) fn update(
        &mut self,
        parameters: &mut [f32],
        gradient: &[f32],
        rate: f32,
        decay: f32,
        step: u64,
    ) {
        // Momentum rises over the first steps, while the mean still holds little.
        let share = (step as f32 / MOMENTUM_STEPS).min(1.0);
        let momentum = FIRST_MOMENTUM + (MOMENTUM - FIRST_MOMENTUM) * share;
        let mut direction = vec![0.0; gradient.len()];
        wide(|| {
            for ((mean, g), d) in self.mean.iter_mut().zip(gradient).zip(&mut direction) {
                *mean = momentum * *mean + (1.0 - momentum) * g;
                *d = momentum * *mean + (1.0 - momentum) * g;
            }
        });
        orthogonalise(&mut direction, self.rows, self.columns);
        // A matrix with more outputs than inputs needs larger entries for the same effect.
        let rate_here = rate * (self.columns as f32 / self.rows as f32).max(1.0).sqrt();
        let keep = 1.0 - rate * decay;
        wide(|| {
            for (p, d) in parameters.iter_mut().zip(&direction) {
                *p = *p * keep - rate_here * d;
            }
        });
    }
}

/// Replaces `x` (`rows x columns`) by about the nearest matrix with orthonormal rows or columns.
fn orthogonalise(x: &mut [f32], rows: usize, columns: usize) {
    // Scaled so that no singular value exceeds one; a zero matrix stays zero.
    let squares: f64 = x.iter().map(|v| f64::from(*v).powi(2)).sum();
    let inverse = (1.0 / (squares.sqrt() + 1e-20)) as f32;
    wide(|| x.iter_mut().for_each(|v| *v *= inverse));

    let short = rows.min(columns);
    let mut square = vec![0.0; short * short];
    let mut polynomial = vec![0.0; short * short];
    let mut next = vec![0.0; x.len()];
    let (a, b, c) = COEFFICIENTS;
    for _ in 0..ITERATIONS {
        let view = Matrix::new(x, rows, columns);
        let target = MatrixMut::new(&mut square, short, short);
        if rows <= columns {
            matmul(target, Write::Replace, 1.0, view, view.transposed());
        } else {
            matmul(target, Write::Replace, 1.0, view.transposed(), view);
        }
        polynomial.copy_from_slice(&square);
        wide(|| polynomial.iter_mut().for_each(|v| *v *= b));
        let s = Matrix::new(&square, short, short);
        matmul(MatrixMut::new(&mut polynomial, short, short), Write::Add, c, s, s);
        next.copy_from_slice(x);
        wide(|| next.iter_mut().for_each(|v| *v *= a));
        let (view, p) = (Matrix::new(x, rows, columns), Matrix::new(&polynomial, short, short));
        let target = MatrixMut::new(&mut next, rows, columns);
        if rows <= columns {
            matmul(target, Write::Add, 1.0, p, view);
        } else {
            matmul(target, Write::Add, 1.0, view, p);
        }
        x.copy_from_slice(&next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orthogonalised_matrix_keeps_its_directions_with_singular_values_near_one() {
        // diag(3, 2, 1, 0.5) in a 4 x 6 frame: singular vectors are the axes.
        for (rows, columns) in [(4, 6), (6, 4)] {
            let mut x = vec![0.0; 24];
            for (i, value) in [3.0, 2.0, 1.0, 0.5].into_iter().enumerate() {
                x[i * columns + i] = value;
            }
            orthogonalise(&mut x, rows, columns);
            for i in 0..rows {
                for j in 0..columns {
                    let v = x[i * columns + j];
                    if i == j && i < 4 {
                        assert!((0.6..1.3).contains(&v), "singular value {v}");
                    } else {
                        assert!(v.abs() < 1e-5, "off-axis {v}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_zero_gradient_moves_nothing() {
        let mut p = vec![1.0; 6];
        Momentum::new(2, 3).update(&mut p, &[0.0; 6], 0.1, 0.0, 1);
        assert_eq!(p, vec![1.0; 6]);
    }
}
