//! Draws of a law as named columns, and intervals of what is computed from them.

use serde::{Deserialize, Serialize};

use crate::Chinchilla;

/// A range that holds a stated share of the draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The share of the draws between them; equal shares lie below and above.
    pub level: f64,
}

impl Interval {
    /// The central interval of `values` at `level`; `None` without values.
    pub fn of(mut values: Vec<f64>, level: f64) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        values.sort_by(f64::total_cmp);
        let tail = 0.5 * (1.0 - level);
        Some(Self { low: quantile(&values, tail), high: quantile(&values, 1.0 - tail), level })
    }

    /// Whether it holds `value`.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// The `share` quantile of sorted values, linear between neighbours (Hyndman and Fan's type 7).
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let part = place - below as f64;
    if part == 0.0 {
        return sorted[below];
    }
    sorted[below] + part * (sorted[above] - sorted[below])
}

/// Laws from resampled runs, one per draw, kept by parameter. The same index in every column is
/// the same draw, so anything computed draw by draw keeps the parameters' correlation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Draws {
    #[serde(rename = "E")]
    e: Vec<f64>,
    #[serde(rename = "A")]
    a: Vec<f64>,
    #[serde(rename = "B")]
    b: Vec<f64>,
    alpha: Vec<f64>,
    beta: Vec<f64>,
}

impl Draws {
    pub(crate) fn from_laws(laws: &[Chinchilla]) -> Self {
        Self {
            e: laws.iter().map(|law| law.e).collect(),
            a: laws.iter().map(|law| law.a).collect(),
            b: laws.iter().map(|law| law.b).collect(),
            alpha: laws.iter().map(|law| law.alpha).collect(),
            beta: laws.iter().map(|law| law.beta).collect(),
        }
    }

    /// How many draws there are.
    pub fn len(&self) -> usize {
        self.e.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.e.is_empty()
    }

    /// The draws of one parameter: `E`, `A`, `B`, `alpha` or `beta`.
    pub fn column(&self, name: &str) -> Option<&[f64]> {
        match name {
            "E" => Some(&self.e),
            "A" => Some(&self.a),
            "B" => Some(&self.b),
            "alpha" => Some(&self.alpha),
            "beta" => Some(&self.beta),
            _ => None,
        }
    }

    /// The draws as laws.
    pub fn laws(&self) -> impl ExactSizeIterator<Item = Chinchilla> {
        (0..self.len()).map(|i| Chinchilla {
            e: self.e[i],
            a: self.a[i],
            b: self.b[i],
            alpha: self.alpha[i],
            beta: self.beta[i],
        })
    }

    /// Whether every column has the same length and holds finite numbers that a law may have.
    pub(crate) fn is_valid(&self) -> bool {
        let columns = [&self.e, &self.a, &self.b, &self.alpha, &self.beta];
        columns.iter().all(|column| {
            column.len() == self.e.len() && column.iter().all(|x| x.is_finite() && *x >= 0.0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_linear_between_neighbours() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        for (share, expected) in [(0.0, 1.0), (1.0, 8.0), (0.5, 3.0), (0.25, 1.75), (7.0, 8.0)] {
            assert!((quantile(&sorted, share) - expected).abs() < 1e-15);
        }
        let interval = Interval::of(vec![3.0, 1.0, 2.0], 0.9).unwrap();
        assert!(interval.contains(2.0) && !interval.contains(1.0));
        assert_eq!(Interval::of(Vec::new(), 0.9), None);
    }

    #[test]
    fn columns_and_laws_are_the_same_draws() {
        let laws =
            [[1.0, 2.0, 3.0, 0.4, 0.5], [6.0, 7.0, 8.0, 0.9, 0.1]].map(Chinchilla::from_values);
        let draws = Draws::from_laws(&laws);
        assert!(draws.laws().eq(laws));
        assert_eq!(draws.column("B"), Some(&[3.0, 8.0][..]));
        assert_eq!(draws.column("gamma"), None);
    }
}
