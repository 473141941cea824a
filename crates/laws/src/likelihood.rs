//! How likely the rows are under a law: an objective read as a density whose scale is fitted, and
//! what that says of constants that someone else fitted.

use std::f64::consts::PI;

use runs::Observations;
use serde::{Deserialize, Serialize};

use crate::catalogue::{self, Published};
use crate::dense::{Factor, Matrix, dot};
use crate::descent::Refit;
use crate::newton::Walk;
use crate::objective::{Loss, Penalty, student_scale};
use crate::problem::Problem;
use crate::search::{TOLERANCE, minimise};
use crate::{Fit, FitError};

/// The likelihood of rows under a law.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Likelihood {
    /// The natural logarithm of the density of the residuals, summed over rows with their weights.
    pub ln: f64,
    /// The scale at which it is largest, in units of the residual.
    pub scale: f64,
}

/// Constants held against the rows of a fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rival {
    /// Which constants: the id of published ones.
    pub id: String,
    /// Where they come from.
    pub source: String,
    /// The objective of the fit at these constants.
    pub objective: f64,
    /// How far that lies above the least, as a share of the least: 0.01 is one per cent above.
    pub above: f64,
    /// The likelihood of the rows at these constants.
    pub likelihood: Likelihood,
    /// The likelihood at its own maximum over the parameters of the fit.
    pub most: Likelihood,
    /// Twice the logarithm of the ratio of the two.
    pub ratio: f64,
    /// Parameters that were fitted: the degrees of freedom of the ratio.
    pub degrees: usize,
    /// The chance of a ratio this large if the constants were the truth (Wilks's chi-square).
    pub p: f64,
}

/// Constants to hold against rows: what they are called, where they come from, and values by
/// parameter.
pub type Constants<'a> = (&'a str, &'a str, &'a [(String, f64)]);

/// How far constants lie from a fit in units of the draws' covariance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Distance {
    /// The squared distance.
    pub chi_square: f64,
    /// Parameters compared.
    pub degrees: usize,
    /// The chance of one this large if the constants were the truth and the draws normal.
    pub p: f64,
}

impl Loss {
    /// ln of the integral of exp(-penalty) over residuals in units of the scale.
    ///
    /// Huber's delta is in those units too, so the density bends at delta times the fitted scale
    /// (Besiroglu et al. 2024, arXiv:2404.10102, appendix): with the field's 0.001 it is Laplace's
    /// in all but name.
    fn ln_normaliser(self) -> f64 {
        // Half of the integral for a penalty that counts `factor` times.
        let half = |delta: f64, factor: f64| {
            let inner = (PI / (2.0 * factor)).sqrt() * libm::erf(delta * (0.5 * factor).sqrt());
            inner + (-0.5 * factor * delta * delta).exp() / (factor * delta)
        };
        match self {
            Self::Huber { delta } => (2.0 * half(delta, 1.0)).ln(),
            Self::Asymmetric { delta, overestimate } => {
                (half(delta, 1.0) + half(delta, overestimate)).ln()
            }
            Self::Squares => 0.5 * PI.ln(),
            Self::StudentT { degrees } => {
                libm::lgamma(0.5 * degrees) - libm::lgamma(0.5 * (degrees + 1.0))
                    + 0.5 * (degrees * PI).ln()
            }
        }
    }

    /// The penalty of residuals in units of the scale.
    fn in_units(self) -> Penalty {
        Penalty::new(self, 1.0)
    }

    /// The likelihood of weighted residuals at the scale that makes it largest. `None` where they
    /// have no scale: hardly any differs from zero, or one is not finite.
    pub(crate) fn likelihood(self, residuals: &[f64], weights: &[f64]) -> Option<Likelihood> {
        let total: f64 = weights.iter().sum();
        let penalty = self.in_units();
        // At the maximum the mean of slope times residual, in units of the scale, is 1; it falls
        // as the scale grows.
        let excess = |ln_scale: f64| {
            let unit = (-ln_scale).exp();
            let moment: f64 = residuals
                .iter()
                .zip(weights)
                .map(|(r, w)| w * penalty.at(r * unit).slope * r * unit)
                .sum();
            moment - total
        };
        let top = residuals.iter().fold(0.0_f64, |top, r| top.max(r.abs()));
        if !(top > 0.0 && top.is_finite() && total > 0.0) {
            return None;
        }
        let (mut low, mut high) = (top.ln() - 60.0, top.ln() + 60.0);
        if !(excess(low) > 0.0 && excess(high) < 0.0) {
            return None;
        }
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            if excess(middle) > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        let ln_scale = 0.5 * (low + high);
        let scale = ln_scale.exp();
        let penalties: f64 =
            residuals.iter().zip(weights).map(|(r, w)| w * penalty.at(r / scale).value).sum();
        let ln = -penalties - total * (ln_scale + self.ln_normaliser());
        ln.is_finite().then_some(Likelihood { ln, scale })
    }

