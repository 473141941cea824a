//! Warnings and verdict.

use anstyle::AnsiColor;
use laws::{Fit, Verdict, Warning};
use serde_json::Value;

use super::super::words::bold;
use crate::text::hanging;

pub(super) fn about(text: &mut String, fit: &Fit, width: usize) {
    text.push('\n');
    let warn = AnsiColor::Yellow.on_default().bold();
    for warning in &fit.warnings {
        let warning = format!(
            "{warn}warning{warn:#} ({}): {}",
            name_of(warning),
            as_flags(&in_words(warning))
        );
        hanging(text, (0, 2), &warning, width);
    }
    hanging(text, (0, 2), &format!("{}: {}", bold("verdict"), verdict_in_words(fit)), width);
}

/// A word that stands for the kind of a warning: `second-minimum`, `duplicate-rows`.
pub(in super::super) fn name_of(warning: &Warning) -> String {
    let tag = |value: Option<Value>, key: &str| {
        value.and_then(|value| value.get(key)?.as_str().map(|kind| kind.replace('_', "-")))
    };
    let name = match warning {
        Warning::Rows { finding } => tag(serde_json::to_value(finding).ok(), "finding"),
        _ => tag(serde_json::to_value(warning).ok(), "kind"),
    };
    name.unwrap_or_default()
}

/// The warning; a finding holds its advice itself.
pub(in super::super) fn in_words(warning: &Warning) -> String {
    match warning {
        Warning::Rows { finding } => finding.to_string(),
        _ => warning.to_string(),
    }
}

/// The rules of the library as options of this command.
fn as_flags(text: &str) -> String {
    let mut text = text.to_owned();
    for (rule, option) in [
        ("`drop_duplicates`", "--drop-duplicates"),
        ("`drop_spikes`", "--drop-spikes"),
        ("`drop_unannealed`", "--drop-unannealed"),
        ("`last_checkpoint_only`", "--last-checkpoint"),
    ] {
        text = text.replace(rule, option);
    }
    text
}

pub(in super::super) fn verdict_in_words(fit: &Fit) -> String {
    let bias = fit.warnings.iter().find_map(|warning| match warning {
        Warning::ExtrapolationBias { side, .. } => Some(side),
        _ => None,
    });
    match fit.verdict() {
        Verdict::Sound => {
            let outside = if fit.backtest.is_some() {
                "the intervals say"
            } else {
                "you have checked: no backtest was possible"
            };
            format!(
                "the law describes these runs; trust it among them, and outside them only as far \
                 as {outside}"
            )
        }
        Verdict::Caution => match bias {
            Some(side) => format!(
                "usable with care among these runs; outside them expect it to predict {side}: \
                 read the warnings first"
            ),
            None => "usable with care: read the warnings first".to_owned(),
        },
        Verdict::NotIdentified => format!(
            "these runs cannot tell the terms of the law apart; use it only for {} close to the \
             runs, not for its parameters or for planning",
            match fit.law.target.name.as_str() {
                "loss" => "losses",
                _ => "predictions",
            }
        ),
    }
}
