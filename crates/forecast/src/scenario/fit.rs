//! `fit(tokens, kink, top 10).growth`: a fitted trend written as the value of an input.

use diagnostic::Diagnostic;

use super::{Input, TrendRequest};

/// The trend that an input's value asks for, if it is a `fit(...)`; the input then draws from it.
pub(super) fn fitted(input: &mut Input) -> Result<Option<TrendRequest>, Diagnostic> {
    let value = input.value.clone();
    let Some(rest) = value.text().trim().strip_prefix("fit(") else { return Ok(None) };
    let refuse = || {
        value
            .error("expected `fit(DATA)`, with a shape or `top N` after commas", "not a fit")
            .help("for example `fit(tokens)`, `fit(tokens, kink).growth`, `fit(compute, top 10)`")
    };
    let (inside, after) = rest.split_once(')').ok_or_else(refuse)?;
    let quantity = match after.trim() {
        "" => "growth",
        after => after.strip_prefix('.').ok_or_else(refuse)?,
    };
    let mut parts = inside.split(',').map(str::trim);
    let data = parts.next().filter(|data| !data.is_empty()).ok_or_else(refuse)?;
    let (mut shape, mut top) = (None, None);
    for part in parts {
        match part.strip_prefix("top ") {
            Some(count) => {
                let count = count.trim().parse().ok().filter(|count| *count > 0);
                top = Some(count.ok_or_else(refuse)?);
            }
            None => shape = Some(value.restated(part)),
        }
    }
    // Fits that are written alike are one, so that what is drawn from them stays together.
    let name = value.restated(format!("fit({inside})"));
    input.trend = Some(value.restated(format!("fit({inside}).{quantity}")));
    Ok(Some(TrendRequest {
        name,
        data: value.restated(data),
        shape,
        top,
        window: (f64::NEG_INFINITY, f64::INFINITY),
        known_until: None,
        fitted: crate::trend_input::Fitted::default(),
    }))
}
