//! The portfolio for programs.

use plan::Believed;
use plan::portfolio::{Bet, Effect, Ratio};
use serde_json::{Value, json};

use super::Answer;
use crate::commands::split::json::drawn;

fn law(law: &Believed) -> Value {
    json!({ "name": law.name, "source": law.source, "draws": law.draws() })
}

pub(super) fn json(answer: &Answer, level: f64) -> Value {
    let mut out = match answer {
        Answer::Family(answer) => family(answer, level),
        Answer::Bets(answer) => {
            let (asked, believed, found) = &**answer;
            let bet = |bet: &Bet| json!({ "experiments": bet.k, "flop_each": bet.scale.get(), "mean_gain": bet.gain });
            json!({
                "command": "portfolio bets",
                "budget": asked.budget.get(),
                "law": law(believed),
                "effect": match asked.effect {
                    Effect::Compute => "ln effective compute",
                    Effect::Loss => "loss saved",
                },
                "prior": {
                    "distribution": asked.prior.text,
                    "mean": asked.prior.mean(),
                    "standard_deviation": asked.prior.spread(),
                },
                "worlds": asked.worlds,
                "seed": asked.seed,
                "best": bet(&found.best),
                "standard_error_of_gain": found.standard_error,
                "experiments": drawn(&found.k, level),
                "share": drawn(&found.share, level),
                "flop_each": drawn(&found.scale, level),
                "gain": drawn(&found.gain, level),
                "loss": drawn(&found.loss, level),
                "loss_of_one_large_run": drawn(&found.loss_alone, level),
                "luck": laws::Interval::of(found.luck.clone(), level),
                "share_of_worlds_that_take_an_idea": found.taken,
                "table": found.table.iter().map(bet).collect::<Vec<Value>>(),
            })
        }
        Answer::Learn(answer) => {
            let (asked, believed, found) = &**answer;
            let runs = asked.runs.iter();
            json!({
                "command": "portfolio learn",
                "budget": asked.budget.get(),
                "law": law(believed),
                "runs": runs.map(|(n, d)| json!({ "N": n.get(), "D": d.get() })).collect::<Vec<Value>>(),
                "scatter": asked.scatter,
                "worlds": asked.worlds,
                "seed": asked.seed,
                "price_flop": found.price.get(),
                "net_flop": found.net.get(),
                "waste_now": found.now,
                "waste_after": found.after,
                "waste_law_known": found.known,
                "standard_error": found.standard_error,
                "size_now": found.size_now.get(),
                "waste_of_size_now": drawn(&found.waste_now, level),
                "size_after": laws::Interval::of(found.sizes_after.clone(), level),
                "effective_draws": found.effective_draws,
            })
        }
    };
    out["schema_version"] = 1.into();
    out["version"] = env!("CARGO_PKG_VERSION").into();
    out["level"] = level.into();
    out
}

fn family(answer: &super::FamilyAnswer, level: f64) -> Value {
    let tie = match answer.family.ratio {
        Ratio::Tokens { per_parameter, spread } => {
            json!({ "tokens_per_parameter": per_parameter, "spread": spread })
        }
        Ratio::Sizes { from, to } => json!({ "from": from.get(), "to": to.get() }),
        Ratio::Optimal { spread } => json!({ "compute_optimal": true, "spread": spread }),
    };
    let member = |member: &plan::portfolio::Member| {
        json!({
            "N": member.parameters.get(),
            "D": member.tokens.get(),
            "flop": member.compute.get(),
            "loss": drawn(&member.loss, level),
        })
    };
    json!({
        "command": "portfolio family",
        "budget": answer.family.budget.get(),
        "law": law(&answer.law),
        "tie": tie,
        "members": answer.members.iter().map(member).collect::<Vec<Value>>(),
    })
}
