//! The distribution of pass rates over problems, Beta(alpha, beta), by maximum likelihood.

use std::fmt;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Counts;
use super::gamma::{ln_rising, rising_derivatives};

/// A Beta distribution of the pass rate p over problems.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Beta {
    /// The density goes as p^(alpha - 1) towards p = 0: 1 - pass@k goes as k^-alpha at large k.
    pub alpha: f64,
    /// The density goes as (1 - p)^(beta - 1) towards p = 1.
    pub beta: f64,
}

/// [`Beta`] fitted to counts, with draws of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BetaFit {
    /// The distribution of greatest likelihood.
    pub rates: Beta,
    /// ln of the likelihood of the counts, without the binomial coefficients.
    pub log_likelihood: f64,
    /// How many problems were counted.
    pub problems: usize,
    /// Most samples of any problem: beyond, a prediction extrapolates.
    pub most_samples: u64,
    /// Draws of the distribution, by the weighted likelihood bootstrap.
    pub draws: Vec<Beta>,
    /// Draws for which no maximum was found; they are left out of `draws`.
    pub failed: usize,
}

/// Why counts have no Beta distribution of greatest likelihood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BetaFitError {
    /// No sample of any problem was correct.
    NoSuccess {
        /// Samples in all.
        samples: u64,
    },
    /// Every sample of every problem was correct.
    NoFailure {
        /// Samples in all.
        samples: u64,
    },
    /// No problem has two samples, so only the mean rate shows in the counts.
    SingleSamples,
    /// Every problem is solved by all its samples or by none: rates of 0 and 1 only.
    AllOrNothing {
        /// Problems solved by all their samples.
        solved: usize,
        /// Problems in all.
        problems: usize,
    },
    /// The problems differ no more than samples of one common rate would.
    NoSpread,
}

impl fmt::Display for BetaFitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuccess { samples } => write!(
                f,
                "none of {samples} samples was correct, so the rates have no distribution to fit; \
                 draw more samples or take easier problems"
            ),
            Self::NoFailure { samples } => write!(
                f,
                "all {samples} samples were correct, so the rates have no distribution to fit; \
                 take harder problems"
            ),
            Self::SingleSamples => f.write_str(
                "no problem has two samples, so how rates differ between problems does not show; \
                 draw at least two samples of each",
            ),
            Self::AllOrNothing { solved, problems } => write!(
                f,
                "{solved} of {problems} problems are always solved and the others never, so no \
                 rate between 0 and 1 is seen; draw more samples of each problem"
            ),
            Self::NoSpread => f.write_str(
                "the problems differ no more than by chance, so they share one rate p: pass@k is \
                 1 - (1 - p)^k; more problems or samples would show smaller differences",
            ),
        }
    }
}

impl std::error::Error for BetaFitError {}

impl BetaFit {
    /// Maximises the Beta-binomial likelihood by Newton's method with exact derivatives, and draws
    /// `draws` times from the uncertainty of the result.
    ///
    /// A draw maximises the likelihood with independent exponential weights on the problems
    /// (Newton and Raftery 1994, the weighted likelihood bootstrap): it needs no model of the
    /// rates to be honest about the choice of problems, and loses none of them. Each draw has its
    /// own random stream of `seed`, so the result depends on no thread count.
    ///
    /// # Errors
    /// Counts whose likelihood has no maximum inside; see [`BetaFitError`].
    pub fn to_counts(counts: &Counts, draws: usize, seed: u64) -> Result<Self, BetaFitError> {
        check(counts)?;
        let mut kinds: Vec<(u64, u64)> = counts.iter().collect();
        kinds.sort_unstable();
        kinds.dedup();
        let index: Vec<usize> = counts
            .iter()
            .map(|problem| kinds.binary_search(&problem).unwrap_or_default())
            .collect();
        let mut weights = vec![0.0; kinds.len()];
        for &kind in &index {
            weights[kind] += 1.0;
        }
        let (rates, log_likelihood) =
            maximise(&Sample::new(&kinds, &weights), None).ok_or(BetaFitError::NoSpread)?;
        let drawn: Vec<Option<Beta>> = (0..draws)
            .into_par_iter()
            .map(|draw| {
                let mut random = ChaCha8Rng::seed_from_u64(seed);
                random.set_stream(draw as u64);
                let mut weights = vec![0.0; kinds.len()];
                for &kind in &index {
                    weights[kind] -= (1.0 - random.random::<f64>()).ln();
                }
                maximise(&Sample::new(&kinds, &weights), Some(rates)).map(|found| found.0)
            })
            .collect();
        let failed = drawn.iter().filter(|draw| draw.is_none()).count();
        Ok(Self {
            rates,
            log_likelihood,
            problems: counts.problems(),
            most_samples: counts.samples.iter().copied().max().unwrap_or(0),
            draws: drawn.into_iter().flatten().collect(),
            failed,
        })
    }
}

