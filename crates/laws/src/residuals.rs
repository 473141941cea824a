//! What the residuals say: the scatter of single runs, and how much the law explains.

use crate::dense::solve;
use crate::objective::{A, ALPHA, B, Columns, E, Point};

/// 1.4826 times the median size: the standard deviation where residuals are normal.
pub(crate) fn robust_spread(residuals: &[f64]) -> f64 {
    let mut sizes: Vec<f64> = residuals.iter().map(|r| r.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let n = sizes.len();
    let median = 0.5 * (sizes[(n - 1) / 2] + sizes[n / 2]);
    1.4826 * median * (n as f64 / (n as f64 - 5.0).max(1.0)).sqrt()
}

pub(crate) fn explained(y: &[f64], residuals: &[f64]) -> f64 {
    let squares = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>();
    // `y` has mean zero.
    let total = squares(y);
    if total > 0.0 { 1.0 - squares(residuals) / total } else { 0.0 }
}

/// Residuals as they would be for runs that the fit had not seen: each divided by
/// sqrt(1 - leverage), then all scaled so that their mean square is the sum of squares over
/// n - 5.
pub(crate) fn standardised(columns: &Columns, point: &Point, raw: &[f64]) -> Vec<f64> {
    let n = raw.len();
    let free = std::array::from_fn(|i| match i {
        E | A | B => point[i] > 0.0,
        ALPHA => point[A] > 0.0,
        _ => point[B] > 0.0,
    });
    let slopes: Vec<Point> = (0..n).map(|row| columns.log_slope(point, row)).collect();
    let mut gram = [[0.0; 5]; 5];
    for slope in &slopes {
        for i in 0..5 {
            for j in 0..5 {
                gram[i][j] += slope[i] * slope[j];
            }
        }
    }
    let mut residuals: Vec<f64> = slopes
        .iter()
        .zip(raw)
        .map(|(slope, &r)| {
            // Where the design is singular every row counts as average.
            let leverage = solve(&gram, slope, free)
                .map_or(5.0 / n as f64, |x| (0..5).map(|i| x[i] * slope[i]).sum());
            r / (1.0 - leverage.clamp(0.0, 0.95)).sqrt()
        })
        .collect();
    let squares = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>();
    let expected = squares(raw) / (n as f64 - 5.0).max(1.0);
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
        let spread = robust_spread(&sample);
        assert!((spread / 10.9 - 1.0).abs() < 0.02, "{spread}");
    }

    #[test]
    fn standardised_residuals_have_the_variance_of_unseen_runs() {
        let mut columns = Columns::default();
        for row in 0..30 {
            let t = f64::from(row);
            columns.u.push((t * 1.7).sin() * 2.0);
            columns.v.push((t * 2.3).cos() * 2.0);
            columns.y.push(0.0);
            columns.weight.push(1.0);
        }
        let raw: Vec<f64> = (0..30).map(|i| 0.01 * (f64::from(i) * 9.1).sin()).collect();
        let squares = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>();
        let found = standardised(&columns, &[1.0, 0.3, 0.4, 0.3, 0.4], &raw);
        assert!((squares(&found) / 30.0 / (squares(&raw) / 25.0) - 1.0).abs() < 1e-12);
        // The more a row decides its own fit, the more its residual is scaled up.
        let factors: Vec<f64> = found.iter().zip(&raw).map(|(f, r)| f / r).collect();
        let (least, most) = factors[1..]
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(least, most), &f| (least.min(f), most.max(f)));
        assert!(most > 1.05 * least && least > 0.9, "{least} {most}");
    }

    #[test]
    fn a_law_that_fits_exactly_explains_all() {
        let y = [-1.0, 0.0, 1.0];
        assert!((explained(&y, &[0.0; 3]) - 1.0).abs() < 1e-15);
        assert!(explained(&y, &y).abs() < 1e-15);
        assert!(explained(&[0.0; 3], &[0.0; 3]).abs() < 1e-15);
    }
}
