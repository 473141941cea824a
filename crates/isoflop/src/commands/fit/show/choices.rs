//! Other choices behind the fit, and how far they move the answer.

use laws::{Allocation, Interval, Variant};

use super::super::answer::Answer;
use super::super::choices::Choices;
use super::super::words::{bold, range, rounded};
use crate::table::table;
use crate::text::hanging;

pub(super) fn about(text: &mut String, answer: &Answer<'_>, choices: &Choices, width: usize) {
    text.push('\n');
    hanging(text, (0, 2), &format!("{} the fit under other choices", bold("choices")), width);
    let names: Vec<&str> = answer.fit.estimates.iter().map(|e| e.name.as_str()).take(6).collect();
    let mut head = vec![String::new(), "rows".to_owned()];
    head.extend(names.iter().map(|&name| name.to_owned()));
    for budget in &choices.budgets {
        head.push(format!("N* at {:.1e}", budget.get()));
        head.push("loss there".to_owned());
    }
    head.extend((1..=choices.settings.len()).map(|number| format!("prediction {number}")));
    let mut rows = vec![head];
    for variant in &choices.variants {
        let mut row = vec![variant.change.clone(), variant.rows.to_string()];
        if let Some(problem) = &variant.refused {
            row.push(format!("not fitted: {problem}"));
            rows.push(row);
            continue;
        }
        for name in &names {
            let value = variant.values.iter().find(|(known, _)| known == name);
            row.push(value.map_or(String::new(), |(_, value)| short(*value)));
        }
        for optimum in &variant.optima {
            row.push(optimum.map_or("none".to_owned(), |best| short(best.parameters.get())));
            row.push(optimum.map_or(String::new(), |best| rounded(best.loss, None)));
        }
        row.extend(variant.predictions.iter().map(|&value| rounded(value, None)));
        rows.push(row);
    }
    table(text, &rows, width);
    for (number, budget) in choices.budgets.iter().enumerate() {
        let optimum = |v: &Variant| v.optima.get(number).copied().flatten();
        let n = |best: Allocation| best.parameters.get();
        let ours = answer.optimum_interval(*budget);
        let what = format!("N* at {:.1e} FLOP", budget.get());
        spread(text, &what, choices, &|v| optimum(v).map(n), ours, width);
    }
    for (number, _) in choices.settings.iter().enumerate() {
        let what = format!("prediction {}", number + 1);
        let ours = answer.predictions.get(number).and_then(|p| p.law_interval);
        let value = |v: &Variant| v.predictions.get(number).copied();
        spread(text, &what, choices, &value, ours, width);
    }
}

/// How far a number moves over the choices that keep the convention, beside its interval.
fn spread(
    text: &mut String,
    what: &str,
    choices: &Choices,
    value: &dyn Fn(&Variant) -> Option<f64>,
    ours: Option<Interval>,
    width: usize,
) {
    let same = |v: &&Variant| !v.change.contains(" is `");
    let values: Vec<f64> =
        choices.variants.iter().filter(same).filter_map(value).filter(|x| x.is_finite()).collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.len() < 2 {
        return;
    }
    let moved = format!(
        "{what} runs from {} to {} over these choices",
        rounded(low, None),
        rounded(high, None)
    );
    let beside = ours.map_or(String::new(), |interval| {
        let wider = high - low > interval.high - interval.low;
        let than = if wider { "more than" } else { "no more than" };
        format!(", {than} its interval of {}", range(Some(interval)))
    });
    hanging(text, (2, 4), &format!("{moved}{beside}"), width);
}

fn short(value: f64) -> String {
    if value == 0.0 || (1e-3..1e5).contains(&value.abs()) {
        let decimals = (2.0 - value.abs().max(1e-3).log10().floor()).clamp(0.0, 4.0) as usize;
        format!("{value:.decimals$}")
    } else {
        format!("{value:.2e}")
    }
}
