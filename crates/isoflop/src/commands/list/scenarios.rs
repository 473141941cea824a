//! `isoflop list scenarios`.

use std::fmt::Write as _;

use diagnostic::Diagnostic;
use forecast::{Input, Scenario, SeriesForm, catalogue};
use serde_json::{Value, json};

use crate::commands::forecast::read;
use crate::commands::json::headed;
use crate::text::{behind, hanging, paragraph};

pub(super) fn answer(name: Option<&str>, json: bool, width: usize) -> Result<String, Diagnostic> {
    let Some(name) = name else {
        let all = catalogue::names()
            .map(|name| Ok((name, catalogue::find(name)?)))
            .collect::<Result<Vec<_>, Diagnostic>>()?;
        return Ok(if json {
            let all: Vec<Value> = (all.iter())
                .map(|(name, one)| {
                    json!({ "name": name, "title": one.title, "outputs": one.output_names() })
                })
                .collect();
            format!("{:#}\n", headed("list scenarios", 1, json!({ "scenarios": all })))
        } else {
            list(&all, width)
        });
    };
    let scenario = read(name)?;
    Ok(if json { format!("{:#}\n", whole(&scenario)) } else { show(&scenario, width) })
}

fn list(all: &[(&str, Scenario)], width: usize) -> String {
    let names = all.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, scenario) in all {
        behind(&mut out, &format!("{name:names$}  "), &scenario.title, width);
        paragraph(&mut out, names + 2, &scenario.output_names().join(", "), width);
    }
    out.push('\n');
    let more = format!(
        "{} scenarios; `isoflop list scenarios NAME` shows one whole, `isoflop forecast NAME` runs it",
        all.len()
    );
    paragraph(&mut out, 0, &more, width);
    out
}

/// A name, what it is, and what to know about it.
fn line(out: &mut String, name: &str, value: &str, notes: &[&str], width: usize) {
    let notes: Vec<&str> = notes.iter().copied().filter(|note| !note.is_empty()).collect();
    let notes = if notes.is_empty() { String::new() } else { format!("; {}", notes.join("; ")) };
    hanging(out, (2, 6), &format!("{name} = {value}{notes}"), width);
}

fn value(input: &Input) -> &str {
    input.trend.as_ref().unwrap_or(&input.value).text()
}

fn show(scenario: &Scenario, width: usize) -> String {
    let mut out = String::new();
    hanging(&mut out, (0, 2), &scenario.title, width);
    paragraph(&mut out, 0, &scenario.notes, width);
    if let Some(time) = &scenario.time {
        let (from, to) = (time.from.text(), time.to.text());
        let _ = writeln!(out, "From {from} to {to} in steps of {}", time.step.text());
    }
    let section = |out: &mut String, title: &str, any: bool| {
        if any {
            let _ = writeln!(out, "\n{title}");
        }
        any
    };
    if section(&mut out, "Inputs", !scenario.inputs.is_empty()) {
        for input in &scenario.inputs {
            let notes = [input.note.as_str(), &input.source, &input.date];
            line(&mut out, input.name.text(), value(input), &notes, width);
        }
    }
    if section(&mut out, "Correlations", !scenario.correlations.is_empty()) {
        for one in &scenario.correlations {
            let _ = writeln!(out, "  {}, {}: {}", one.a, one.b, one.rho);
        }
    }
    if section(&mut out, "Data", !scenario.data.is_empty()) {
        for data in &scenario.data {
            let (from, to) = data.window();
            let unit = if data.unit.is_empty() { "" } else { " in " };
            let count = data.points.len();
            let points = format!("{count} observations{unit}{}, {from:.1} to {to:.1}", data.unit);
            line(&mut out, data.name.text(), &points, &[&data.note, &data.source], width);
        }
    }
    if section(&mut out, "Choices", !scenario.choices.is_empty()) {
        for choice in &scenario.choices {
            let variants = choice.variants.iter();
            let variants: Vec<String> = variants
                .map(|(name, value)| format!("{} ({})", name.text(), value.text()))
                .collect();
            hanging(
                &mut out,
                (2, 6),
                &format!("{}: {}", choice.name.text(), variants.join(", ")),
                width,
            );
        }
    }
    if section(
        &mut out,
        "Series and definitions",
        !scenario.series.is_empty() || !scenario.model.is_empty(),
    ) {
        for series in &scenario.series {
            let form = match &series.form {
                SeriesForm::At(at) => at.text().to_owned(),
                SeriesForm::Steps { start, next } => {
                    format!("{}, then {}", start.text(), next.text())
                }
            };
            line(&mut out, series.name.text(), &form, &[], width);
        }
        for (head, body) in &scenario.model {
            line(&mut out, head.text(), body.text(), &[], width);
        }
    }
    if section(&mut out, "Outputs", !scenario.outputs.is_empty()) {
        for output in &scenario.outputs {
            let unit =
                output.unit.as_ref().map_or(String::new(), |unit| format!("in {}", unit.text()));
            let notes = [unit.as_str(), output.note.as_str()];
            line(&mut out, output.name.text(), output.expression.text(), &notes, width);
        }
    }
    if section(&mut out, "Checks", !scenario.checks.is_empty()) {
        for check in &scenario.checks {
            let text = format!("{}: {}; {}", check.claim.text(), check.words, check.source);
            hanging(&mut out, (2, 6), text.trim_end_matches("; "), width);
        }
    }
    out
}

fn whole(scenario: &Scenario) -> Value {
    let whole = json!({
        "origin": scenario.origin,
        "title": scenario.title,
        "notes": scenario.notes,
        "time": scenario.time.as_ref().map(|time| json!({
            "from": time.from.text(),
            "to": time.to.text(),
            "step": time.step.text(),
        })),
        "samples": scenario.samples(),
        "seed": scenario.seed(),
        "level": scenario.level().share(),
        "inputs": scenario.inputs.iter().map(|input| json!({
            "name": input.name.text(),
            "value": value(input),
            "source": input.source,
            "note": input.note,
            "date": input.date,
        })).collect::<Vec<Value>>(),
        "choices": scenario.choices.iter().map(|choice| json!({
            "name": choice.name.text(),
            "variants": choice.variants.iter()
                .map(|(name, value)| json!({ "name": name.text(), "value": value.text() }))
                .collect::<Vec<Value>>(),
        })).collect::<Vec<Value>>(),
        "definitions": scenario.model.iter()
            .map(|(head, body)| json!({ "name": head.text(), "value": body.text() }))
            .collect::<Vec<Value>>(),
        "outputs": scenario.outputs.iter().map(|output| json!({
            "name": output.name.text(),
            "expression": output.expression.text(),
            "unit": output.unit.as_ref().map(forecast::Written::text),
            "note": output.note,
        })).collect::<Vec<Value>>(),
        "checks": scenario.checks.iter().map(|check| check.claim.text()).collect::<Vec<&str>>(),
    });
    headed("list scenarios", 1, whole)
}
