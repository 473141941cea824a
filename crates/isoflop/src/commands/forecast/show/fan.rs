//! Outputs over time: a chart and a table.

use draws::Estimate;
use forecast::{Column, OutputRun};
use formula::{Form, Nature, ValueType};

use super::{Answer, HEIGHT, bold, case_words, hanging, look, outputs, shown};
use crate::commands::eval::show::{estimate, moment};
use crate::table::{Side, on_side};
use crate::terminal_plot::{Plot, Scale, Series};

/// The most rows of a table over time.
const MOST_ROWS: usize = 21;

/// A fan that spans more than this factor is drawn in powers of ten.
const WIDE: f64 = 30.0;

const YEAR: f64 = 31_557_600.0;

pub(super) fn fans(text: &mut String, answer: &Answer, width: usize, plot: bool) {
    let Some(first) = answer.run.cases.first() else { return };
    let paths: Vec<&OutputRun> =
        outputs(answer, first).filter(|output| output.times.is_some()).collect();
    if paths.is_empty() {
        return;
    }
    if plot {
        // One screen holds one chart; whoever chooses outputs gets all of them.
        let chosen = answer.outputs.len() < first.outputs.len();
        let drawn = |output: &&OutputRun| {
            output.columns.iter().any(|column| matches!(column, Column::Drawn(_)))
        };
        let lead = paths.iter().copied().find(drawn).unwrap_or(paths[0]);
        for output in if chosen { paths.clone() } else { vec![lead] } {
            text.push('\n');
            text.push_str(&chart(answer, output, Vec::new()).render(width, HEIGHT));
        }
    }
    for case in &answer.run.cases {
        let label = case_words(&answer.run, &case.label);
        let line = format!("{}{label} median and {}", bold("over time"), answer.level);
        text.push('\n');
        hanging(text, (0, 2), &line, width);
        let outputs: Vec<&OutputRun> =
            outputs(answer, case).filter(|output| output.times.is_some()).collect();
        on_side(text, &table(answer, &outputs), width, Side::Left);
    }
}

/// One row a time, one column an output.
fn table(answer: &Answer, outputs: &[&OutputRun]) -> Vec<Vec<String>> {
    let times = outputs.first().and_then(|output| output.times.as_deref()).unwrap_or_default();
    let mut rows = vec![vec![String::new()]];
    rows[0].extend(outputs.iter().map(|output| match output.value.unit() {
        Some(unit) => format!("{}, {unit}", output.name),
        None => output.name.clone(),
    }));
    for number in rows_of(times) {
        let mut row = vec![moment(times[number])];
        row.extend(outputs.iter().map(|output| cell(answer, output, number)));
        rows.push(row);
    }
    rows
}

/// The times to show: all, or whole years, or every so many of these and the last.
fn rows_of(times: &[f64]) -> Vec<usize> {
    let mut chosen: Vec<usize> = (0..times.len()).collect();
    let is_year = |number: &usize| (times[*number] - times[*number].round()).abs() < 1e-6;
    if chosen.len() > MOST_ROWS && chosen.iter().filter(|number| is_year(number)).count() > 1 {
        chosen.retain(is_year);
    }
    let step = chosen.len().div_ceil(MOST_ROWS).max(1);
    let last = chosen.last().copied();
    let mut chosen: Vec<usize> = chosen.into_iter().step_by(step).collect();
    if let Some(last) = last.filter(|last| chosen.last() != Some(last)) {
        chosen.push(last);
    }
    chosen
}

fn cell(answer: &Answer, output: &OutputRun, number: usize) -> String {
    // The unit stands above the column.
    let plain = ValueType::number();
    let value = if output.value.unit().is_some() { &plain } else { &output.value };
    match output.column(number) {
        Ok(Column::Exact(found)) => shown(value, *found),
        Ok(Column::OfDraws(found)) => estimate(value, *found, look(0)),
        Ok(Column::Drawn(_)) if value.form() == Form::Truth => {
            let share = output.probability(number, |value| value != 0.0);
            share.map_or_else(|_| String::new(), |share| super::percent(share.value))
        }
        Ok(Column::Drawn(_)) => {
            let asked = [0.5, answer.level.lower(), answer.level.upper()];
            let Ok(found) = output.quantiles(number, &asked) else { return String::new() };
            let say = |found: Estimate| match value.form() {
                Form::Instant => shown(value, found.value),
                _ => estimate(value, found, look(0)),
            };
            format!("{} ({} to {})", say(found[0]), say(found[1]), say(found[2]))
        }
        Err(_) => String::new(),
    }
}

