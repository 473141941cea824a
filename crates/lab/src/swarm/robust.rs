//! Many changes into one: means that a few hostile ones cannot move far.

use serde::{Deserialize, Serialize};

/// How the changes of peers become one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Aggregation {
    /// The mean, weighted by tokens.
    #[default]
    Mean,
    /// The weighted mean of changes cut to `factor` times the median of their norms.
    ClipToMedian {
        /// 1 cuts all longer than the median.
        factor: f64,
    },
    /// Value by value, the weighted mean of those between two order statistics: `share` of the
    /// peers is left out at either end (Yin et al. 2018, arXiv:1803.01498).
    TrimmedMean {
        /// From 0 to below one half.
        share: f64,
    },
    /// Repeats: the mean of differences from the last centre, each cut to the median of their
    /// norms (Karimireddy et al. 2021, arXiv:2012.10333). Starts at the median of each value.
    CentredClip {
        /// Repetitions.
        rounds: u32,
    },
}

/// A change with its weight, the tokens it was made from.
pub type Weighted<'a> = (f64, &'a [f32]);

impl Aggregation {
    /// What is wrong with it, if anything.
    pub fn problem(&self) -> Option<String> {
        match self {
            Self::ClipToMedian { factor } if !(*factor > 0.0 && factor.is_finite()) => {
                Some(format!("clip_to_median.factor must be a number above 0, not {factor}"))
            }
            Self::TrimmedMean { share } if !(0.0..0.5).contains(share) => {
                Some(format!("trimmed_mean.share must be from 0 to below 0.5, not {share}"))
            }
            Self::CentredClip { rounds } if !(1..=100).contains(rounds) => {
                Some(format!("centred_clip.rounds must be from 1 to 100, not {rounds}"))
            }
            _ => None,
        }
    }

