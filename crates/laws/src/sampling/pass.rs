//! The unbiased estimate of pass@k, for k up to the samples at hand.

use std::fmt;

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

use super::Counts;
use super::gamma::ln_rising;

/// pass@k measured on counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PassAtK {
    /// Samples a problem.
    pub k: u64,
    /// The share of problems solved by at least one of k samples, in expectation.
    pub value: f64,
    /// Standard error over problems: how far the value of another set of as many problems of this
    /// kind would lie. It includes the luck of the samples; NaN for a single problem.
    pub standard_error: f64,
    /// How many problems it is the mean of.
    pub problems: usize,
}

impl fmt::Display for PassAtK {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pass@{} = {:.3}", self.k, self.value)?;
        if self.standard_error.is_nan() {
            return f.write_str(" (one problem, so no standard error)");
        }
        write!(f, " (standard error {:.3} over {} problems)", self.standard_error, self.problems)
    }
}

/// pass@k = mean over problems of 1 - C(n - c, k) / C(n, k), which is unbiased for every k up to n
/// (Chen et al. 2021, arXiv:2107.03374, eq. 1).
///
/// # Errors
/// k = 0, and k above the fewest samples of any problem: beyond, a law must be fitted.
pub fn pass_at(counts: &Counts, k: u64) -> Result<PassAtK, Diagnostic> {
    if k == 0 {
        return Err(Diagnostic::error("pass@0 means nothing").help("k is at least 1"));
    }
    let fewest = counts.fewest_samples();
    if k > fewest {
        return Err(Diagnostic::error(format!(
            "pass@{k} cannot be measured: a problem has only {fewest} samples"
        ))
        .help("fit the rates (BetaFit) to predict beyond the samples at hand, or draw more"));
    }
    let values: Vec<f64> = counts.iter().map(|(n, c)| solved(n, c, k)).collect();
    let problems = values.len();
    let value = values.iter().sum::<f64>() / problems as f64;
    let squares: f64 = values.iter().map(|v| (v - value).powi(2)).sum();
    let variance = squares / (problems as f64 - 1.0) / problems as f64;
    let standard_error = if problems > 1 { variance.sqrt() } else { f64::NAN };
    Ok(PassAtK { k, value, standard_error, problems })
}

/// 1 - C(n - c, k) / C(n, k) for c, k <= n, to about 1e-9 of itself.
fn solved(n: u64, c: u64, k: u64) -> f64 {
    if c == 0 {
        return 0.0;
    }
    if n - c < k {
        return 1.0;
    }
    // The ratio is symmetric in c and k: C(n - c, k) / C(n, k) = product over i < few of
    // (n - many - i) / (n - i).
    let (few, many) = (c.min(k), c.max(k));
    let ln_failed = if few <= 32 {
        (0..few).map(|i| (-(many as f64) / (n - i) as f64).ln_1p()).sum::<f64>()
    } else {
        let (few, many, left) = (few as f64, many as f64, (n - many - few) as f64 + 1.0);
        if 200.0 * few < left {
            // The terms hardly change: the middle one and the curvature there make the sum.
            let middle = left + 0.5 * (few - 1.0);
            let curvature = (middle + many).powi(-2) - middle.powi(-2);
            few * (-many / (middle + many)).ln_1p() + (few.powi(3) - few) / 24.0 * curvature
        } else {
            ln_rising(left, few) - ln_rising(left + many, few)
        }
    };
    -ln_failed.exp_m1()
}