    /// The objective of weighted residuals; Student's t at its best scale.
    pub(crate) fn objective(self, residuals: &[f64], weights: &[f64], spread: f64) -> f64 {
        let scale = match self {
            Self::StudentT { degrees } => {
                student_scale(residuals, weights, degrees, spread.max(1e-12)).max(1e-13)
            }
            _ => 1.0,
        };
        let penalty = Penalty::new(self, scale);
        residuals.iter().zip(weights).map(|(r, w)| w * penalty.at(*r).value).sum()
    }
}

/// The most likely point near the minimum of the objective. Where the density bends at a width
/// that moves with the scale, the two differ a little.
pub(crate) fn most_likely(
    problem: &Problem<'_>,
    loss: Loss,
    minimum: &[f64],
    spread: f64,
) -> Option<Likelihood> {
    let weights = &problem.rows.weight;
    let mut best = loss.likelihood(&problem.residuals(minimum), weights)?;
    let mut point = minimum.to_vec();
    for _ in 0..20 {
        let rescaled = match loss {
            Loss::Huber { delta } => Loss::Huber { delta: delta * best.scale },
            Loss::Asymmetric { delta, overestimate } => {
                Loss::Asymmetric { delta: delta * best.scale, overestimate }
            }
            Loss::Squares | Loss::StudentT { .. } => break,
        };
        let mut walk = Walk::default();
        let stop = minimise(problem, &point, spread, rescaled, weights, TOLERANCE, &mut walk)?;
        let found = loss.likelihood(&problem.residuals(&stop.point), weights)?;
        let gained = found.ln - best.ln;
        if gained > 0.0 {
            best = found;
            point = stop.point;
        }
        if gained < 1e-9 {
            break;
        }
    }
    Some(best)
}

impl Fit {
    /// The constants that papers published for this law, held against the rows of this fit: sets
    /// that lack a parameter are left out. Published constants are the catalogue's; a fit that was
    /// read from a file looks them up by the law's name.
    ///
    /// # Errors
    /// Observations to which the law cannot be fitted.
    pub fn compare_published(&self, observations: &Observations) -> Result<Vec<Rival>, FitError> {
        let published: Vec<Published> = if self.law.published.is_empty() {
            catalogue::find(&self.law.name).map_or_else(|_| Vec::new(), |law| law.published)
        } else {
            self.law.published.clone()
        };
        let whole = |published: &&Published| {
            self.law.parameters.iter().all(|parameter| {
                let held = self.held.iter().any(|(name, _)| *name == parameter.name);
                held || published.value(&parameter.name).is_some()
            })
        };
        let sets: Vec<Constants<'_>> = published
            .iter()
            .filter(whole)
            .map(|set| (set.id.as_str(), set.source.as_str(), set.values.as_slice()))
            .collect();
        self.compare(observations, &sets)
    }

