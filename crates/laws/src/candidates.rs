//! Where a search looks first: points all over the plane of the parameters that are not linear.

use crate::model::Model;
use crate::rows::Rows;
use crate::{Law, Parameter};

/// Points in the coordinates of the nonlinear parameters (logarithms for logarithmic ones), and
/// which part of the space each belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Candidates {
    /// Positions among the model's free parameters.
    pub(crate) nonlinear: Vec<usize>,
    pub(crate) points: Vec<Vec<f64>>,
    /// One start is taken from each part.
    pub(crate) parts: Vec<u64>,
}

/// How to walk one parameter's range as a share from 0 to 1.
#[derive(Debug, Clone)]
enum Axis {
    /// Equal factors from the first to the second, both positive or both negative.
    Factors(f64, f64),
    /// Equal steps.
    Steps(f64, f64),
    /// No range is known: exponents of either sign, and values of the data's own size.
    Unknown(Vec<f64>),
}

impl Axis {
    fn of(parameter: &Parameter, rows: &Rows) -> Self {
        let (low, high) = parameter.search.unwrap_or(parameter.bounds);
        if low.is_finite() && high.is_finite() {
            if parameter.logarithmic && low > 0.0 {
                return Self::Factors(low, high);
            }
            if parameter.search.is_some() {
                return Self::Steps(low, high);
            }
            // A power law near the ends of its range is a constant or a step.
            return match (low, high) {
                (low, high) if low >= 0.0 => Self::Factors(low.max(0.015 * high), 0.8 * high),
                (low, high) if high <= 0.0 => Self::Factors(0.8 * low, high.min(0.015 * low)),
                (low, high) => Self::Steps(0.9 * low, 0.9 * high),
            };
        }
        let mut sizes = Vec::new();
        for (_, column) in &rows.variables {
            let mut sorted = column.clone();
            sorted.sort_by(f64::total_cmp);
            for share in [0.05, 0.3, 0.5, 0.7, 0.95] {
                sizes.push(sorted[(share * (sorted.len() - 1) as f64) as usize]);
            }
        }
        sizes.retain(|size| (low..=high).contains(size));
        Self::Unknown(sizes)
    }

    fn at(&self, share: f64) -> f64 {
        match self {
            Self::Factors(low, high) => low * (high / low).powf(share),
            Self::Steps(low, high) => low + share * (high - low),
            // The lower part of the range serves exponents, the upper part the data's sizes.
            Self::Unknown(sizes) if share < 0.7 || sizes.is_empty() => {
                let at = if sizes.is_empty() { share } else { share / 0.7 };
                let (sign, size) = if at < 0.5 { (1.0, 2.0 * at) } else { (-1.0, 2.0 * at - 1.0) };
                sign * 0.03 * (3.0_f64 / 0.03).powf(size)
            }
            Self::Unknown(sizes) => {
                let place = (share - 0.7) / 0.3 * sizes.len() as f64;
                let size = sizes[(place as usize).min(sizes.len() - 1)];
                size * 10_f64.powf(2.0 * place.fract() - 1.0)
            }
        }
    }
}

impl Candidates {
    /// About `budget` points: a regular grid for up to two parameters, a low-discrepancy sequence
    /// beyond.
    pub(crate) fn new(law: &Law, model: &Model, rows: &Rows, budget: usize) -> Self {
        let nonlinear: Vec<usize> =
            (0..model.free.len()).filter(|position| !model.linear.contains(position)).collect();
        let parameters: Vec<&Parameter> =
            nonlinear.iter().map(|&position| &law.parameters[model.free[position]]).collect();
        let axes: Vec<Axis> =
            parameters.iter().map(|parameter| Axis::of(parameter, rows)).collect();
        let dimensions = axes.len();
        let per_side = match dimensions {
            0 => 1,
            1 => 48.min(budget),
            2 => (budget as f64).sqrt() as usize,
            _ => 0,
        };
        let count = if per_side == 0 { budget } else { per_side.pow(dimensions as u32) };
        let parts_per_side = [1.0, 16.0, 4.0, 3.0][dimensions.min(3)];
        let mut candidates = Self { nonlinear, points: Vec::new(), parts: Vec::new() };
        for index in 0..count {
            let shares: Vec<f64> = (0..dimensions)
                .map(|axis| match per_side {
                    0 => halton(index + 1, axis),
                    1 => 0.5,
                    _ => {
                        let place = (index / per_side.pow(axis as u32)) % per_side;
                        place as f64 / (per_side - 1) as f64
                    }
                })
                .collect();
            let part = shares.iter().fold(0, |part, share| {
                part * 16 + (share * parts_per_side).min(parts_per_side - 1.0) as u64
            });
            let point = shares.iter().zip(&axes).zip(&parameters).map(|((share, axis), parameter)| {
                let value = axis.at(*share).clamp(parameter.bounds.0, parameter.bounds.1);
                if parameter.logarithmic { value.max(f64::MIN_POSITIVE).ln() } else { value }
            });
            candidates.points.push(point.collect());
            candidates.parts.push(part);
        }
        candidates
    }

    /// The candidates with these numbers.
    pub(crate) fn select(&self, chosen: &[usize]) -> Self {
        Self {
            nonlinear: self.nonlinear.clone(),
            points: chosen.iter().map(|&index| self.points[index].clone()).collect(),
            parts: chosen.iter().map(|&index| self.parts[index]).collect(),
        }
    }
}

/// The `index`-th number of Halton's sequence in the base of the `axis`-th prime.
fn halton(mut index: usize, axis: usize) -> f64 {
    const PRIMES: [usize; 16] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53];
    let base = PRIMES[axis % PRIMES.len()];
    let (mut share, mut digit) = (0.0, 1.0 / base as f64);
    while index > 0 {
        share += digit * (index % base) as f64;
        index /= base;
        digit /= base as f64;
    }
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_start_and_end_where_they_should() {
        let exponents = Axis::Factors(0.03, 1.6);
        assert!((exponents.at(0.0) - 0.03).abs() < 1e-12 && (exponents.at(1.0) - 1.6).abs() < 1e-9);
        let unknown = Axis::Unknown(vec![1e6, 1e9]);
        let values: Vec<f64> = (0..100).map(|i| unknown.at(f64::from(i) / 99.0)).collect();
        assert!(values.iter().any(|x| *x < -0.1) && values.iter().any(|x| (0.1..1.0).contains(x)));
        assert!(values.iter().any(|x| *x > 1e8));
    }

    #[test]
    fn haltons_sequence_fills_the_interval() {
        let points: Vec<f64> = (1..=8).map(|index| halton(index, 0)).collect();
        assert_eq!(points, [0.5, 0.25, 0.75, 0.125, 0.625, 0.375, 0.875, 0.0625]);
    }
}
