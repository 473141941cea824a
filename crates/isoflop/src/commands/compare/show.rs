//! A comparison for people: a ranking, the errors by cut, and how sure it is.

use std::fmt::Write as _;

use laws::{Comparison, Contender, Objective, Pair, ResidualScale, Score, Side};

use crate::commands::fit::words::{bold, level, rounded};
use crate::table::table;
use crate::text::hanging;

pub(super) fn about(
    text: &mut String,
    comparison: &Comparison,
    objective: Objective,
    width: usize,
) {
    hanging(text, (2, 4), &format!("objective: {objective}"), width);
    cuts(text, comparison);
    ranking(text, comparison, objective.residuals, width);
    by_cut(text, comparison, objective.residuals, width);
    refused(text, comparison, width);
    text.push('\n');
    let verdict = format!("{}: {}", bold("verdict"), verdict(comparison, objective.residuals));
    hanging(text, (0, 2), &verdict, width);
}

fn cuts(text: &mut String, comparison: &Comparison) {
    let unit = if comparison.axis == "C" { " FLOP" } else { "" };
    for (at, fitted, held_out) in &comparison.cuts {
        let _ = writeln!(
            text,
            "  fitted to {fitted} runs up to {} {at:.1e}{unit}, tried on {held_out} above",
            comparison.axis
        );
    }
}

fn able(comparison: &Comparison) -> impl Iterator<Item = &Contender> {
    comparison.contenders.iter().filter(|contender| contender.refused.is_none())
}

fn size(value: f64, scale: ResidualScale) -> String {
    match scale {
        ResidualScale::Log => format!("{:.2} %", 100.0 * value),
        ResidualScale::Linear => rounded(value, None),
    }
}

fn side(score: &Score, scale: ResidualScale) -> String {
    let side = if score.bias < 0.0 { Side::TooHigh } else { Side::TooLow };
    format!("{} {side}", size(score.bias.abs(), scale))
}

fn ranking(text: &mut String, comparison: &Comparison, scale: ResidualScale, width: usize) {
    let _ = writeln!(text, "\n{} by the error on runs that they had not seen", bold("laws"));
    let inside = format!("inside {}", level(comparison.level));
    let head =
        ["", "parameters", "mean error", "side", &inside, "interval score", "AICc, all rows"];
    let mut rows: Vec<Vec<String>> = vec![head.map(str::to_owned).into()];
    for contender in able(comparison) {
        let score = &contender.overall;
        let held = score.interval_score.is_finite();
        rows.push(vec![
            contender.law.clone(),
            contender.parameters.to_string(),
            size(score.error, scale),
            side(score, scale),
            if held { format!("{:.0} %", 100.0 * score.covered) } else { "-".to_owned() },
            if held { size(score.interval_score, scale) } else { "-".to_owned() },
            contender.aicc.map_or("-".to_owned(), |aicc| format!("{aicc:.1}")),
        ]);
    }
    table(text, &rows, width);
}

fn by_cut(text: &mut String, comparison: &Comparison, scale: ResidualScale, width: usize) {
    if comparison.cuts.len() < 2 {
        return;
    }
    let _ = writeln!(text, "\n{} by cut", bold("mean error"));
    let head = comparison.cuts.iter().map(|(at, ..)| format!("above {at:.1e}"));
    let mut rows: Vec<Vec<String>> = vec![std::iter::once(String::new()).chain(head).collect()];
    for contender in able(comparison) {
        let errors = contender.cuts.iter().map(|score| size(score.error, scale));
        rows.push(std::iter::once(contender.law.clone()).chain(errors).collect());
    }
    table(text, &rows, width);
}

fn refused(text: &mut String, comparison: &Comparison, width: usize) {
    for contender in &comparison.contenders {
        if let Some(reason) = &contender.refused {
            let line = format!("{} could not be fitted below every cut: {reason}", contender.law);
            hanging(text, (2, 4), &line, width);
        }
    }
}

/// The best law, and against which others that is sure.
fn verdict(comparison: &Comparison, scale: ResidualScale) -> String {
    let Some(best) = able(comparison).next() else {
        return "no law could be fitted below every cut".to_owned();
    };
    if comparison.pairs.is_empty() {
        return format!("only `{}` could be fitted below every cut", best.law);
    }
    let against = |pair: &Pair| {
        let ends = pair.interval.map_or(String::new(), |ends| {
            format!(
                " ({} interval {} to {})",
                level(ends.level),
                size(ends.low, scale),
                size(ends.high, scale)
            )
        });
        format!(
            "`{}` by {}{ends}, better in {:.0} % of resamples",
            pair.laws.1,
            size(pair.difference, scale),
            100.0 * pair.wins
        )
    };
    let sure = |pair: &&Pair| pair.interval.is_some_and(|ends| ends.low > 0.0);
    let pairs: Vec<&Pair> = comparison.pairs.iter().collect();
    let (clear, open): (Vec<&Pair>, Vec<&Pair>) = pairs.iter().partition(|pair| sure(pair));
    let told =
        |pairs: &[&Pair]| pairs.iter().map(|pair| against(pair)).collect::<Vec<_>>().join("; ");
    let mut text = format!("`{}` predicts these runs best", best.law);
    if !clear.is_empty() {
        let _ = write!(text, ", clearly ahead of {}", told(&clear));
    }
    if !open.is_empty() {
        let joint = if clear.is_empty() { ", but not surely:" } else { "; not surely:" };
        let _ = write!(text, "{joint} ahead of {}", told(&open));
    }
    text
}
