//! Values that contradict each other, do not compare, or have a unit in doubt.

use std::collections::BTreeSet;

use crate::draft::Draft;
use crate::standard::standard;
use crate::{Domain, Finding};

/// A column of C further than this from 6 N D counts something else.
const COMPUTE_TOLERANCE: f64 = 0.05;

/// Every column of C that is not 6 N D.
pub(super) fn compute_disagrees(draft: &Draft) -> Vec<Finding> {
    let (Some(n), Some(d)) = (&draft.known.n, &draft.known.d) else { return Vec::new() };
    let of = |column: &super::known::ComputeColumn| {
        let mut ratios = Vec::with_capacity(draft.kept.len());
        let mut lines = Vec::new();
        for &row in &draft.kept {
            let ratio = column.values[row] / (6.0 * n[row] * d[row]);
            if !ratio.is_normal() || ratio <= 0.0 {
                continue;
            }
            ratios.push(ratio);
            if !(1.0 - COMPUTE_TOLERANCE..=1.0 + COMPUTE_TOLERANCE).contains(&ratio) {
                lines.push(draft.lines[row]);
            }
        }
        ratios.sort_unstable_by(f64::total_cmp);
        let (&low, &high) = (ratios.first()?, ratios.last()?);
        let median = ratios[ratios.len() / 2];
        let column = column.source.trim_matches('`').to_owned();
        (!lines.is_empty()).then_some(Finding::ComputeDisagrees {
            column,
            low,
            median,
            high,
            lines,
        })
    };
    draft.known.computes.iter().filter_map(of).collect()
}

/// Tokenizers, vocabularies and data sets that differ where losses are compared. Within a group
/// that a law tells apart they may.
pub(super) fn mixed(draft: &Draft) -> Vec<Finding> {
    const SHOWN: usize = 5;
    let nats = draft.known.target_unit == "nats per token";
    let of = |labels: &super::known::Labels| {
        if labels.what != "dataset" && !nats {
            return None;
        }
        let index = &labels.of.index;
        let group = |row: usize| draft.group.as_ref().map_or(0, |group| group.index[row]);
        let groups = draft.group.as_ref().map_or(1, |group| group.names.len());
        let mut first = vec![usize::MAX; groups];
        let mut differs = false;
        let mut seen = BTreeSet::new();
        let mut values = Vec::new();
        for &row in &draft.kept {
            let name = &labels.of.names[index[row]];
            // A missing text says nothing.
            if name.is_empty() {
                continue;
            }
            let first = &mut first[group(row)];
            if *first == usize::MAX {
                *first = index[row];
            }
            differs |= *first != index[row];
            if seen.insert(index[row]) && values.len() < SHOWN {
                values.push(name.chars().take(40).collect());
            }
        }
        let (what, column) = (labels.what.to_owned(), labels.column.clone());
        differs.then_some(Finding::Mixed { what, column, distinct: seen.len(), values })
    };
    draft.known.labels.iter().filter_map(of).collect()
}

/// Losses above what guessing gives.
pub(super) fn worse_than_guessing(draft: &Draft) -> Option<Finding> {
    /// No vocabulary is larger: where it is not known, ln of this is the limit.
    const LARGEST: f64 = 1e7;
    let unit = &draft.known.target_unit;
    if draft.target.0.name != "loss" || !(unit.is_empty() || unit == "nats per token") {
        return None;
    }
    let guess = |row: usize| {
        let vocab = draft.known.vocab.as_ref().map_or(f64::NAN, |vocab| vocab[row]);
        if vocab > 1.0 && vocab < LARGEST { vocab.ln() } else { LARGEST.ln() }
    };
    let lines: Vec<usize> = draft
        .kept
        .iter()
        .filter(|&&row| draft.target.1[row] > guess(row) + 0.05)
        .map(|&row| draft.lines[row])
        .collect();
    (!lines.is_empty()).then_some(Finding::WorseThanGuessing { lines })
}

/// Shares above 1, those included that the domain of the law has ruled out.
pub(super) fn not_shares(draft: &Draft) -> Vec<Finding> {
    let of = |(asked, values): &(crate::Asked, Vec<f64>)| {
        let unit = standard(&asked.name).map(|standard| standard.unit.as_str());
        if asked.domain != Domain::Share && unit != Some("share") {
            return None;
        }
        let above: Vec<usize> = (0..values.len()).filter(|&row| values[row] > 1.0).collect();
        let percent = values.iter().all(|value| value.is_nan() || (0.0..=100.0).contains(value));
        let lines = above.into_iter().map(|row| draft.lines[row]).collect::<Vec<_>>();
        let name = asked.name.clone();
        (!lines.is_empty()).then_some(Finding::NotShares { name, lines, percent })
    };
    draft.variables.iter().chain([&draft.target]).filter_map(of).collect()
}

/// N, D and C too small to be counts of parameters, tokens and operations.
pub(super) fn small_units(draft: &Draft) -> Vec<Finding> {
    let of = |&(name, expected): &(&str, f64)| {
        let values = draft.variable(name)?;
        let largest = draft.kept.iter().map(|&row| values[row]).fold(f64::NEG_INFINITY, f64::max);
        let name = name.to_owned();
        (largest < expected && largest.is_finite()).then_some(Finding::SmallUnit {
            name,
            largest,
            expected,
        })
    };
    [("N", 5e3), ("D", 1e4), ("C", 1e9)].iter().filter_map(of).collect()
}
