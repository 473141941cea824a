//! One pass over the rows: the penalty of residuals that are linear in K coefficients, or the
//! logarithm of something linear, with its gradient and Hessian. Explicit vectors, since a surface
//! takes millions of these passes.

#![expect(clippy::inline_always, reason = "must be compiled as part of the vectorised whole")]
#![expect(clippy::needless_range_loop, reason = "small matrices read best by index")]

use formula::kernel;
use pulp::{Arch, Simd, WithSimd};

/// Numbers that fill a cache line, so that no vector straddles two.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Line(pub(crate) [f64; Line::WIDTH]);

impl Line {
    pub(crate) const WIDTH: usize = 8;
}

/// What a residual is of u = base - sum of coefficient times column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Residual {
    /// u itself.
    Plain,
    /// -ln(-u): with base -rest / measured and columns over measured, -u is law over measured.
    Logarithm,
}

/// Columns of all rows and the point at which they are summed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pass<'a, const K: usize> {
    pub(crate) columns: [&'a [Line]; K],
    pub(crate) base: &'a [Line],
    /// Rows that only fill the last line count nothing.
    pub(crate) weights: &'a [Line],
    pub(crate) residual: Residual,
    /// Where Huber's penalty turns; infinite for half the squares.
    pub(crate) turn: f64,
    /// The Hessian of reweighted least squares instead of the exact one.
    pub(crate) reweighted: bool,
    pub(crate) at: [f64; K],
}

/// A function near a point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quadratic<const K: usize> {
    pub(crate) value: f64,
    pub(crate) gradient: [f64; K],
    pub(crate) hessian: [[f64; K]; K],
}

impl<const K: usize> Pass<'_, K> {
    pub(crate) fn run(self, arch: Arch) -> Quadratic<K> {
        arch.dispatch(self)
    }

    #[inline(always)]
    fn sum<S: Simd, const LOG: bool, const REWEIGHTED: bool>(self, simd: S) -> Quadratic<K> {
        let zero = simd.splat_f64s(0.0);
        let (mut value, mut gradient, mut hessian) = (zero, [zero; K], [[zero; K]; K]);
        let minus: [S::f64s; K] = self.at.map(|x| simd.splat_f64s(-x));
        let (up, down) = (simd.splat_f64s(self.turn), simd.splat_f64s(-self.turn));
        let minus_half = simd.splat_f64s(-0.5);
        let lines = self.base.len();
        let columns = self.columns.map(|column| &column[..lines]);
        let weights = &self.weights[..lines];
        for line in 0..lines {
            let (base, _) = S::as_simd_f64s(&self.base[line].0);
            let (weight, _) = S::as_simd_f64s(&weights[line].0);
            for part in 0..base.len() {
                let mut slopes: [S::f64s; K] =
                    std::array::from_fn(|k| S::as_simd_f64s(&columns[k][line].0).0[part]);
                let (weight, mut u) = (weight[part], base[part]);
                for k in 0..K {
                    u = simd.mul_add_e_f64s(minus[k], slopes[k], u);
                }
                let r = if LOG {
                    let v = simd.neg_f64s(u);
                    for slope in &mut slopes {
                        *slope = simd.div_f64s(*slope, v);
                    }
                    simd.neg_f64s(logarithm(simd, v))
                } else {
                    u
                };
                // Inside the turn the slope of the penalty is the residual itself, outside the
                // turn with its sign; the penalty is slope (r - slope / 2) on both sides.
                let slope = simd.max_f64s(simd.min_f64s(r, up), down);
                let weighted = simd.mul_f64s(weight, slope);
                value =
                    simd.mul_add_e_f64s(weighted, simd.mul_add_e_f64s(minus_half, slope, r), value);
                let curve = if REWEIGHTED {
                    // At r = 0 both are zero and the ratio has to be 1.
                    let inside = simd.less_than_or_equal_f64s(simd.abs_f64s(r), up);
                    simd.select_f64s(inside, weight, simd.div_f64s(weighted, r))
                } else {
                    let inside = simd.equal_f64s(slope, r);
                    let own = simd.select_f64s(inside, weight, zero);
                    if LOG { simd.add_f64s(own, weighted) } else { own }
                };
                for i in 0..K {
                    gradient[i] = simd.mul_add_e_f64s(weighted, slopes[i], gradient[i]);
                    let scaled = simd.mul_f64s(curve, slopes[i]);
                    for j in 0..=i {
                        hessian[i][j] = simd.mul_add_e_f64s(scaled, slopes[j], hessian[i][j]);
                    }
                }
            }
        }
        let mut out = Quadratic {
            value: simd.reduce_sum_f64s(value),
            gradient: gradient.map(|sum| -simd.reduce_sum_f64s(sum)),
            hessian: [[0.0; K]; K],
        };
        for i in 0..K {
            for j in 0..=i {
                out.hessian[i][j] = simd.reduce_sum_f64s(hessian[i][j]);
                out.hessian[j][i] = out.hessian[i][j];
            }
        }
        out
    }
}

