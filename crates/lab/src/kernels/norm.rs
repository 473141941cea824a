//! RMSNorm without weights (Zhang & Sennrich 2019, arXiv:1910.07467): `y = x / rms(x)`.

use super::{sum, wide};

const EPSILON: f32 = 1e-6;

/// Normalises each group of `width` numbers of `x` into `y`; `scale[i]` keeps `1 / rms`.
pub(crate) fn rms_norm(x: &[f32], y: &mut [f32], scale: &mut [f32], width: usize) {
    wide(|| {
        for ((x, y), scale) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)).zip(scale) {
            *scale = inverse_rms(x);
            for (y, x) in y.iter_mut().zip(x) {
                *y = x * *scale;
            }
        }
    });
}

/// Normalises each group of `width` numbers of `x` in place; `scale[i]` keeps `1 / rms`.
pub(crate) fn rms_norm_in_place(x: &mut [f32], scale: &mut [f32], width: usize) {
    wide(|| {
        for (x, scale) in x.chunks_exact_mut(width).zip(scale) {
            *scale = inverse_rms(x);
            for x in x {
                *x *= *scale;
            }
        }
    });
}

#[expect(clippy::inline_always, reason = "must be compiled inside `wide`")]
#[inline(always)]
fn inverse_rms(x: &[f32]) -> f32 {
    1.0 / (sum(x.len(), |i| x[i] * x[i]) / x.len() as f32 + EPSILON).sqrt()
}

/// Whether a gradient replaces what its target holds or is added to it.
pub(crate) use super::matmul::Write;

/// Gradient of [`rms_norm`]: from `dy` and the kept `y` and `scale` to `dx`.
///
/// `dx = scale * (dy - y * mean(y * dy))`; epsilon's share is below f32 resolution.
pub(crate) fn rms_norm_gradient(
    y: &[f32],
    scale: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    width: usize,
    write: Write,
) {
    wide(|| {
        let groups =
            y.chunks_exact(width).zip(dy.chunks_exact(width)).zip(dx.chunks_exact_mut(width));
        for (((y, dy), dx), scale) in groups.zip(scale) {
            let along = sum(width, |i| y[i] * dy[i]) / width as f32;
            match write {
                Write::Add => {
                    for i in 0..width {
                        dx[i] += scale * (dy[i] - y[i] * along);
                    }
                }
                Write::Replace => {
                    for i in 0..width {
                        dx[i] = scale * (dy[i] - y[i] * along);
                    }
                }
            }
        }
    });
}

/// [`rms_norm_gradient`] where the gradient is replaced in place.
pub(crate) fn rms_norm_gradient_in_place(y: &[f32], scale: &[f32], dy: &mut [f32], width: usize) {
    wide(|| {
        for ((y, dy), scale) in y.chunks_exact(width).zip(dy.chunks_exact_mut(width)).zip(scale) {
            let along = sum(width, |i| y[i] * dy[i]) / width as f32;
            for i in 0..width {
                dy[i] = scale * (dy[i] - y[i] * along);
            }
        }
    });
}
