//! Scores of a forecast against what came.

/// The continuous ranked probability score of a sample of forecasts: the mean distance to the
/// truth less half the mean distance among the forecasts (Gneiting and Raftery 2007, eq. 21).
/// Lower is better; in the unit of the forecast. NaN where there is no sample.
///
/// ```
/// // A forecast without uncertainty is scored by its distance.
/// assert_eq!(forecast::crps(&[2.0, 2.0], 5.0), 3.0);
/// ```
pub fn crps(sample: &[f64], truth: f64) -> f64 {
    let n = sample.len() as f64;
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let distance = sorted.iter().map(|x| (x - truth).abs()).sum::<f64>() / n;
    // The mean distance of all pairs, from the order statistics.
    let pairs: f64 =
        sorted.iter().enumerate().map(|(i, x)| x * (2.0 * i as f64 + 1.0 - n)).sum::<f64>() * 2.0
            / (n * n);
    distance - pairs / 2.0
}

/// The score of a central interval at a level: its width, and for a truth outside `2 / (1 - level)`
/// times the distance (Gneiting and Raftery 2007, eq. 43). Lower is better.
pub fn interval_score(low: f64, high: f64, level: f64, truth: f64) -> f64 {
    let outside = (low - truth).max(truth - high).max(0.0);
    (high - low) + 2.0 / (1.0 - level) * outside
}

/// The share of truths inside their intervals.
pub fn coverage(inside: &[bool]) -> f64 {
    inside.iter().filter(|inside| **inside).count() as f64 / inside.len() as f64
}

/// Where the truth lies in the forecast, from 0 to 1: uniform over many good forecasts. Ties count
/// half.
pub fn pit(sample: &[f64], truth: f64) -> f64 {
    let below = sample.iter().filter(|x| **x < truth).count() as f64;
    let same = sample.iter().filter(|x| **x == truth).count() as f64;
    (below + same / 2.0) / sample.len() as f64
}

/// Counts of places from 0 to 1 in ten equal bins.
pub(crate) fn tenths(places: impl Iterator<Item = f64>) -> [usize; 10] {
    let mut counts = [0; 10];
    for place in places {
        counts[((place * 10.0) as usize).min(9)] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crps_of_a_normal_forecast_is_its_closed_form() {
        // Gneiting and Raftery 2007, eq. 20: sigma (z (2 Phi(z) - 1) + 2 phi(z) - 1/sqrt(pi)).
        let standard = draws::Dist::normal(0.0, 1.0).unwrap();
        let sample: Vec<f64> =
            (0..20_000).map(|i| standard.quantile((f64::from(i) + 0.5) / 20_000.0)).collect();
        for z in [0.0_f64, 1.0, -2.5] {
            let density = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt();
            let expected = z * (2.0 * standard.cdf(z) - 1.0) + 2.0 * density
                - 1.0 / std::f64::consts::PI.sqrt();
            assert!((crps(&sample, z) - expected).abs() < 1e-3, "{z}");
        }
    }

    #[test]
    fn intervals_pay_for_width_and_for_what_they_miss() {
        assert_eq!(interval_score(1.0, 3.0, 0.9, 2.0), 2.0);
        assert!((interval_score(1.0, 3.0, 0.9, 4.0) - 22.0).abs() < 1e-12);
        assert_eq!(coverage(&[true, false, true, true]), 0.75);
        assert_eq!((pit(&[1.0, 2.0, 3.0], 2.0), pit(&[1.0], 5.0)), (0.5, 1.0));
    }
}
