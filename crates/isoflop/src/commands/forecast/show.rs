//! What `isoflop forecast` says to people.

use std::fmt::Write as _;

use draws::Level;
use forecast::{Case, Checked, Claim, Column, Lint, OutputRun, Run, Verdict};
use formula::{Form, ValueType};

use super::Answer;
use crate::commands::eval::show::{Look, estimate, exact, probability, thousands};
use crate::commands::fit::words::bold;
use crate::table::{Side, on_side};
use crate::text::{hanging, paragraph};

mod fan;
mod hangs;
mod past;

/// Significant digits, at most.
const DIGITS: usize = 3;

/// Rows of a plot.
const HEIGHT: usize = 14;

/// The most years in a table of dates.
const MOST_YEARS: usize = 12;

pub(super) fn for_people(answer: &Answer, width: usize, plot: bool) -> String {
    let (scenario, run) = (&answer.scenario, &answer.run);
    let mut text = String::new();
    let title = if run.title.is_empty() { &scenario.origin } else { &run.title };
    hanging(&mut text, (0, 2), &bold(title), width);
    paragraph(&mut text, 0, &scenario.notes, width);
    let draws = format!(
        "{} draws, seed {}; intervals {}",
        thousands(run.settings.samples),
        run.settings.seed,
        answer.level
    );
    hanging(&mut text, (0, 2), &draws, width);
    fan::fans(&mut text, answer, width, plot);
    values(&mut text, answer, width);
    dates(&mut text, answer, width);
    hangs::trace(&mut text, answer, width);
    hangs::sensitivities(&mut text, answer, width);
    hangs::elasticities(&mut text, answer, width);
    hangs::break_even(&mut text, answer, width);
    hangs::against(&mut text, answer, width);
    past::past(&mut text, answer, width, plot);
    checks(&mut text, &answer.checks, width);
    lints(&mut text, answer, width);
    text
}

fn look(width: usize) -> Look {
    Look { digits: DIGITS, width }
}

/// A number of a value, with so many digits; what never comes is said so.
pub(crate) fn shown(value: &ValueType, number: f64) -> String {
    let text = exact(value, number, DIGITS);
    match value.form() {
        // A month is as much as a reader takes from a date.
        Form::Instant if text.len() == 10 && text.is_ascii() => text[..7].to_owned(),
        _ => text,
    }
}

/// The outputs to show of a case.
fn outputs<'a>(answer: &'a Answer, case: &'a Case) -> impl Iterator<Item = &'a OutputRun> {
    case.outputs.iter().filter(|output| answer.outputs.contains(&output.name))
}

/// The single values, with their intervals.
fn values(text: &mut String, answer: &Answer, width: usize) {
    let mut rows = vec![["", "median", &answer.level.to_string(), ""].map(str::to_owned).to_vec()];
    let mut notes: Vec<(usize, String)> = Vec::new();
    let Some(first) = answer.run.cases.first() else { return };
    for output in outputs(answer, first).filter(|output| output.times.is_none()) {
        let cells: Vec<(&str, [String; 3])> = (answer.run.cases.iter())
            .filter_map(|case| {
                Some((case.label.as_str(), value(case.output(&output.name)?, answer.level)))
            })
            .collect();
        let alike = cells.iter().all(|(_, cell)| *cell == cells[0].1);
        let mut head = vec![output.name.clone()];
        if alike && let Some((_, cell)) = cells.first() {
            head.extend(cell.clone());
        }
        rows.push(head);
        notes.push((rows.len(), output.note.clone()));
        if !alike {
            rows.extend(cells.into_iter().map(|(label, cell)| {
                std::iter::once(format!("  {label}")).chain(cell).collect::<Vec<String>>()
            }));
        }
    }
    if rows.len() == 1 {
        return;
    }
    let _ = writeln!(text, "\n{}", bold("outputs"));
    let noted = |row: usize| {
        notes.iter().find(|(after, note)| *after == row && !note.is_empty()).map(|(_, note)| note)
    };
    for (number, line) in lines(&rows).into_iter().enumerate() {
        text.push_str(&line);
        text.push('\n');
        if let Some(note) = noted(number + 1) {
            paragraph(text, 6, note, width);
        }
    }
}

