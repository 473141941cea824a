//! Rank correlation with its permutation probability, and the runs test.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Spearman's rank correlation, and how often chance alone gives one as far from 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RankTest {
    /// The correlation of the ranks; ties share their mean rank. 0 where one side is constant.
    pub rho: f64,
    /// Two-sided probability under permutation: exact up to 7 points, else of 999 permutations
    /// (so at least 0.001), fewer where 30 of them already reach rho.
    pub p: f64,
    /// How many points were ranked.
    pub points: usize,
}

const PERMUTATIONS: u32 = 999;
/// Enough to know p to a fifth of itself (Besag and Clifford 1991).
const ENOUGH: u32 = 30;

/// Ranks `u` against `t`. The permutations are the same for the same number of points.
pub(crate) fn rank_test(t: &[f64], u: &[f64]) -> RankTest {
    let points = t.len();
    let (a, mut b) = (centred_ranks(t), centred_ranks(u));
    let size = (dot(&a, &a) * dot(&b, &b)).sqrt();
    if points < 2 || size.is_nan() || size <= 0.0 {
        return RankTest { rho: 0.0, p: 1.0, points };
    }
    let seen = dot(&a, &b);
    // Ranks are halves, so sums that are equal differ only by rounding.
    let reached = |sum: f64| sum.abs() >= seen.abs() - 1e-9 * size;
    let p = if points <= 7 {
        let (mut all, mut as_far) = (0.0, 0.0);
        permute(&mut b, points, &mut |b| {
            all += 1.0;
            as_far += f64::from(reached(dot(&a, b)));
        });
        as_far / all
    } else {
        let mut random = ChaCha8Rng::seed_from_u64(0x5EA2_3A15);
        let (mut tried, mut as_far) = (0, 0);
        while tried < PERMUTATIONS && as_far < ENOUGH {
            for i in (1..points).rev() {
                b.swap(i, random.random_range(0..=i as u32) as usize);
            }
            tried += 1;
            as_far += u32::from(reached(dot(&a, &b)));
        }
        f64::from(1 + as_far) / f64::from(1 + tried)
    };
    RankTest { rho: (seen / size).clamp(-1.0, 1.0), p, points }
}

/// Every order of the first `k` values (Heap 1963).
fn permute(values: &mut [f64], k: usize, visit: &mut impl FnMut(&[f64])) {
    if k <= 1 {
        return visit(values);
    }
    for i in 0..k {
        permute(values, k - 1, visit);
        if i + 1 < k {
            values.swap(if k.is_multiple_of(2) { i } else { 0 }, k - 1);
        }
    }
}

/// Ranks less their mean, ties sharing theirs.
fn centred_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let middle = (values.len() as f64 - 1.0) / 2.0;
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    while from < order.len() {
        let same = |&&i: &&usize| values[i] == values[order[from]];
        let count = order[from..].iter().take_while(same).count();
        for &i in &order[from..from + count] {
            ranks[i] = from as f64 + (count as f64 - 1.0) / 2.0 - middle;
        }
        from += count;
    }
    ranks
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Whether residuals of one sign come in longer runs than chance makes them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RunsTest {
    /// Runs of residuals of the same sign, along the scale.
    pub runs: usize,
    /// How many runs independent residuals would make on average.
    pub expected: f64,
    /// How many standard deviations the runs are below that; about 2.3 is one chance in a hundred.
    pub z: f64,
}

/// The test of Wald and Wolfowitz (1940) on the signs of `residuals`.
pub(crate) fn runs_test(residuals: &[f64]) -> RunsTest {
    let signs: Vec<bool> = residuals.iter().filter(|r| **r != 0.0).map(|r| *r > 0.0).collect();
    let runs = signs.windows(2).filter(|w| w[0] != w[1]).count() + usize::from(!signs.is_empty());
    let n = signs.len() as f64;
    let up = signs.iter().filter(|s| **s).count() as f64;
    let pairs = 2.0 * up * (n - up);
    let expected = if n > 0.0 { pairs / n + 1.0 } else { 0.0 };
    let variance = pairs * (pairs - n) / (n * n * (n - 1.0));
    let z = if variance > 0.0 { (expected - runs as f64) / variance.sqrt() } else { 0.0 };
    RunsTest { runs, expected, z }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_probabilities_are_those_of_the_tables() {
        let t: Vec<f64> = (0..5).map(f64::from).collect();
        // Of 120 orders, the two perfect ones; then rho >= 0.9: these and four swaps, both ways.
        let perfect = rank_test(&t, &[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!((perfect.rho, perfect.p), (1.0, 2.0 / 120.0));
        let swapped = rank_test(&t, &[2.0, 1.0, 3.0, 4.0, 5.0]);
        assert!((swapped.rho - 0.9).abs() < 1e-12 && (swapped.p - 10.0 / 120.0).abs() < 1e-12);
    }

    #[test]
    fn permutations_agree_with_the_exact_probability_of_a_fair_statistic() {
        // Under independence p is uniform: the share below 0.1 is a tenth.
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let t: Vec<f64> = (0..20).map(f64::from).collect();
        let below = (0..600)
            .filter(|_| {
                let u: Vec<f64> = (0..20).map(|_| random.random()).collect();
                rank_test(&t, &u).p <= 0.1
            })
            .count();
        assert!((40..=82).contains(&below), "{below} of 600");
    }

    #[test]
    fn constants_and_single_points_show_no_trend() {
        for (t, u) in [(vec![], vec![]), (vec![1.0], vec![1.0]), (vec![1.0, 2.0], vec![3.0; 2])] {
            let test = rank_test(&t, &u);
            assert_eq!((test.rho, test.p), (0.0, 1.0));
        }
        assert_eq!(rank_test(&[1.0, 1.0, 2.0], &[5.0, 5.0, 9.0]).rho, 1.0);
    }

    #[test]
    fn long_runs_stand_out() {
        let waves: Vec<f64> = (0..60).map(|i| f64::from(i / 15 % 2) - 0.5).collect();
        let turns: Vec<f64> = (0..60).map(|i| f64::from(i % 2) - 0.5).collect();
        assert!(runs_test(&waves).z > 5.0 && runs_test(&turns).z < -5.0);
        assert_eq!(runs_test(&[]).z, 0.0);
        assert_eq!(runs_test(&[1.0, 2.0]).z, 0.0);
    }
}
