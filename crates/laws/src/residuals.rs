//! What the residuals say: the scatter of single runs, and how much the law explains.

use crate::dense::{Factor, dot};
use crate::problem::Problem;

/// 1.4826 times the median size: the standard deviation where residuals are normal.
pub(crate) fn robust_spread(residuals: &[f64], parameters: usize) -> f64 {
    let mut sizes: Vec<f64> = residuals.iter().map(|r| r.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let n = sizes.len();
    let median = 0.5 * (sizes[(n - 1) / 2] + sizes[n / 2]);
    1.4826 * median * (n as f64 / (n as f64 - parameters as f64).max(1.0)).sqrt()
}

/// The share of the weighted variance of `measured` that is not in the residuals.
pub(crate) fn explained(measured: &[f64], residuals: &[f64], weights: &[f64]) -> f64 {
    let total: f64 = weights.iter().sum();
    let mean = dot(measured, weights) / total;
    let of = |values: &mut dyn Iterator<Item = f64>| -> f64 {
        values.zip(weights).map(|(x, weight)| weight * x * x).sum()
    };
    let all = of(&mut measured.iter().map(|y| y - mean));
    if all > 0.0 { 1.0 - of(&mut residuals.iter().copied()) / all } else { 0.0 }
}

/// Residuals as they would be for runs that the fit had not seen: each divided by
/// sqrt(1 - leverage), then all scaled so that their mean square is the sum of squares over
/// n - p.
pub(crate) fn standardised(problem: &Problem<'_>, point: &[f64], raw: &[f64]) -> Vec<f64> {
    let (n, size) = (raw.len(), problem.size());
    let slopes = problem.slopes(point);
    let gram = problem.gram(&slopes);
    let free: Vec<bool> = (0..size)
        .map(|i| {
            let coordinate = &problem.coordinates[i];
            let held = coordinate.linear && (point[i] <= coordinate.low || point[i] >= coordinate.high);
            !held && gram[(i, i)] > f64::MIN_POSITIVE
        })
        .collect();
    let factor = Factor::new(&gram, &free);
    let average = size as f64 / n as f64;
    let mut residuals: Vec<f64> = slopes
        .chunks_exact(size)
        .zip(raw)
        .map(|(slope, &r)| {
            // Where the design is singular every row counts as average.
            let solved = factor.as_ref().and_then(|factor| factor.solve(slope));
            let leverage = solved.map_or(average, |x| dot(&x, slope));
            r / (1.0 - leverage.clamp(0.0, 0.95)).sqrt()
        })
        .collect();
    let squares = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>();
    let expected = squares(raw) / (n as f64 - size as f64).max(1.0);
    let found = squares(&residuals) / n as f64;
    if found > 0.0 {
        let factor = (expected / found).sqrt();
        for residual in &mut residuals {
            *residual *= factor;
        }
    }
    residuals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_robust_spread_of_a_normal_sample_is_its_standard_deviation() {
        // Quantiles of a standard normal at 1/8, 3/8, 5/8, 7/8, times ten.
        let quarter = [-11.503, -3.186, 3.186, 11.503];
        let sample: Vec<f64> = quarter.iter().copied().cycle().take(400).collect();
        let spread = robust_spread(&sample, 5);
        assert!((spread / 10.9 - 1.0).abs() < 0.02, "{spread}");
    }

    #[test]
    fn a_law_that_fits_exactly_explains_all() {
        let (y, ones) = ([-1.0, 0.0, 1.0], [1.0; 3]);
        assert!((explained(&y, &[0.0; 3], &ones) - 1.0).abs() < 1e-15);
        assert!(explained(&y, &y, &ones).abs() < 1e-15);
        assert!(explained(&[0.0; 3], &[0.0; 3], &ones).abs() < 1e-15);
    }
}
