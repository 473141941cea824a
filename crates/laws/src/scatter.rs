//! How far an estimate scatters from sample to sample, given the residuals it left.

use draws::Dist;

use crate::dense::{Factor, Matrix, eigen};
use crate::newton::Stop;
use crate::objective::Penalty;
use crate::problem::Problem;
use crate::rows::Rows;

/// Degrees of freedom that are left: independent runs less fitted numbers, at least one.
pub(crate) fn freedom(problem: &Problem<'_>) -> usize {
    problem.rows.by_run().len().saturating_sub(problem.size()).max(1)
}

/// The quantile of Student's t.
pub(crate) fn student_quantile(share: f64, freedom: usize) -> f64 {
    Dist::student(freedom as f64, 0.0, 1.0).map_or(f64::NAN, |student| student.quantile(share))
}

/// What the residuals of an estimate say about its scatter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scatter {
    /// The spread s of a law's value at a row, if the law had one parameter and the table one row:
    /// the estimate has covariance s^2 (J' W J)^-1 where rows are independent. For least squares
    /// it is the standard deviation of the residuals.
    pub(crate) spread: f64,
    /// What the objective has to be multiplied with to count as a log-likelihood.
    pub(crate) rate: f64,
}

impl Scatter {
    /// s^2 = E psi^2 / (E psi')^2 over the residuals, with n - p for n (Huber 1981, section 7.6).
    ///
    /// psi' of Huber's penalty with a small delta counts residuals near zero, so the expectations
    /// are taken over the residuals smoothed with a normal kernel; and since a fit by (nearly)
    /// least absolute deviations meets as many rows exactly as it has parameters, those are left
    /// out: they say nothing about the density at zero.
    pub(crate) fn new(best: &Stop, problem: &Problem<'_>) -> Self {
        let (penalty, size) = (best.penalty, problem.size());
        let mut residuals = problem.residuals(&best.point);
        let n = residuals.len();
        residuals.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
        let met = match penalty.turn() {
            Some(delta) => residuals.iter().take(size).filter(|r| r.abs() <= delta).count(),
            None => 0,
        };
        let kept = &residuals[met.min(n - 1)..];
        let count = kept.len() as f64;
        let spread = 1.4826 * kept[kept.len() / 2].abs();
        let width = 0.9 * spread * count.powf(-1.0 / 3.0);
        let kinked = penalty.turn().is_some_and(|turn| turn < 3.0 * width);
        let (mut slope, mut square, mut steepness) = (0.0, 0.0, 0.0);
        for &r in kept {
            let at = penalty.at(r);
            let curvature = if kinked { smoothed(penalty, r, width) } else { at.curvature };
            square += at.slope.powi(2);
            slope += curvature;
            steepness += curvature * curvature;
        }
        // Rows that are met exactly already stand for as many parameters.
        let correction = count / (n as f64 - size as f64).max(1.0);
        let (mut slope, square) = (slope / count, correction * square / count);
        if !kinked && slope > 0.0 {
            // Huber's correction for residuals that the fit has pulled in.
            let varied = steepness / count - slope * slope;
            slope /= 1.0 + size as f64 / n as f64 * varied / (slope * slope);
        }
        if slope > 0.0 && square > 0.0 {
            return Self { spread: square.sqrt() / slope, rate: slope / square };
        }
        // Rows that are met exactly, or residuals all far out on a redescending penalty.
        let mean = kept.iter().map(|r| r * r).sum::<f64>() / count * correction;
        Self { spread: mean.sqrt(), rate: if mean > 0.0 { 0.5 / mean } else { 0.0 } }
    }
}

/// E psi'(r + width z) over normal z, as E psi(r + width z) z / width, which also sees kinks.
fn smoothed(penalty: Penalty, r: f64, width: f64) -> f64 {
    (-40..=40)
        .map(|i| {
            let z = f64::from(i) * 0.1;
            let density = 0.1 * (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
            density * penalty.at(r + width * z).slope * z / width
        })
        .sum()
}

/// How much larger the covariance of the estimate is in each direction of the plane than that of
/// independent rows of equal weight, as a factor to multiply normal numbers with: rows of one run
/// err together, and some rows may count more. `None` where each row is a run of its own and all
/// count alike.
///
/// It is G^-1/2 M G^-1/2 over E psi^2 with G = J' W J and M the sum over runs of g g', g being
/// the gradient of a run's part of the objective. Directions in which the rows of a run make up
/// for one another count as independent.
pub(crate) fn design(best: &Stop, problem: &Problem<'_>, gram: &Factor) -> Option<Matrix> {
    let rows: &Rows = problem.rows;
    let size = problem.size();
    let runs = rows.by_run();
    let (n, independent) = (rows.len() as f64, runs.len() as f64);
    let mean = rows.weight.iter().sum::<f64>() / n;
    let even = rows.weight.iter().all(|w| (w / mean - 1.0).abs() < 1e-9);
    if even && runs.len() == rows.len() && (mean - 1.0).abs() < 1e-9 {
        return None;
    }
    let mut factor = Matrix::zero(size);
    let residuals = problem.residuals(&best.point);
    let slopes = problem.slopes(&best.point);
    let psi: Vec<f64> = residuals.iter().map(|&r| best.penalty.at(r).slope).collect();
    let square = psi.iter().map(|x| x * x).sum::<f64>() / n;
    let mut meat = Matrix::zero(size);
    for run in &runs {
        let mut gradient = vec![0.0; size];
        for &row in run {
            for (sum, slope) in gradient.iter_mut().zip(&slopes[row * size..]) {
                *sum += rows.weight[row] * psi[row] * slope;
            }
        }
        let gradient = gram.reduce(&gradient);
        for i in 0..size {
            for j in 0..size {
                meat[(i, j)] += gradient[i] * gradient[j];
            }
        }
    }
    let p = size as f64;
    let few = (independent / (independent - p).max(1.0)) / (n / (n - p).max(1.0));
    for (value, vector) in eigen(&meat) {
        let stretch = (value * few / square).max(mean);
        let root = if stretch.is_finite() { stretch.sqrt() } else { mean.sqrt() };
        for i in 0..size {
            for j in 0..size {
                factor[(i, j)] += root * vector[i] * vector[j];
            }
        }
    }
    Some(factor)
}

/// The average of [`design`] over directions, squared: by how much likelihoods are overstated.
pub(crate) fn design_effect(design: Option<&Matrix>) -> f64 {
    design.map_or(1.0, |factor| {
        let size = factor.size;
        let squares: f64 =
            (0..size).map(|i| factor.row(i).iter().map(|x| x * x).sum::<f64>()).sum();
        squares / size as f64
    })
}
