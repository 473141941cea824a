//! The power law -ln pass@k = a k^-b, a curve through the averages.

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

use super::{Counts, log_spaced, pass_at};

/// -ln pass@k = a k^-b (Brown et al. 2024, arXiv:2407.21787, with other signs).
///
/// For comparison: it follows the averages only, bends where the distribution of rates does, and
/// the points it is fitted to share their samples, so its residuals are no measure of its error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PowerLaw {
    /// -ln pass@1 according to the law.
    pub a: f64,
    /// How fast -ln pass@k falls: tenfold k divides it by 10^b.
    pub b: f64,
    /// Root mean square of the residuals of ln(-ln pass@k).
    pub residual: f64,
}

impl PowerLaw {
    /// Least squares of ln(-ln pass) on ln k over `points` (k, pass@k).
    ///
    /// # Errors
    /// Fewer than two points of different k with pass@k strictly between 0 and 1; others have no
    /// logarithm and are passed over.
    pub fn through(points: &[(f64, f64)]) -> Result<Self, Diagnostic> {
        let logs: Vec<(f64, f64)> = points
            .iter()
            .filter(|&&(k, pass)| k > 0.0 && k.is_finite() && pass > 0.0 && pass < 1.0)
            .map(|&(k, pass)| (k.ln(), (-pass.ln()).ln()))
            .collect();
        let n = logs.len() as f64;
        let mean_x = logs.iter().map(|p| p.0).sum::<f64>() / n;
        let mean_y = logs.iter().map(|p| p.1).sum::<f64>() / n;
        let xx: f64 = logs.iter().map(|p| (p.0 - mean_x).powi(2)).sum();
        let xy: f64 = logs.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum();
        let slope = xy / xx;
        if !slope.is_finite() {
            return Err(Diagnostic::error(
                "the power law needs pass@k strictly between 0 and 1 at two different k",
            )
            .note(format!("{} of {} points are", logs.len(), points.len()))
            .help("draw more samples, or choose problems that are neither hopeless nor trivial"));
        }
        let intercept = mean_y - slope * mean_x;
        let squares: f64 = logs.iter().map(|p| (p.1 - intercept - slope * p.0).powi(2)).sum();
        Ok(Self { a: intercept.exp(), b: -slope, residual: (squares / n).sqrt() })
    }

    /// The law through 25 values of k evenly spread over ln k from 1 to `largest`.
    ///
    /// # Errors
    /// `largest` above the fewest samples of any problem, and what [`through`](Self::through)
    /// refuses.
    pub fn to_counts(counts: &Counts, largest: u64) -> Result<Self, Diagnostic> {
        let points: Result<Vec<(f64, f64)>, Diagnostic> = log_spaced(largest, 25)
            .into_iter()
            .map(|k| Ok((k as f64, pass_at(counts, k)?.value)))
            .collect();
        Self::through(&points?)
    }

    /// pass@k according to the law, for k > 0.
    pub fn pass_at(&self, k: f64) -> f64 {
        (-self.a * k.powf(-self.b)).exp()
    }

    /// Samples a problem until pass@k reaches `coverage`; `None` unless 0 < `coverage` < 1 and the
    /// law rises.
    pub fn samples_for(&self, coverage: f64) -> Option<f64> {
        let open = coverage > 0.0 && coverage < 1.0 && self.b > 0.0;
        open.then(|| (self.a / -coverage.ln()).powf(1.0 / self.b).max(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_is_found_back_from_its_own_points() {
        let truth = PowerLaw { a: 6.5, b: 0.28, residual: 0.0 };
        let points: Vec<_> = [1.0, 7.0, 300.0, 1e4].map(|k| (k, truth.pass_at(k))).into();
        let found = PowerLaw::through(&points).unwrap();
        assert!((found.a - 6.5).abs() < 1e-12 && (found.b - 0.28).abs() < 1e-13);
        let k = found.samples_for(0.9).unwrap();
        assert!((found.pass_at(k) - 0.9).abs() < 1e-12);
    }

    #[test]
    fn points_without_a_logarithm_are_passed_over_and_too_few_are_refused() {
        let good = [(1.0, 0.2), (10.0, 0.5)];
        let law = PowerLaw::through(&good).unwrap();
        let odd = [good[0], (2.0, 0.0), (3.0, 1.0), (f64::NAN, 0.5), (4.0, f64::NAN), good[1]];
        assert_eq!(PowerLaw::through(&odd).unwrap(), law);
        for points in [&[][..], &good[..1], &[(5.0, 0.1), (5.0, 0.2)]] {
            assert!(PowerLaw::through(points).is_err());
        }
        let all = Counts::new([(5, 5); 3]).unwrap();
        assert!(PowerLaw::to_counts(&all, 5).is_err());
        for coverage in [0.0, 1.0, -1.0, f64::NAN] {
            assert_eq!(law.samples_for(coverage), None);
        }
    }
}
