//! What was read, which columns were taken, and what was left out.

use std::fmt::Write as _;

use runs::RunTable;

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
    let _ = writeln!(text, "{} {} rows of {} runs", bold(&data.origin), data.rows, data.runs);
    hanging(text, (2, 4), &format!("{} distinct {of}, {axis}", data.settings), width);
    let wide = observations.columns().iter().map(|choice| choice.name.len()).max().unwrap_or(4);
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
    for quantity in answer.fit.law.variables.iter().chain([&answer.fit.law.target]) {
        let choice = observations.columns().iter().find(|choice| choice.name == quantity.name);
        let Some(column) = choice.map(|choice| choice.unit.as_str()) else { continue };
        let (here, meant) = (unit_in_words(column), unit_in_words(&quantity.unit));
        if !here.is_empty() && !meant.is_empty() && here != meant {
            let note = format!(
                "note: the law counts {} in {meant}, the table in {here}; published constants do \
                 not compare",
                quantity.name
            );
            hanging(text, (2, 4), &note, width);
        }
    }
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
