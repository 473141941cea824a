//! What a fit makes small: a sum over rows of a penalty of the residual.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ResidualScale;

/// What a fit makes small: the sum over rows (never the mean) of weight times `loss` of the
/// residual, which is measured minus law on the scale `residuals`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// The scale of the residuals.
    pub residuals: ResidualScale,
    /// The penalty of one residual.
    pub loss: Loss,
}

/// The penalty of one residual r.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Loss {
    /// r^2 / 2 up to `delta`, delta (|r| - delta / 2) beyond (Huber 1964). The field's 0.001 on
    /// log residuals is close to least absolute deviations.
    Huber {
        /// Where the penalty turns from quadratic to straight.
        delta: f64,
    },
    /// r^2.
    Squares,
    /// Huber's, times `overestimate` where the law lies above the measurement: above 1 it fits
    /// the lower envelope, for sweeps of which some runs are badly tuned.
    Asymmetric {
        /// Where the penalty turns from quadratic to straight.
        delta: f64,
        /// How much more an overestimate counts than an underestimate.
        overestimate: f64,
    },
    /// The negative log-likelihood of Student's t with a scale that is fitted too:
    /// (nu + 1) / 2 ln(1 + r^2 / (nu scale^2)) + ln scale.
    StudentT {
        /// Degrees of freedom nu.
        degrees: f64,
    },
}

/// The field's width of Huber's penalty of log residuals (Hoffmann et al. 2022, section 3.3).
pub const FIELD_DELTA: f64 = 1e-3;

impl Objective {
    /// The default on a scale: Huber's penalty with the field's 0.001 for log residuals, least
    /// squares for linear ones.
    pub const fn standard(residuals: ResidualScale) -> Self {
        let loss = match residuals {
            ResidualScale::Log => Loss::Huber { delta: FIELD_DELTA },
            ResidualScale::Linear => Loss::Squares,
        };
        Self { residuals, loss }
    }

    /// Huber's penalty of log residuals.
    pub const fn huber(delta: f64) -> Self {
        Self { residuals: ResidualScale::Log, loss: Loss::Huber { delta } }
    }

    /// Least squares on a scale.
    pub const fn squares(residuals: ResidualScale) -> Self {
        Self { residuals, loss: Loss::Squares }
    }

    /// The setting that is out of range, its value, and what it should be.
    pub(crate) fn fault(&self) -> Option<(&'static str, f64, &'static str)> {
        const WIDTH: &str = "between 1e-9 and 1e6";
        match self.loss {
            Loss::Huber { delta } | Loss::Asymmetric { delta, .. }
                if !(1e-9..=1e6).contains(&delta) =>
            {
                Some(("huber delta", delta, WIDTH))
            }
            Loss::Asymmetric { overestimate, .. } if !(1e-3..=1e3).contains(&overestimate) => {
                Some(("overestimate", overestimate, "between 0.001 and 1000"))
            }
            Loss::StudentT { degrees } if !(0.5..=1e3).contains(&degrees) => {
                Some(("degrees", degrees, "between 0.5 and 1000"))
            }
            _ => None,
        }
    }

    /// The residual of a measurement under the law's value.
    pub(crate) fn residual(self, measured: f64, law: f64) -> f64 {
        match self.residuals {
            ResidualScale::Log => (measured / law).ln(),
            ResidualScale::Linear => measured - law,
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = match self.residuals {
            ResidualScale::Log => "ln measured - ln law",
            ResidualScale::Linear => "measured - law",
        };
        match self.loss {
            Loss::Huber { delta } => write!(f, "sum of Huber({delta}) of {of}"),
            Loss::Squares => write!(f, "sum of squares of {of}"),
            Loss::Asymmetric { delta, overestimate } => write!(
                f,
                "sum of Huber({delta}) of {of}, {overestimate} times that where the law lies above"
            ),
            Loss::StudentT { degrees } => {
                write!(f, "negative log-likelihood of Student's t({degrees}) of {of}")
            }
        }
    }
}

/// A [`Loss`] ready to be evaluated, with the scale that Student's t needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Penalty {
    Huber(f64),
    Squares,
    Asymmetric { delta: f64, overestimate: f64 },
    StudentT { degrees: f64, scale: f64 },
}

/// A penalty at one residual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct At {
    pub(crate) value: f64,
    /// First derivative.
    pub(crate) slope: f64,
    /// Second derivative.
    pub(crate) curvature: f64,
    /// `slope / r`, the weight of reweighted least squares; the curvature at 0.
    pub(crate) weight: f64,
}

impl Penalty {
    /// The penalty of `loss` for residuals that spread by `scale`.
    pub(crate) fn new(loss: Loss, scale: f64) -> Self {
        match loss {
            Loss::Huber { delta } => Self::Huber(delta),
            Loss::Squares => Self::Squares,
            Loss::Asymmetric { delta, overestimate } => Self::Asymmetric { delta, overestimate },
            Loss::StudentT { degrees } => {
                Self::StudentT { degrees, scale: if scale > 0.0 { scale } else { 1.0 } }
            }
        }
    }

