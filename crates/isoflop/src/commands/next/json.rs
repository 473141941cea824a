//! What `isoflop next` says to programs.

use plan::design::{Certainty, Goal};
use serde_json::{Value, json};

use super::{Answer, BendFrom};

pub(super) fn json_of(answer: &Answer<'_>) -> Value {
    let (design, question) = (answer.design, answer.question);
    let known = answer.known;
    let choice = matches!(design.goal, Goal::Choice);
    let of = |value: f64| {
        if choice {
            json!({ "chance_of_right_choice": value })
        } else {
            json!({ "standard_deviation": value, "interval": design.interval_at(value) })
        }
    };
    let certainty = |certainty: &Certainty| {
        json!({
            "law_holds": of(certainty.law_holds),
            "may_bend": of(certainty.may_bend),
        })
    };
    let goal = match &design.goal {
        Goal::Loss(setting) => json!({ "kind": "loss", "run": setting }),
        Goal::LossAtBest(compute) => json!({ "kind": "loss", "compute": compute }),
        Goal::Size(compute) => json!({ "kind": "size", "compute": compute }),
        Goal::Choice => json!({
            "kind": "choice",
            "against": answer.rival.map(|rival| &rival.law.name),
        }),
    };
    let runs: Vec<Value> = design
        .runs
        .iter()
        .map(|run| {
            json!({
                "batch": run.batch + 1,
                "N": run.parameters,
                "D": run.tokens,
                "tokens_per_parameter": run.tokens.get() / run.parameters.get(),
                "compute": run.cost(),
                "times": run.times,
                "depth": answer.family.and_then(|family| family.depth(run.parameters)),
            })
        })
        .collect();
    let limits = &question.limits;
    let usual = design.usual.as_ref().map(|usual| {
        json!({
            "budgets": question.grid.0,
            "sizes": question.grid.1,
            "times": usual.grid.times,
            "runs": usual.grid.runs.iter().map(|(n, d)| json!({ "N": n, "D": d }))
                .collect::<Vec<Value>>(),
            "after": certainty(&usual.after),
            "same_certainty": usual.same_certainty,
            "share_of_its_compute": usual.same_certainty.map(|same| design.spent() / same),
        })
    });
    json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "command": "next",
        "origin": answer.observations.map(runs::Observations::origin),
        "law": { "name": known.law.name, "formula": known.law.formula },
        "prior": known.is_prior.then(|| json!({
            "constants": known.name,
            "factor": answer.prior.factor,
            "ranges": answer.prior.ranges.iter().map(|(name, (low, high))| {
                json!({ "name": name, "low": low, "high": high })
            }).collect::<Vec<Value>>(),
        })),
        "noise": known.noise,
        "compute_convention": "C = 6 N D",
        "seed": answer.args.seed,
        "level": question.level,
        "goal": goal,
        "best": if choice { Value::Null } else { json!(design.best) },
        "scale": "standard deviations are of the logarithm of the goal, for laws of shares of the \
            goal itself",
        "budget": question.budget,
        "budget_converted": answer.converted,
        "spent": design.spent(),
        "batches": question.batches,
        "bend": {
            "per_squared_decade": question.bend,
            "from": match answer.bend_from {
                BendFrom::Asked => "asked",
                BendFrom::Default => "default",
                BendFrom::Backtest => "backtest",
            },
        },
        "limits": {
            "tokens_per_parameter": limits.tokens_per_parameter,
            "parameters": [limits.parameters.0, limits.parameters.1],
            "tokens": [limits.tokens.0, limits.tokens.1],
            "run": [limits.run.0, limits.run.1],
            "sizes": limits.sizes,
            "runs": question.runs,
            "repeats": question.repeats,
        },
        "candidates": design.candidates,
        "now": certainty(&design.now),
        "after": design.after.iter().map(certainty).collect::<Vec<Value>>(),
        "runs": runs,
        "isoflop_grid": usual,
        "trusting_the_law": design.trusting.as_ref().map(|trusting| json!({
            "settings": trusting.settings,
            "after": certainty(&trusting.after),
        })),
        "warnings": design.doubts.iter().map(|doubt| json!({
            "code": doubt.code(),
            "message": doubt.to_string(),
        })).collect::<Vec<Value>>(),
    })
}
