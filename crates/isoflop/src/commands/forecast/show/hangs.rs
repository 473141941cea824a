//! What an answer hangs on: its steps, its inputs, what they would have to be, what changed.

use std::fmt::Write as _;

use forecast::Sensitivity;
use formula::{Form, Nature, ValueType};

use super::{Answer, bold, case_words, hanging, lines, shown};
use crate::table::{Side, on_side};

const YEAR: f64 = 31_557_600.0;

/// Characters of the longest bar.
const BAR: usize = 30;

/// Shares of variance with a wider interval than this say little.
const UNSETTLED: f64 = 0.3;

/// Inputs with less than this share of the strongest are counted, not shown.
const LEAST: f64 = 0.005;

pub(super) fn trace(text: &mut String, answer: &Answer, width: usize) {
    for trace in &answer.traces {
        let label = case_words(&answer.run, &trace.label);
        let level = trace.level;
        let _ =
            writeln!(text, "\n{}{label} every step, with its median and {level}", bold("trace"));
        let names = trace.steps.iter().map(|step| step.name.chars().count() + 7).max().unwrap_or(0);
        for step in &trace.steps {
            let name = match step.time {
                Some(time) => format!("{}@{:.4}", step.name, time),
                None => step.name.clone(),
            };
            let name = name.trim_end_matches('0').trim_end_matches('.').to_owned();
            let [low, middle, high] = step.quantiles.map(|found| shown(&step.value, found.value));
            let range = if low == high { middle } else { format!("{middle}  {low} to {high}") };
            let line = format!("{name:<names$}  {:<8}  {range}", step.role.word());
            let _ = writeln!(text, "  {line}");
            let source =
                if step.source.is_empty() { String::new() } else { format!("; {}", step.source) };
            hanging(text, (6, 8), &format!("{} = {}{source}", step.kind, step.expression), width);
        }
    }
}

pub(super) fn sensitivities(text: &mut String, answer: &Answer, width: usize) {
    for found in &answer.sensitivities {
        let label = case_words(&answer.run, &found.label);
        tornado(text, found, &label, width);
        sobol(text, found, &label, width);
    }
}

fn tornado(text: &mut String, found: &Sensitivity, label: &str, width: usize) {
    let Some(tornado) = &found.tornado else { return };
    let line = format!(
        "{} {}{label}: {} with all inputs at their medians; each input from end to end, {}",
        bold("tornado"),
        found.of,
        shown(&found.value, tornado.baseline),
        tornado.level
    );
    text.push('\n');
    hanging(text, (0, 2), &line, width);
    let finite = |swing: f64| if swing.is_finite() { swing } else { 0.0 };
    let longest = tornado.bars.iter().map(|bar| finite(bar.swing())).fold(0.0, f64::max);
    let (mut rows, mut shares) = (Vec::new(), Vec::new());
    let mut rest = 0;
    for (bar, value) in tornado.bars.iter().zip(&found.inputs) {
        let share =
            if bar.swing().is_finite() && longest > 0.0 { bar.swing() / longest } else { 1.0 };
        if share < LEAST || bar.swing() == 0.0 {
            rest += 1;
            continue;
        }
        shares.push(share);
        rows.push(vec![
            bar.name.clone(),
            format!("{} to {}", shown(value, bar.low), shown(value, bar.high)),
            format!("{} to {}", shown(&found.value, bar.at_low), shown(&found.value, bar.at_high)),
        ]);
    }
    bars(text, &rows, &shares, width);
    rest_of(text, rest);
}

/// The rows with a bar each, as long as the line has room for.
fn bars(text: &mut String, rows: &[Vec<String>], shares: &[f64], width: usize) {
    let lines = lines(rows);
    let used = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0) + 2;
    let room = width.saturating_sub(used).min(BAR);
    for (line, share) in lines.iter().zip(shares) {
        // A bar of a few characters says nothing.
        let filled = if room < 6 { 0 } else { (share * room as f64).round() as usize };
        let _ = match filled {
            0 => writeln!(text, "{line}"),
            _ => writeln!(text, "{line:<used$}{}", "█".repeat(filled)),
        };
    }
}

fn rest_of(text: &mut String, rest: usize) {
    if rest > 0 {
        let inputs = if rest == 1 { "input" } else { "inputs" };
        let _ = writeln!(text, "  and {rest} {inputs} of no weight");
    }
}

