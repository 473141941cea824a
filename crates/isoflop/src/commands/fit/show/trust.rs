//! Warnings and verdict.

use anstyle::AnsiColor;
use laws::Warning;
use serde_json::Value;

use super::super::answer::Answer;
use super::super::words::bold;
use crate::text::hanging;

pub(super) fn about(text: &mut String, answer: &Answer<'_>, width: usize) {
    text.push('\n');
    let warn = AnsiColor::Yellow.on_default().bold();
    for warning in &answer.fit.warnings {
        let warning = format!(
            "{warn}warning{warn:#} ({}): {}",
            name_of(warning),
            as_flags(&warning.to_string())
        );
        hanging(text, (0, 2), &warning, width);
    }
    let judgement = answer.judgement();
    // The warnings are printed above; what else the verdict rests on follows it.
    let said = |evidence: &&String| {
        answer.fit.warnings.iter().any(|warning| warning.to_string() == **evidence)
    };
    let verdict = judgement.verdict.in_words();
    let line = format!("{}: {verdict}; {}", bold("verdict"), judgement.advice);
    hanging(text, (0, 2), &line, width);
    for evidence in judgement.evidence.iter().filter(|evidence| !said(evidence)) {
        hanging(text, (2, 4), evidence, width);
    }
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
