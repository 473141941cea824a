//! What the fitted distribution of rates says about other numbers of samples.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::gamma::ln_rising;
use super::{Beta, BetaFit};
use crate::Interval;

/// Predicted pass@k, for problems of the kind that was fitted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Samples a problem.
    pub k: f64,
    /// The share of problems solved by at least one of them.
    pub value: f64,
    /// Where the draws of the rates put it; `None` without draws.
    pub interval: Option<Interval>,
    /// How many factors of ten k lies beyond the most samples of any fitted problem; 0 within.
    pub extrapolation_decades: f64,
}

/// Samples that a coverage needs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SampleBudget {
    /// The coverage asked for.
    pub coverage: f64,
    /// Samples a problem: the smallest whole k with pass@k at or above `coverage`.
    pub samples: f64,
    /// Where the draws of the rates put it; `None` without draws.
    pub interval: Option<Interval>,
    /// How many factors of ten `samples` lies beyond the most samples fitted; 0 within.
    pub extrapolation_decades: f64,
}

impl Beta {
    /// pass@k = 1 - E (1 - p)^k = 1 - B(alpha, beta + k) / B(alpha, beta), for real k >= 0.
    pub fn pass_at(self, k: f64) -> f64 {
        // Γ(beta + alpha) / Γ(beta) over Γ(beta + k + alpha) / Γ(beta + k): the step alpha is small
        // where k is large, which keeps the digits.
        -(ln_rising(self.beta, self.alpha) - ln_rising(self.beta + k, self.alpha)).exp_m1()
    }

    /// Mean rate: pass@1.
    pub fn mean(self) -> f64 {
        self.alpha / (self.alpha + self.beta)
    }

    /// The smallest whole k with pass@k at or above `coverage`; infinite where that is more than
    /// 1e300, `None` unless `coverage` lies in [0, 1).
    pub fn samples_for(self, coverage: f64) -> Option<f64> {
        if !(0.0..1.0).contains(&coverage) {
            return None;
        }
        let (mut low, mut high) = (1.0_f64, 1.0_f64);
        while self.pass_at(high) < coverage {
            low = high;
            high *= 16.0;
            if high > 1e300 {
                return Some(f64::INFINITY);
            }
        }
        // By halves of the exponent, until only one whole number, or one float, is left; sixty
        // halves take 1e300 there.
        for _ in 0..100 {
            if high - low <= 0.5 || high / low <= 1.0 + 4.0 * f64::EPSILON {
                break;
            }
            // Apart, since the product overflows.
            let middle = low.sqrt() * high.sqrt();
            if self.pass_at(middle) < coverage {
                low = middle;
            } else {
                high = middle;
            }
        }
        let below = high.floor();
        Some(if below >= 1.0 && self.pass_at(below) >= coverage { below } else { high.ceil() })
    }
}

impl BetaFit {
    /// Predicted pass@k with its interval at `level`, for real k >= 0.
    pub fn pass_at(&self, k: f64, level: f64) -> Coverage {
        Coverage {
            k,
            value: self.rates.pass_at(k),
            interval: Interval::of(self.draws.iter().map(|d| d.pass_at(k)).collect(), level),
            extrapolation_decades: self.decades_beyond(k),
        }
    }

    /// Samples a problem until pass@k reaches `coverage`, with its interval at `level`; `None`
    /// unless `coverage` lies in [0, 1).
    ///
    /// Times the number of problems, this is the budget where every problem gets as many samples.
    pub fn samples_for(&self, coverage: f64, level: f64) -> Option<SampleBudget> {
        let samples = self.rates.samples_for(coverage)?;
        let drawn = self.draws.iter().filter_map(|d| d.samples_for(coverage)).collect();
        Some(SampleBudget {
            coverage,
            samples,
            interval: Interval::of(drawn, level),
            extrapolation_decades: self.decades_beyond(samples),
        })
    }

    fn decades_beyond(&self, k: f64) -> f64 {
        (k / self.most_samples as f64).log10().max(0.0)
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pass@{} = {:.3}", count(self.k), self.value)?;
        if let Some(interval) = self.interval {
            write!(f, " ({:.3} to {:.3}, {})", interval.low, interval.high, level(interval))?;
        }
        beyond(f, self.extrapolation_decades)
    }
}

