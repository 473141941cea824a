//! What the law says about runs that were not made.

use std::fmt::Write as _;

use crate::commands::amounts::{COUNT, amount, three_digits};

use super::super::answer::Answer;
use super::super::words::{bold, level, outside, range, rounded};

pub(super) fn about(text: &mut String, answer: &Answer<'_>) {
    if answer.predictions.is_empty() {
        return;
    }
    let law = &answer.fit.law;
    let _ = writeln!(text, "\n{}", bold("predictions"));
    for prediction in &answer.predictions {
        let mut setting: Vec<String> =
            prediction.setting.iter().map(|(name, value)| said(name, value)).collect();
        if prediction.setting.get("C").is_none()
            && let Some(c) = prediction.setting.compute()
        {
            setting.push(format!("C {c:.2e} FLOP"));
        }
        if let Some(group) = &prediction.group {
            setting.push(group.clone());
        }
        let unit = match answer.target_unit() {
            "" => String::new(),
            unit => format!(" {unit}"),
        };
        let interval = prediction.new_run_interval;
        let _ = writeln!(
            text,
            "  {}: {} {}{unit}",
            setting.join(", "),
            law.target.name,
            rounded(prediction.value, interval),
        );
        if let (Some(of_law), Some(_)) = (prediction.law_interval, interval) {
            let _ = writeln!(
                text,
                "    {} interval for a new run {}, for the law itself {}",
                level(of_law.level),
                range(interval),
                range(Some(of_law))
            );
        }
        if let Some(outside) = outside(prediction.extrapolation_decades) {
            let of = match answer.fit.data.axis.as_str() {
                "C" => "compute",
                axis => axis,
            };
            let _ = writeln!(text, "    {outside} the {of} of the runs");
        }
    }
}

/// As it was asked: sizes and counts as people say them.
fn said(name: &str, value: f64) -> String {
    match name {
        "C" => format!("{name} {value:.2e} FLOP"),
        _ if (1e3..1e16).contains(&value) => format!("{name} {}", amount(value, None, COUNT)),
        _ => format!("{name} {}", three_digits(value)),
    }
}
