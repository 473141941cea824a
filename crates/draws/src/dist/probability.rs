//! From probability to value and back.

use super::{Dist, Kind, Piecewise};
use crate::solve::root;
use crate::{beta, normal};

impl Dist {
    /// The smallest value that a share `p` of the draws does not exceed; NaN outside 0 to 1.
    ///
    /// Closed form where there is one; beta, pert, student and mixtures are solved for, to about
    /// 1e-12. At 0 and 1 it is the end of the range, infinite where the range is open.
    pub fn quantile(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        match self.kind() {
            Kind::Constant(value) => *value,
            Kind::Piecewise(curve) => curve.value(normal::quantile(p)),
            // The two-sided form cannot overflow and hits both ends exactly.
            Kind::Uniform { low, high } => low * (1.0 - p) + high * p,
            Kind::LogUniform { low, high } => {
                (low.ln() * (1.0 - p) + high.ln() * p).exp().clamp(*low, *high)
            }
            Kind::Triangular { low, mode, high } => {
                let turn = (mode - low) / (high - low);
                if p <= turn {
                    low + (p * (high - low) * (mode - low)).sqrt()
                } else {
                    high - ((1.0 - p) * (high - low) * (high - mode)).sqrt()
                }
            }
            Kind::Beta { a, b, low, width } => {
                (low + width * beta::quantile(*a, *b, p)).min(low + width)
            }
            Kind::Student { freedom, location, scale } => {
                let t = beta::student_upper(*freedom, p.min(1.0 - p));
                location + scale * if p < 0.5 { -t } else { t }
            }
            Kind::Poisson(steps) => match p {
                0.0 => 0.0,
                1.0 => f64::INFINITY,
                _ => steps.quantile(p),
            },
            Kind::Bernoulli(one) => f64::from(u8::from(p > 1.0 - one)),
            Kind::Mix { weights, parts } => mixture_quantile(weights, parts, p),
            Kind::Zero { share, part } => {
                let rest = 1.0 - share;
                let negative = rest * part.cdf_below(0.0);
                if negative > 0.0 && p <= negative {
                    part.quantile((p / rest).min(1.0))
                } else if *share > 0.0 && p <= negative + share {
                    0.0
                } else {
                    part.quantile(((p - share) / rest).clamp(0.0, 1.0))
                }
            }
            Kind::Clip { part, low, high } => part.quantile(p).clamp(*low, *high),
            Kind::Data(values) => {
                let steps = (p * values.len() as f64).ceil() as usize;
                values[steps.clamp(1, values.len()) - 1]
            }
        }
    }

    /// The probability of a draw at or below `x`; NaN for NaN.
    pub fn cdf(&self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        match self.kind() {
            Kind::Constant(value) => indicator(x >= *value),
            Kind::Piecewise(curve) => normal::cdf(curve.score(x)),
            Kind::Uniform { low, high } => share(x, *low, *high),
            Kind::LogUniform { low, high } => {
                if x <= *low {
                    0.0
                } else {
                    share(x.ln(), low.ln(), high.ln())
                }
            }
            Kind::Triangular { low, mode, high } => {
                if x <= *low {
                    0.0
                } else if x >= *high {
                    1.0
                } else if x <= *mode {
                    (x - low) / (high - low) * ((x - low) / (mode - low))
                } else {
                    1.0 - (high - x) / (high - low) * ((high - x) / (high - mode))
                }
            }
            Kind::Beta { a, b, low, width } => {
                beta::tails(*a, *b, (x - low) / width, (low + width - x) / width).0
            }
            Kind::Student { freedom, location, scale } => {
                let t = (x - location) / scale;
                let tail = beta::student_tail(*freedom, t.abs());
                if t < 0.0 { tail } else { 1.0 - tail }
            }
            Kind::Poisson(steps) => steps.cdf(x),
            Kind::Bernoulli(one) => {
                if x < 0.0 {
                    0.0
                } else if x < 1.0 {
                    1.0 - one
                } else {
                    1.0
                }
            }
            Kind::Mix { weights, parts } => {
                weights.iter().zip(parts).map(|(w, part)| w * part.cdf(x)).sum::<f64>().min(1.0)
            }
            Kind::Zero { share, part } => (1.0 - share) * part.cdf(x) + share * indicator(x >= 0.0),
            Kind::Clip { part, low, high } => {
                if x < *low {
                    0.0
                } else if x >= *high {
                    1.0
                } else {
                    part.cdf(x)
                }
            }
            Kind::Data(values) => values.partition_point(|&v| v <= x) as f64 / values.len() as f64,
        }
    }

