//! The forecast for programs.
//!
//! Numbers are in the `unit` that stands with them. Dates are decimal years or `"never"`, growth is a
//! factor a year, shares and probabilities go from 0 to 1; `null` stands for what is undefined.

use forecast::{Claim, Column, OutputRun, Sensitivity};
use formula::{Form, Nature, ValueType};
use serde_json::{Value, json};

use super::Answer;
use super::past::Past;

const SCHEMA: u32 = 1;
const YEAR: f64 = 31_557_600.0;

/// The probabilities of the quantiles besides the ends of the interval.
const PROBABILITIES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/// A number of a value as programs read it.
pub(crate) fn number(value: &ValueType, number: f64) -> Value {
    let number = match (value.form(), value.nature(), value.unit()) {
        (Form::Instant, ..) if number == f64::INFINITY => return "never".into(),
        (Form::Instant, ..) => number / YEAR,
        (_, Nature::Growth, None) => (number * YEAR).exp(),
        _ => number,
    };
    match number {
        f64::INFINITY => "infinite".into(),
        f64::NEG_INFINITY => "-infinite".into(),
        number => number.into(),
    }
}

pub(super) fn json(answer: &Answer) -> Value {
    let (scenario, run) = (&answer.scenario, &answer.run);
    let ends = [answer.level.lower(), answer.level.upper()];
    json!({
        "schema_version": SCHEMA,
        "version": env!("CARGO_PKG_VERSION"),
        "command": "forecast",
        "origin": scenario.origin,
        "title": scenario.title,
        "notes": scenario.notes,
        "samples": run.settings.samples,
        "seed": run.settings.seed,
        "level": answer.level.share(),
        "inputs": scenario.inputs.iter().map(|input| json!({
            "name": input.name.text(),
            "value": input.value.text(),
            "trend": input.trend.as_ref().map(forecast::Written::text),
            "source": input.source,
            "note": input.note,
            "date": input.date,
        })).collect::<Vec<Value>>(),
        "cases": run.cases.iter().map(|case| json!({
            "label": case.label,
            "choices": case.choices.iter().map(|(choice, variant)| json!({
                "choice": choice,
                "variant": variant,
            })).collect::<Vec<Value>>(),
            "outputs": case.outputs.iter()
                .filter(|output| answer.outputs.contains(&output.name))
                .map(|one| output(one, ends))
                .collect::<Vec<Value>>(),
        })).collect::<Vec<Value>>(),
        "trace": answer.traces.iter().map(|trace| json!({
            "label": trace.label,
            "steps": trace.steps.iter().map(|step| json!({
                "name": step.name,
                "role": step.role.word(),
                "kind": step.kind,
                "unit": step.value.unit().map(ToString::to_string),
                "expression": step.expression,
                "source": step.source,
                "time": step.time,
                "low": number(&step.value, step.quantiles[0].value),
                "median": number(&step.value, step.quantiles[1].value),
                "high": number(&step.value, step.quantiles[2].value),
            })).collect::<Vec<Value>>(),
        })).collect::<Vec<Value>>(),
        "sensitivity": answer.sensitivities.iter().map(sensitivity).collect::<Vec<Value>>(),
        "elasticity": answer.elasticities.iter().map(|asked| json!({
            "of": asked.question,
            "case": asked.label,
            "inputs": asked.found.iter().map(|one| json!({
                "input": one.input,
                "per_percent_base_units": one.per_percent,
                "elasticity": one.elasticity,
            })).collect::<Vec<Value>>(),
        })).collect::<Vec<Value>>(),
        "break_even": answer.break_even.iter().map(|asked| json!({
            "equation": asked.question,
            "case": asked.label,
            "inputs": asked.found.iter().map(|one| json!({
                "input": one.input,
                "median": number(&one.input_value, one.median),
                "needed": one.needed.map(|needed| number(&one.input_value, needed)),
                "answer_at_median": number(&one.value, one.at_median),
                "target": number(&one.value, one.target),
            })).collect::<Vec<Value>>(),
        })).collect::<Vec<Value>>(),
        "against": answer.against.as_ref().map(|(name, found)| json!({
            "scenario": name,
            "outputs": found.iter().map(|asked| match &asked.found {
                Err(problem) => json!({ "of": asked.question, "case": asked.label, "refused": problem.message() }),
                Ok(found) => json!({
                    "of": asked.question,
                    "case": asked.label,
                    "there": number(&found.value, found.before),
                    "here": number(&found.value, found.after),
                    "every_order": found.exact,
                    "changes": found.changes.iter().map(|change| json!({
                        "name": change.name,
                        "was": change.was,
                        "is": change.is,
                        "part_base_units": change.part,
                    })).collect::<Vec<Value>>(),
                }),
            }).collect::<Vec<Value>>(),
        })),
        "backtest": past(&answer.past),
        "checks": answer.checks.iter().map(claim).collect::<Vec<Value>>(),
        "passes": answer.checks.iter().all(Claim::passes),
        "warnings": answer.lints.iter().map(|lint| json!({
            "name": lint.name,
            "message": lint.warning.message(),
            "text": lint.warning.to_string(),
        })).collect::<Vec<Value>>(),
    })
}

