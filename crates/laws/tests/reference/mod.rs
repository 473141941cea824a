//! Tables with published results, in the folder that `ISOFLOP_REFERENCE` names.

#![allow(dead_code, reason = "not every test file uses all of it")]

use std::io::Write as _;
use std::path::PathBuf;

use runs::RunTable;

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
