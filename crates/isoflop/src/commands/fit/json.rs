//! The answer for programs.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Frontier};
use super::show::{NO_BACKTEST, name_of, weakest};

impl Answer<'_> {
    /// One object with conventions, evidence and everything that was asked.
    pub(super) fn json(&self) -> Value {
        let fit = self.fit;
        let parameters: Map<String, Value> = fit
            .estimates
            .iter()
            .map(|estimate| {
                let interval = fit.interval(&estimate.name);
                (estimate.name.clone(), json!({ "value": estimate.value, "interval": interval }))
            })
            .collect();
        let derived: Map<String, Value> = self
            .derived
            .iter()
            .map(|number| {
                let entry = json!({
                    "value": number.value,
                    "interval": number.interval,
                    "group": number.group,
                    "meaning": number.meaning,
                });
                (number.name.clone(), entry)
            })
            .collect();
        let warnings: Vec<Value> = fit
            .warnings
            .iter()
            .map(|warning| {
                json!({ "name": name_of(warning), "message": warning.to_string(), "data": warning })
            })
            .collect();
        let units: Map<String, Value> = (fit.law.variables.iter())
            .chain([&fit.law.target])
            .map(|quantity| (quantity.name.clone(), quantity.unit.clone().into()))
            .collect();
        let published: Vec<Value> = fit
            .law
            .published
            .iter()
            .map(|one| {
                let values: Map<String, Value> = one
                    .values
                    .iter()
                    .map(|(name, value)| (name.clone(), (*value).into()))
                    .collect();
                json!({ "id": one.id, "source": one.source, "values": values })
            })
            .collect();
        json!({
            "schema_version": 2,
            "version": env!("CARGO_PKG_VERSION"),
            "command": "fit",
            "law": fit.law.name,
            "typed": self.typed,
            "formula": fit.law.formula,
            "units": units,
            "compute_convention": self.observations.compute_convention(),
            "data": fit.data,
            "columns": self.observations.columns(),
            "exclusions": self.observations.exclusions(),
            "objective": {
                "name": fit.objective.to_string(),
                "kind": fit.objective,
                "value": fit.value,
            },
            "level": fit.options.level,
            "seed": fit.options.seed,
            "parameters": parameters,
            "held": fit.held.iter().map(|(name, value)| (name.clone(), (*value).into()))
                .collect::<Map<String, Value>>(),
            "derived": derived,
            "published": published,
            "certificate": fit.certificate,
            "weakest_direction_in_words": weakest(&fit.certificate),
            "bootstrap": fit.bootstrap,
            "backtest": fit.backtest,
            "backtest_absent": fit.backtest.is_none().then_some(NO_BACKTEST),
            "spread": fit.spread,
            "explained": fit.explained,
            "compute_optimal": match &self.frontier {
                Frontier::Of { optima, .. } => json!(optima),
                Frontier::NotOfThisLaw | Frontier::Lacks(_) => Value::Null,
            },
            "predictions": self.predictions,
            "holdout": self.holdout.as_ref().map(|holdout| json!({
                "condition": holdout.condition,
                "mean_error": holdout.mean_error,
                "root_mean_square": holdout.root_mean_square,
                "rows": holdout.rows.iter().map(|row| json!({
                    "line": row.line,
                    "run": row.run,
                    "measured": row.measured,
                    "prediction": row.prediction,
                    "error": row.error,
                    "inside": row.inside(),
                })).collect::<Vec<Value>>(),
            })),
            "warnings": warnings,
            "published_on_these_rows": self.rivals,
            "profiles": self.profiles,
            "sharing": self.sharing,
            "choices": self.choices.as_ref().map(|choices| json!({
                "budgets": choices.budgets,
                "settings": choices.settings,
                "variants": choices.variants,
            })),
            "behaviour": fit.behaviour,
            "verdict": self.judgement(),
        })
    }
}