fn output(output: &OutputRun, ends: [f64; 2]) -> Value {
    let mut probabilities = [PROBABILITIES.as_slice(), &ends].concat();
    probabilities.sort_by(f64::total_cmp);
    probabilities.dedup_by(|a, b| (*a - *b).abs() < 1e-12);
    let values: Vec<Value> =
        (0..output.columns.len()).map(|time| at_time(output, time, &probabilities)).collect();
    let dates = output.date_years().ok().and_then(|years| output.date_table(&years).ok());
    json!({
        "name": output.name,
        "note": output.note,
        "kind": output.value.description(),
        "unit": output.unit,
        "probabilities": probabilities,
        "values": values,
        "by_year": dates.map(|dates| json!({
            "years": dates.years,
            "probability": dates.by.iter().map(|share| share.value).collect::<Vec<f64>>(),
            "never": dates.never.value,
        })),
    })
}

fn at_time(output: &OutputRun, time: usize, probabilities: &[f64]) -> Value {
    let value = &output.value;
    let mut found = json!({ "time": output.times.as_ref().map(|times| times[time]) });
    match &output.columns[time] {
        Column::Exact(exact) => {
            found["value"] = match value.form() {
                Form::Truth => (*exact != 0.0).into(),
                _ => number(value, *exact),
            };
        }
        Column::OfDraws(estimate) => {
            found["value"] = number(value, estimate.value);
            found["standard_error"] = estimate.standard_error.into();
        }
        Column::Drawn(draws) if value.form() == Form::Truth => {
            if let Ok(share) = output.probability(time, |value| value != 0.0) {
                found["probability"] = share.value.into();
                found["standard_error"] = share.standard_error.into();
            }
            found["undefined"] = draws.iter().filter(|value| value.is_nan()).count().into();
        }
        Column::Drawn(draws) => {
            if let Ok(quantiles) = output.quantiles(time, probabilities) {
                found["quantiles"] =
                    quantiles.iter().map(|quantile| number(value, quantile.value)).collect();
            }
            found["undefined"] = draws.iter().filter(|value| value.is_nan()).count().into();
            found["infinite"] = draws.iter().filter(|value| value.is_infinite()).count().into();
        }
    }
    found
}

fn sensitivity(found: &Sensitivity) -> Value {
    json!({
        "of": found.of,
        "case": found.label,
        "tornado": found.tornado.as_ref().map(|tornado| json!({
            "level": tornado.level.share(),
            "baseline": number(&found.value, tornado.baseline),
            "inputs": tornado.bars.iter().zip(&found.inputs).map(|(bar, input)| json!({
                "name": bar.name,
                "low": number(input, bar.low),
                "high": number(input, bar.high),
                "at_low": number(&found.value, bar.at_low),
                "at_high": number(&found.value, bar.at_high),
            })).collect::<Vec<Value>>(),
        })),
        "sobol": found.sobol.as_ref().map(|sobol| json!({
            "level": sobol.level.share(),
            "of_ranks": sobol.aspect == draws::sensitivity::Aspect::Rank,
            "inputs": sobol.indices.iter().map(|index| json!({
                "name": index.name,
                "first": [index.first.low, index.first.value, index.first.high],
                "total": [index.total.low, index.total.value, index.total.high],
            })).collect::<Vec<Value>>(),
        })),
    })
}

fn past(past: &Past) -> Value {
    json!({
        "left_out": past.left_out,
        "hindcast": past.hindcast.as_ref().map(|earlier| json!({
            "as_of": earlier.year,
            "not_fitted": earlier.known_today,
            "outputs": earlier.hindcasts.iter().map(|one| json!({
                "data": one.data,
                "output": one.output,
                "case": one.label,
                "in_natural_logarithms": one.truths.first().is_some_and(|truth| truth.in_logs),
                "crps": one.crps(),
                "interval_score": one.interval_score(),
                "coverage": one.coverage(),
                "naive": one.naive.iter().map(|naive| json!({
                    "forecaster": naive.forecaster.to_string(),
                    "crps": naive.crps,
                    "interval_score": naive.interval_score,
                    "coverage": naive.coverage,
                })).collect::<Vec<Value>>(),
                "truths": one.truths.iter().map(|truth| json!({
                    "date": truth.date,
                    "value": truth.value,
                    "median": truth.median,
                    "interval": truth.interval,
                    "pit": truth.pit,
                    "crps": truth.crps,
                })).collect::<Vec<Value>>(),
            })).collect::<Vec<Value>>(),
        })),
        "trends": past.trends.iter().map(|(name, found)| json!({
            "trend": name,
            "scores": found.as_ref().map(|found| found.scores.iter().map(|one| json!({
                "forecaster": one.forecaster.to_string(),
                "forecasts": one.origins.len(),
                "crps": one.crps,
                "interval_score": one.interval_score,
                "coverage": one.coverage,
                "pit": one.pit,
            })).collect::<Vec<Value>>()),
        })).collect::<Vec<Value>>(),
    })
}

/// A claim with everything that it says.
pub(crate) fn claim(claim: &Claim) -> Value {
    json!({
        "claim": claim.id,
        "words": claim.words,
        "source": claim.source,
        "verdict": claim.verdict().word(),
        "written_down": claim.expected().map(forecast::Verdict::word),
        "passes": claim.passes(),
        "statements": claim.statements.iter().map(|one| json!({
            "verdict": one.verdict.word(),
            "kind": one.value.description(),
            "stated": one.stated.map(|(from, to)| [number(&one.value, from), number(&one.value, to)]),
            "recomputed": number(&one.value, one.found),
            "over_draws": one.of_draws,
            "needs": one.needs.iter().map(|need| json!({
                "input": need.input,
                "stated": number(&need.value, need.stated),
                "needed": need.needed.map(|needed| number(&need.value, needed)),
            })).collect::<Vec<Value>>(),
            "note": one.note,
            "missing": one.missing,
        })).collect::<Vec<Value>>(),
    })
}
