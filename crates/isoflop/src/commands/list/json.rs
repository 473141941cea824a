//! The catalogue for programs.

use diagnostic::Diagnostic;
use laws::{Law, Parameter, Quantity, catalogue::Published};
use serde_json::{Map, Value, json};

use crate::commands::json::headed;

/// Every law in short.
pub(super) fn list(laws: &[Law]) -> Value {
    let laws: Vec<Value> = laws.iter().map(head).collect();
    headed("list laws", 1, json!({ "laws": laws }))
}

/// One law with all that its file says, and its figures computed.
pub(super) fn law(law: &Law) -> Result<Value, Diagnostic> {
    let mut out = head(law);
    let figures = law.figures.iter().map(|figure| {
        let again = law.recompute(figure)?;
        Ok(json!({
            "published": figure.published,
            "what": figure.what,
            "expression": figure.expression(),
            "given": figure.given(),
            "value": figure.value,
            "tolerance": figure.tolerance,
            "computed": again.value,
            "agrees": again.agrees(),
            "source": figure.source,
        }))
    });
    let figures: Vec<Value> = figures.collect::<Result<_, Diagnostic>>()?;
    let derived = law.derived.iter().map(|derived| {
        let mut out = quantity(&derived.quantity);
        out["expression"] = derived.expression.clone().into();
        out
    });
    out["notes"] = law.notes.clone().into();
    out["parameters"] = law.parameters.iter().map(parameter).collect();
    out["given"] = law.given.iter().map(quantity).collect();
    out["derived"] = derived.collect();
    out["published"] = law.published.iter().map(constants).collect();
    out["figures"] = figures.into();
    Ok(headed("list laws", 1, out))
}

fn head(law: &Law) -> Value {
    let variables: Vec<Value> = law.variables.iter().map(quantity).collect();
    json!({
        "name": law.name,
        "title": law.title,
        "source": law.source,
        "formula": law.formula,
        "target": quantity(&law.target),
        "variables": variables,
        "residuals": law.residuals,
    })
}

/// Bounds that are infinite are null.
fn range((low, high): (f64, f64)) -> Value {
    json!([low, high])
}

fn quantity(quantity: &Quantity) -> Value {
    json!({
        "name": quantity.name,
        "unit": quantity.unit,
        "meaning": quantity.meaning,
        "within": range(quantity.within),
    })
}

fn parameter(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "unit": parameter.unit,
        "meaning": parameter.meaning,
        "bounds": range(parameter.bounds),
        "search": parameter.search.map(range),
        "logarithmic": parameter.logarithmic,
        "fixed": parameter.fixed,
    })
}

fn constants(published: &Published) -> Value {
    let table = |entries: &[(String, f64)]| -> Map<String, Value> {
        entries.iter().map(|(name, value)| (name.clone(), (*value).into())).collect()
    };
    let ranges = |entries: &[(String, (f64, f64))]| -> Map<String, Value> {
        entries.iter().map(|(name, bounds)| (name.clone(), range(*bounds))).collect()
    };
    json!({
        "id": published.id,
        "source": published.source,
        "values": table(&published.values),
        "intervals": ranges(&published.intervals),
        "level": published.level,
        "errors": table(&published.errors),
        "unverified": published.unverified,
        "second_hand": published.second_hand,
        "fitted_on": published.fitted_on,
        "conventions": published.conventions,
        "domain": ranges(&published.domain),
    })
}
