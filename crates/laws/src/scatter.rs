//! How far an estimate scatters from sample to sample, given the residuals it left.

use draws::Dist;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{ChiSquared, Distribution, StandardNormal};

use crate::dense::{Factor, Matrix, eigen};
use crate::newton::Stop;
use crate::objective::Penalty;
use crate::problem::Problem;
use crate::rows::Rows;

/// Degrees of freedom that are left: independent runs less fitted numbers, at least one.
pub(crate) fn freedom(problem: &Problem<'_>) -> usize {
    problem.rows.by_run().len().saturating_sub(problem.size()).max(1)
}

/// A standard normal number.
pub(crate) fn standard_normal(random: &mut ChaCha8Rng) -> f64 {
    random.sample(StandardNormal)
}

/// A chi-square number with at least one degree of freedom.
pub(crate) fn chi_square(random: &mut ChaCha8Rng, freedom: usize) -> f64 {
    ChiSquared::new(freedom.max(1) as f64).map_or(f64::NAN, |chi_square| chi_square.sample(random))
}

/// The quantile of Student's t.
pub(crate) fn student_quantile(share: f64, freedom: usize) -> f64 {
    Dist::student(freedom as f64, 0.0, 1.0).map_or(f64::NAN, |student| student.quantile(share))
}

/// What the residuals of an estimate say about its scatter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scatter {
    /// What the objective has to be multiplied with to count as a log-likelihood.
    pub(crate) rate: f64,
    /// E psi', the mean steepness of the penalty's slope.
    slope: f64,
    /// E psi^2, with n - p for n.
    square: f64,
    /// Steepness and squared slope of the penalty by row.
    by_row: Vec<(f64, f64)>,
}

impl Scatter {
    /// The covariance of an estimate is s^2 (J' W J)^-1 with s^2 = E psi^2 / (E psi')^2 over the
    /// residuals, n - p for n (Huber 1981, section 7.6), where rows scatter alike.
    ///
    /// psi' of Huber's penalty with a small delta counts residuals near zero, so the expectations
    /// are taken over the residuals smoothed with a normal kernel; and since a fit by (nearly)
    /// least absolute deviations meets as many rows exactly as it has parameters, those are left
    /// out: they say nothing about the density at zero.
    pub(crate) fn new(best: &Stop, problem: &Problem<'_>) -> Self {
        let (penalty, size) = (best.penalty, problem.size());
        let residuals = problem.residuals(&best.point);
        let n = residuals.len();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| residuals[a].abs().total_cmp(&residuals[b].abs()).then(a.cmp(&b)));
        // All rows of a run may be met together.
        let most = size * n.div_ceil(problem.rows.by_run().len().max(1));
        let met = match penalty.turn() {
            Some(delta) => {
                order.iter().take(most).filter(|&&row| residuals[row].abs() <= delta).count()
            }
            None => 0,
        };
        let kept = &order[met.min(n - 1)..];
        let count = kept.len() as f64;
        let spread = 1.4826 * residuals[kept[kept.len() / 2]].abs();
        let width = 0.9 * spread * count.powf(-1.0 / 3.0);
        let kinked = penalty.turn().is_some_and(|turn| turn < 3.0 * width);
        let mut by_row = vec![(f64::NAN, f64::NAN); n];
        for &row in kept {
            let at = penalty.at(residuals[row]);
            let steepness =
                if kinked { smoothed(penalty, residuals[row], width) } else { at.curvature };
            by_row[row] = (steepness, at.slope * at.slope);
        }
        // Rows that are met exactly already stand for as many parameters.
        let freedom = (n as f64 - size as f64).max(1.0);
        let sum =
            |of: fn(&(f64, f64)) -> f64| kept.iter().map(|&row| of(&by_row[row])).sum::<f64>();
        let mut slope = sum(|row| row.0) / count;
        let square = sum(|row| row.1) / freedom;
        if !kinked && slope > 0.0 {
            // Huber's correction for residuals that the fit has pulled in.
            let varied = sum(|row| row.0 * row.0) / count - slope * slope;
            slope /= 1.0 + size as f64 / n as f64 * varied / (slope * slope);
        }
        if slope > 0.0 && square > 0.0 {
            for row in &mut by_row {
                if row.0.is_nan() {
                    *row = (slope, square);
                }
            }
            return Self { rate: slope / square, slope, square, by_row };
        }
        // Rows that are met exactly, or residuals all far out on a redescending penalty: as least
        // squares.
        let mean = kept.iter().map(|&row| residuals[row].powi(2)).sum::<f64>() / freedom;
        let rate = if mean > 0.0 { 0.5 / mean } else { 0.0 };
        Self { rate, slope: 1.0, square: mean, by_row: vec![(1.0, mean); n] }
    }

    /// s^2.
    pub(crate) fn variance(&self) -> f64 {
        self.square / (self.slope * self.slope)
    }

    /// Turns standard normal numbers into steps of the estimate in the tangent plane, whose gram
    /// matrix is `gram`: the sandwich K^-1 M K^-1 with K = G^-1/2 (sum of psi' g g') G^-1/2 and M
    /// likewise of psi^2 (Powell 1991 for kinks, White 1980 for squares), which sees where the
    /// scatter is larger. With few rows per parameter both are mostly noise, so they are drawn
    /// towards what they are where rows scatter alike, as if twenty rows a parameter said so.
    pub(crate) fn sandwich(&self, best: &Stop, problem: &Problem<'_>, gram: &Factor) -> Matrix {
        let size = problem.size();
        let (n, p) = (problem.rows.len() as f64, size as f64);
        let alike = ALIKE_ROWS * p / (ALIKE_ROWS * p + n);
        let slopes = problem.slopes(&best.point);
        let weights = &problem.rows.weight;
        let (mut bread, mut meat) = (Matrix::zero(size), Matrix::zero(size));
        for (row, slope) in slopes.chunks_exact(size).enumerate() {
            let reduced = gram.reduce(slope);
            let (steepness, square) = self.by_row[row];
            let steepness = alike * self.slope + (1.0 - alike) * steepness;
            let square = alike * self.square + (1.0 - alike) * square * n / (n - p).max(1.0);
            for i in 0..size {
                for j in 0..size {
                    let product = weights[row] * reduced[i] * reduced[j];
                    bread[(i, j)] += steepness * product;
                    meat[(i, j)] += square * product;
                }
            }
        }
        let inverse = power(&bread, -1.0, 0.2 * self.slope);
        product(&inverse, &power(&meat, 0.5, 0.05 * self.square))
    }
}

/// How many rows per parameter the assumption is worth that all rows scatter alike.
const ALIKE_ROWS: f64 = 20.0;

/// A power of a symmetric matrix whose eigenvalues are taken to be at least `least`.
fn power(matrix: &Matrix, exponent: f64, least: f64) -> Matrix {
    let size = matrix.size;
    let mut out = Matrix::zero(size);
    for (value, vector) in eigen(matrix) {
        let factor = value.max(least).powf(exponent);
        for i in 0..size {
            for j in 0..size {
                out[(i, j)] += factor * vector[i] * vector[j];
            }
        }
    }
    out
}

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    let mut out = Matrix::zero(a.size);
    for i in 0..a.size {
        for j in 0..a.size {
            out[(i, j)] = (0..a.size).map(|k| a[(i, k)] * b[(k, j)]).sum();
        }
    }
    out
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