    /// The probability of a draw strictly below `x`.
    fn cdf_below(&self, x: f64) -> f64 {
        self.cdf(x.next_down())
    }

    /// Whether [`Dist::quantile`] is a closed form, some tens of nanoseconds long.
    pub(crate) fn has_closed_form(&self) -> bool {
        match self.kind() {
            Kind::Beta { .. } | Kind::Student { .. } | Kind::Mix { .. } => false,
            // The share below zero is asked of the part on every call.
            Kind::Zero { part, .. } | Kind::Clip { part, .. } => part.has_closed_form(),
            _ => true,
        }
    }
}

impl Piecewise {
    /// The value at normal score `z`.
    #[inline]
    pub(crate) fn value(&self, z: f64) -> f64 {
        let slope = if z < self.z_knot { self.below } else { self.above };
        let y = self.y_knot + slope * (z - self.z_knot);
        if self.log { y.exp() } else { y }
    }

    /// The normal score of value `x`.
    fn score(&self, x: f64) -> f64 {
        let y = if !self.log {
            x
        } else if x <= 0.0 {
            return f64::NEG_INFINITY;
        } else {
            x.ln()
        };
        let slope = if y < self.y_knot { self.below } else { self.above };
        self.z_knot + (y - self.y_knot) / slope
    }
}

fn indicator(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

/// How far `x` lies from `low` to `high`, from 0 to 1.
fn share(x: f64, low: f64, high: f64) -> f64 {
    ((x / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)).clamp(0.0, 1.0)
}

/// A finite value above `low` at which `enough` holds, as it does at the greatest of all; by
/// doubling, since halving down from there would take a thousand steps.
fn reach(low: f64, enough: impl Fn(f64) -> bool) -> f64 {
    let mut step = low.abs().max(1.0) * 1e-6;
    while step < f64::MAX / 4.0 {
        if enough(low + step) {
            return low + step;
        }
        step *= 2.0;
    }
    f64::MAX
}

/// A mixture's quantile lies between the least and the greatest of its parts' quantiles.
fn mixture_quantile(weights: &[f64], parts: &[Dist], p: f64) -> f64 {
    let (low, high) = parts
        .iter()
        .map(|part| part.quantile(p))
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high): (f64, f64), q| {
            (low.min(q), high.max(q))
        });
    let cdf = |x: f64| -> f64 { weights.iter().zip(parts).map(|(w, part)| w * part.cdf(x)).sum() };
    // Summing rounds: a part's own atom must not be missed by the last bit.
    let enough = p * (1.0 - 4.0 * f64::EPSILON);
    if p == 0.0 || low >= high || cdf(low) >= enough {
        return low;
    }
    if p >= 1.0 {
        return high;
    }
    if high == f64::INFINITY && cdf(f64::MAX) < enough {
        return high;
    }
    let ceiling = if high == f64::INFINITY { reach(low, |x| cdf(x) >= enough) } else { high };
    let x = root(low, ceiling, |x| cdf(x) - p);
    // Where the probability jumps, the answer is the atom itself: look for a part that jumps
    // within rounding of the root.
    let span = if high.is_finite() { high - low } else { x.abs() };
    let slack = 8.0 * f64::EPSILON * x.abs().max(span);
    let jumps = |at: f64| cdf(at) - cdf(at.next_down()) > 1e-13;
    let atom = parts
        .iter()
        .map(|part| part.quantile(part.cdf(x + slack).min(1.0 - f64::EPSILON / 2.0)))
        .filter(|&atom| (atom - x).abs() <= slack && cdf(atom) >= enough && jumps(atom))
        .fold(f64::INFINITY, f64::min);
    if atom.is_finite() { atom } else { x }
}
