//! Rows that are there twice, exactly or almost.

use std::collections::HashMap;

use crate::Finding;
use crate::draft::Draft;

/// Settings nearer than this in every variable are probably one.
const NEAR: f64 = 1e-3;

/// With more exact settings than this in one, the design is a continuum and not one run read twice.
const MOST: usize = 4;

/// Rows that repeat an earlier row in every cell: (first, repeat).
fn pairs(draft: &Draft) -> Vec<(usize, usize)> {
    let mut first: HashMap<u64, usize> = HashMap::with_capacity(draft.kept.len());
    let mut pairs = Vec::new();
    for &row in &draft.kept {
        let known = *first.entry(draft.known.hash[row]).or_insert(row);
        if known != row {
            pairs.push((known, row));
        }
    }
    pairs
}

/// The rows that repeat an earlier row in every cell.
pub(crate) fn repeats(draft: &Draft) -> Vec<usize> {
    pairs(draft).into_iter().map(|(_, row)| row).collect()
}

pub(super) fn duplicate_rows(draft: &Draft) -> Option<Finding> {
    let line = |row: usize| draft.lines[row];
    let pairs: Vec<_> = pairs(draft).into_iter().map(|(a, b)| (line(a), line(b))).collect();
    (!pairs.is_empty()).then_some(Finding::DuplicateRows { pairs })
}

pub(super) fn near_duplicates(draft: &Draft) -> Option<Finding> {
    // Along one variable alone, near values are what a curve is made of.
    if draft.variables.len() < 2 {
        return None;
    }
    let count = draft.kept.len();
    // Place in `kept` to the setting it is of, one variable after the other.
    let mut exact = vec![0_usize; count];
    let mut near = vec![0_usize; count];
    for (_, values) in &draft.variables {
        let values: Vec<f64> = draft.kept.iter().map(|&row| values[row]).collect();
        refine(&mut exact, &levels(&values, 0.0));
        refine(&mut near, &levels(&values, NEAR));
    }
    let mut settings: HashMap<usize, Setting> = HashMap::new();
    for (place, &row) in draft.kept.iter().enumerate() {
        let run = draft.run.index[row];
        let setting = settings.entry(near[place]).or_insert(Setting {
            run,
            several_runs: false,
            exact: [0; MOST + 1],
            distinct: 0,
        });
        setting.several_runs |= setting.run != run;
        if setting.distinct <= MOST && !setting.exact[..setting.distinct].contains(&exact[place]) {
            setting.exact[setting.distinct] = exact[place];
            setting.distinct += 1;
        }
    }
    settings.retain(|_, it| it.several_runs && (2..=MOST).contains(&it.distinct));
    if settings.is_empty() {
        return None;
    }
    let rows = draft.kept.iter().zip(&near);
    let lines = rows.filter(|(_, near)| settings.contains_key(near));
    Some(Finding::NearDuplicates {
        lines: lines.map(|(&row, _)| draft.lines[row]).collect(),
        settings: settings.len(),
        percent: NEAR * 100.0,
    })
}

/// What is near enough to be one setting.
struct Setting {
    run: usize,
    several_runs: bool,
    /// The exact settings in it, while they are few.
    exact: [usize; MOST + 1],
    distinct: usize,
}

/// Numbers the values so that those within `tolerance` of the least of their level share one.
fn levels(values: &[f64], tolerance: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut of = vec![0; values.len()];
    let mut level = 0;
    let mut least = f64::NEG_INFINITY;
    for place in order {
        let value = values[place];
        if value - least > tolerance * least.abs() || least.is_infinite() {
            level += 1;
            least = value;
        }
        of[place] = level;
    }
    of
}

/// Splits groups by one more number: places share one where they shared both before.
fn refine(groups: &mut [usize], levels: &[usize]) {
    let mut known: HashMap<(usize, usize), usize> = HashMap::new();
    for (group, &level) in groups.iter_mut().zip(levels) {
        let next = known.len();
        *group = *known.entry((*group, level)).or_insert(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_do_not_chain_over_a_continuum() {
        let values: Vec<f64> = (0..1000).map(|i| 1.0 + f64::from(i) * 1e-4).collect();
        let levels = levels(&values, NEAR);
        let distinct: std::collections::HashSet<_> = levels.iter().collect();
        assert!((80..=110).contains(&distinct.len()), "{}", distinct.len());
    }

    #[test]
    fn equal_values_are_one_exact_level_and_zero_is_its_own() {
        assert_eq!(levels(&[2.0, 0.0, 2.0, 0.0, -1.0], 0.0), [3, 2, 3, 2, 1]);
    }
}
