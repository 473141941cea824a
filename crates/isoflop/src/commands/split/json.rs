//! The split for programs.

use plan::dimensions::{Aim, Curve, Split, exchange_rate, snell_multiplier};
use plan::{Drawn, Quantity};
use serde_json::{Value, json};

use super::Answer;

pub(crate) fn drawn<Q: Quantity>(drawn: &Drawn<Q>, level: f64) -> Value {
    json!({
        "best": drawn.best.number(),
        "interval": drawn.interval(level),
        "missing": drawn.missing(),
    })
}

pub(super) fn json(answer: &Answer) -> Value {
    let level = answer.level;
    let split = &answer.split;
    let question = &split.question;
    let (aim, amount) = match question.aim {
        Aim::Budget(budget) => ("budget", budget.get()),
        Aim::Reach(target) => ("reach", target),
    };
    let mut out = of_split(split, level);
    out["schema_version"] = 1.into();
    out["version"] = env!("CARGO_PKG_VERSION").into();
    out["command"] = "split".into();
    out["budget_converted"] = json!(answer.converted);
    out["name"] = question.capability.name.clone().into();
    out["title"] = question.capability.title.clone().into();
    out["target"] = question.capability.meaning.clone().into();
    out["notes"] = question.capability.notes.clone().into();
    out["aim"] = json!({ aim: amount });
    out["level"] = level.into();
    out["draws"] = split.capability.draws.len().into();
    out["seed"] = question.seed.into();
    out["half"] = answer.half.as_ref().map(|half| of_split(half, level)).into();
    out["double"] = answer.double.as_ref().map(|double| of_split(double, level)).into();
    out["curves"] = answer.curves.iter().map(curve).collect();
    out["orders_of_inference_for_one_of_training"] =
        exchange_rate(split).map(|rate| drawn(&rate, level)).into();
    out["tokens_for_a_tenth_of_the_size"] =
        snell_multiplier(split, 10.0).map(|multiplier| drawn(&multiplier, level)).into();
    out["laws"] = (split.laws.iter())
        .map(|(role, name, source)| json!({ "role": role, "name": name, "source": source }))
        .collect();
    out["assumptions"] = (split.assumptions.iter())
        .map(|amount| {
            json!({
                "name": amount.name,
                "value": amount.value,
                "unit": amount.unit,
                "meaning": amount.meaning,
                "source": amount.source,
            })
        })
        .collect();
    out
}

fn of_split(split: &Split, level: f64) -> Value {
    let parts = split.parts.iter().map(|part| {
        json!({
            "dimension": part.dimension.name(),
            "flop": drawn(&part.flop, level),
            "share": drawn(&part.share, level),
            "share_of_draws_at_the_least": part.least,
        })
    });
    let choices = split.through.iter().map(|through| {
        json!({
            "name": through.choice.name,
            "unit": through.choice.unit,
            "value": drawn(&through.value, level),
            "capability_per_fold": drawn(&through.per_fold, level),
            "capability_per_hundredth_of_compute": drawn(&through.per_hundredth, level),
            "capability_per_flop": drawn(&through.per_flop, level),
            "share_of_draws_at_the_least": through.held.0,
            "share_of_draws_at_the_greatest": through.held.1,
        })
    });
    let prices = split.prices.iter().map(|price| {
        json!({
            "limit": price.limit.kind.name(),
            "amount": price.limit.amount,
            "unit": price.limit.kind.unit(),
            "per_fold": drawn(&price.per_fold, level),
            "per_unit": drawn(&price.per_unit, level),
            "share_of_draws_that_bind": price.binds,
        })
    });
    let certainty = split.certainty;
    json!({
        "capability": drawn(&split.capability, level),
        "total_flop": drawn(&split.total, level),
        "split": parts.collect::<Vec<Value>>(),
        "choices": choices.collect::<Vec<Value>>(),
        "limits": prices.collect::<Vec<Value>>(),
        "certainty": {
            "solved": certainty.solved,
            "unreachable": certainty.unreachable,
            "largest_residual": certainty.residual,
            "proven_to_second_order": certainty.proven,
        },
    })
}

fn curve(curve: &Curve) -> Value {
    json!({
        "without": curve.without.iter().map(|d| d.name()).collect::<Vec<&str>>(),
        "budget": curve.points.iter().map(|point| point.budget.get()).collect::<Vec<f64>>(),
        "capability": curve.points.iter().map(|point| point.capability).collect::<Vec<f64>>(),
    })
}
