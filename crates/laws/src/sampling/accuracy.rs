//! How well an accuracy is known: problems are a sample, and so are the answers to each.

use serde::{Deserialize, Serialize};

use super::Counts;

/// A mean pass rate, and the two sources of its error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PassRate {
    /// Mean over problems of the share of correct samples.
    pub rate: f64,
    /// Variance of the true rate between problems, estimated; not below 0.
    pub between: f64,
    /// Mean over problems of the variance p (1 - p) of one sample.
    pub within: f64,
    /// How many problems it is the mean of.
    pub problems: usize,
    /// Harmonic mean of the samples a problem.
    pub samples: f64,
}

impl PassRate {
    /// The rate of these counts and its sources of error, by the analysis of variance. With one
    /// sample a problem the two sources cannot be told apart and all is counted as `between`,
    /// which leaves the standard error of these counts as it is.
    pub fn of(counts: &Counts) -> Self {
        let problems = counts.problems();
        let n = problems as f64;
        let rates: Vec<f64> = counts.iter().map(|(m, c)| c as f64 / m as f64).collect();
        let rate = rates.iter().sum::<f64>() / n;
        let inverse = counts.iter().map(|(m, _)| 1.0 / m as f64).sum::<f64>() / n;
        // Unbiased for p (1 - p) where there are two samples or more.
        let (mut within, mut repeated) = (0.0, 0.0);
        for ((m, _), p) in counts.iter().zip(&rates).filter(|((m, _), _)| *m > 1) {
            within += p * (1.0 - p) * m as f64 / (m - 1) as f64;
            repeated += 1.0;
        }
        let within = if repeated > 0.0 { within / repeated } else { 0.0 };
        let spread = if problems > 1 {
            rates.iter().map(|p| (p - rate).powi(2)).sum::<f64>() / (n - 1.0)
        } else {
            0.0
        };
        let between = (spread - within * inverse).max(0.0);
        Self { rate, between, within, problems, samples: 1.0 / inverse }
    }

    /// The standard error of this rate as the rate of all problems of this kind.
    pub fn standard_error(&self) -> f64 {
        self.standard_error_with(self.problems, self.samples)
    }

    /// The standard error that `problems` problems of `samples` samples each would have:
    /// sqrt((between + within / samples) / problems). More samples never push it below
    /// sqrt(between / problems).
    pub fn standard_error_with(&self, problems: usize, samples: f64) -> f64 {
        ((self.between + self.within / samples) / problems as f64).sqrt()
    }

    /// The standard error on these very problems: what drawing the samples again would change.
    pub fn sampling_error(&self) -> f64 {
        (self.within / self.samples / self.problems as f64).sqrt()
    }
}

/// The binomial standard error sqrt(p (1 - p) / n) of a rate `p` over `n` independent trials.
///
/// One success and one failure are added to the trials for p (Laplace's rule), so that the error
/// is not 0 where all or none succeeded. NaN unless 0 <= p <= 1 and n > 0.
pub fn binomial_error(rate: f64, trials: f64) -> f64 {
    if !(0.0..=1.0).contains(&rate) || trials.is_nan() || trials <= 0.0 {
        return f64::NAN;
    }
    let rate = (rate * trials + 1.0) / (trials + 2.0);
    (rate * (1.0 - rate) / trials).sqrt()
}

/// Wilson's interval (1927) for the rate behind `successes` of `trials`, `z` standard deviations to
/// either side; inside [0, 1] and of positive width even at 0 and 1. NaN without trials.
pub fn wilson(successes: f64, trials: f64, z: f64) -> (f64, f64) {
    if trials.is_nan() || trials <= 0.0 {
        return (f64::NAN, f64::NAN);
    }
    let p = successes / trials;
    let z2 = z * z / trials;
    let centre = (p + z2 / 2.0) / (1.0 + z2);
    let half = z / (1.0 + z2) * (p * (1.0 - p) / trials + z2 / (4.0 * trials)).max(0.0).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::pass_at;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn the_error_is_that_of_pass_at_one() {
        let counts = Counts::new([(10, 0), (10, 9), (10, 3), (10, 10), (10, 1)]).unwrap();
        let (rate, pass) = (PassRate::of(&counts), pass_at(&counts, 1).unwrap());
        assert!((rate.rate - pass.value).abs() < 1e-15);
        assert!((rate.standard_error() - pass.standard_error).abs() < 1e-15);
    }

    #[test]
    fn one_sample_a_problem_gives_the_binomial_error() {
        let counts = Counts::new((0..400).map(|i| (1, u64::from(i % 4 == 0)))).unwrap();
        let error = PassRate::of(&counts).standard_error();
        assert!((error / (0.25_f64 * 0.75 / 399.0).sqrt() - 1.0).abs() < 1e-12);
        assert!((error / binomial_error(0.25, 400.0) - 1.0).abs() < 5e-3);
    }

    #[test]
    fn the_two_sources_add_up_to_what_repetition_shows() {
        // Rates 0.1, 0.2, ..., 0.9: between = 0.0667 in the long run, within = mean p (1 - p).
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut evaluation = |problems: usize, samples: u64| {
            Counts::new((0..problems).map(|_| {
                let p = f64::from(random.random_range(1..10_u32)) / 10.0;
                (samples, (0..samples).map(|_| u64::from(random.random::<f64>() < p)).sum())
            }))
            .unwrap()
        };
        let pilot = PassRate::of(&evaluation(4000, 4));
        for (problems, samples) in [(50, 1), (50, 16), (200, 2)] {
            let rates: Vec<f64> =
                (0..600).map(|_| PassRate::of(&evaluation(problems, samples)).rate).collect();
            let mean = rates.iter().sum::<f64>() / 600.0;
            let sd = (rates.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / 599.0).sqrt();
            let told = pilot.standard_error_with(problems, samples as f64);
            assert!((sd / told - 1.0).abs() < 0.1, "{problems} x {samples}: {sd} {told}");
        }
    }

    #[test]
    fn no_rate_is_certain() {
        assert!(binomial_error(0.0, 100.0) > 0.009 && binomial_error(1.0, 100.0) > 0.009);
        let (low, high) = wilson(0.0, 100.0, 1.96);
        assert!(low == 0.0 && (high - 0.037).abs() < 5e-4);
        assert!(wilson(100.0, 100.0, 1.96).1 > 1.0 - 1e-12 && wilson(0.0, 0.0, 1.96).0.is_nan());
        assert!(binomial_error(f64::NAN, 10.0).is_nan() && binomial_error(0.5, 0.0).is_nan());
        let single = PassRate::of(&Counts::new([(1, 1)]).unwrap());
        assert_eq!((single.rate, single.standard_error()), (1.0, 0.0));
    }
}