fn sobol(text: &mut String, found: &Sensitivity, label: &str, width: usize) {
    let Some(sobol) = &found.sobol else { return };
    let what = match sobol.aspect {
        draws::sensitivity::Aspect::Rank => "the ranks of ",
        draws::sensitivity::Aspect::Value => "",
        draws::sensitivity::Aspect::Never => "whether it never comes of ",
    };
    let line = format!(
        "{} shares of the variance of {what}{}{label}: alone, and with all it acts with ({})",
        bold("sobol"),
        found.of,
        sobol.level
    );
    text.push('\n');
    hanging(text, (0, 2), &line, width);
    let mut indices: Vec<_> = sobol.indices.iter().collect();
    indices.sort_by(|a, b| b.total.value.total_cmp(&a.total.value));
    let (mut rows, mut shares) = (Vec::new(), Vec::new());
    let mut rest = 0;
    for index in indices {
        if index.total.value < LEAST {
            rest += 1;
            continue;
        }
        let share = |share: &draws::sensitivity::Share| {
            let percent = |value: f64| format!("{:.0}", (100.0 * value).max(0.0));
            format!(
                "{} % ({} to {})",
                percent(share.value),
                percent(share.low),
                percent(share.high)
            )
        };
        shares.push(index.total.value.clamp(0.0, 1.0));
        rows.push(vec![index.name.clone(), share(&index.first), share(&index.total)]);
    }
    bars(text, &rows, &shares, width);
    rest_of(text, rest);
    let loose = |share: &draws::sensitivity::Share| share.high - share.low > UNSETTLED;
    if sobol.indices.iter().any(|index| loose(&index.first) || loose(&index.total)) {
        let line = "not settled: a few extreme draws carry the variance; ask for the logarithm of \
             a value with so heavy a tail, or for a condition on it";
        hanging(text, (2, 4), line, width);
    }
}

pub(super) fn elasticities(text: &mut String, answer: &Answer, width: usize) {
    for asked in &answer.elasticities {
        let _ = writeln!(
            text,
            "\n{} of the median of {}{}: for one per cent more of an input",
            bold("elasticity"),
            asked.question,
            case_words(&answer.run, &asked.label)
        );
        let mut rest = 0;
        let mut rows = Vec::new();
        for one in &asked.found {
            if one.per_percent == 0.0 {
                rest += 1;
                continue;
            }
            let elasticity =
                one.elasticity.map_or(String::new(), |elasticity| format!("{elasticity:+.2} %"));
            rows.push(vec![one.input.clone(), change(&one.value, one.per_percent), elasticity]);
        }
        on_side(text, &rows, width, Side::Left);
        rest_of(text, rest);
    }
}

/// A difference of two numbers of a value, with its sign.
fn change(value: &ValueType, number: f64) -> String {
    let sign = if number < 0.0 { "-" } else { "+" };
    let size = number.abs();
    let plain = ValueType::number();
    let text = match (value.form(), value.nature(), value.unit()) {
        (Form::Instant, ..) => format!("{} yr", plain.show(size / YEAR, 3)),
        (Form::Truth, ..) | (_, Nature::Share, None) => {
            format!("{} pp", plain.show(100.0 * size, 3))
        }
        // A difference of two rates of growth is the factor between them.
        (_, Nature::Growth, None) => {
            return format!("× {} a year", plain.show((number * YEAR).exp(), 3));
        }
        _ => value.show(size, 3),
    };
    format!("{sign}{text}")
}

pub(super) fn break_even(text: &mut String, answer: &Answer, width: usize) {
    for asked in &answer.break_even {
        let label = case_words(&answer.run, &asked.label);
        let _ = writeln!(text, "\n{} {}{label}", bold("break-even"), asked.question);
        for one in &asked.found {
            let now = format!(
                "with its median {} the answer is {}",
                shown(&one.input_value, one.median),
                shown(&one.value, one.at_median)
            );
            let needed = one.needed.map_or_else(
                || "no value within a factor of a million does it".to_owned(),
                |needed| format!("holds at {}", shown(&one.input_value, needed)),
            );
            hanging(text, (2, 4), &format!("{} {needed}; {now}", one.input), width);
        }
    }
}

pub(super) fn against(text: &mut String, answer: &Answer, width: usize) {
    let Some((other, found)) = &answer.against else { return };
    let line = format!(
        "{} {other}: what each change makes of the difference, on common draws",
        bold("against")
    );
    text.push('\n');
    hanging(text, (0, 2), &line, width);
    for asked in found {
        let difference = match &asked.found {
            Ok(difference) => difference,
            Err(problem) => {
                hanging(text, (2, 4), &format!("{}: {}", asked.question, problem.message()), width);
                continue;
            }
        };
        let value = &difference.value;
        let line = format!(
            "{}{}: {} there, {} here, {}",
            asked.question,
            case_words(&answer.run, &asked.label),
            shown(value, difference.before),
            shown(value, difference.after),
            change(value, difference.after - difference.before)
        );
        hanging(text, (2, 4), &line, width);
        for one in difference.changes.iter().filter(|one| one.part != 0.0) {
            let written = match (one.was.as_str(), one.is.as_str()) {
                ("", "") => String::new(),
                (was, "") => format!(" (without {was})"),
                ("", is) => format!(" (with {is})"),
                (was, is) => format!(" ({was} is now {is})"),
            };
            let line = format!("{} from {}{written}", change(value, one.part), one.name);
            hanging(text, (6, 8), &line, width);
        }
        if difference.changes.is_empty() {
            text.push_str("      nothing is written differently\n");
        }
    }
}