/// Median or value, interval, and what else there is to know.
fn value(output: &OutputRun, level: Level) -> [String; 3] {
    let value = &output.value;
    let look = look(0);
    let number = |number| match number {
        found if value.form() == Form::Truth => probability(found, look),
        found => estimate(value, found, look),
    };
    let Some(column) = output.columns.first() else { return Default::default() };
    match column {
        Column::Exact(found) => [shown(value, *found), String::new(), "exact".to_owned()],
        Column::OfDraws(found) => [number(*found), String::new(), String::new()],
        Column::Drawn(values) if value.form() == Form::Truth => {
            let found = output.probability(0, |value| value != 0.0);
            let undefined = values.iter().filter(|value| value.is_nan()).count();
            let share = found.map_or_else(|_| String::new(), number);
            [format!("{share} true"), String::new(), undefined_in(undefined, values.len())]
        }
        Column::Drawn(values) => {
            let asked = [0.5, level.lower(), level.upper()];
            let Ok(found) = output.quantiles(0, &asked) else { return Default::default() };
            let undefined = values.iter().filter(|value| value.is_nan()).count();
            let mut remarks = vec![undefined_in(undefined, values.len())];
            let never = output.probability(0, |value| value == f64::INFINITY);
            if let Ok(never) = never
                && never.value > 0.0
            {
                let word = if value.form() == Form::Instant { "never" } else { "infinite" };
                remarks.push(format!("{word} {}", probability(never, look)));
            }
            remarks.retain(|remark| !remark.is_empty());
            let ends = format!("{} to {}", number(found[1]), number(found[2]));
            [number(found[0]), ends, remarks.join(", ")]
        }
    }
}

fn undefined_in(count: usize, of: usize) -> String {
    match count {
        0 => String::new(),
        _ => format!("undefined in {} of {} draws", thousands(count), thousands(of)),
    }
}

/// When what comes: the probability by the beginning of each year.
fn dates(text: &mut String, answer: &Answer, width: usize) {
    let mut columns: Vec<(String, &OutputRun)> = Vec::new();
    for case in &answer.run.cases {
        for output in outputs(answer, case) {
            let single = output.times.is_none() && output.value.form() == Form::Instant;
            if single && matches!(output.columns.first(), Some(Column::Drawn(_))) {
                let label = if case.label.is_empty() { "" } else { ", " };
                columns.push((format!("{}{label}{}", output.name, case.label), output));
            }
        }
    }
    let years: Vec<Vec<f64>> =
        columns.iter().filter_map(|(_, output)| output.date_years().ok()).collect();
    let low = years.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let high = years.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    // Beyond the time axis a table would be long and say little; `later` holds the rest.
    let mut times = answer.run.cases.iter().flat_map(|case| &case.outputs);
    let axis = times.find_map(|output| output.times.as_ref()?.last().copied());
    let high = axis.filter(|end| *end > low).map_or(high, |end| high.min(end));
    if columns.is_empty() || low > high {
        return;
    }
    let count = (high - low) as usize + 1;
    let years: Vec<f64> =
        (0..count).step_by(count.div_ceil(MOST_YEARS)).map(|year| low + year as f64).collect();
    let _ = writeln!(text, "\n{} the probability that the day has come", bold("dates"));
    let mut table: Vec<Vec<String>> = years.iter().map(|year| vec![format!("by {year}")]).collect();
    table.push(vec!["later".to_owned()]);
    table.push(vec!["never".to_owned()]);
    table.insert(0, vec![String::new()]);
    for (name, output) in &columns {
        let Ok(found) = output.date_table(&years) else { continue };
        let by = found.by.last().map_or(0.0, |share| share.value);
        let later = (1.0 - by - found.never.value).max(0.0);
        let shares = found.by.iter().map(|share| share.value).chain([later, found.never.value]);
        let cells = shares.map(percent);
        let cells = std::iter::once(name.clone()).chain(cells);
        for (row, cell) in table.iter_mut().zip(cells) {
            row.push(cell);
        }
    }
    on_side(text, &table, width, Side::Left);
}

/// `41 %`; what is not zero but rounds to it is less than a half.
fn percent(share: f64) -> String {
    match share * 100.0 {
        found if found > 0.0 && found < 0.5 => "< 0.5 %".to_owned(),
        found if found < 100.0 && found > 99.5 => "> 99.5 %".to_owned(),
        found => format!("{found:.0} %"),
    }
}

