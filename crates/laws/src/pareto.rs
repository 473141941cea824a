//! Pareto smoothing of importance weights, and the shape that says whether they can be trusted
//! (Vehtari, Simpson, Gelman, Yao, Gabry 2024, "Pareto smoothed importance sampling").

/// What the largest weights look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Smoothed {
    /// The shape of the generalised Pareto distribution fitted to them: below 0.5 their variance
    /// is finite, above 0.7 sums of them hardly settle. NaN where there are too few.
    pub(crate) k: f64,
}

/// Turns logarithms of weights into weights with a largest of 1, the largest ones replaced by
/// quantiles of the distribution fitted to them.
pub(crate) fn smooth(ln_weights: &mut [f64]) -> Smoothed {
    let count = ln_weights.len();
    let top = ln_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for weight in ln_weights.iter_mut() {
        *weight = (*weight - top).exp();
    }
    let tail = (0.2 * count as f64).min(3.0 * (count as f64).sqrt()) as usize;
    if tail < 5 {
        return Smoothed { k: f64::NAN };
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| ln_weights[a].total_cmp(&ln_weights[b]).then(a.cmp(&b)));
    let (rest, largest) = order.split_at(count - tail);
    let cut = rest.last().map_or(0.0, |&index| ln_weights[index]);
    let excess: Vec<f64> = largest.iter().map(|&index| ln_weights[index] - cut).collect();
    let Some((k, sigma)) = generalised_pareto(&excess) else { return Smoothed { k: f64::NAN } };
    for (rank, &index) in largest.iter().enumerate() {
        let share = (rank as f64 + 0.5) / tail as f64;
        let quantile = if k.abs() < 1e-12 {
            -sigma * (-share).ln_1p()
        } else {
            sigma / k * ((1.0 - share).powf(-k) - 1.0)
        };
        ln_weights[index] = (cut + quantile).min(1.0);
    }
    Smoothed { k }
}

/// Shape k and scale of a generalised Pareto distribution from values above 0 in ascending order:
/// the posterior mean of Zhang and Stephens 2009 ("A new and efficient estimation method for the
/// generalized Pareto distribution"), the shape drawn towards 0.5 by a prior worth ten values.
fn generalised_pareto(sorted: &[f64]) -> Option<(f64, f64)> {
    let n = sorted.len() as f64;
    let largest = *sorted.last()?;
    let quartile = sorted[((n / 4.0 + 0.5) as usize).clamp(1, sorted.len()) - 1];
    if !(quartile > 0.0 && largest.is_finite()) {
        return None;
    }
    let grid = 30.0 + n.sqrt().floor();
    let shape =
        |theta: f64| -> f64 { sorted.iter().map(|x| (-theta * x).ln_1p()).sum::<f64>() / n };
    let thetas: Vec<f64> = (1..=grid as usize)
        .map(|j| 1.0 / largest + (1.0 - (grid / (j as f64 - 0.5)).sqrt()) / (3.0 * quartile))
        .collect();
    let profile: Vec<f64> = thetas
        .iter()
        .map(|&theta| {
            let k = shape(theta);
            n * ((-theta / k).ln() - k - 1.0)
        })
        .collect();
    let top = profile.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = profile.iter().map(|x| (x - top).exp()).collect();
    let total: f64 = weights.iter().sum();
    let theta = thetas.iter().zip(&weights).map(|(theta, w)| theta * w).sum::<f64>() / total;
    let k = shape(theta);
    let sigma = -k / theta;
    let drawn = (k * n + 5.0) / (n + 10.0);
    (drawn.is_finite() && sigma > 0.0).then_some((drawn, sigma))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_of_pareto_weights_is_found() {
        // Exact quantiles of weights whose tail falls as w^(-1/k).
        for (k, tolerance) in [(0.2, 0.08), (0.5, 0.05), (1.0, 0.08)] {
            let mut weights: Vec<f64> =
                (0..4000).map(|i| -k * (1.0 - (f64::from(i) + 0.5) / 4000.0_f64).ln()).collect();
            let found = smooth(&mut weights).k;
            assert!((found - k).abs() < tolerance, "{k}: {found}");
            assert!(weights.iter().all(|w| (0.0..=1.0).contains(w)));
        }
    }

    #[test]
    fn equal_weights_stay_and_few_are_not_judged() {
        let mut equal = vec![3.0; 1000];
        smooth(&mut equal);
        assert!(equal.iter().all(|w| (w - 1.0).abs() < 1e-12));
        assert!(smooth(&mut [0.0, 1.0]).k.is_nan());
    }
}