/// A number as it lies on an axis.
pub(super) fn on_axis(output: &OutputRun, number: f64) -> f64 {
    match (output.value.form(), output.value.nature(), output.value.unit()) {
        (Form::Instant, ..) => number / YEAR,
        (Form::Truth, ..) | (_, Nature::Share | Nature::Points, None) => 100.0 * number,
        (_, Nature::Growth, None) => (number * YEAR).exp(),
        _ => number,
    }
}

fn axis(output: &OutputRun) -> String {
    let unit = match (output.value.form(), output.value.nature(), output.value.unit()) {
        (Form::Truth, ..) => "% of draws",
        (_, Nature::Share, None) => "%",
        (_, Nature::Points, None) => "percentage points",
        _ => output.unit.as_str(),
    };
    if unit.is_empty() { output.name.clone() } else { format!("{}, {unit}", output.name) }
}

/// The fan of the first case, or the medians of several; with further points.
pub(super) fn chart(answer: &Answer, output: &OutputRun, points: Vec<Series>) -> Plot {
    let level = answer.level;
    let cases: Vec<(&str, &OutputRun)> = if points.is_empty() && answer.run.cases.len() > 1 {
        (answer.run.cases.iter())
            .filter_map(|case| Some((case.label.as_str(), case.output(&output.name)?)))
            .collect()
    } else {
        vec![("median", output)]
    };
    let path = |output: &OutputRun, probability: f64| -> Vec<(f64, f64)> {
        let times = output.times.clone().unwrap_or_default();
        let truth = output.value.form() == Form::Truth;
        let at = |(number, time): (usize, f64)| {
            let found = if truth {
                output.probability(number, |value| value != 0.0).ok()?
            } else {
                *output.quantiles(number, &[probability]).ok()?.first()?
            };
            Some((time, on_axis(output, found.value)))
        };
        times.into_iter().enumerate().filter_map(at).collect()
    };
    let mut series: Vec<Series> = cases
        .iter()
        .map(|(label, output)| Series { label: (*label).to_owned(), points: path(output, 0.5) })
        .collect();
    let mut lines = Vec::new();
    let uncertain = output.columns.iter().any(|column| matches!(column, Column::Drawn(_)));
    if cases.len() == 1 && uncertain && output.value.form() != Form::Truth {
        let outer = level.to_string();
        for (label, probability) in [
            (outer.as_str(), level.lower()),
            ("", level.upper()),
            ("50% (p25 to p75)", 0.25),
            ("", 0.75),
        ] {
            lines.push(Series { label: label.to_owned(), points: path(output, probability) });
        }
    } else if !uncertain && cases.len() == 1 {
        "value".clone_into(&mut series[0].label);
    }
    series.extend(points);
    let numbers: Vec<f64> = (series.iter().chain(&lines))
        .flat_map(|series| series.points.iter().map(|(_, y)| *y))
        .filter(|y| y.is_finite())
        .collect();
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let y_scale = if low > 0.0 && high / low > WIDE { Scale::Log } else { Scale::Linear };
    Plot {
        x_label: "year".to_owned(),
        y_label: axis(output),
        x_scale: Scale::Linear,
        y_scale,
        series,
        lines,
        highlights: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_ROWS, rows_of};

    #[test]
    fn a_table_over_time_has_whole_years_and_its_last_time() {
        assert!(rows_of(&[]).is_empty());
        let quarters: Vec<f64> = (0..=80).map(|i| 2026.0 + f64::from(i) / 4.0).collect();
        let years: Vec<f64> = rows_of(&quarters).into_iter().map(|i| quarters[i]).collect();
        assert_eq!(years, (2026..=2046).map(f64::from).collect::<Vec<_>>());
        let long: Vec<f64> = (0..=100).map(|i| 2000.0 + f64::from(i)).collect();
        let rows = rows_of(&long);
        assert!(rows.len() <= MOST_ROWS + 1 && rows.last() == Some(&100), "{rows:?}");
    }
}