    /// The same with the turn at `width` where it has one, for the first stages of a search.
    pub(crate) fn widened(self, width: f64) -> Self {
        match self {
            Self::Huber(_) => Self::Huber(width),
            Self::Asymmetric { overestimate, .. } => Self::Asymmetric { delta: width, overestimate },
            Self::Squares | Self::StudentT { .. } => self,
        }
    }

    /// Where it turns from quadratic to straight, if it does.
    pub(crate) fn turn(self) -> Option<f64> {
        match self {
            Self::Huber(delta) | Self::Asymmetric { delta, .. } => Some(delta),
            Self::Squares | Self::StudentT { .. } => None,
        }
    }

    pub(crate) fn at(self, r: f64) -> At {
        match self {
            Self::Huber(delta) => huber(r, delta),
            Self::Squares => At { value: r * r, slope: 2.0 * r, curvature: 2.0, weight: 2.0 },
            Self::Asymmetric { delta, overestimate } => {
                let factor = if r < 0.0 { overestimate } else { 1.0 };
                let At { value, slope, curvature, weight } = huber(r, delta);
                At {
                    value: factor * value,
                    slope: factor * slope,
                    curvature: factor * curvature,
                    weight: factor * weight,
                }
            }
            Self::StudentT { degrees, scale } => {
                let (square, spread) = (r * r, degrees * scale * scale);
                let weight = (degrees + 1.0) / (spread + square);
                At {
                    value: 0.5 * (degrees + 1.0) * (square / spread).ln_1p() + scale.ln(),
                    slope: weight * r,
                    curvature: weight * (spread - square) / (spread + square),
                    weight,
                }
            }
        }
    }
}

fn huber(r: f64, delta: f64) -> At {
    let size = r.abs();
    if size <= delta {
        At { value: 0.5 * r * r, slope: r, curvature: 1.0, weight: 1.0 }
    } else {
        At {
            value: delta * (size - 0.5 * delta),
            slope: delta.copysign(r),
            curvature: 0.0,
            weight: delta / size,
        }
    }
}

/// The scale of Student's t that makes weighted residuals most likely, by fixed-point steps from
/// `scale`.
pub(crate) fn student_scale(residuals: &[f64], weights: &[f64], degrees: f64, scale: f64) -> f64 {
    let total: f64 = weights.iter().sum();
    let mut square = scale * scale;
    for _ in 0..200 {
        let moment: f64 = residuals
            .iter()
            .zip(weights)
            .map(|(r, w)| w * (degrees + 1.0) * r * r / (degrees * square + r * r))
            .sum();
        // At the maximum the moment is the total weight; the exponent makes the step Newton-like.
        let next = square * (moment / total).powf((degrees + 3.0) / (degrees + 1.0).max(1.0));
        if !next.is_finite() || next <= 0.0 {
            break;
        }
        let change = (next / square - 1.0).abs();
        square = next;
        if change < 1e-14 {
            break;
        }
    }
    square.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Penalty; 4] = [
        Penalty::Huber(0.3),
        Penalty::Squares,
        Penalty::Asymmetric { delta: 0.3, overestimate: 10.0 },
        Penalty::StudentT { degrees: 4.0, scale: 0.2 },
    ];

    #[test]
    fn slopes_and_curvatures_are_those_of_the_value() {
        for penalty in ALL {
            for r in [-1.3, -0.2, 0.1, 0.25, 0.9] {
                let (h, at) = (1e-5, penalty.at(r));
                let (left, right) = (penalty.at(r - h), penalty.at(r + h));
                let slope = (right.value - left.value) / (2.0 * h);
                let curvature = (right.slope - left.slope) / (2.0 * h);
                assert!((slope - at.slope).abs() < 1e-8, "{penalty:?} {r}");
                assert!((curvature - at.curvature).abs() < 1e-7, "{penalty:?} {r}");
                assert!((at.weight * r - at.slope).abs() < 1e-12, "{penalty:?} {r}");
            }
        }
    }

    #[test]
    fn an_overestimate_counts_more() {
        let penalty = ALL[2];
        assert!((penalty.at(-0.1).value / penalty.at(0.1).value - 10.0).abs() < 1e-12);
    }

    #[test]
    fn the_scale_of_students_t_is_where_the_likelihood_is_largest() {
        let residuals = [-0.5, -0.1, 0.02, 0.2, 0.35, 3.0];
        let weights = [1.0, 1.0, 2.0, 1.0, 1.0, 1.0];
        let scale = student_scale(&residuals, &weights, 3.0, 1.0);
        let value = |scale: f64| {
            let penalty = Penalty::StudentT { degrees: 3.0, scale };
            residuals.iter().zip(weights).map(|(&r, w)| w * penalty.at(r).value).sum::<f64>()
        };
        assert!(value(scale) < value(scale * 1.001) && value(scale) < value(scale * 0.999));
    }
}