fn check(counts: &Counts) -> Result<(), BetaFitError> {
    let samples = counts.samples.iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
    let solved = counts.iter().filter(|(n, c)| n == c).count();
    let problems = counts.problems();
    if counts.correct.iter().all(|&c| c == 0) {
        Err(BetaFitError::NoSuccess { samples })
    } else if solved == problems {
        Err(BetaFitError::NoFailure { samples })
    } else if counts.samples.iter().all(|&n| n == 1) {
        Err(BetaFitError::SingleSamples)
    } else if counts.iter().all(|(n, c)| c == 0 || c == n) {
        Err(BetaFitError::AllOrNothing { solved, problems })
    } else {
        Ok(())
    }
}

/// Weighted counts, the sample sizes apart because most problems share theirs.
struct Sample {
    /// (samples, weight) of each distinct number of samples.
    sizes: Vec<(f64, f64)>,
    /// (correct, wrong, weight) of each distinct pair.
    outcomes: Vec<(f64, f64, f64)>,
}

impl Sample {
    /// `kinds` are sorted, so equal sample sizes are neighbours.
    fn new(kinds: &[(u64, u64)], weights: &[f64]) -> Self {
        let mut sizes: Vec<(f64, f64)> = Vec::new();
        let mut outcomes = Vec::with_capacity(kinds.len());
        for (&(n, c), &weight) in kinds.iter().zip(weights) {
            outcomes.push((c as f64, (n - c) as f64, weight));
            match sizes.last_mut() {
                Some((size, sum)) if *size == n as f64 => *sum += weight,
                _ => sizes.push((n as f64, weight)),
            }
        }
        Self { sizes, outcomes }
    }

    fn log_likelihood(&self, Beta { alpha, beta }: Beta) -> f64 {
        let outcomes: f64 = self
            .outcomes
            .iter()
            .map(|&(c, wrong, w)| w * (ln_rising(alpha, c) + ln_rising(beta, wrong)))
            .sum();
        let sizes: f64 = self.sizes.iter().map(|&(n, w)| w * ln_rising(alpha + beta, n)).sum();
        outcomes - sizes
    }

    /// Gradient and Hessian (uu, uv, vv) in u = ln alpha, v = ln beta.
    fn derivatives(&self, Beta { alpha, beta }: Beta) -> ([f64; 2], [f64; 3]) {
        let (mut ga, mut gb, mut haa, mut hbb) = (0.0, 0.0, 0.0, 0.0);
        for &(c, wrong, w) in &self.outcomes {
            let (first, second) = rising_derivatives(alpha, c);
            ga += w * first;
            haa += w * second;
            let (first, second) = rising_derivatives(beta, wrong);
            gb += w * first;
            hbb += w * second;
        }
        let (mut gs, mut hs) = (0.0, 0.0);
        for &(n, w) in &self.sizes {
            let (first, second) = rising_derivatives(alpha + beta, n);
            gs += w * first;
            hs += w * second;
        }
        let gradient = [alpha * (ga - gs), beta * (gb - gs)];
        let hessian = [
            alpha * alpha * (haa - hs) + gradient[0],
            -alpha * beta * hs,
            beta * beta * (hbb - hs) + gradient[1],
        ];
        (gradient, hessian)
    }

