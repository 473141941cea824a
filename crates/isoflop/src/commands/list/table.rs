//! Columns of text.

use crate::table::{Side, on_side};

/// Rows under headers, folded to `width`.
pub(super) fn table<const N: usize>(
    headers: [&str; N],
    rows: &[[String; N]],
    width: usize,
) -> String {
    let all: Vec<[String; N]> =
        std::iter::once(headers.map(str::to_owned)).chain(rows.iter().cloned()).collect();
    let mut out = String::new();
    on_side(&mut out, &all, width, Side::List);
    out
}

/// What is shown where no source states a number.
pub(super) fn or_dash<T: std::fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