impl fmt::Display for SampleBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = 100.0 * self.coverage;
        write!(f, "{} samples a problem for {share:.4} % of problems", count(self.samples))?;
        if let Some(interval) = self.interval {
            let (low, high) = (count(interval.low), count(interval.high));
            write!(f, " ({low} to {high}, {})", level(interval))?;
        }
        beyond(f, self.extrapolation_decades)
    }
}

fn level(interval: Interval) -> String {
    format!("{:.0} % interval", 100.0 * interval.level)
}

fn count(k: f64) -> String {
    if k.is_infinite() {
        "more than 1e300".to_owned()
    } else if k < 1e6 {
        format!("{k:.0}")
    } else {
        format!("{k:.1e}")
    }
}

fn beyond(f: &mut fmt::Formatter<'_>, decades: f64) -> fmt::Result {
    if decades > 0.0 {
        write!(f, ", {decades:.1} decades beyond the samples at hand")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::Counts;
    use proptest::prelude::*;

    #[test]
    fn pass_at_k_of_a_uniform_rate_is_k_over_k_plus_one() {
        let uniform = Beta { alpha: 1.0, beta: 1.0 };
        for k in [0.0, 1.0, 2.5, 1e3, 1e9] {
            let expected = k / (k + 1.0);
            assert!((uniform.pass_at(k) - expected).abs() < 1e-14, "{k}");
        }
        assert_eq!(uniform.samples_for(0.5), Some(1.0));
        assert_eq!(uniform.samples_for(0.99), Some(99.0));
        assert_eq!(uniform.samples_for(0.0), Some(1.0));
    }

    #[test]
    fn hopeless_coverage_is_infinite_and_impossible_coverage_is_none() {
        let steep = Beta { alpha: 1e-3, beta: 50.0 };
        assert_eq!(steep.samples_for(0.999), Some(f64::INFINITY));
        for coverage in [1.0, -0.1, f64::NAN, f64::INFINITY] {
            assert_eq!(steep.samples_for(coverage), None);
        }
        // The last samples before 1e300: their square is not a number any more.
        let nearly = Beta { alpha: 1.0 / 128.0, beta: 1.0 };
        let coverage = nearly.pass_at(1e290);
        let samples = nearly.samples_for(coverage).unwrap();
        assert!((samples.log10() - 290.0).abs() < 0.1, "{samples}");
    }

    #[test]
    fn predictions_show_their_level_and_how_far_they_reach() {
        let counts = Counts::new([0, 0, 1, 2, 5, 0, 40, 3].map(|c| (100, c))).unwrap();
        let fit = BetaFit::to_counts(&counts, 50, 1).unwrap();
        let within = fit.pass_at(10.0, 0.9).to_string();
        assert!(within.contains("90 % interval)") && !within.contains("beyond"), "{within}");
        let budget = fit.samples_for(0.9, 0.8).unwrap();
        let shown = budget.to_string();
        assert!(shown.contains("80 % interval") && shown.contains("decades beyond"), "{shown}");
        assert!(fit.rates.pass_at(budget.samples) >= 0.9);
        assert!(fit.rates.pass_at(budget.samples - 1.0) < 0.9);
    }

    proptest! {
        #[test]
        fn more_samples_never_cover_less_and_the_budget_is_the_smallest(
            ln_alpha in -5.0..3.0, ln_beta in -5.0..8.0, k in 1.0..1e6, coverage in 0.01..0.95,
        ) {
            let rates = Beta { alpha: f64::exp(ln_alpha), beta: f64::exp(ln_beta) };
            prop_assert!(rates.pass_at(k) <= rates.pass_at(k * 1.5) + 1e-13);
            prop_assert!((rates.pass_at(1.0) / rates.mean() - 1.0).abs() < 1e-9);
            let samples = rates.samples_for(coverage).unwrap();
            if samples < 1e9 {
                prop_assert!(samples.fract() == 0.0 && rates.pass_at(samples) >= coverage);
                prop_assert!(samples == 1.0 || rates.pass_at(samples - 1.0) < coverage + 1e-12);
            }
        }
    }
}
