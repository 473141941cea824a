//! Answers for programs: one object.

use diagnostic::Diagnostic;
use draws::Estimate;
use draws::uncertain::Uncertain;
use formula::{Form, Nature, ValueType};
use serde_json::{Value, json};

use super::answer::{Answer, Found, Sampling};
use super::definitions::Sound;
use crate::commands::json::headed;

const YEAR: f64 = 31_557_600.0;

/// Probabilities whose quantiles are always given.
const QUANTILES: [f64; 7] = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95];

/// The answers, the inputs they were drawn from, and how.
pub(super) fn json(
    answers: &[Answer],
    sound: &Sound,
    sampling: Sampling,
) -> Result<Value, Diagnostic> {
    let inputs = sound.uncertain.iter().map(|input| self::input(sound, input, sampling));
    let inputs: Vec<Value> = inputs.collect::<Result<_, _>>()?;
    let values = answers.iter().map(|answer| self::answer(answer, sampling));
    let values: Vec<Value> = values.collect::<Result<_, _>>()?;
    let whole = json!({
        "seed": sampling.seed,
        "samples": sampling.samples,
        "level": sampling.level.share(),
        "values": values,
        "inputs": inputs,
    });
    Ok(headed("eval", 1, whole))
}

fn answer(answer: &Answer, sampling: Sampling) -> Result<Value, Diagnostic> {
    let mut steps: Vec<Value> = answer
        .found
        .iter()
        .map(|found| self::found(&answer.value, found, sampling))
        .collect::<Result<_, _>>()?;
    let mut out =
        json!({ "name": answer.name, "unit": answer.unit, "is": answer.value.description() });
    match &answer.times {
        None => merge(&mut out, steps.pop().unwrap_or_default()),
        Some(times) => {
            for (step, time) in steps.iter_mut().zip(times) {
                merge(step, json!({ "time": time }));
            }
            out["path"] = steps.into();
        }
    }
    Ok(out)
}

fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}

fn found(value: &ValueType, found: &Found, sampling: Sampling) -> Result<Value, Diagnostic> {
    Ok(match found {
        Found::Exact(exact) if value.form() == Form::Truth => json!({ "value": *exact != 0.0 }),
        Found::Exact(exact) => json!({ "value": number(value, *exact) }),
        Found::OfDraws(estimate) => json!({
            "value": number(value, estimate.value),
            "standard_error": standard_error(value, *estimate),
        }),
        Found::Condition(share) => json!({
            "probability": share.value,
            "standard_error": finite(share.standard_error),
        }),
        Found::Drawn(drawn) => {
            let ends = [sampling.level.lower(), sampling.level.upper()];
            let mut probabilities = QUANTILES.to_vec();
            probabilities.extend(ends.iter().filter(|end| !QUANTILES.contains(end)));
            probabilities.sort_by(f64::total_cmp);
            let quantiles: Vec<Value> = drawn
                .quantiles(&probabilities)?
                .into_iter()
                .zip(&probabilities)
                .map(|(estimate, p)| {
                    json!({
                        "p": p,
                        "value": number(value, estimate.value),
                        "standard_error": standard_error(value, estimate),
                    })
                })
                .collect();
            let summary = &drawn.summary;
            let mut out = json!({
                "median": number(value, summary.median.value),
                "interval": [
                    number(value, summary.interval.low.value),
                    number(value, summary.interval.high.value),
                ],
                "quantiles": quantiles,
                "undefined": summary.undefined,
            });
            // A mean of log-rates is not the log of a mean factor: growth has quantiles only.
            if let (Some(mean), false) = (summary.mean, is_growth(value)) {
                out["mean"] = number(value, mean.value);
                out["mean_standard_error"] = standard_error(value, mean);
            }
            if let Some(never) = summary.never {
                out["never"] = json!({
                    "probability": never.value,
                    "standard_error": finite(never.standard_error),
                });
            }
            out
        }
    })
}

fn input(sound: &Sound, input: &Uncertain, sampling: Sampling) -> Result<Value, Diagnostic> {
    let value = &input.value;
    let at = |p: f64| number(value, input.dist.quantile(p) / unit(value));
    Ok(json!({
        "name": input.name,
        "unit": sound.checked.unit_in_words(&input.name, value)?,
        "is": value.description(),
        "median": at(0.5),
        "interval": [at(sampling.level.lower()), at(sampling.level.upper())],
    }))
}

/// Base units in one unit of the numbers.
fn unit(value: &ValueType) -> f64 {
    value.unit().map_or(1.0, formula::Unit::factor)
}

fn is_growth(value: &ValueType) -> bool {
    value.nature() == Nature::Growth && value.unit().is_none()
}

/// A number as its unit says; JSON has no infinity, so that `never` is a word.
fn number(value: &ValueType, raw: f64) -> Value {
    let shown = match value.form() {
        Form::Instant => raw / YEAR,
        _ if is_growth(value) => (raw * YEAR).exp(),
        _ => raw,
    };
    match shown {
        v if v.is_nan() => Value::Null,
        v if v == f64::INFINITY => "never".into(),
        v if v == f64::NEG_INFINITY => "-infinite".into(),
        v => v.into(),
    }
}

fn standard_error(value: &ValueType, estimate: Estimate) -> Value {
    finite(match value.form() {
        Form::Instant => estimate.standard_error / YEAR,
        _ if is_growth(value) => (estimate.value * YEAR).exp() * estimate.standard_error * YEAR,
        _ => estimate.standard_error,
    })
}

/// Null where the draws are too few to tell.
fn finite(number: f64) -> Value {
    if number.is_finite() { number.into() } else { Value::Null }
}
