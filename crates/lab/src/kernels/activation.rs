//! The nonlinearities of the feed-forward layer.

use super::exponential::exp;
use super::wide;

/// `out = max(0, x)^2`.
pub(crate) fn squared_relu(x: &[f32], out: &mut [f32]) {
    wide(|| {
        for (out, x) in out.iter_mut().zip(x) {
            let positive = x.max(0.0);
            *out = positive * positive;
        }
    });
}

/// Gradient of [`squared_relu`] in place: `d *= 2 max(0, x)`.
pub(crate) fn squared_relu_gradient(x: &[f32], d: &mut [f32]) {
    wide(|| {
        for (d, x) in d.iter_mut().zip(x) {
            *d *= 2.0 * x.max(0.0);
        }
    });
}

/// `out = silu(x) * gate` with `silu(x) = x / (1 + e^-x)`.
pub(crate) fn swiglu(x: &[f32], gate: &[f32], out: &mut [f32]) {
    wide(|| {
        for ((out, x), gate) in out.iter_mut().zip(x).zip(gate) {
            *out = x / (1.0 + exp(-x)) * gate;
        }
    });
}

/// Gradient of [`swiglu`]: from `d` (replaced by the gradient of `x`) to `d_gate`.
pub(crate) fn swiglu_gradient(x: &[f32], gate: &[f32], d: &mut [f32], d_gate: &mut [f32]) {
    wide(|| {
        for (((d, d_gate), x), gate) in d.iter_mut().zip(d_gate).zip(x).zip(gate) {
            let sigmoid = 1.0 / (1.0 + exp(-x));
            *d_gate = *d * x * sigmoid;
            *d *= gate * sigmoid * (1.0 + x * (1.0 - sigmoid));
        }
    });
}