    /// Constants held against the rows of this fit: per set a name, a source and values by
    /// parameter. Parameters that a set leaves out must be held by the fit. Every group is
    /// compared with the same constants.
    ///
    /// # Errors
    /// Observations to which the law cannot be fitted, a parameter without a value.
    pub fn compare(
        &self,
        observations: &Observations,
        sets: &[Constants<'_>],
    ) -> Result<Vec<Rival>, FitError> {
        let refit = Refit::new(&self.law, observations, &self.options)?;
        let problem = Problem::new(&refit.law, &refit.model, &refit.rows, &refit.shared)?;
        let (loss, weights) = (refit.objective.loss, &refit.rows.weight);
        let least = &refit.found.best;
        let Some(most) = most_likely(&problem, loss, &least.point, refit.found.spread) else {
            return Err(FitError::NotFinite);
        };
        sets.iter()
            .map(|&(id, source, values)| {
                let mut parameters = refit.model.held.clone();
                for (place, parameter) in refit.law.parameters.iter().enumerate() {
                    if let Some((_, value)) =
                        values.iter().find(|(name, _)| *name == parameter.name)
                    {
                        parameters[place] = *value;
                    }
                    if parameters[place].is_nan() {
                        return Err(FitError::NotGiven { name: parameter.name.clone() });
                    }
                }
                let residuals = problem.residuals_of(&parameters);
                let objective = loss.objective(&residuals, weights, refit.found.spread);
                let likelihood = loss.likelihood(&residuals, weights).ok_or(FitError::NotFinite)?;
                let ratio = 2.0 * (most.ln - likelihood.ln);
                Ok(Rival {
                    id: id.to_owned(),
                    source: source.to_owned(),
                    objective,
                    above: (objective - least.value) / least.value.abs().max(f64::MIN_POSITIVE),
                    likelihood,
                    most,
                    ratio,
                    degrees: problem.size(),
                    p: chi_square_above(ratio, problem.size()),
                })
            })
            .collect()
    }

    /// How far constants lie from this fit in units of its draws' covariance (Wald's test).
    /// Coefficients that are positive throughout (E, A, B) are compared by their logarithms. `None`
    /// without draws, without any of these parameters, and where draws do not vary.
    pub fn distance_to(&self, values: &[(String, f64)]) -> Option<Distance> {
        let compared: Vec<(f64, f64, Vec<f64>)> = values
            .iter()
            .filter_map(|(name, value)| {
                let estimate = self.estimates.iter().find(|estimate| estimate.name == *name)?;
                let draws = self.draws.column(name)?;
                let positive = estimate.value > 0.0
                    && *value > 0.0
                    && self
                        .law
                        .parameter(&estimate.parameter)
                        .is_some_and(|p| p.bounds.0 >= 0.0 && p.bounds.1.is_infinite())
                    && draws.iter().all(|x| *x > 0.0);
                Some(if positive {
                    (estimate.value.ln(), value.ln(), draws.iter().map(|x| x.ln()).collect())
                } else {
                    (estimate.value, *value, draws.to_vec())
                })
            })
            .collect();
        let (degrees, count) = (compared.len(), self.draws.len());
        if degrees == 0 || count < degrees + 2 {
            return None;
        }
        let centered: Vec<Vec<f64>> = compared
            .iter()
            .map(|(_, _, column)| {
                let mean = column.iter().sum::<f64>() / count as f64;
                column.iter().map(|x| x - mean).collect()
            })
            .collect();
        let mut covariance = Matrix::zero(degrees);
        for i in 0..degrees {
            for j in 0..degrees {
                covariance[(i, j)] = dot(&centered[i], &centered[j]) / (count as f64 - 1.0);
            }
        }
        let off: Vec<f64> = compared.iter().map(|(fitted, given, _)| given - fitted).collect();
        let factor = Factor::new(&covariance, &vec![true; degrees])?;
        let chi_square = dot(&factor.solve(&off)?, &off);
        Some(Distance { chi_square, degrees, p: chi_square_above(chi_square, degrees) })
    }
}

/// The chance that a chi-square of `degrees` lies above `x`: the regularised upper incomplete
/// gamma function, in closed form by parity (Abramowitz and Stegun 26.4.4 and 26.4.5).
pub(crate) fn chi_square_above(x: f64, degrees: usize) -> f64 {
    if x.is_nan() {
        return f64::NAN;
    }
    if x <= 0.0 {
        return 1.0;
    }
    let half = 0.5 * x;
    let (mut sum, mut term, mut step) = if degrees.is_multiple_of(2) {
        (0.0, (-half).exp(), 1.0)
    } else {
        (libm::erfc(half.sqrt()), (2.0 * x / PI).sqrt() * (-half).exp(), 1.5)
    };
    for _ in 0..degrees / 2 {
        sum += term;
        term *= half / step;
        step += 1.0;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chi_square_tails_are_the_tabulated_ones() {
        for (x, degrees, p) in [
            (3.841_458_8, 1, 0.05),
            (5.991_464_5, 2, 0.05),
            (7.814_727_9, 3, 0.05),
            (9.487_729_0, 4, 0.05),
            (11.070_498, 5, 0.05),
            (84.0, 5, 1.2e-16),
            (238.4, 5, 1.7e-49),
        ] {
            let found = chi_square_above(x, degrees);
            assert!((found / p - 1.0).abs() < if p < 0.01 { 0.05 } else { 1e-6 }, "{x} {found}");
        }
        assert_eq!(chi_square_above(-1.0, 3), 1.0);
        assert!(chi_square_above(f64::NAN, 3).is_nan());
    }

    #[test]
    fn densities_integrate_to_one() {
        for loss in [
            Loss::Huber { delta: 0.001 },
            Loss::Huber { delta: 1.3 },
            Loss::Squares,
            Loss::Asymmetric { delta: 0.7, overestimate: 5.0 },
            Loss::StudentT { degrees: 3.0 },
        ] {
            // Steps that grow with the distance see both the bend and the tails.
            let mut sum = 0.0;
            let place = |i: f64| 1e-3 * (i * 2e-4).sinh();
            for i in -110_000..110_000 {
                let (a, b) = (place(f64::from(i)), place(f64::from(i) + 1.0));
                let middle = 0.5 * (a + b);
                sum += (b - a) * (-loss.in_units().at(middle).value - loss.ln_normaliser()).exp();
            }
            assert!((sum - 1.0).abs() < 1e-4, "{loss:?} {sum}");
        }
    }

    #[test]
    fn the_fitted_scale_is_the_most_likely_one() {
        let residuals = [-0.5, -0.1, 0.02, 0.2, 0.35, 3.0];
        let weights = [1.0, 1.0, 2.0, 1.0, 1.0, 1.0];
        let normal = Loss::Squares.likelihood(&residuals, &weights).unwrap();
        let squares: f64 = residuals.iter().zip(weights).map(|(r, w)| w * r * r).sum();
        // exp(-r^2 / s^2) has the variance s^2 / 2.
        assert!((0.5 * normal.scale.powi(2) - squares / 7.0).abs() < 1e-12);
        let by_hand = -3.5 * ((std::f64::consts::TAU * squares / 7.0).ln() + 1.0);
        assert!((normal.ln - by_hand).abs() < 1e-10, "{} {by_hand}", normal.ln);
        assert_eq!(Loss::Squares.likelihood(&[0.0; 4], &[1.0; 4]), None);
        assert_eq!(Loss::Squares.likelihood(&[f64::NAN; 4], &[1.0; 4]), None);
    }
}