    /// The binomial limit's rate, and the slope of the log likelihood in 1 / (alpha + beta) there:
    /// Tarone's score (1979). Without a positive slope there is no maximum inside.
    fn overdispersion(&self) -> (f64, f64) {
        let correct: f64 = self.outcomes.iter().map(|o| o.2 * o.0).sum();
        let all: f64 = self.sizes.iter().map(|s| s.1 * s.0).sum();
        let rate = correct / all;
        let pairs = |x: f64| x * (x - 1.0) / 2.0;
        let seen: f64 = self
            .outcomes
            .iter()
            .map(|&(c, wrong, w)| w * (pairs(c) / rate + pairs(wrong) / (1.0 - rate)))
            .sum();
        let expected: f64 = self.sizes.iter().map(|&(n, w)| w * pairs(n)).sum();
        (rate, seen / expected - 1.0)
    }
}

/// The maximum of the likelihood; `None` where it lies at the binomial limit.
fn maximise(sample: &Sample, start: Option<Beta>) -> Option<(Beta, f64)> {
    let (rate, excess) = sample.overdispersion();
    // Below this the likelihood is flat to the last digit up to the binomial limit.
    if excess.is_nan() || excess < 1e-9 {
        return None;
    }
    // By moments, `excess` is the correlation of two samples of a problem, 1 / (alpha + beta + 1).
    let total = (1.0 / excess - 1.0).clamp(1e-2, 1e8);
    let mut at = start.unwrap_or(Beta { alpha: rate * total, beta: (1.0 - rate) * total });
    let mut value = sample.log_likelihood(at);
    for _ in 0..200 {
        let (gradient, hessian) = sample.derivatives(at);
        let step = ascent(gradient, hessian)?;
        let promised = gradient[0] * step[0] + gradient[1] * step[1];
        // Twice what is left to gain, against the digits the value has.
        if promised <= 1e-13 * (1.0 + value.abs()) {
            return Some((at, value));
        }
        // Two powers of e a step at most: far from the maximum the parabola says little.
        let mut scale = (2.0 / step[0].abs().max(step[1].abs())).min(1.0);
        loop {
            let next = Beta {
                alpha: at.alpha * (scale * step[0]).exp(),
                beta: at.beta * (scale * step[1]).exp(),
            };
            let reached = sample.log_likelihood(next);
            if reached >= value + 1e-4 * scale * promised {
                (at, value) = (next, reached);
                break;
            }
            scale *= 0.5;
            if scale < 1e-9 {
                return Some((at, value));
            }
        }
        if at.alpha + at.beta > 1e12 {
            return None;
        }
    }
    None
}