impl<const K: usize> WithSimd for Pass<'_, K> {
    type Output = Quadratic<K>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Quadratic<K> {
        match (self.residual, self.reweighted) {
            (Residual::Plain, false) => self.sum::<S, false, false>(simd),
            (Residual::Plain, true) => self.sum::<S, false, true>(simd),
            (Residual::Logarithm, false) => self.sum::<S, true, false>(simd),
            (Residual::Logarithm, true) => self.sum::<S, true, true>(simd),
        }
    }
}

#[inline(always)]
fn logarithm<S: Simd>(simd: S, v: S::f64s) -> S::f64s {
    let mut lanes = [0.0; Line::WIDTH];
    let (vectors, _) = S::as_mut_simd_f64s(&mut lanes);
    vectors[0] = v;
    for lane in &mut lanes[..S::F64_LANES] {
        // Where lanes are few, `mul_add` may be a slow library call.
        *lane =
            if S::F64_LANES >= 4 { kernel::ln::<true>(*lane) } else { kernel::ln::<false>(*lane) };
    }
    let _ = simd;
    S::as_simd_f64s(&lanes).0[0]
}

impl<const K: usize> Quadratic<K> {
    /// The step from `at` to the minimum of this quadratic inside `bounds`, and the decrease it
    /// promises. `None` where the Hessian is not safely positive definite.
    pub(crate) fn step(&self, at: &[f64; K], bounds: &[(f64, f64); K]) -> Option<([f64; K], f64)> {
        let mut held = [false; K];
        let mut step = [0.0; K];
        for k in 0..K {
            let (low, high) = bounds[k];
            held[k] =
                at[k] <= low && self.gradient[k] >= 0.0 || at[k] >= high && self.gradient[k] <= 0.0;
        }
        for _ in 0..=8 * K {
            self.solve(&held, &mut step)?;
            // The worst offender is held at its bound, one at a time.
            let off = |k: usize| {
                let x = at[k] + step[k];
                (bounds[k].0 - x).max(x - bounds[k].1) * self.hessian[k][k].sqrt()
            };
            let worst = (0..K).filter(|&k| !held[k] && off(k) > 0.0);
            if let Some(k) = worst.max_by(|&a, &b| off(a).total_cmp(&off(b))) {
                held[k] = true;
                step[k] = (at[k] + step[k]).clamp(bounds[k].0, bounds[k].1) - at[k];
                continue;
            }
            let change: [f64; K] =
                std::array::from_fn(|i| (0..K).map(|j| self.hessian[i][j] * step[j]).sum());
            let promised: f64 =
                (0..K).map(|k| -step[k] * (self.gradient[k] + 0.5 * change[k])).sum();
            // One that would gain by moving inside is released.
            let gain = |k: usize| {
                let slope = self.gradient[k] + change[k];
                let inside = if at[k] + step[k] <= bounds[k].0 { -slope } else { slope };
                0.5 * inside * inside / self.hessian[k][k].max(f64::MIN_POSITIVE)
                    * f64::from(inside > 0.0)
            };
            let least = 1e-9 * self.value.abs();
            let free = (0..K).filter(|&k| held[k] && gain(k) > least);
            if let Some(k) = free.max_by(|&a, &b| gain(a).total_cmp(&gain(b))) {
                held[k] = false;
                continue;
            }
            return promised.is_finite().then_some((step, promised));
        }
        None
    }

    /// The same with a diagonal a billionth larger, so that columns that are alike, or zero, still
    /// give a step.
    pub(crate) fn ridged(mut self) -> Self {
        for k in 0..K {
            let own = self.hessian[k][k];
            self.hessian[k][k] = if own > 0.0 { own * (1.0 + 1e-9) } else { 1.0 };
        }
        self
    }

    /// Solves for the coordinates that are not held, the steps of the others being given.
    fn solve(&self, held: &[bool; K], step: &mut [f64; K]) -> Option<()> {
        const LEAST_PIVOT: f64 = 1e-11;
        let mut l = [[0.0; K]; K];
        let mut z = [0.0; K];
        for i in (0..K).filter(|&i| !held[i]) {
            let mut right = -self.gradient[i];
            for j in (0..K).filter(|&j| held[j]) {
                right -= self.hessian[i][j] * step[j];
            }
            for j in (0..=i).filter(|&j| !held[j]) {
                let mut sum = self.hessian[i][j];
                for k in 0..j {
                    sum -= l[i][k] * l[j][k];
                }
                if i == j {
                    if sum.is_nan() || sum <= LEAST_PIVOT * self.hessian[i][i] {
                        return None;
                    }
                    l[i][i] = sum.sqrt();
                } else {
                    l[i][j] = sum / l[j][j];
                }
            }
            for k in 0..i {
                right -= l[i][k] * z[k];
            }
            z[i] = right / l[i][i];
        }
        for i in (0..K).rev().filter(|&i| !held[i]) {
            let mut sum = z[i];
            for k in (i + 1..K).filter(|&k| !held[k]) {
                sum -= l[k][i] * step[k];
            }
            step[i] = sum / l[i][i];
        }
        Some(())
    }
}
