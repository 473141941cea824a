//! Tables with published results, in the folder that `ISOFLOP_REFERENCE` names.

#![allow(dead_code, reason = "not every test file uses all of it")]

use std::io::Write as _;
use std::path::PathBuf;

use laws::{FitOptions, Objective};
use runs::{Asked, InMemory, Observations, Rules, RunTable};

/// The path of a table; `None`, and a line that says which validation is left out, without it.
pub(crate) fn path(name: &str, what: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("ISOFLOP_REFERENCE") else {
        // Not `eprintln!`: the test harness would keep that to itself.
        let _ = writeln!(std::io::stderr(), "left out (ISOFLOP_REFERENCE is not set): {what}");
        return None;
    };
    Some(PathBuf::from(folder).join(name))
}

/// The table called `name`.
///
/// # Panics
/// When the folder is there and the table cannot be read.
pub(crate) fn table(name: &str, what: &str) -> Option<RunTable> {
    Some(RunTable::read(path(name, what)?).expect("the reference tables can be read"))
}

/// # Panics
/// When `found` is further from `expected` than the relative `tolerance`.
#[track_caller]
pub(crate) fn near(what: &str, found: f64, expected: f64, tolerance: f64) {
    let error = (found / expected - 1.0).abs();
    assert!(error <= tolerance, "{what}: {found} is {error:.2e} from {expected}");
}

/// A column of numbers.
///
/// # Panics
/// When the table has no such column.
pub(crate) fn numbers(table: &RunTable, name: &str) -> Vec<f64> {
    table.numbers(name).expect("a column of numbers")
}

/// A column of words.
///
/// # Panics
/// When the table has no such column.
pub(crate) fn words<'a>(table: &'a RunTable, name: &str) -> Vec<&'a str> {
    table.text(name).expect("a column")
}

/// Columns of positive numbers as observations, target first.
///
/// # Panics
/// When they are of unequal length or hold no row.
pub(crate) fn observe<const N: usize>(columns: [(&str, Vec<f64>); N]) -> Observations {
    let mut columns = columns
        .into_iter()
        .map(|(name, column)| (Asked::positive(name), column))
        .collect::<Vec<_>>();
    let target = columns.remove(0);
    Observations::from_columns("table", InMemory::new(target, columns), Rules::default())
        .expect("columns of one length")
}

/// The entries of `column` in these rows.
pub(crate) fn pick(column: &[f64], rows: &[usize]) -> Vec<f64> {
    rows.iter().map(|&row| column[row]).collect()
}

/// Options without draws.
pub(crate) fn point(objective: Objective) -> FitOptions {
    FitOptions { objective: Some(objective), bootstrap: 0, ..FitOptions::default() }
}

/// The sum over rows of Huber's penalty.
pub(crate) fn huber_sum(residuals: impl Iterator<Item = f64>, delta: f64) -> f64 {
    let penalty = |r: f64| {
        let size = r.abs();
        if size <= delta { 0.5 * r * r } else { delta * (size - 0.5 * delta) }
    };
    residuals.map(penalty).sum()
}
