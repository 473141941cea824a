//! What was read, which columns were taken, and what was left out.

use std::fmt::Write as _;

use runs::RunTable;

use super::super::answer::Answer;
use super::super::words::bold;

pub(super) fn about(text: &mut String, answer: &Answer<'_>, table: &RunTable) {
    let (data, observations) = (&answer.fit.data, answer.observations);
    let names: Vec<&str> = observations.variables().map(|(name, _)| name).collect();
    let of = match names.as_slice() {
        [one] => (*one).to_owned(),
        many => format!("({})", many.join(", ")),
    };
    let (low, high) = data.axis_range;
    let axis = match (data.axis.as_str(), observations.compute_convention()) {
        ("C", convention) => format!("C = {convention} from {low:.1e} to {high:.1e} FLOP"),
        (axis, _) => format!("{axis} from {low:.3} to {high:.3}"),
    };
    let _ = writeln!(
        text,
        "{} {} rows of {} runs, {} distinct {of}, {axis}",
        bold(&data.origin),
        data.rows,
        data.runs,
        data.settings,
    );
    let wide = observations.columns().iter().map(|choice| choice.name.len()).max().unwrap_or(4);
    for choice in observations.columns() {
        let mut line = format!("  {:<wide$} is {}: {}", choice.name, choice.source(), choice.convention);
        if !choice.stated && !choice.matters.is_empty() {
            let _ = write!(line, "; it matters: {}", choice.matters);
        }
        if !choice.also.is_empty() {
            let _ = write!(line, " (not used: {})", choice.also.join(", "));
        }
        let _ = writeln!(text, "{line}");
    }
    for exclusion in observations.exclusions() {
        let _ = writeln!(text, "  left out: {exclusion}");
    }
    for remark in table.remarks() {
        let _ = writeln!(text, "  note: {}", remark.message());
    }
}
