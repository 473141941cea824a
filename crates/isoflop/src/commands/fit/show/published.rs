//! Published constants of the law beside ours.

use std::fmt::Write as _;

use laws::Fit;

use super::super::words::{bold, rounded, table};

/// More sets than this are left to `isoflop list laws`.
const MOST: usize = 6;

pub(super) fn about(text: &mut String, fit: &Fit) {
    let published = &fit.law.published;
    if published.is_empty() {
        return;
    }
    let names = fit.law.parameter_names();
    let _ =
        writeln!(text, "\n{}: constants of other runs, under their conventions", bold("published"));
    let head = std::iter::once("").chain(names.iter().copied()).map(str::to_owned);
    let mut rows: Vec<Vec<String>> = vec![head.collect()];
    for group in fit.groups() {
        let label = group.as_ref().map_or("here".to_owned(), |group| format!("here, {group}"));
        let value = |name: &&str| {
            let own = group.as_ref().map(|group| format!("{name}[{group}]"));
            let known = own.filter(|own| fit.value_of(own).is_some());
            let known = known.unwrap_or_else(|| (*name).to_owned());
            fit.value_of(&known).map_or(String::new(), |value| rounded(value, fit.interval(&known)))
        };
        rows.push(std::iter::once(label).chain(names.iter().map(value)).collect());
    }
    for one in published.iter().take(MOST) {
        let value = |name: &&str| {
            one.value(name).map_or(String::new(), |value| {
                let doubt = if one.doubt(name).is_some() { "?" } else { "" };
                format!("{}{doubt}", rounded(value, None))
            })
        };
        rows.push(std::iter::once(one.id.clone()).chain(names.iter().map(value)).collect());
    }
    table(text, &rows);
    if published.iter().take(MOST).any(|one| names.iter().any(|name| one.doubt(name).is_some())) {
        let _ = writeln!(text, "  ? not read in the paper itself");
    }
    let more = published.len().saturating_sub(MOST);
    let more = if more == 0 { String::new() } else { format!("{more} more, and ") };
    let _ = writeln!(text, "  {more}sources: isoflop list laws {}", fit.law.name);
}
