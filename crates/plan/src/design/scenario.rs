//! One law that may be true, what runs near it would say, and what is still open then.

use std::sync::Arc;

use super::knowledge::Made;
use super::tangents::Slopes;

/// A law that may be true, as its tangent: the measurement of a run is a linear function of the
/// parameters plus noise, and so is the goal.
///
/// With V the covariance of the parameters given all runs so far, J the slopes at a candidate and
/// g those of the goal, a run there leaves
///
/// ```text
/// var(goal | run) = g'Vg - b^2 / (s^2 + a),   a = J'VJ,  b = J'Vg,
/// ```
///
/// and moves the a and b of every other candidate by a rank-one update (Fedorov 1972, Theory of
/// Optimal Experiments). The choice between laws has the same algebra: with b the difference that
/// the rival law keeps after it was fitted again, the sum of b^2 / (s^2 + a) is the squared
/// distance between the laws in standard deviations of the noise (Atkinson and Fedorov 1975,
/// Biometrika 62:57).
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    /// One column of all candidates per coordinate; states share them.
    slopes: Arc<[Vec<f64>]>,
    /// Covariance of the coordinates, row by row.
    covariance: Vec<f64>,
    /// Variance of the measurement of one run.
    noise: f64,
    /// J'VJ per candidate.
    a: Vec<f64>,
    /// J'Vg per candidate, or the difference between laws.
    b: Vec<f64>,
    /// g'Vg before any candidate was run; 0 for a choice between laws.
    pub(crate) open: f64,
    /// What runs took off it, or how far they set laws apart.
    pub(crate) gained: f64,
}

/// What is wanted.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// A goal with these slopes.
    Goal(Vec<f64>),
    /// This difference between laws: at the runs made, and at the candidates.
    Difference(Vec<f64>, Vec<f64>),
}

/// Candidates whose covariances with one of them are worked on at a time: they stay in the cache.
const PIECE: usize = 512;

/// How little may be known of a direction, relative to what each of its coordinates alone shows:
/// its variance is at most the inverse of this.
const RIDGE: f64 = 1e-9;

impl Scenario {
    /// The state after the runs made, whose slopes are `known`. `precision` is what is known of
    /// each coordinate before any run. `None` where slopes are not finite.
    pub(crate) fn new(
        precision: &[f64],
        (made, known): (&Made, &Slopes),
        candidates: Slopes,
        noise: f64,
        wanted: &Wanted,
    ) -> Option<Self> {
        let size = precision.len();
        let mut information = vec![0.0; size * size];
        for i in 0..size {
            for j in 0..=i {
                let sum: f64 = (0..made.len())
                    .map(|row| made.weight[row] * known.slopes[i][row] * known.slopes[j][row])
                    .sum();
                information[i * size + j] = sum / noise;
                information[j * size + i] = sum / noise;
            }
            information[i * size + i] += precision[i];
        }
        for i in 0..size {
            information[i * size + i] *= 1.0 + RIDGE;
        }
        let covariance = inverse(information, size)?;
        let slopes: Arc<[Vec<f64>]> = candidates.slopes.into();
        let count = slopes.first().map_or(0, Vec::len);
        let times = |vector: &[f64]| -> Vec<f64> {
            (0..size).map(|i| dot(&covariance[i * size..][..size], vector)).collect()
        };
        let along = |direction: &[f64]| -> Vec<f64> {
            let mut sum = vec![0.0; count];
            for (column, d) in slopes.iter().zip(direction) {
                for (sum, slope) in sum.iter_mut().zip(column) {
                    *sum += slope * d;
                }
            }
            sum
        };
        let (b, open) = match wanted {
            Wanted::Goal(g) => {
                let pull = times(g);
                (along(&pull), dot(&pull, g))
            }
            Wanted::Difference(at_made, at_candidates) => {
                // The rival, fitted to what this law says of the runs made.
                let pulled: Vec<f64> = (0..size)
                    .map(|i| {
                        let sum = (0..made.len())
                            .map(|row| made.weight[row] * known.slopes[i][row] * at_made[row]);
                        sum.sum::<f64>() / noise
                    })
                    .collect();
                let follows = along(&times(&pulled));
                (at_candidates.iter().zip(follows).map(|(d, f)| d - f).collect(), 0.0)
            }
        };
        let mut a = vec![0.0; count];
        for i in 0..size {
            let through = along(&covariance[i * size..][..size]);
            for ((a, slope), through) in a.iter_mut().zip(&slopes[i]).zip(through) {
                *a += slope * through;
            }
        }
        open.is_finite().then_some(Self { slopes, covariance, noise, a, b, open, gained: 0.0 })
    }

