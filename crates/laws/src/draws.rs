//! Draws of a law's parameters as named columns, and intervals of what is computed from them.

use serde::{Deserialize, Serialize};

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
    /// The central interval of `values` at `level`; `None` without values, and where one is not a
    /// number.
    pub fn of(mut values: Vec<f64>, level: f64) -> Option<Self> {
        if values.is_empty() || values.iter().any(|value| value.is_nan()) {
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
    if part == 0.0 || sorted[below] == sorted[above] {
        return sorted[below];
    }
    sorted[below] + part * (sorted[above] - sorted[below])
}

/// One column of draws per parameter. The same index in every column is the same draw, so
/// anything computed draw by draw keeps the parameters' correlation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Draws {
    names: Vec<String>,
    columns: Vec<Vec<f64>>,
}

impl Draws {
    /// Columns of equal length from points that hold one value per name.
    pub(crate) fn from_points(names: Vec<String>, points: &[Vec<f64>]) -> Self {
        let columns =
            (0..names.len()).map(|i| points.iter().map(|point| point[i]).collect()).collect();
        Self { names, columns }
    }

    /// How many draws there are.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the parameters.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The draws of one parameter.
    pub fn column(&self, name: &str) -> Option<&[f64]> {
        let place = self.names.iter().position(|known| known == name)?;
        Some(&self.columns[place])
    }

    /// The values of one draw, in the order of [`names`](Self::names).
    pub fn point(&self, index: usize) -> Vec<f64> {
        self.columns.iter().map(|column| column[index]).collect()
    }

    /// Whether every column has the same length and holds finite numbers.
    pub(crate) fn is_valid(&self) -> bool {
        self.names.len() == self.columns.len()
            && self
                .columns
                .iter()
                .all(|column| column.len() == self.len() && column.iter().all(|x| x.is_finite()))
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
        // Between never and never there is no middle.
        let never = Interval::of(vec![f64::INFINITY; 4], 0.9).unwrap();
        assert_eq!(never.high, f64::INFINITY);
    }

    #[test]
    fn columns_and_points_are_the_same_draws() {
        let names = vec!["E".to_owned(), "A".to_owned()];
        let draws = Draws::from_points(names, &[vec![1.0, 2.0], vec![3.0, 4.0]]);
        assert_eq!(draws.column("A"), Some(&[2.0, 4.0][..]));
        assert_eq!(draws.point(1), [3.0, 4.0]);
        assert_eq!(draws.column("gamma"), None);
    }
}
