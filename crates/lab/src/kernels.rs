//! The arithmetic of a transformer on one core: each kernel with its gradient, over plain slices.
//!
//! Matrices are row-major `[tokens, features]`. Loops run inside [`wide`], which compiles them
//! for the widest vector unit of the machine; sums use a fixed number of partial sums, so a
//! result does not depend on which unit that was, nor on the number of threads.

pub(crate) mod activation;
pub(crate) mod attention;
pub(crate) mod cross_entropy;
pub(crate) mod exponential;
pub(crate) mod matmul;
pub(crate) mod norm;
pub(crate) mod rotary;

use std::sync::OnceLock;

/// Runs a loop compiled for the widest vector unit that this machine has.
///
/// Everything called inside must be `#[inline(always)]`, else it is compiled for the oldest.
pub(crate) fn wide<R>(work: impl FnOnce() -> R) -> R {
    static ARCH: OnceLock<pulp::Arch> = OnceLock::new();
    ARCH.get_or_init(pulp::Arch::new).dispatch(work)
}

/// Partial sums in a reduction: one 512-bit register of f32.
pub(crate) const LANES: usize = 16;

/// Sum of `f(i)` over `0..n` with [`LANES`] partial sums, in an order that never varies.
#[expect(clippy::inline_always, reason = "must be compiled inside `wide`")]
#[inline(always)]
pub(crate) fn sum(n: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let whole = n / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        for (lane, partial) in lanes.iter_mut().enumerate() {
            *partial += f(start + lane);
        }
    }
    for at in whole..n {
        lanes[at - whole] += f(at);
    }
    add_lanes(lanes)
}

#[expect(clippy::inline_always, reason = "must be compiled inside `wide`")]
#[inline(always)]
pub(crate) fn add_lanes(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// `into += from`, element by element.
pub(crate) fn add_assign(into: &mut [f32], from: &[f32]) {
    wide(|| {
        for (a, b) in into.iter_mut().zip(from) {
            *a += b;
        }
    });
}
