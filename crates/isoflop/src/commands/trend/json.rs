//! The answer of `isoflop trend` for programs.

use serde_json::{Value, json};

use super::Answer;

pub(super) fn json(answer: &Answer, seed: u64) -> Value {
    let trend = &answer.trend;
    let (low, high) = trend.growth_interval(answer.level);
    let factor = |growth: f64| growth.exp();
    json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "command": "trend",
        "seed": seed,
        "level": answer.level.share(),
        "table": answer.data.source,
        "value": answer.data.name.text(),
        "unit": answer.data.unit,
        "points": trend.points.iter().map(|point| json!({
            "date": point.date,
            "value": point.value,
            "range": point.range,
        })).collect::<Vec<Value>>(),
        "left_out": answer.dropped,
        "shape": trend.shape.name(),
        "growth_per_year": [factor(low), factor(trend.growth()), factor(high)],
        "doubling_years": trend.doubling_time(),
        "break_date": trend.break_date().map(|date| {
            let (low, high) = trend.break_interval(answer.level);
            [low, date, high]
        }),
        "scatter_in_natural_logarithms": trend.sigma,
        "shapes": answer.shapes.iter().map(|(quality, growth)| json!({
            "shape": quality.shape.name(),
            "growth_per_year": factor(*growth),
            "aicc": quality.aicc,
            "bic": quality.bic,
            "cross_validation": quality.cross_validation,
        })).collect::<Vec<Value>>(),
        "one_point_dropped": answer.fragility.map(|found| json!({
            "lowest_growth_per_year": factor(found.lowest),
            "highest_growth_per_year": factor(found.highest),
            "date_that_moves_most": found.most,
        })),
        "snapshots": answer.snapshots.iter().map(|one| json!({
            "until": one.until,
            "points": one.points,
            "growth_per_year": factor(one.growth),
            "bic_gain": one.bic_gain,
        })).collect::<Vec<Value>>(),
        "forecast": answer.fan.iter().map(|(date, ends)| json!({
            "date": date,
            "quantiles": ends,
            "probabilities": [answer.level.lower(), 0.5, answer.level.upper()],
        })).collect::<Vec<Value>>(),
        "backtest": answer.backtest.as_ref().map(|found| json!({
            "ahead": found.ahead,
            "beats_both_naive": found.beats_both(),
            "scores": found.scores.iter().map(|one| json!({
                "forecaster": one.forecaster.to_string(),
                "forecasts": one.origins.len(),
                "crps": one.crps,
                "interval_score": one.interval_score,
                "coverage": one.coverage,
                "pit": one.pit,
            })).collect::<Vec<Value>>(),
        })),
    })
}