/// A direction uphill: Newton's, with the curvature raised until it is a hill.
fn ascent(gradient: [f64; 2], hessian: [f64; 3]) -> Option<[f64; 2]> {
    let (uu, uv, vv) = (-hessian[0], -hessian[1], -hessian[2]);
    // The smaller eigenvalue of the negative Hessian.
    let lowest = 0.5 * (uu + vv) - (0.25 * (uu - vv) * (uu - vv) + uv * uv).sqrt();
    let size = uu.abs() + vv.abs() + uv.abs();
    let ridge = if lowest > 1e-12 * size { 0.0 } else { -lowest + 1e-3 * size };
    let (uu, vv) = (uu + ridge, vv + ridge);
    let determinant = uu * vv - uv * uv;
    let step = [
        (vv * gradient[0] - uv * gradient[1]) / determinant,
        (uu * gradient[1] - uv * gradient[0]) / determinant,
    ];
    step.iter().all(|s| s.is_finite()).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fit(problems: &[(u64, u64)]) -> Result<BetaFit, BetaFitError> {
        BetaFit::to_counts(&Counts::new(problems.iter().copied()).unwrap(), 0, 0)
    }

    #[test]
    fn the_derivatives_are_those_of_the_likelihood() {
        let kinds = [(10, 0), (10, 4), (300, 299), (5000, 40)];
        let sample = Sample::new(&kinds, &[3.0, 0.5, 1.0, 2.0]);
        let at = |u: f64, v: f64| Beta { alpha: u.exp(), beta: v.exp() };
        let (u, v, h) = (-1.3, 2.4, 1e-5);
        let (gradient, hessian) = sample.derivatives(at(u, v));
        let value = |u, v| sample.log_likelihood(at(u, v));
        let slope = |u, v| sample.derivatives(at(u, v)).0;
        let close = |found: f64, expected: f64| {
            assert!((found - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{found} {expected}");
        };
        close((value(u + h, v) - value(u - h, v)) / (2.0 * h), gradient[0]);
        close((value(u, v + h) - value(u, v - h)) / (2.0 * h), gradient[1]);
        close((slope(u + h, v)[0] - slope(u - h, v)[0]) / (2.0 * h), hessian[0]);
        close((slope(u, v + h)[0] - slope(u, v - h)[0]) / (2.0 * h), hessian[1]);
        close((slope(u, v + h)[1] - slope(u, v - h)[1]) / (2.0 * h), hessian[2]);
    }

    #[test]
    fn counts_without_a_maximum_say_which_kind_they_are() {
        use BetaFitError as E;
        for (problems, expected) in [
            (&[(5, 0), (5, 0)][..], E::NoSuccess { samples: 10 }),
            (&[(5, 5), (5, 5)], E::NoFailure { samples: 10 }),
            (&[(1, 0), (1, 1)], E::SingleSamples),
            (&[(4, 0), (4, 4), (4, 0)], E::AllOrNothing { solved: 1, problems: 3 }),
            (&[(10, 5), (10, 5), (10, 4)], E::NoSpread),
            (&[(10, 5)], E::NoSpread),
        ] {
            assert_eq!(fit(problems), Err(expected), "{problems:?}");
            assert!(expected.to_string().len() > 40);
        }
    }

    #[test]
    fn the_maximum_is_higher_than_everything_around_it() {
        let problems = [(100, 0), (100, 3), (100, 60), (50, 1), (100, 100), (100, 0)];
        let found = fit(&problems).unwrap();
        let kinds = problems.map(|p| (p, 1.0));
        let (kinds, weights): (Vec<_>, Vec<_>) = kinds.into_iter().unzip();
        let sample = Sample::new(&kinds, &weights);
        for (da, db) in [(1.01, 1.0), (0.99, 1.0), (1.0, 1.01), (1.0, 0.99), (1.01, 1.01)] {
            let Beta { alpha, beta } = found.rates;
            let near = Beta { alpha: alpha * da, beta: beta * db };
            assert!(sample.log_likelihood(near) < found.log_likelihood);
        }
    }

    #[test]
    fn right_and_wrong_are_mirror_images() {
        let problems = [(20, 0), (30, 3), (20, 19), (500, 120)];
        let mirrored = problems.map(|(n, c)| (n, n - c));
        let (one, other) = (fit(&problems).unwrap().rates, fit(&mirrored).unwrap().rates);
        assert!((one.alpha / other.beta - 1.0).abs() < 1e-6);
        assert!((one.beta / other.alpha - 1.0).abs() < 1e-6);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn any_counts_are_fitted_or_refused_and_a_fit_is_finite(
            problems in prop::collection::vec((1_u64..1_000_000_000, 0.0..=1.0), 1..12),
        ) {
            let problems: Vec<(u64, u64)> =
                problems.into_iter().map(|(n, p)| (n, (p * n as f64) as u64)).collect();
            if let Ok(found) = fit(&problems) {
                prop_assert!(found.rates.alpha > 0.0 && found.rates.beta.is_finite());
                prop_assert!(found.log_likelihood.is_finite());
            }
        }

        #[test]
        fn the_order_of_problems_moves_nothing_and_draws_repeat(
            problems in prop::collection::vec((20_u64..60, 0_u64..=20), 4..12),
        ) {
            let back: Vec<_> = problems.iter().rev().copied().collect();
            prop_assert_eq!(fit(&problems), fit(&back));
            let counts = Counts::new(problems).unwrap();
            prop_assert_eq!(BetaFit::to_counts(&counts, 5, 3), BetaFit::to_counts(&counts, 5, 3));
        }
    }
}
