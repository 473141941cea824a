//! The largest scales held out: are they where the others put them?

use serde::Serialize;

use super::form::{Curve, fit_all};

/// How the largest scales compare with what the smaller ones foretold of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HeldOut {
    /// How many points were fitted.
    pub fitted: usize,
    /// How many of the largest scale were held out: a fifth.
    pub held_out: usize,
    /// How many of these lie inside their own 90 % interval.
    pub inside: usize,
    /// Mean of what they are better than foretold, in the metric's unit; negative is worse.
    pub better_by: f64,
    /// Half the 90 % interval of that mean: the curve's uncertainty, the choice among curves, and
    /// scatter.
    pub expected_error: f64,
}

/// z of a 90 % interval.
pub(crate) const Z90: f64 = 1.645;

/// Fits every form to the smaller scales and predicts the largest fifth by their average, weighted
/// by Akaike (Burnham and Anderson 2002, section 4.3). `None` where fewer than 5 points at 3 scales
/// are left to fit.
pub(crate) fn hold_out(t: &[f64], u: &[f64]) -> Option<HeldOut> {
    let n = t.len();
    let mut from = n.saturating_sub((n / 5).max(1));
    // Points of one scale stay together.
    while from > 0 && t[from - 1] == t[from] {
        from -= 1;
    }
    let distinct = t[..from].windows(2).filter(|w| w[1] > w[0]).count() + 1;
    if from < 5 || distinct < 3 {
        return None;
    }
    let (fitted, scale) = (&u[..from], &t[..from]);
    let curves: Vec<Predictor> = fit_all(scale, fitted)
        .into_iter()
        .filter(Curve::is_monotone)
        .map(|curve| Predictor::new(curve, scale))
        .collect();
    let least = curves.first()?.curve.aicc;
    let weights: Vec<f64> = curves.iter().map(|c| (0.5 * (least - c.curve.aicc)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let (mut inside, mut error, mut curve_sd, mut scatter) = (0, 0.0, 0.0, 0.0);
    let held_out = n - from;
    for (&t, &u) in t[from..].iter().zip(&u[from..]) {
        let (mut mean, mut noise) = (0.0, 0.0);
        for (predictor, weight) in curves.iter().zip(&weights) {
            mean += weight / sum * predictor.curve.at(t);
            noise += weight / sum * predictor.scatter * predictor.student.powi(2);
        }
        let variance: f64 = curves
            .iter()
            .zip(&weights)
            .map(|(c, w)| {
                let apart = (c.curve.at(t) - mean).powi(2);
                w / sum * (c.variance(t) * c.student.powi(2) + apart)
            })
            .sum();
        inside += usize::from((u - mean).abs() <= Z90 * (variance + noise).sqrt());
        error += (u - mean) / held_out as f64;
        curve_sd += variance.sqrt() / held_out as f64;
        scatter += noise / held_out as f64;
    }
    Some(HeldOut {
        fitted: from,
        held_out,
        inside,
        better_by: error,
        expected_error: Z90 * (curve_sd * curve_sd + scatter / held_out as f64).sqrt(),
    })
}

/// A curve with what its uncertainty elsewhere follows from.
struct Predictor {
    curve: Curve,
    /// Variance of the points about the curve.
    scatter: f64,
    /// The 95 % point of Student's t over that of the normal, for the degrees of freedom left.
    student: f64,
    /// Cholesky factor of the information of the parameters that were not at a bound.
    factor: [[f64; 4]; 4],
    free: Vec<usize>,
}

impl Predictor {
    fn new(curve: Curve, t: &[f64]) -> Self {
        let parameters = curve.form.parameters();
        let freedom = (t.len() - parameters) as f64;
        let scatter = curve.squares / freedom;
        let linear = parameters - curve.form.bends();
        let held = curve.at_bound.map(|bend| linear + bend);
        let all: Vec<usize> = (0..parameters).filter(|i| Some(*i) != held).collect();
        // A bend that the points do not fix at all is held, rather than all of them.
        let (factor, free) = factor(&curve, t, &all)
            .map(|factor| (factor, all))
            .or_else(|| {
                let straight: Vec<usize> = (0..linear).collect();
                factor(&curve, t, &straight).map(|factor| (factor, straight))
            })
            .unwrap_or_default();
        Self { curve, scatter, student: student(freedom) / Z90, factor, free }
    }

    /// Variance of the curve itself at t, by the delta method.
    fn variance(&self, t: f64) -> f64 {
        let gradient = self.curve.gradient(t);
        let mut z = [0.0; 4];
        let mut sum = 0.0;
        for (i, &at) in self.free.iter().enumerate() {
            let mut value = gradient[at];
            for (l, z) in self.factor[i][..i].iter().zip(&z) {
                value -= l * z;
            }
            z[i] = value / self.factor[i][i];
            sum += z[i] * z[i];
        }
        sum * self.scatter
    }
}

fn factor(curve: &Curve, t: &[f64], free: &[usize]) -> Option<[[f64; 4]; 4]> {
    let mut information = [[0.0; 4]; 4];
    for &t in t {
        let gradient = curve.gradient(t);
        for (i, &a) in free.iter().enumerate() {
            for (j, &b) in free[..=i].iter().enumerate() {
                information[i][j] += gradient[a] * gradient[b];
            }
        }
    }
    let mut l = [[0.0; 4]; 4];
    for i in 0..free.len() {
        for j in 0..=i {
            let inner: f64 = (0..j).map(|k| l[i][k] * l[j][k]).sum();
            let rest: f64 = information[i][j] - inner;
            if i == j {
                // Less than this of a column is its own: the points do not fix it.
                if rest.is_nan() || rest <= 1e-9 * information[i][i] {
                    return None;
                }
                l[i][i] = rest.sqrt();
            } else {
                l[i][j] = rest / l[j][j];
            }
        }
    }
    Some(l)
}

/// The 95 % point of Student's t, by the expansion of Cornish and Fisher; within 2 % from 3 degrees
/// of freedom on.
fn student(freedom: f64) -> f64 {
    let z = Z90;
    let (z3, z5, z7) = (z.powi(3), z.powi(5), z.powi(7));
    z + (z3 + z) / (4.0 * freedom)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * freedom.powi(2))
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * freedom.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::StandardNormal;

    #[test]
    fn the_student_point_is_that_of_the_tables() {
        for (freedom, expected) in [(3.0, 2.353), (5.0, 2.015), (10.0, 1.812), (60.0, 1.671)] {
            let found: f64 = student(freedom);
            assert!((found / expected - 1.0).abs() < 0.02, "{freedom}: {found}");
        }
    }

    #[test]
    fn nine_in_ten_intervals_hold_where_a_curve_goes_on() {
        let t: Vec<f64> = (0..40).map(|i| f64::from(i) / 39.0).collect();
        let mut random = ChaCha8Rng::seed_from_u64(3);
        for (what, curve) in [
            ("line", (|t| 0.5 * t) as fn(f64) -> f64),
            ("saturating", |t| 1.0 - (-2.0 * t).exp()),
            ("accelerating", |t| (1.5 * t).exp_m1() / 5.0),
        ] {
            let (mut means, mut points) = (0, 0);
            for _ in 0..150 {
                let u: Vec<f64> = t
                    .iter()
                    .map(|&t| curve(t) + 0.03 * random.sample::<f64, _>(StandardNormal))
                    .collect();
                let told = hold_out(&t, &u).unwrap();
                assert_eq!((told.fitted, told.held_out), (32, 8));
                means += usize::from(told.better_by.abs() <= told.expected_error);
                points += told.inside;
            }
            assert!(means >= 120, "{what}: {means} of 150 means");
            assert!(points >= 1020, "{what}: {points} of 1200 points");
        }
    }

    #[test]
    fn too_few_scales_below_the_largest_foretell_nothing() {
        assert_eq!(hold_out(&[0.0, 0.5, 1.0, 1.0, 1.0, 1.0], &[0.0; 6]), None);
        assert!(
            hold_out(&[0.0, 0.2, 0.4, 0.6, 0.8, 1.0], &[0.0, 0.1, 0.2, 0.3, 0.4, 0.5]).is_some()
        );
        assert_eq!(hold_out(&[], &[]), None);
    }
}
