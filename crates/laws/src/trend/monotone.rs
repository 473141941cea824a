//! Isotonic regression, and whether a series turns.

use serde::Serialize;

use super::rank::{RankTest, rank_test};

/// The best split of a series into an improving and a worsening part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Turn {
    /// How many points lie before the turn.
    pub before: usize,
    /// Whether the metric improves first and worsens then.
    pub improves_first: bool,
    /// The trend before the turn.
    pub left: RankTest,
    /// The trend after it.
    pub right: RankTest,
    /// How far the smaller of the two movements goes, in the metric's unit.
    pub size: f64,
}

/// Points that a side needs for its own rank test to reach p = 0.01.
const SIDE: usize = 6;

/// The split with the smallest squares about a rise and a fall, or a fall and a rise; `None`
/// without room for two sides, or where straight lines through the two do not go opposite ways.
pub(crate) fn best_turn(t: &[f64], u: &[f64]) -> Option<Turn> {
    let n = u.len();
    let down: Vec<f64> = u.iter().map(|u| -u).collect();
    let mut best: Option<(f64, usize, bool)> = None;
    for (rises, improves_first) in [(u, true), (&down[..], false)] {
        let left = squares_of_prefixes(rises);
        // A fall is a rise read backwards.
        let reversed: Vec<f64> = rises.iter().rev().copied().collect();
        let right = squares_of_prefixes(&reversed);
        for before in SIDE..(n + 1).saturating_sub(SIDE) {
            // A split between points of the same scale would call their noise a turn.
            if t[before] <= t[before - 1] {
                continue;
            }
            let squares = left[before] + right[n - before];
            if best.is_none_or(|(least, ..)| squares < least) {
                best = Some((squares, before, improves_first));
            }
        }
    }
    let (_, before, improves_first) = best?;
    let sides = [(&t[..before], &u[..before]), (&t[before..], &u[before..])];
    let moves = sides.map(|(t, u)| movement(t, u));
    let opposite = if improves_first { moves[0] > 0.0 } else { moves[0] < 0.0 };
    if !opposite || moves[0] * moves[1] >= 0.0 {
        return None;
    }
    let [left, right] = sides.map(|(t, u)| rank_test(t, u));
    Some(Turn { before, improves_first, left, right, size: moves[0].abs().min(moves[1].abs()) })
}

/// How far a straight line through the points moves from the first to the last.
fn movement(t: &[f64], u: &[f64]) -> f64 {
    let n = t.len() as f64;
    let (mt, mu) = (t.iter().sum::<f64>() / n, u.iter().sum::<f64>() / n);
    let tt: f64 = t.iter().map(|t| (t - mt).powi(2)).sum();
    let tu: f64 = t.iter().zip(u).map(|(t, u)| (t - mt) * (u - mu)).sum();
    if tt > 0.0 { tu / tt * (t[t.len() - 1] - t[0]) } else { 0.0 }
}

/// The squares that remain of each prefix about its best non-decreasing fit, in one pass of
/// pool-adjacent-violators.
fn squares_of_prefixes(u: &[f64]) -> Vec<f64> {
    // Blocks as (count, mean, squares within); their squares sum to that of the prefix.
    let mut blocks: Vec<(f64, f64, f64)> = Vec::with_capacity(u.len());
    let mut total = 0.0;
    let mut squares = Vec::with_capacity(u.len() + 1);
    squares.push(0.0);
    for &value in u {
        let mut block = (1.0, value, 0.0);
        while let Some(&(n, mean, within)) = blocks.last()
            && mean >= block.1
        {
            blocks.pop();
            let all = n + block.0;
            let gap = block.1 - mean;
            let joined = within + block.2 + gap * gap * n * block.0 / all;
            total += joined - within - block.2;
            block = (all, mean + gap * block.0 / all, joined);
        }
        blocks.push(block);
        squares.push(total);
    }
    squares
}

/// The root mean square of what a non-decreasing fit leaves.
pub(crate) fn isotonic_residual(u: &[f64]) -> f64 {
    let squares = squares_of_prefixes(u);
    (squares[u.len()] / u.len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pooling_gives_the_known_fit() {
        // Best non-decreasing fit of 1 3 2 2 5 is 1 7/3 7/3 7/3 5, with squares 2/3.
        let squares = squares_of_prefixes(&[1.0, 3.0, 2.0, 2.0, 5.0]);
        assert!((squares[5] - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(squares[2], 0.0);
    }

    #[test]
    fn a_tent_turns_at_its_top() {
        let t: Vec<f64> = (0..20).map(f64::from).collect();
        let tent: Vec<f64> = t.iter().map(|t| -(t - 11.6).abs()).collect();
        let turn = best_turn(&t, &tent).unwrap();
        assert!(turn.improves_first && turn.before == 12);
        assert!(turn.left.rho == 1.0 && turn.right.rho == -1.0 && turn.size > 6.0);
        let bowl: Vec<f64> = tent.iter().map(|u| -u).collect();
        assert!(!best_turn(&t, &bowl).unwrap().improves_first);
        assert!(best_turn(&t[..11], &tent[..11]).is_none());
    }

    proptest! {
        #[test]
        fn no_split_of_a_rise_and_fall_is_worse_than_the_rise_alone(
            u in prop::collection::vec(-1.0..1.0, 1..40),
        ) {
            let left = squares_of_prefixes(&u);
            prop_assert!(left.is_sorted_by(|a, b| a <= &(b + 1e-12)));
            let mean = u.iter().sum::<f64>() / u.len() as f64;
            let constant: f64 = u.iter().map(|u| (u - mean).powi(2)).sum();
            prop_assert!(left[u.len()] <= constant + 1e-12);
        }
    }
}
