//! What is wrong with the numbers of an output: none, infinite ones, or a certainty that its
//! inputs do not carry.

use diagnostic::Diagnostic;
use formula::{Form, Nature};

use super::text::formulas;
use super::{Lint, words};
use crate::model::Model;
use crate::question::Question;
use crate::run::{Column, OutputRun, Settings};
use crate::scenario::Output;

/// A probability nearer to 0 or 1 than this is a strong statement.
const EXTREME: f64 = 0.05;

/// Points of a path that are shown on its way to infinity.
const SHOWN: usize = 5;

/// The first thing that is wrong with an output, in the case `(number, label)`.
pub(super) fn lint(
    model: &Model,
    output: &Output,
    found: &OutputRun,
    case: (usize, &str),
) -> Option<Lint> {
    let point =
        |message: String, say: &str| output.expression.point(Diagnostic::warning(message), say);
    let (name, label) = (&found.name, case.1);
    if let Some(trouble) = Trouble::find(found, |value| value.is_nan()) {
        let message = format!("`{name}` is undefined{}{label}", trouble.place(found));
        let mut warning = point(message, "no number there");
        for condition in conditions_never_met(model, output, case.0) {
            warning = warning.note(format!("no draw meets `{condition}`: its probability is 0"));
        }
        let warning = warning.help("a logarithm or root of a negative number, 0/0, or a time outside the axis: say what holds there with `if(...)`");
        return Some(Lint { name: "undefined-output", warning });
    }
    let is_date = found.value.form() == Form::Instant;
    let infinite = |value: &f64| value.is_infinite() && !is_date;
    if let Some(trouble) = Trouble::find(found, infinite) {
        let place = trouble.place(found);
        let warning = if found.times.is_some() {
            let message = format!("`{name}` reaches infinity{place}{label}");
            point(message, "grows without bound in finite time")
                .note(format!("in powers of ten, one of them: {}", trouble.powers_of_ten(found)))
                .help("keep the path in logarithms, or let its growth fade")
        } else {
            let message = format!("`{name}` is infinite{place}{label}");
            let mut warning = point(message, "divides by zero, or leaves the range of numbers");
            for condition in conditions_never_met(model, output, case.0) {
                let note = format!("no draw meets `{condition}`: its probability is 0");
                warning = warning.note(note);
            }
            warning.help("say what holds there with `if(...)`, or compare logarithms")
        };
        return Some(Lint { name: "infinite-path", warning });
    }
    if found.value.nature() != Nature::Share {
        return None;
    }
    for (number, column) in found.columns.iter().enumerate() {
        if let Column::OfDraws(estimate) = column
            && !(EXTREME..=1.0 - EXTREME).contains(&estimate.value)
        {
            let shown = found.value.show(estimate.value, 3);
            let when = found
                .times
                .as_ref()
                .map(|times| format!(" at {}", times[number]))
                .unwrap_or_default();
            let message = format!("`{name}` is {shown}{when}{label}");
            let warning = point(message, "within 5 points of 0 or 100 %")
                .help("so sure an answer hangs on the tails of its inputs: check them");
            return Some(Lint { name: "extreme-probability", warning });
        }
    }
    None
}

/// Numbers that are none, or infinite.
struct Trouble {
    /// The first column that has one.
    column: usize,
    /// The first draw in it.
    draw: usize,
    /// Draws with one at any time, of so many; `None` where there is one number for all of them.
    draws: Option<(usize, usize)>,
}

impl Trouble {
    fn find(found: &OutputRun, is_bad: impl Fn(&f64) -> bool) -> Option<Self> {
        let places = found.columns.iter().map(|column| numbers(column).iter().position(&is_bad));
        let (column, draw) = places.enumerate().find_map(|(column, draw)| Some((column, draw?)))?;
        let drawn = found.columns.iter().filter_map(|column| match column {
            Column::Drawn(values) => Some(values),
            Column::Exact(_) | Column::OfDraws(_) => None,
        });
        let mut draws: Vec<bool> = Vec::new();
        for values in drawn {
            draws.resize(values.len(), false);
            for (bad, value) in draws.iter_mut().zip(values) {
                *bad |= is_bad(value);
            }
        }
        let bad = draws.iter().filter(|bad| **bad).count();
        Some(Self { column, draw, draws: (bad > 0).then_some((bad, draws.len())) })
    }

    /// ` in 3 of 1000 draws, first at 2041`.
    fn place(&self, found: &OutputRun) -> String {
        let time = found.times.as_ref().map(|times| times[self.column]);
        match (self.draws, time) {
            (Some((bad, all)), Some(time)) => format!(" in {bad} of {all} draws, first at {time}"),
            (Some((bad, all)), None) => format!(" in {bad} of {all} draws"),
            (None, Some(time)) => format!(" at {time}"),
            (None, None) => String::new(),
        }
    }

    /// The path of the draw until there, as base-10 logarithms: `0 at 2026, 150.3 at 2031, ...`.
    fn powers_of_ten(&self, found: &OutputRun) -> String {
        let Some(times) = &found.times else { return String::new() };
        let stride = self.column.div_ceil(SHOWN).max(1);
        let mut shown: Vec<String> = Vec::new();
        for place in (0..self.column).step_by(stride) {
            let values = numbers(&found.columns[place]);
            let value = values.get(self.draw).or(values.first()).copied().unwrap_or(f64::NAN);
            shown.push(format!("{:.1} at {}", value.abs().log10(), times[place]));
        }
        shown.push(format!("beyond 308 at {}", times[self.column]));
        shown.join(", ")
    }
}

