//! The quickstart as JSON.

use std::path::Path;

use lab::sweep::Row;
use laws::{Fit, Prediction};
use serde_json::{Value, json};

pub(super) fn law_values(fit: &Fit) -> Value {
    let values = fit.estimates.iter().map(|one| (one.name.clone(), one.value.into()));
    json!({
        "name": fit.law.name,
        "formula": fit.law.formula,
        "parameters": values.collect::<serde_json::Map<String, Value>>(),
    })
}

pub(super) fn answer(
    fit: &Fit,
    prediction: &Prediction,
    row: Option<&Row>,
    page: Option<&Path>,
) -> Value {
    json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "command": "quickstart",
        "law": law_values(fit),
        "warnings": fit.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "prediction": prediction,
        "measured": row,
        "page": page,
        "inside": row.and_then(|row| row.loss).zip(prediction.new_run_interval)
            .map(|(loss, interval)| interval.contains(loss)),
    })
}