/// Up to `count` whole numbers from 1 to `largest`, evenly spread over ln k, each once.
///
/// ```
/// assert_eq!(laws::sampling::log_spaced(1000, 4), [1, 10, 100, 1000]);
/// ```
pub fn log_spaced(largest: u64, count: usize) -> Vec<u64> {
    let top = (largest.max(1) as f64).ln();
    let steps = count.max(2) - 1;
    let mut ks: Vec<u64> = (0..=steps)
        .map(|i| (top * i as f64 / steps as f64).exp().round() as u64)
        .map(|k| k.clamp(1, largest.max(1)))
        .collect();
    ks.dedup();
    ks
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, in exact products.
    fn by_product(n: u64, c: u64, k: u64) -> f64 {
        if n - c < k {
            return 1.0;
        }
        1.0 - (0..k).map(|i| (n - c - i) as f64 / (n - i) as f64).product::<f64>()
    }

    #[test]
    fn pass_at_one_is_the_mean_success_rate_and_pass_at_n_the_share_ever_solved() {
        let counts = Counts::new([(10, 0), (10, 1), (10, 5), (10, 10)]).unwrap();
        assert!((pass_at(&counts, 1).unwrap().value - 0.4).abs() < 1e-15);
        assert_eq!(pass_at(&counts, 10).unwrap().value, 0.75);
    }

    #[test]
    fn the_extremes_are_exact() {
        let none = Counts::new([(1, 0), (1, 0)]).unwrap();
        let all = Counts::new([(1, 1), (1, 1)]).unwrap();
        let one = Counts::new([(5, 2)]).unwrap();
        assert_eq!(pass_at(&none, 1).unwrap().value, 0.0);
        assert_eq!(pass_at(&all, 1).unwrap().value, 1.0);
        assert_eq!(pass_at(&all, 1).unwrap().standard_error, 0.0);
        assert!(pass_at(&one, 1).unwrap().to_string().contains("no standard error"));
    }

    #[test]
    fn k_beyond_the_samples_is_refused_with_what_to_do() {
        let counts = Counts::new([(10, 1), (7, 1)]).unwrap();
        assert!(pass_at(&counts, 0).is_err());
        let shown = pass_at(&counts, 8).unwrap_err().to_string();
        assert!(shown.contains("only 7 samples") && shown.contains("fit the rates"), "{shown}");
    }

    #[test]
    fn huge_counts_keep_their_digits() {
        // For c, k << n the chance is c k / n up to second order.
        let (n, c, k) = (1_u64 << 53, 1000, 1000);
        let expected = (c * k) as f64 / n as f64;
        assert!((solved(n, c, k) / expected - 1.0).abs() < 1e-9);
        // At the seams between the three ways of summing.
        for (n, c, k) in [(20_000, 33, 40), (20_000, 95, 200), (20_000, 100, 200)] {
            assert!((solved(n, c, k) / by_product(n, c, k) - 1.0).abs() < 1e-10, "{n} {c} {k}");
        }
        assert_eq!(solved(n, n, n), 1.0);
    }

    #[test]
    fn log_spaced_numbers_start_at_one_and_end_at_the_largest() {
        assert_eq!(log_spaced(1, 25), [1]);
        assert_eq!(log_spaced(0, 0), [1]);
        let ks = log_spaced(10_000, 25);
        assert!(ks[0] == 1 && ks[ks.len() - 1] == 10_000 && ks.is_sorted_by(|a, b| a < b));
    }

    proptest! {
        #[test]
        fn the_stable_form_is_the_definition(n in 1_u64..600, c in 0.0..=1.0, k in 0.0..=1.0) {
            let (c, k) = ((c * n as f64) as u64, ((k * n as f64) as u64).max(1));
            prop_assert!((solved(n, c, k) - by_product(n, c, k)).abs() < 1e-12);
        }

        #[test]
        fn more_samples_never_solve_less(
            problems in prop::collection::vec((30_u64..300, 0_u64..=30), 1..20), k in 1_u64..30,
        ) {
            let counts = Counts::new(problems).unwrap();
            let (less, more) = (pass_at(&counts, k).unwrap(), pass_at(&counts, k + 1).unwrap());
            prop_assert!(less.value <= more.value + 1e-12);
            prop_assert!((0.0..=1.0).contains(&more.value));
        }

        #[test]
        fn the_order_of_problems_does_not_matter(
            problems in prop::collection::vec((30_u64..300, 0_u64..=30), 2..20), k in 1_u64..30,
        ) {
            let back: Vec<_> = problems.iter().rev().copied().collect();
            let one = pass_at(&Counts::new(problems).unwrap(), k).unwrap();
            let other = pass_at(&Counts::new(back).unwrap(), k).unwrap();
            prop_assert!((one.value - other.value).abs() < 1e-14);
            prop_assert!((one.standard_error - other.standard_error).abs() < 1e-13);
        }
    }
}
