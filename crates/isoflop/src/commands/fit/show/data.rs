//! What was read, which columns were taken, and what was left out.

use std::fmt::Write as _;

use laws::Law;
use runs::{Observations, RunTable};

use super::super::answer::Answer;
use super::super::words::{bold, unit_in_words};
use crate::text::hanging;

pub(super) fn about(text: &mut String, answer: &Answer<'_>, table: &RunTable, width: usize) {
    let (data, observations) = (&answer.fit.data, answer.observations);
    let names: Vec<&str> = observations.variables().map(|(name, _)| name).collect();
    let of = match names.as_slice() {
        [one] => (*one).to_owned(),
        many => format!("({})", many.join(", ")),
    };
    let (low, high) = data.axis_range;
    let axis = match (data.axis.as_str(), observations.compute_convention()) {
        ("C", "6 N D") => format!("C = 6 N D from {low:.1e} to {high:.1e} FLOP"),
        ("C", other) => format!("C from {low:.1e} to {high:.1e} FLOP ({other})"),
        (axis, _) => format!("{axis} from {low:.3} to {high:.3}"),
    };
    title(text, observations);
    hanging(text, (2, 4), &format!("{} distinct {of}, {axis}", data.settings), width);
    columns(text, observations, std::slice::from_ref(&answer.fit.law), width);
    left_out(text, observations, table, width);
}

/// Where the rows came from and how many there are.
pub(crate) fn title(text: &mut String, observations: &Observations) {
    let (rows, runs) = (observations.len(), observations.run_count());
    let _ = writeln!(text, "{} {rows} rows of {runs} runs", bold(observations.origin()));
}

/// Which columns were taken for the names of `laws`.
pub(crate) fn columns(text: &mut String, observations: &Observations, laws: &[Law], width: usize) {
    let names = observations.columns().iter().map(|choice| choice.name.chars().count());
    let wide = names.max().unwrap_or(4);
    for choice in observations.columns() {
        let mut line = format!("is {}: {}", choice.source(), choice.convention);
        if !choice.stated && !choice.matters.is_empty() {
            let _ = write!(line, "; it matters: {}", choice.matters);
        }
        if !choice.also.is_empty() {
            let _ = write!(line, " (not used: {})", choice.also.join(", "));
        }
        let _ = write!(text, "  {:<wide$} ", choice.name);
        entry(text, wide + 3, &line, width);
    }
    for law in laws {
        for quantity in law.variables.iter().chain([&law.target]) {
            let choice = observations.columns().iter().find(|choice| choice.name == quantity.name);
            let Some(column) = choice.map(|choice| choice.unit.as_str()) else { continue };
            let (here, meant) = (unit_in_words(column), unit_in_words(&quantity.unit));
            if !here.is_empty() && !meant.is_empty() && here != meant {
                let note = format!(
                    "note: the law {} counts {} in {meant}, the table in {here}; published \
                     constants do not compare",
                    law.name, quantity.name
                );
                hanging(text, (2, 4), &note, width);
            }
        }
    }
}

/// The rows that were left out, and what the readers remarked.
pub(crate) fn left_out(
    text: &mut String,
    observations: &Observations,
    table: &RunTable,
    width: usize,
) {
    for exclusion in observations.exclusions() {
        hanging(text, (2, 4), &format!("left out: {exclusion}"), width);
    }
    for remark in table.remarks() {
        hanging(text, (2, 4), &format!("note: {}", remark.message()), width);
    }
}

/// Goes on with `line` after the `start` characters that the line of `text` has.
fn entry(text: &mut String, start: usize, line: &str, width: usize) {
    let mut rest = String::new();
    hanging(&mut rest, (start, start + 2), line, width);
    text.push_str(rest.get(start..).unwrap_or(&rest));
}
