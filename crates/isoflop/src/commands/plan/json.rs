//! The plan for programs.

use plan::{Constraint, Drawn, Mistake, Quantity};
use serde_json::{Value, json};

use super::answer::Answer;
use super::asked::Asked;

/// A quantity with its interval, and in how many draws it does not exist.
fn drawn<Q: Quantity>(quantity: &Drawn<Q>, level: f64) -> Value {
    let finite = |number: f64| number.is_finite().then_some(number);
    json!({
        "best": finite(quantity.best.number()),
        "interval": quantity.interval(level),
        "missing_draws": quantity.missing(),
    })
}

fn run(run: &plan::Allocation, level: f64) -> Value {
    json!({
        "parameters": drawn(&run.parameters, level),
        "tokens": drawn(&run.tokens, level),
        "tokens_per_parameter": drawn(&run.tokens_per_parameter(), level),
        "loss": drawn(&run.loss, level),
        "training_flop": drawn(&run.training, level),
        "serving_flop_of_training": drawn(&run.serving, level),
        "budget_flop": drawn(&run.budget, level),
    })
}

fn constraint(constraint: Constraint) -> &'static str {
    match constraint {
        Constraint::Budget => "budget",
        Constraint::Largest => "largest_size",
        Constraint::Tokens => "tokens",
        Constraint::Size => "size",
    }
}

impl Answer {
    /// One object with everything that people are told, in base units: FLOP, USD, s, J, W.
    pub(super) fn json(&self, asked: &Asked) -> Value {
        let level = asked.level;
        let mistake = |mistake: &Mistake| {
            json!({
                "by": mistake.by,
                "run": run(&mistake.run, level),
                "wasted_share": drawn(&mistake.share, level),
                "wasted_share_mean": mistake.share.mean(),
                "wasted_flop": drawn(&mistake.flop, level),
                "wasted_usd": asked.means.money(&mistake.flop).ok()
                    .map(|money| drawn(&money, level)),
            })
        };
        let believed = &asked.source.believed;
        json!({
            "schema_version": 1,
            "version": env!("CARGO_PKG_VERSION"),
            "command": "plan",
            "law": {
                "name": believed.law.name,
                "values": believed.name,
                "source": believed.source,
                "formula": believed.law.formula,
                "target": believed.law.target.name,
                "unit": believed.law.target.unit,
                "range": believed.range,
                "draws": believed.draws(),
            },
            "parameters_counted": asked.counted.name(),
            "flop_convention": asked.flop_model.describe(),
            "flop_formula": asked.flop.definitions,
            "shape": self.shape.as_ref().map(|shape| json!({
                "family": shape.family.name,
                "layers": shape.nearest.model.layers,
                "width": shape.nearest.model.hidden,
                "parameters": shape.nearest.parameters.get(),
                "run": run(&shape.run, level),
                "exact_flop_over_6nd": shape.over_six_n,
            })),
            "advice": self.advice.iter().map(|advice| json!({
                "about": match advice.about {
                    plan::Advised::Batch => "batch_tokens",
                    plan::Advised::LearningRate => "learning_rate",
                },
                "value": advice.value,
                "id": advice.id,
                "source": advice.source,
                "outside": advice.outside,
            })).collect::<Vec<Value>>(),
            "level": level,
            "seed": asked.seed,
            "budgets": asked.funds.iter().zip(&self.smallest).map(|(fund, smallest)| json!({
                "words": fund.words,
                "flop": drawn(&fund.flop, level),
                "smallest_in": smallest,
            })).collect::<Vec<Value>>(),
            "target": self.target.as_ref().map(|target| json!({
                "loss": target.loss,
                "run": run(&target.reached, level),
                "never_in": target.never,
            })),
            "budget_flop": drawn(&self.budget, level),
            "optimum": run(&self.plan.optimum, level),
            "chosen": run(self.chosen(), level),
            "one_such_run": self.prediction,
            "loss_per_ln_budget": drawn(&self.plan.slope, level),
            "binding": self.plan.binding.iter().map(|binding| json!({
                "constraint": constraint(binding.constraint),
                "loss_gained_by_doubling": drawn(&binding.doubled, level),
            })).collect::<Vec<Value>>(),
            "cost": {
                "accelerator": asked.means.accelerator.name,
                "count": asked.count(),
                "device_seconds": drawn(&self.cost.device_time, level),
                "usd": self.cost.money.as_ref().ok().map(|money| drawn(money, level)),
                "serving_usd": self.cost.serving.as_ref().map(|money| drawn(money, level)),
                "seconds": self.cost.time.as_ref().map(|time| drawn(time, level)),
                "joules_facility": self.cost.energy.as_ref().map(|energy| drawn(energy, level)),
                "watts_facility": self.cost.power.as_ref().map(|power| drawn(power, level)),
            },
            "neighbours": self.neighbours.iter().map(|neighbour| json!({
                "factor": neighbour.factor,
                "run": run(&neighbour.best, level),
                "usd": neighbour.money.as_ref().map(|money| drawn(money, level)),
                "seconds": neighbour.time.as_ref().map(|time| drawn(time, level)),
            })).collect::<Vec<Value>>(),
            "wasted": std::iter::once(&self.plan.ignorance).chain(&self.mistakes)
                .map(mistake).collect::<Vec<Value>>(),
            "laws": self.laws.iter().map(|law| json!({
                "name": law.name,
                "run": run(&law.best, level),
                "wasted": mistake(&law.waste),
            })).collect::<Vec<Value>>(),
            "long_run": self.long.as_ref().map(|long| json!({
                "parameters": long.parameters.get(),
                "compute_optimal_tokens": drawn(&long.optimal, level),
                "half_marginal_tokens": drawn(&long.halved, level),
                "lengths": long.stretches.iter().map(|stretch| json!({
                    "run": run(&stretch.run, level),
                    "marginal_share": drawn(&stretch.marginal, level),
                    "wasted_share": drawn(&stretch.waste, level),
                    "best_if_it_serves_tokens": drawn(&stretch.served, level),
                })).collect::<Vec<Value>>(),
            })),
            "data": self.scarcity.as_ref().map(|scarce| json!({
                "unique_tokens": drawn(&scarce.stock, level),
                "passes": drawn(&scarce.passes, level),
                "loss_above_endless_text": drawn(&scarce.lost, level),
                "endless": run(&scarce.endless, level),
                "loss_of_unlimited_passes": drawn(&scarce.repeated, level),
                "loss_of_unlimited_ensembles": drawn(&scarce.ensembled, level),
                "years_until_exhausted": self.exhausted.as_ref()
                    .map(|years| drawn(years, level)),
            })),
            "assumptions": asked.means.assumptions.iter()
                .chain(asked.serving_means.iter().flat_map(|means| &means.assumptions))
                .map(|one| json!({ "what": one.what, "value": one.value, "source": one.source }))
                .collect::<Vec<Value>>(),
            "verdict": self.judgement,
        })
    }
}
