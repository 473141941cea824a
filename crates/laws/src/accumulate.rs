//! The inner loop of every fit: residuals of a chunk of rows, and the sums over them that make
//! the objective, its gradient and its Hessian. Compiled for each vector unit and chosen at run
//! time.

#![expect(clippy::inline_always, reason = "must be compiled as part of the vectorised whole")]

use pulp::{Arch, NullaryFnOnce};

use crate::objective::{At, Penalty};
use crate::problem::Expansion;

/// Columns of a chunk of rows, and where their sums go.
pub(crate) struct Chunk<'a> {
    pub(crate) penalty: Penalty,
    /// Whether residuals are of the logarithm of the law.
    pub(crate) logarithmic: bool,
    /// Measured values on the residual scale.
    pub(crate) target: &'a [f64],
    pub(crate) weights: &'a [f64],
    /// The law; becomes the factor of its derivatives.
    pub(crate) value: &'a mut [f64],
    /// The law on the residual scale.
    pub(crate) scaled: &'a mut [f64],
    /// One column per parameter.
    pub(crate) slopes: &'a mut [f64],
    /// The second derivatives that do not vanish.
    pub(crate) curves: &'a mut [f64],
    /// For every pair of parameters, row by row of the upper triangle, the column among `curves`.
    pub(crate) places: &'a [Option<usize>],
    /// Per row: factors of first derivatives, of their products, of second derivatives, and of
    /// the products in the metric.
    pub(crate) factors: &'a mut [Vec<f64>; 4],
    pub(crate) out: &'a mut Expansion,
}

impl Chunk<'_> {
    /// Adds the sums over these rows.
    pub(crate) fn add(self) {
        Arch::new().dispatch(self);
    }
}

impl NullaryFnOnce for Chunk<'_> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        // One loop per penalty: none of them branches inside.
        match self.penalty {
            Penalty::Huber(delta) => self.residuals(|r| Penalty::Huber(delta).at(r)),
            Penalty::Squares => self.residuals(|r| Penalty::Squares.at(r)),
            penalty => self.residuals(|r| penalty.at(r)),
        }
        self.sums();
    }
}

impl Chunk<'_> {
    #[inline(always)]
    fn residuals(&mut self, penalty: impl Fn(f64) -> At) {
        let n = self.target.len();
        let [by_slope, by_square, by_curve, by_metric] = &mut *self.factors;
        for factor in [&mut *by_slope, &mut *by_square, &mut *by_curve, &mut *by_metric] {
            factor.resize(n, 0.0);
        }
        let (by_slope, by_square) = (&mut by_slope[..n], &mut by_square[..n]);
        let (by_curve, by_metric) = (&mut by_curve[..n], &mut by_metric[..n]);
        let (value, scaled) = (&mut self.value[..n], &mut self.scaled[..n]);
        let (target, weights) = (&self.target[..n], &self.weights[..n]);
        let logarithmic = self.logarithmic;
        for i in 0..n {
            let weight = weights[i];
            let counts = weight != 0.0;
            let at = penalty(target[i] - scaled[i]);
            // In the logarithm m: m_ab = f_ab / f - m_a m_b, and f_a / f is the slope.
            let inverse = if logarithmic { value[i].recip() } else { 1.0 };
            let bend = if logarithmic { at.slope } else { 0.0 };
            // A row without weight may have no finite value or derivative.
            value[i] = if counts { inverse } else { 0.0 };
            scaled[i] = if counts { weight * at.value } else { 0.0 };
            by_slope[i] = if counts { weight * at.slope } else { 0.0 };
            by_square[i] = if counts { weight * (at.curvature + bend) } else { 0.0 };
            by_curve[i] = if counts { weight * at.slope * inverse } else { 0.0 };
            by_metric[i] = if counts { weight * at.weight } else { 0.0 };
        }
        self.out.value += sum(scaled);
        if logarithmic {
            for slope in self.slopes.chunks_exact_mut(n) {
                for (slope, inverse) in slope.iter_mut().zip(&*value) {
                    *slope *= inverse;
                }
            }
        }
        if weights.contains(&0.0) {
            silence(self.slopes, weights);
            silence(self.curves, weights);
        }
    }

    #[inline(always)]
    fn sums(&mut self) {
        let n = self.target.len();
        let p = self.out.gradient.len();
        let [by_slope, by_square, by_curve, by_metric] = &*self.factors;
        let mut pair = 0;
        for a in 0..p {
            let slope_a = &self.slopes[a * n..(a + 1) * n];
            self.out.gradient[a] -= sum_of_products(by_slope, slope_a);
            for b in a..p {
                let slope_b = &self.slopes[b * n..(b + 1) * n];
                let (square, metric) = two_forms(slope_a, slope_b, by_square, by_metric);
                // Not `map_or`: a closure would be compiled without the vector unit.
                let curve = match self.places[pair] {
                    Some(place) => {
                        sum_of_products(by_curve, &self.curves[place * n..(place + 1) * n])
                    }
                    None => 0.0,
                };
                self.out.hessian[(b, a)] += square - curve;
                self.out.metric[(b, a)] += metric;
                pair += 1;
            }
        }
    }
}

/// Sets the entries of rows without weight to zero in every column.
#[inline(always)]
fn silence(columns: &mut [f64], weights: &[f64]) {
    for column in columns.chunks_exact_mut(weights.len()) {
        for (entry, &weight) in column.iter_mut().zip(weights) {
            *entry = if weight == 0.0 { 0.0 } else { *entry };
        }
    }
}

/// Partial sums side by side, so that the processor adds several at once.
const LANES: usize = 16;

#[inline(always)]
fn sum(a: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = a.as_chunks::<LANES>();
    for a in chunks {
        for i in 0..LANES {
            lanes[i] += a[i];
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().sum::<f64>()
}

#[inline(always)]
fn sum_of_products(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for i in 0..LANES {
            lanes[i] += a[i] * b[i];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f64>() + rest
}

/// The sums of a b s and of a b t.
#[inline(always)]
fn two_forms(a: &[f64], b: &[f64], s: &[f64], t: &[f64]) -> (f64, f64) {
    let (mut with_s, mut with_t) = ([0.0; LANES], [0.0; LANES]);
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let (s_chunks, s_rest) = s.as_chunks::<LANES>();
    let (t_chunks, t_rest) = t.as_chunks::<LANES>();
    for (((a, b), s), t) in a_chunks.iter().zip(b_chunks).zip(s_chunks).zip(t_chunks) {
        for i in 0..LANES {
            let product = a[i] * b[i];
            with_s[i] += product * s[i];
            with_t[i] += product * t[i];
        }
    }
    let (mut rest_s, mut rest_t) = (0.0, 0.0);
    for (((a, b), s), t) in a_rest.iter().zip(b_rest).zip(s_rest).zip(t_rest) {
        rest_s += a * b * s;
        rest_t += a * b * t;
    }
    (with_s.iter().sum::<f64>() + rest_s, with_t.iter().sum::<f64>() + rest_t)
}

/// The sum of products of two columns, on the best vector unit there is.
pub(crate) fn fast_dot(a: &[f64], b: &[f64]) -> f64 {
    struct Dot<'a>(&'a [f64], &'a [f64]);
    impl NullaryFnOnce for Dot<'_> {
        type Output = f64;
        #[inline(always)]
        fn call(self) -> f64 {
            sum_of_products(self.0, self.1)
        }
    }
    Arch::new().dispatch(Dot(a, b))
}
