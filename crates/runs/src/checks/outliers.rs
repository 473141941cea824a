//! Losses that no law can make which falls in N and D.

use crate::Finding;
use crate::draft::Draft;

/// A loss this much above one with no more of anything is not noise, in per cent.
const PERCENT: f64 = 10.0;

pub(super) fn dominated(draft: &Draft) -> Option<Finding> {
    // With other variables than size and data in the law, a higher loss may be theirs.
    let explains = |name: &str| ["N", "D", "C", "M"].contains(&name);
    let loss = ["loss", "bpb"].contains(&draft.target.0.name.as_str());
    if !loss || !draft.variables.iter().all(|(asked, _)| explains(&asked.name)) {
        return None;
    }
    let (n, d) = (draft.known.n.as_ref()?, draft.known.d.as_ref()?);
    let mut rows: Vec<usize> = draft.kept.clone();
    rows.retain(|&row| n[row].is_finite() && d[row].is_finite());
    let world = |row: usize| draft.world(row);
    rows.sort_by(|&a, &b| {
        world(a).cmp(&world(b)).then(n[a].total_cmp(&n[b])).then(d[a].total_cmp(&d[b]))
    });
    let mut pairs = Vec::new();
    for rows in rows.chunk_by(|&a, &b| world(a) == world(b)) {
        within(draft, rows, (n, d), &mut pairs);
    }
    pairs.sort_unstable();
    (!pairs.is_empty()).then_some(Finding::Dominated { pairs, percent: PERCENT })
}

/// Adds the lines of such rows, and of those they are held against, among comparable `rows` in
/// the order of N, then D.
fn within(
    draft: &Draft,
    rows: &[usize],
    (n, d): (&[f64], &[f64]),
    pairs: &mut Vec<(usize, usize)>,
) {
    let loss = &draft.target.1;
    let mut levels: Vec<f64> = rows.iter().map(|&row| d[row]).collect();
    levels.sort_unstable_by(f64::total_cmp);
    levels.dedup();
    let mut best = BestUpTo::new(levels.len());
    // By N, then D: what is entered has no more N, and the prefix has no more D.
    for same in rows.chunk_by(|&a, &b| n[a] == n[b] && d[a] == d[b]) {
        let level = levels.partition_point(|&level| level < d[same[0]]);
        for &row in same {
            best.enter(level, (loss[row], row));
        }
        let (least, better) = best.up_to(level);
        for &row in same {
            if loss[row] > least * (1.0 + PERCENT / 100.0) && least > 0.0 {
                pairs.push((draft.lines[row], draft.lines[better]));
            }
        }
    }
}

/// The least value among the first levels, in logarithmic time (a Fenwick tree).
struct BestUpTo(Vec<(f64, usize)>);

impl BestUpTo {
    fn new(levels: usize) -> Self {
        Self(vec![(f64::INFINITY, usize::MAX); levels + 1])
    }

    fn enter(&mut self, level: usize, value: (f64, usize)) {
        let mut at = level + 1;
        while at < self.0.len() {
            if value < self.0[at] {
                self.0[at] = value;
            }
            at += at & at.wrapping_neg();
        }
    }

    /// Of the levels up to `level`, that one included; one has to be entered.
    fn up_to(&self, level: usize) -> (f64, usize) {
        let mut at = level + 1;
        let mut best = (f64::INFINITY, usize::MAX);
        while at > 0 {
            if self.0[at] < best {
                best = self.0[at];
            }
            at -= at & at.wrapping_neg();
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_best_of_a_prefix_is_its_minimum(values in prop::collection::vec(0.0..1.0_f64, 1..40)) {
            let mut tree = BestUpTo::new(values.len());
            for (level, &value) in values.iter().enumerate().rev() {
                tree.enter(level, (value, level));
            }
            for level in 0..values.len() {
                let least = values[..=level].iter().copied().fold(f64::INFINITY, f64::min);
                prop_assert_eq!(tree.up_to(level).0, least);
            }
        }
    }
}
