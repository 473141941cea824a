//! Checks of the rows together: each looks for one kind of trouble and gives a [`Finding`].
//!
//! All take time linear in the rows but for sorting.

mod curves;
mod duplicates;
mod known;
mod outliers;
mod values;

pub(crate) use curves::{earlier_checkpoints, spikes, unannealed};
pub(crate) use duplicates::repeats;
pub(crate) use known::Known;

use crate::Finding;
use crate::draft::Draft;

/// Everything in the rows in use that deserves a second look.
pub(crate) fn findings(draft: &Draft) -> Vec<Finding> {
    let unused = draft.known.unused.iter().cloned();
    let mut findings: Vec<Finding> =
        unused.map(|(name, column)| Finding::UnusedColumn { name, column }).collect();
    findings.extend(duplicates::duplicate_rows(draft));
    findings.extend(duplicates::near_duplicates(draft));
    findings.extend(curves::findings(draft));
    findings.extend(values::compute_disagrees(draft));
    findings.extend(values::mixed(draft));
    findings.extend(outliers::dominated(draft));
    findings.extend(values::worse_than_guessing(draft));
    findings.extend(values::not_shares(draft));
    findings.extend(values::small_units(draft));
    findings
}

#[cfg(test)]
mod tests;
