//! Which runs share a budget: groups of ln C that differ little within and clearly between.

use serde::{Deserialize, Serialize};

/// When two runs have the same budget.
///
/// Budgets are never rounded: 1.5e19 and 2.4e19 stay apart, 0.99e19 and 1.01e19 come together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Grouping {
    /// Neighbours in C that differ by more than this factor are of different budgets.
    pub gap: f64,
    /// Runs of one budget differ by at most this factor. A chain of close values that is longer
    /// is cut at its widest gaps.
    pub spread: f64,
}

impl Default for Grouping {
    /// Gaps of 10 %, budgets at most 35 % wide.
    fn default() -> Self {
        Self { gap: 1.10, spread: 1.35 }
    }
}

/// Rows of one budget, in the order of C.
pub(super) struct Groups {
    pub(super) rows: Vec<Vec<usize>>,
    /// Ranges of C (in logs) that had to be cut although no gap parts them.
    pub(super) smeared: Vec<(f64, f64)>,
}

/// Groups rows by their ln C, budgets from small to large.
pub(super) fn group(ln_c: &[f64], grouping: &Grouping) -> Groups {
    // Rounding must not part what is written the same.
    let (gap, spread) = (grouping.gap.ln().max(1e-9), grouping.spread.ln().max(1e-9));
    let mut order: Vec<usize> = (0..ln_c.len()).collect();
    order.sort_by(|&a, &b| ln_c[a].total_cmp(&ln_c[b]).then(a.cmp(&b)));
    let width = |part: &[usize]| ln_c[part[part.len() - 1]] - ln_c[part[0]];

    let mut groups = Groups { rows: Vec::new(), smeared: Vec::new() };
    let chains = order.chunk_by(|&a, &b| ln_c[b] - ln_c[a] <= gap);
    for chain in chains {
        if width(chain) > spread {
            groups.smeared.push((ln_c[chain[0]], ln_c[chain[chain.len() - 1]]));
        }
        // Left part on top of the stack, so that budgets come out in order.
        let mut parts = vec![chain];
        while let Some(part) = parts.pop() {
            if width(part) <= spread {
                groups.rows.push(part.to_vec());
                continue;
            }
            let widest = (1..part.len())
                .max_by(|&a, &b| {
                    let gap = |at: usize| ln_c[part[at]] - ln_c[part[at - 1]];
                    // Of equal gaps the middle one, so that an even spread is halved.
                    let off = |at: usize| (2 * at).abs_diff(part.len());
                    gap(a).total_cmp(&gap(b)).then(off(b).cmp(&off(a))).then(b.cmp(&a))
                })
                .unwrap_or(1);
            let (left, right) = part.split_at(widest);
            parts.push(right);
            parts.push(left);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sizes(c: &[f64]) -> Vec<usize> {
        let ln_c: Vec<f64> = c.iter().map(|c| c.ln()).collect();
        group(&ln_c, &Grouping::default()).rows.iter().map(Vec::len).collect()
    }

    #[test]
    fn budgets_are_told_apart_by_gaps_not_by_digits() {
        // One significant figure would join 1.5 and 2.4, and part 0.94 from 1.04.
        assert_eq!(sizes(&[1.5e19, 2.4e19, 1.51e19, 2.39e19]), [2, 2]);
        assert_eq!(sizes(&[0.94e19, 1.04e19, 0.99e19, 3e19]), [3, 1]);
        assert_eq!(sizes(&[1e18]), [1]);
    }

    #[test]
    fn a_chain_without_gaps_is_cut_and_said() {
        let ln_c: Vec<f64> = (0..40).map(|i| 40.0 + 0.05 * f64::from(i)).collect();
        let groups = group(&ln_c, &Grouping::default());
        assert_eq!(groups.smeared, [(40.0, 40.0 + 0.05 * 39.0)]);
        assert!(groups.rows.len() >= 7, "{:?}", groups.rows);
    }

    proptest! {
        #[test]
        fn every_row_is_in_one_budget_and_no_budget_is_too_wide(
            ln_c in prop::collection::vec(30.0..50.0, 1..80)
        ) {
            let grouping = Grouping::default();
            let groups = group(&ln_c, &grouping);
            let mut seen: Vec<usize> = groups.rows.concat();
            for rows in &groups.rows {
                let width = ln_c[rows[rows.len() - 1]] - ln_c[rows[0]];
                prop_assert!(width <= grouping.spread.ln());
            }
            for pair in groups.rows.windows(2) {
                prop_assert!(ln_c[pair[0][pair[0].len() - 1]] <= ln_c[pair[1][0]]);
            }
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq(0..ln_c.len()));
        }
    }
}
