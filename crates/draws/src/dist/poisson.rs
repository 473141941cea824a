//! Counting distributions as a table of cumulative probability.

/// The cumulative probability at `first`, `first + 1`, ...
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Steps {
    first: f64,
    cumulative: Vec<f64>,
}

impl Steps {
    /// Poisson with a positive mean of at most 1e6: terms below 1e-20 of the largest are left out.
    pub(crate) fn poisson(mean: f64) -> Self {
        const NEGLIGIBLE: f64 = 1e-20;
        let mode = mean.floor();
        // Probabilities relative to the mode's, outward in both directions.
        let mut below = Vec::new();
        let (mut k, mut weight) = (mode, 1.0);
        while k > 0.0 && weight > NEGLIGIBLE {
            weight *= k / mean;
            k -= 1.0;
            below.push(weight);
        }
        let first = mode - below.len() as f64;
        let mut weights: Vec<f64> = below.into_iter().rev().collect();
        weights.push(1.0);
        let (mut k, mut weight) = (mode, 1.0);
        while weight > NEGLIGIBLE {
            k += 1.0;
            weight *= mean / k;
            weights.push(weight);
        }
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        for weight in &mut weights {
            sum += *weight / total;
            *weight = sum.min(1.0);
        }
        if let Some(last) = weights.last_mut() {
            *last = 1.0;
        }
        Self { first, cumulative: weights }
    }

    pub(crate) fn quantile(&self, p: f64) -> f64 {
        let steps = self.cumulative.partition_point(|&c| c < p);
        self.first + steps.min(self.cumulative.len() - 1) as f64
    }

    pub(crate) fn cdf(&self, x: f64) -> f64 {
        let step = x.floor() - self.first;
        if step < 0.0 {
            return 0.0;
        }
        self.cumulative.get(step as usize).copied().unwrap_or(1.0)
    }
}