fn numbers(column: &Column) -> &[f64] {
    match column {
        Column::Drawn(values) => values,
        Column::Exact(value) => std::slice::from_ref(value),
        Column::OfDraws(estimate) => std::slice::from_ref(&estimate.value),
    }
}

/// The conditions in `prob(...)` that an output rests on and that hold in no draw: what is divided
/// by their probability is no number.
fn conditions_never_met(model: &Model, output: &Output, case: usize) -> Vec<String> {
    let scenario = model.scenario();
    let mut reached: Vec<&str> = vec![output.expression.text()];
    let mut next = 0;
    while let Some(text) = reached.get(next).copied() {
        next += 1;
        for (head, body) in &scenario.model {
            let name = head.text().split('(').next().unwrap_or_default();
            let text_of = body.text();
            if words(text).any(|word| word == name) && !reached.contains(&text_of) {
                reached.push(text_of);
            }
        }
        for other in &scenario.outputs {
            let text_of = other.expression.text();
            if words(text).any(|word| word == other.name.text()) && !reached.contains(&text_of) {
                reached.push(text_of);
            }
        }
    }
    let mut never: Vec<String> = Vec::new();
    for formula in formulas(scenario).filter(|formula| reached.contains(&formula.text())) {
        for condition in conditions(formula.text()) {
            let asked = formula.restated(format!("prob({condition})"));
            let settings = Settings::of(model);
            // What does not stand alone, as a function's argument, is left out.
            let probability = Question::new(scenario, &asked, case, &[]).and_then(|question| {
                question.answer(&question.model.draw(settings)?, settings, &[])
            });
            if probability.is_ok_and(|values| values.iter().all(|value| *value == 0.0))
                && !never.iter().any(|known| known == condition)
            {
                never.push(condition.to_owned());
            }
        }
    }
    never
}

/// The conditions of the `prob(...)` in a formula.
fn conditions(text: &str) -> Vec<&str> {
    const CALL: &str = "prob(";
    let mut found = Vec::new();
    for (at, _) in text.match_indices(CALL) {
        if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &text[at + CALL.len()..];
        let mut open = 1;
        let end = rest.find(|c| {
            open += match c {
                '(' => 1,
                ')' => -1,
                _ => 0,
            };
            open == 0
        });
        found.extend(end.map(|end| rest[..end].trim()));
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::{Model, Scenario, Settings};

    fn warned(text: &str) -> String {
        let mut scenario = Scenario::from_toml("x.toml", text).unwrap();
        scenario.stated_level.get_or_insert_default();
        let model = Model::new(&scenario).unwrap_or_else(|problem| panic!("{problem}"));
        let run = model.run_with(Settings { samples: 2000, seed: 1 }).unwrap();
        let lints = model.lints(&run, 2026.9).unwrap();
        let lines: Vec<String> =
            lints.iter().map(|lint| format!("{}: {}", lint.name, lint.warning)).collect();
        lines.join("\n")
    }

    #[test]
    fn a_condition_that_is_never_met_is_named_as_the_reason() {
        let shown = warned(
            "[inputs]\nx = \"1 to 2\"\n[model]\nshare = \"prob(x > 50 * (1 + 1))\"\n[outputs]\no = \"mean(if(x > 100, x, 0)) / share\"",
        );
        assert!(shown.contains("undefined-output: warning: `o` is undefined\n"), "{shown}");
        assert!(
            shown.contains("no draw meets `x > 50 * (1 + 1)`: its probability is 0"),
            "{shown}"
        );
        let shown = warned("[inputs]\nx = \"1 to 2\"\n[outputs]\no = \"x / prob(x > 50)\"");
        assert!(shown.contains("`o` is infinite"), "{shown}");
        assert!(shown.contains("no draw meets `x > 50`"), "{shown}");
        assert!(!shown.contains("finite time"), "{shown}");
    }

    #[test]
    fn a_path_that_overflows_is_shown_in_powers_of_ten() {
        let shown = warned(
            "[scenario]\nfrom = 2026\nto = 2046\n[inputs]\na = \"1 to 2\"\n[series]\nx = { start = \"10 + 0 * a\", next = \"x ^ 2\" }\n[outputs]\no = \"x\"",
        );
        assert!(shown.contains("infinity in 2000 of 2000 draws, first at 2035"), "{shown}");
        let path = "1.0 at 2026, 4.0 at 2028, 16.0 at 2030, 64.0 at 2032, 256.0 at 2034, beyond 308 at 2035";
        assert!(shown.contains(path), "{shown}");
    }

    #[test]
    fn what_is_undefined_at_some_time_is_counted_over_all_times() {
        let shown = warned(
            "[scenario]\nfrom = 2026\nto = 2036\n[inputs]\na = \"uniform(0, 1)\"\n[series]\nx = { at = \"a - (t - from) / (10 yr)\" }\n[outputs]\no = \"sqrt(x)\"",
        );
        assert!(shown.contains("undefined in 2000 of 2000 draws, first at 2027"), "{shown}");
    }
}