    /// One change out of several of equal length; all zeros out of none.
    ///
    /// Values are added in the order given, in f64, so the result is the same everywhere.
    pub fn combine(&self, changes: &[Weighted<'_>], length: usize) -> Vec<f32> {
        if changes.len() == 1 {
            // Exactly what the one peer sent: n = 1 is plain training, bit for bit.
            return changes[0].1.to_vec();
        }
        match *self {
            Self::Mean => mean(changes, length, |_, x| f64::from(x)),
            Self::ClipToMedian { factor } => {
                let norms: Vec<f64> = changes.iter().map(|(_, change)| norm(change)).collect();
                let most = factor * median(&norms);
                let scales: Vec<f64> = norms.iter().map(|norm| scale_to(*norm, most)).collect();
                mean(changes, length, |i, x| scales[i] * f64::from(x))
            }
            Self::TrimmedMean { share } => trimmed(changes, length, share),
            Self::CentredClip { rounds } => centred(changes, length, rounds),
        }
    }
}

fn mean(changes: &[Weighted<'_>], length: usize, value: impl Fn(usize, f32) -> f64) -> Vec<f32> {
    let total: f64 = changes.iter().map(|(weight, _)| weight).sum();
    let mut sum = vec![0.0_f64; length];
    for (i, (weight, change)) in changes.iter().enumerate() {
        for (sum, x) in sum.iter_mut().zip(*change) {
            *sum += weight * value(i, *x);
        }
    }
    sum.iter().map(|sum| if total > 0.0 { (sum / total) as f32 } else { 0.0 }).collect()
}

fn trimmed(changes: &[Weighted<'_>], length: usize, share: f64) -> Vec<f32> {
    let n = changes.len();
    let cut = ((n as f64 * share).ceil() as usize).min(n.saturating_sub(1) / 2);
    let mut column: Vec<(f32, f64)> = Vec::with_capacity(n);
    (0..length)
        .map(|at| {
            column.clear();
            column.extend(changes.iter().map(|(weight, change)| (change[at], *weight)));
            column.sort_by(|a, b| a.0.total_cmp(&b.0));
            let kept = &column[cut..n - cut];
            let total: f64 = kept.iter().map(|(_, weight)| weight).sum();
            let sum: f64 = kept.iter().map(|(x, weight)| weight * f64::from(*x)).sum();
            if total > 0.0 { (sum / total) as f32 } else { 0.0 }
        })
        .collect()
}

fn centred(changes: &[Weighted<'_>], length: usize, rounds: u32) -> Vec<f32> {
    let mut centre = trimmed(changes, length, 0.5);
    for _ in 0..rounds {
        let distances: Vec<f64> = changes
            .iter()
            .map(|(_, change)| {
                let squares = change
                    .iter()
                    .zip(&centre)
                    .map(|(x, c)| (f64::from(*x) - f64::from(*c)).powi(2));
                squares.sum::<f64>().sqrt()
            })
            .collect();
        let most = median(&distances);
        let scales: Vec<f64> = distances.iter().map(|d| scale_to(*d, most)).collect();
        let total: f64 = changes.iter().map(|(weight, _)| weight).sum();
        let mut move_by = vec![0.0_f64; length];
        for ((weight, change), scale) in changes.iter().zip(&scales) {
            for ((sum, x), c) in move_by.iter_mut().zip(*change).zip(&centre) {
                *sum += weight * scale * (f64::from(*x) - f64::from(*c));
            }
        }
        for (c, by) in centre.iter_mut().zip(&move_by) {
            *c = (f64::from(*c) + by / total.max(f64::MIN_POSITIVE)) as f32;
        }
    }
    centre
}

fn scale_to(norm: f64, most: f64) -> f64 {
    if norm > most { most / norm } else { 1.0 }
}

/// Euclidean norm.
pub fn norm(values: &[f32]) -> f64 {
    values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
}

/// Cosine of the angle between two changes; 0 when one is zero.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot: f64 = a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
    let size = norm(a) * norm(b);
    if size > 0.0 { dot / size } else { 0.0 }
}

/// The median; the lower of the middle two.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn combine(aggregation: Aggregation, changes: &[(f64, Vec<f32>)]) -> Vec<f32> {
        let borrowed: Vec<Weighted<'_>> =
            changes.iter().map(|(weight, change)| (*weight, change.as_slice())).collect();
        aggregation.combine(&borrowed, changes[0].1.len())
    }

    const ROBUST: [Aggregation; 3] = [
        Aggregation::ClipToMedian { factor: 1.0 },
        Aggregation::TrimmedMean { share: 0.25 },
        Aggregation::CentredClip { rounds: 5 },
    ];

    #[test]
    fn the_mean_is_weighted_by_tokens() {
        let mean = combine(Aggregation::Mean, &[(1.0, vec![0.0, 4.0]), (3.0, vec![4.0, 0.0])]);
        assert_eq!(mean, [3.0, 1.0]);
    }

    #[test]
    fn equal_changes_come_out_unchanged_whatever_the_method() {
        let same = vec![(2.0, vec![0.5, -1.25, 3.0]); 4];
        for aggregation in ROBUST.into_iter().chain([Aggregation::Mean]) {
            assert_eq!(combine(aggregation, &same), same[0].1, "{aggregation:?}");
        }
    }

    #[test]
    fn one_hostile_change_of_any_size_moves_robust_means_little_and_the_plain_mean_far() {
        let honest: Vec<(f64, Vec<f32>)> =
            (0..4).map(|i| (1.0, vec![1.0 + 0.1 * i as f32, -1.0 + 0.05 * i as f32])).collect();
        let wanted = combine(Aggregation::Mean, &honest);
        for size in [-1e30_f32, -100.0, 1e6] {
            let mut all = honest.clone();
            all.push((1.0, vec![size, size]));
            let far = |mean: &[f32]| {
                let apart: Vec<f32> = mean.iter().zip(&wanted).map(|(a, b)| a - b).collect();
                norm(&apart)
            };
            for aggregation in ROBUST {
                assert!(far(&combine(aggregation, &all)) < 0.7, "{aggregation:?} {size}");
            }
            assert!(far(&combine(Aggregation::Mean, &all)) > 10.0);
        }
    }
}
