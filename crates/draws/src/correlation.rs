//! Declared rank correlations, made into a matrix that can be sampled from.

use std::fmt;

use crate::{Error, matrix};

/// How far one pair's rank correlation may move to make the whole valid. A request that needs
/// more is an error: the answer would no longer be about what was asked.
const FARTHEST_MOVE: f64 = 0.25;

/// Below this a move is rounding, not worth a word.
const SILENT_MOVE: f64 = 1e-6;

/// The most inputs of one group for which a nearest valid matrix is sought: it takes a second for
/// 60 and six for 100.
const MOST_MOVED: usize = 100;

/// One declared Spearman rank correlation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pair {
    pub(crate) a: usize,
    pub(crate) b: usize,
    pub(crate) rho: f64,
}

/// The pairs that could not be had as declared, with what they became.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// One input.
    pub a: String,
    /// The other input.
    pub b: String,
    /// The rank correlation asked for (0 where none was declared).
    pub asked: f64,
    /// The rank correlation of the nearest valid matrix.
    pub used: f64,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { a, b, asked, used } = self;
        write!(
            f,
            "the rank correlation of `{a}` and `{b}` is {used:.3} instead of {asked:.3}: \
             the declared correlations are not possible all together"
        )
    }
}

/// Inputs that depend on each other through declared correlations.
#[derive(Debug, Clone)]
pub(crate) struct Correlated {
    /// Positions of the inputs, in order of declaration.
    pub(crate) members: Vec<usize>,
    /// Lower-triangular factor of their normal scores' correlation matrix, row by row.
    pub(crate) factor: Vec<f64>,
    /// What moved, farthest first.
    pub(crate) moved: Vec<Moved>,
}

/// Splits the inputs named in `pairs` into connected groups and factors each.
pub(crate) fn groups(names: &[String], pairs: &[Pair]) -> Result<Vec<Correlated>, Error> {
    let mut group_of: Vec<usize> = (0..names.len()).collect();
    for pair in pairs {
        let (from, to) = (group_of[pair.b], group_of[pair.a]);
        for group in &mut group_of {
            if *group == from {
                *group = to;
            }
        }
    }
    let mut groups = Vec::new();
    for leader in 0..names.len() {
        let members: Vec<usize> = (0..names.len()).filter(|&i| group_of[i] == leader).collect();
        if members.len() > 1 {
            groups.push(factor(names, members, pairs)?);
        }
    }
    groups.sort_by_key(|group| group.members[0]);
    Ok(groups)
}

fn factor(names: &[String], members: Vec<usize>, pairs: &[Pair]) -> Result<Correlated, Error> {
    let n = members.len();
    let mut asked = vec![0.0; n * n];
    for i in 0..n {
        asked[i * n + i] = 1.0;
    }
    for pair in pairs {
        let place = |input| members.iter().position(|&member| member == input);
        if let (Some(i), Some(j)) = (place(pair.a), place(pair.b)) {
            asked[i * n + j] = spearman_to_pearson(pair.rho);
            asked[j * n + i] = asked[i * n + j];
        }
    }
    let used = if matrix::is_semidefinite(&asked, n) {
        asked.clone()
    } else if n <= MOST_MOVED {
        matrix::nearest_correlation(&asked, n)
    } else {
        return Err(Error::CorrelationTooMany { given: n, limit: MOST_MOVED });
    };
    let mut moved = Vec::new();
    for i in 0..n {
        for j in 0..i {
            let (from, to) =
                (pearson_to_spearman(asked[i * n + j]), pearson_to_spearman(used[i * n + j]));
            if (from - to).abs() > SILENT_MOVE {
                let (a, b) = (names[members[j]].clone(), names[members[i]].clone());
                moved.push(Moved { a, b, asked: from, used: to });
            }
        }
    }
    moved.sort_by(|x, y| (y.used - y.asked).abs().total_cmp(&(x.used - x.asked).abs()));
    if let Some(worst) = moved.first().filter(|m| (m.used - m.asked).abs() > FARTHEST_MOVE) {
        return Err(Error::CorrelationImpossible {
            a: worst.a.clone(),
            b: worst.b.clone(),
            asked: worst.asked,
            nearest: worst.used,
        });
    }
    Ok(Correlated { members, factor: matrix::cholesky(&used, n), moved })
}

/// The correlation of two normal scores whose ranks correlate by `rho` (Pearson, 1907).
fn spearman_to_pearson(rho: f64) -> f64 {
    (2.0 * (std::f64::consts::PI * rho / 6.0).sin()).clamp(-1.0, 1.0)
}

fn pearson_to_spearman(r: f64) -> f64 {
    6.0 / std::f64::consts::PI * (r.clamp(-1.0, 1.0) / 2.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("x{i}")).collect()
    }

    fn pair(a: usize, b: usize, rho: f64) -> Pair {
        Pair { a, b, rho }
    }

    #[test]
    fn only_inputs_that_are_connected_share_a_group() {
        let pairs = [pair(4, 1, 0.5), pair(1, 2, 0.2), pair(5, 6, -0.9)];
        let groups = groups(&names(8), &pairs).unwrap();
        let members: Vec<&[usize]> = groups.iter().map(|g| g.members.as_slice()).collect();
        assert_eq!(members, [&[1, 2, 4][..], &[5, 6][..]]);
        assert!(groups.iter().all(|g| g.moved.is_empty()));
    }

    #[test]
    fn a_slightly_invalid_set_is_moved_to_the_nearest_valid_one_and_says_so() {
        let pairs = [pair(0, 1, 0.9), pair(1, 2, 0.9), pair(0, 2, 0.5)];
        let groups = groups(&names(3), &pairs).unwrap();
        let moved = &groups[0].moved;
        assert!(!moved.is_empty());
        assert!(moved.iter().all(|m| (m.used - m.asked).abs() < 0.1), "{moved:?}");
    }

    #[test]
    fn contradictory_correlations_are_an_error_that_names_the_pair() {
        let pairs = [pair(0, 1, 0.95), pair(1, 2, 0.95), pair(0, 2, -0.95)];
        let error = groups(&names(3), &pairs).unwrap_err();
        assert!(matches!(error, Error::CorrelationImpossible { .. }), "{error}");
    }

    #[test]
    fn ranks_and_scores_convert_both_ways() {
        for rho in [-1.0, -0.4, 0.0, 0.3, 1.0] {
            assert!((pearson_to_spearman(spearman_to_pearson(rho)) - rho).abs() < 1e-14);
        }
    }
}