    #[cfg(test)]
    pub(crate) fn candidates(&self) -> usize {
        self.a.len()
    }

    /// Multiplies by the share of the open variance that is left after one more run of each of the
    /// candidates from `first` on.
    pub(crate) fn shares_left(&self, first: usize, product: &mut [f64]) {
        let left = (self.open - self.gained) / self.open;
        let unit = 1.0 / self.open;
        let last = first + product.len();
        let pairs = self.a[first..last].iter().zip(&self.b[first..last]);
        for (product, (a, b)) in product.iter_mut().zip(pairs) {
            *product *= (left - b * b * unit / (self.noise + a)).max(1e-12);
        }
    }

    /// How far one more run of a candidate sets laws apart, with all before.
    pub(crate) fn distance(&self, candidate: usize) -> f64 {
        let b = self.b[candidate];
        self.gained + b * b / (self.noise + self.a[candidate])
    }

    /// The state after `times` runs of a candidate; `-1` takes one back.
    pub(crate) fn run(&mut self, candidate: usize, times: f64) {
        let size = self.slopes.len();
        let row: Vec<f64> = self.slopes.iter().map(|column| column[candidate]).collect();
        let through: Vec<f64> =
            (0..size).map(|i| dot(&self.covariance[i * size..][..size], &row)).collect();
        let weight = 1.0 / (self.noise / times + self.a[candidate]);
        let pull = self.b[candidate] * weight;
        self.gained += self.b[candidate] * pull;
        // The covariance of every candidate with this one.
        let mut with = [0.0; PIECE];
        let count = self.a.len();
        for first in (0..count).step_by(PIECE) {
            let last = (first + PIECE).min(count);
            let with = &mut with[..last - first];
            with.fill(0.0);
            for (column, t) in self.slopes.iter().zip(&through) {
                for (sum, slope) in with.iter_mut().zip(&column[first..last]) {
                    *sum += slope * t;
                }
            }
            for ((a, b), with) in
                self.a[first..last].iter_mut().zip(&mut self.b[first..last]).zip(with.iter())
            {
                *a -= with * with * weight;
                *b -= with * pull;
            }
        }
        for i in 0..size {
            for j in 0..size {
                self.covariance[i * size + j] -= through[i] * through[j] * weight;
            }
        }
    }
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The inverse of a positive definite matrix, scaled to a unit diagonal first, since coefficients
/// differ by powers of ten. `None` where it has none.
fn inverse(mut matrix: Vec<f64>, size: usize) -> Option<Vec<f64>> {
    let scale: Vec<f64> = (0..size).map(|i| matrix[i * size + i].sqrt()).collect();
    if scale.iter().any(|s| !(*s > 0.0 && s.is_finite())) {
        return None;
    }
    for i in 0..size {
        for j in 0..size {
            matrix[i * size + j] /= scale[i] * scale[j];
        }
    }
    // Cholesky: the lower triangle becomes L.
    for j in 0..size {
        for i in j..size {
            let mut sum = matrix[i * size + j];
            for k in 0..j {
                sum -= matrix[i * size + k] * matrix[j * size + k];
            }
            if i == j {
                // Rounding may leave nothing of a direction that is hardly there.
                matrix[j * size + j] = sum.max(1e-14).sqrt();
            } else {
                matrix[i * size + j] = sum / matrix[j * size + j];
            }
        }
    }
    let mut out = vec![0.0; size * size];
    for column in 0..size {
        let mut x = vec![0.0; size];
        for i in column..size {
            let unit = if i == column { 1.0 } else { 0.0 };
            let known: f64 = (column..i).map(|k| matrix[i * size + k] * x[k]).sum();
            x[i] = (unit - known) / matrix[i * size + i];
        }
        for i in (0..size).rev() {
            let known: f64 = (i + 1..size).map(|k| matrix[k * size + i] * x[k]).sum();
            x[i] = (x[i] - known) / matrix[i * size + i];
        }
        for i in 0..size {
            out[i * size + column] = x[i] / (scale[i] * scale[column]);
        }
    }
    out.iter().all(|x| x.is_finite()).then_some(out)
}
