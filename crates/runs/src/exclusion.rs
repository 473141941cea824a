//! Rows that were left out, and why.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Domain;

/// Why rows were left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Reason {
    /// The run's status is not `done`.
    Status {
        /// Its status.
        status: String,
    },
    /// A row filter does not hold.
    Filtered {
        /// As it was written.
        filter: String,
    },
    /// A needed number is missing.
    Missing {
        /// Of which name.
        name: String,
    },
    /// A needed number is outside what the law can use.
    Outside {
        /// Of which name.
        name: String,
        /// What it would have to be.
        domain: Domain,
    },
    /// 6 N D is beyond the range of a number.
    ComputeOutOfRange,
    /// It repeats an earlier row; left out because the rules ask for it.
    Duplicate,
    /// Its run has a later row; left out because the rules ask for it.
    EarlierCheckpoint,
    /// It jumps above its neighbours in its run; left out because the rules ask for it.
    Spike,
    /// Its learning rate has not decayed yet; left out because the rules ask for it.
    Unannealed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status } if status.is_empty() => write!(f, "without a status"),
            Self::Status { status } => write!(f, "with status `{status}`"),
            Self::Filtered { filter } => write!(f, "where `{filter}` does not hold"),
            Self::Missing { name } => write!(f, "without {name}"),
            Self::Outside { name, domain } => write!(f, "whose {name} is not {}", domain.words()),
            Self::ComputeOutOfRange => write!(f, "whose 6 N D is beyond the range of a number"),
            Self::Duplicate => write!(f, "repeating an earlier row, as asked"),
            Self::EarlierCheckpoint => write!(f, "before the last of the run, as asked"),
            Self::Spike => write!(f, "spiking above the run's curve, as asked"),
            Self::Unannealed => write!(f, "before the learning rate has decayed, as asked"),
        }
    }
}

/// Rows that were left out, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// Why.
    #[serde(flatten)]
    pub reason: Reason,
    /// The source line of each row.
    pub lines: Vec<usize>,
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = if self.lines.len() == 1 { "row" } else { "rows" };
        write!(f, "{} {rows} {}: {}", self.lines.len(), self.reason, in_words(&self.lines))
    }
}

/// Line numbers for people: `lines 3, 5-9 and 4 more places`.
pub(crate) fn in_words(lines: &[usize]) -> String {
    /// More ranges than this are only counted.
    const MOST: usize = 8;
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &line in lines {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == line => *last = line,
            _ => ranges.push((line, line)),
        }
    }
    let shown: Vec<String> = ranges
        .iter()
        .take(MOST)
        .map(|&(from, to)| if from == to { from.to_string() } else { format!("{from}-{to}") })
        .collect();
    let more = ranges.len().saturating_sub(MOST);
    let tail = if more == 0 { String::new() } else { format!(" and {more} more places") };
    let noun = if lines.len() == 1 { "line" } else { "lines" };
    format!("{noun} {}{tail}", shown.join(", "))
}

/// Exclusions as they come up, row by row, in the order in which their reasons first do.
#[derive(Default)]
pub(crate) struct LeftOut {
    exclusions: Vec<Exclusion>,
    places: HashMap<Reason, usize>,
}

impl LeftOut {
    pub(crate) fn add(&mut self, reason: Reason, line: usize) {
        let next = self.exclusions.len();
        let place = *self.places.entry(reason).or_insert_with_key(|reason| {
            self.exclusions.push(Exclusion { reason: reason.clone(), lines: Vec::new() });
            next
        });
        self.exclusions[place].lines.push(line);
    }

    pub(crate) fn into_exclusions(self) -> Vec<Exclusion> {
        self.exclusions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_of_lines_are_cut_with_a_count() {
        let lines: Vec<usize> = (0..30).map(|x| 3 * x + 2).chain([100, 101]).collect();
        let reason = Reason::Missing { name: "loss".to_owned() };
        let shown = Exclusion { reason, lines }.to_string();
        assert!(shown.ends_with("20, 23 and 23 more places"), "{shown}");
    }

    #[test]
    fn one_row_is_told_in_the_singular() {
        let reason = Reason::Outside { name: "accuracy".to_owned(), domain: Domain::Share };
        assert_eq!(
            Exclusion { reason, lines: vec![7] }.to_string(),
            "1 row whose accuracy is not a share from 0 to 1: line 7"
        );
    }
}
