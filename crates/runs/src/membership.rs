//! Which run, group or data set every row belongs to: names kept once, rows by number.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Which of some named sets every row of a table belongs to.
#[derive(Debug, Default)]
pub(crate) struct Membership {
    /// Per row, the number of its set.
    pub(crate) index: Vec<usize>,
    /// Names by index; empty for a row that names none and is its own.
    pub(crate) names: Vec<Box<str>>,
}

impl Membership {
    /// Every row its own.
    pub(crate) fn row(rows: usize) -> Self {
        Self { index: (0..rows).collect(), names: vec![Box::default(); rows] }
    }

    /// Rows of one name belong together; a row without a name is its own.
    pub(crate) fn named<'a>(cells: impl Iterator<Item = &'a str>) -> Self {
        let mut of = Self::default();
        let mut known: HashMap<&str, usize> = HashMap::new();
        for cell in cells {
            let next = of.names.len();
            let index = match known.entry(cell) {
                Entry::Occupied(entry) if !cell.is_empty() => *entry.get(),
                _ => {
                    known.insert(cell, next);
                    of.names.push(cell.into());
                    next
                }
            };
            of.index.push(index);
        }
        of
    }
}
