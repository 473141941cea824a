//! Rows that were left out, and why.

use std::fmt;

use crate::Role;

/// Why rows were left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The run's status is not `done`.
    Status(String),
    /// A row filter does not hold.
    Filtered(String),
    /// A needed number is missing.
    Missing(Role),
    /// A needed number is zero, negative or infinite.
    NotPositive(Role),
    /// 6 N D is beyond the range of a number.
    ComputeOutOfRange,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) if status.is_empty() => write!(f, "without a status"),
            Self::Status(status) => write!(f, "with status `{status}`"),
            Self::Filtered(filter) => write!(f, "where `{filter}` does not hold"),
            Self::Missing(role) => write!(f, "without {}", role.name()),
            Self::NotPositive(role) => {
                write!(f, "whose {} is not positive and finite", role.name())
            }
            Self::ComputeOutOfRange => write!(f, "whose 6 N D is beyond the range of a number"),
        }
    }
}

/// Rows that were left out, for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// Why.
    pub reason: Reason,
    /// The source line of each row.
    pub lines: Vec<usize>,
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = self.lines.len() == 1;
        write!(
            f,
            "{} {} {}: {} {}",
            self.lines.len(),
            if one { "row" } else { "rows" },
            self.reason,
            if one { "line" } else { "lines" },
            in_words(&self.lines)
        )
    }
}

/// Line numbers for people: runs of neighbours as ranges, long lists cut with a count.
fn in_words(lines: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &line in lines {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == line => *last = line,
            _ => ranges.push((line, line)),
        }
    }
    let shown: Vec<String> = ranges
        .iter()
        .take(8)
        .map(|&(from, to)| if from == to { from.to_string() } else { format!("{from}-{to}") })
        .collect();
    let more = ranges.len().saturating_sub(8);
    let tail = if more == 0 { String::new() } else { format!(" and {more} more places") };
    shown.join(", ") + &tail
}

/// Exclusions as they come up, row by row.
#[derive(Default)]
pub(crate) struct LeftOut(pub(crate) Vec<Exclusion>);

impl LeftOut {
    pub(crate) fn add(&mut self, reason: Reason, line: usize) {
        match self.0.iter_mut().find(|known| known.reason == reason) {
            Some(known) => known.lines.push(line),
            None => self.0.push(Exclusion { reason, lines: vec![line] }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_of_lines_are_cut_with_a_count() {
        let lines: Vec<usize> = (0..30).map(|x| 3 * x + 2).chain([100, 101]).collect();
        let shown = Exclusion { reason: Reason::Missing(Role::Loss), lines }.to_string();
        assert!(shown.ends_with("20, 23 and 23 more places"), "{shown}");
    }
}
