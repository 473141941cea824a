//! Published constants of the law beside ours.

use std::fmt::Write as _;

use laws::Rival;

use super::super::answer::Answer;
use super::super::words::{bold, rounded};
use crate::table::table;

/// More sets than this are left to `isoflop list laws`.
const MOST: usize = 6;

pub(super) fn about(text: &mut String, answer: &Answer<'_>, width: usize) {
    let fit = answer.fit;
    let published = &fit.law.published;
    if published.is_empty() {
        return;
    }
    let names = fit.law.parameter_names();
    let _ =
        writeln!(text, "\n{}: constants of other runs, under their conventions", bold("published"));
    let above = if answer.rivals.is_empty() { "" } else { "objective here" };
    let head = std::iter::once("").chain(names.iter().copied()).chain([above]).map(str::to_owned);
    let mut rows: Vec<Vec<String>> = vec![head.collect()];
    for group in fit.groups() {
        let label = group.as_ref().map_or("here".to_owned(), |group| format!("here, {group}"));
        let value = |name: &&str| {
            let own = group.as_ref().map(|group| format!("{name}[{group}]"));
            let known = own.filter(|own| fit.value_of(own).is_some());
            let known = known.unwrap_or_else(|| (*name).to_owned());
            fit.value_of(&known).map_or(String::new(), |value| rounded(value, fit.interval(&known)))
        };
        let least = if answer.rivals.is_empty() { "" } else { "the least" };
        let row = std::iter::once(label).chain(names.iter().map(value));
        rows.push(row.chain([least.to_owned()]).collect());
    }
    for one in published.iter().take(MOST) {
        let value = |name: &&str| {
            one.value(name).map_or(String::new(), |value| {
                let doubt = if one.doubt(name).is_some() { "?" } else { "" };
                format!("{}{doubt}", rounded(value, None))
            })
        };
        let rival = answer.rivals.iter().find(|rival| rival.id == one.id);
        let row = std::iter::once(one.id.clone()).chain(names.iter().map(value));
        rows.push(row.chain([rival.map_or(String::new(), above_least)]).collect());
    }
    table(text, &rows, width);
    if published.iter().take(MOST).any(|one| names.iter().any(|name| one.doubt(name).is_some())) {
        let _ = writeln!(text, "  ? not read in the paper itself");
    }
    let more = published.len().saturating_sub(MOST);
    let more = if more == 0 { String::new() } else { format!("{more} more, and ") };
    let _ = writeln!(text, "  {more}sources: isoflop list laws {}", fit.law.name);
}

/// How far above the least the objective is at published constants, on these rows.
fn above_least(rival: &Rival) -> String {
    let above = if rival.above < 10.0 {
        format!("{:.2} % above", 100.0 * rival.above)
    } else {
        format!("{:.0}x", 1.0 + rival.above)
    };
    if rival.p < 0.001 {
        format!("{above}, p < 0.001")
    } else {
        format!("{above}, p = {:.3}", rival.p)
    }
}