/// The published claims that the scenario tests.
fn checks(text: &mut String, checks: &[Claim], width: usize) {
    if checks.is_empty() {
        return;
    }
    let failed = checks.iter().filter(|claim| !claim.passes()).count();
    let _ =
        writeln!(text, "\n{} {} of {} pass", bold("checks"), checks.len() - failed, checks.len());
    for claim in checks {
        let passes = if claim.passes() { "pass" } else { "FAIL" };
        let mut line = format!("{passes}  {}: {}", claim.id, claim.verdict().word());
        if let Some(expected) = claim.expected().filter(|expected| *expected != claim.verdict()) {
            let _ = write!(line, ", not {} as written down", expected.word());
        }
        if !claim.words.is_empty() {
            let _ = write!(line, "; {}", claim.words);
        }
        hanging(text, (2, 8), &line, width);
        for statement in &claim.statements {
            statement_lines(text, statement, (8, 10), width);
        }
    }
}

/// One number of a claim: what is stated, what comes out, and what would make it true.
pub(crate) fn statement_lines(
    text: &mut String,
    statement: &Checked,
    indents: (usize, usize),
    width: usize,
) {
    let value = &statement.value;
    let of_draws = if statement.of_draws { " (median over draws)" } else { "" };
    let found = shown(value, statement.found);
    let line = match (statement.stated, statement.verdict) {
        (_, Verdict::Unverifiable) => format!("nobody has measured {}", statement.missing),
        (None, _) => format!("recomputed {found}{of_draws}; it states no number"),
        (Some((from, to)), _) => {
            let from_text = shown(value, from);
            let stated = if from.to_bits() == to.to_bits() {
                from_text
            } else {
                format!("{from_text} to {}", shown(value, to))
            };
            format!("stated {stated}; recomputed {found}{of_draws}")
        }
    };
    hanging(text, indents, &line, width);
    let needs: Vec<String> = (statement.needs.iter())
        .filter_map(|need| {
            let needed = shown(&need.value, need.needed?);
            Some(format!("{} {needed} (not {})", need.input, shown(&need.value, need.stated)))
        })
        .collect();
    if !needs.is_empty() {
        hanging(text, indents, &format!("would need {}", needs.join(", or ")), width);
    } else if !statement.needs.is_empty() {
        hanging(text, indents, "no value of any one input makes it true", width);
    }
}

/// The most warnings of one name that are told; the rest is counted.
const MOST_ALIKE: usize = 4;

/// The warnings: the first of each name with the place it is about, the rest in a line.
fn lints(text: &mut String, answer: &Answer, width: usize) {
    if answer.lints.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", bold("warnings"));
    for (number, lint) in answer.lints.iter().enumerate() {
        let alike = |lints: &[Lint]| lints.iter().filter(|one| one.name == lint.name).count();
        let before = alike(&answer.lints[..number]);
        if before >= MOST_ALIKE {
            let more = alike(&answer.lints) - MOST_ALIKE;
            if before == MOST_ALIKE {
                let line = format!("{}: {more} more; `--json` has them all", lint.name);
                hanging(text, (0, 2), &line, width);
            }
            continue;
        }
        let whole = lint.warning.to_string();
        let place = whole.lines().find_map(|line| line.trim_start().strip_prefix("--> "));
        if let (true, Some(place)) = (before > 0, place) {
            let line = format!("{}: {} ({place})", lint.name, lint.warning.message());
            hanging(text, (0, 2), &line, width);
        } else {
            let warning = lint.warning.to_styled_string();
            let _ = writeln!(text, "{}: {}", lint.name, warning.trim_end());
        }
    }
}

/// The rows as lines: cells as wide as the widest of their column.
fn lines(rows: &[Vec<String>]) -> Vec<String> {
    let wide = |column: usize| {
        // A row of one cell is a heading, which may run on.
        let cells = rows.iter().filter(|row| row.len() > 1).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..rows.iter().map(Vec::len).max().unwrap_or(0)).map(wide).collect();
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, "  {cell:<width$}");
            }
            line.truncate(line.trim_end().len());
            line
        })
        .collect()
}

/// The label of a case, where there are several.
fn case_words(run: &Run, label: &str) -> String {
    if run.cases.len() > 1 && !label.is_empty() { format!(" where {label}") } else { String::new() }
}
