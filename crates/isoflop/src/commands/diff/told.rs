//! Differences for people.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Change, InShort};
use crate::table::table;
use crate::text::{behind, hanging};

/// Numbers of a step that are shown without `--all`.
const SHOWN: usize = 12;

pub(super) fn for_people(
    inputs: &[(String, String)],
    in_short: &[InShort],
    changes: &[Change],
    all: bool,
    width: usize,
) -> String {
    let mut text = String::new();
    if inputs.is_empty() {
        text.push_str("inputs   the same\n");
    } else {
        text.push_str("inputs\n");
        for (of, what) in inputs {
            hanging(&mut text, (2, 4), &format!("{of}: {what}"), width);
        }
    }
    if changes.is_empty() {
        text.push_str("answers  the same\n");
        return text;
    }
    text.push_str("answers\n");
    for InShort { step, before, after } in in_short {
        let new = |all: &[String], other: &[String]| -> String {
            let own: Vec<&str> =
                all.iter().filter(|one| !other.contains(one)).map(String::as_str).collect();
            own.join(" ")
        };
        let _ = writeln!(text, "  {step}");
        for (name, said) in [("before", new(before, after)), ("after", new(after, before))] {
            if !said.is_empty() {
                behind(&mut text, &format!("    {name:6}  "), &said, width);
            }
        }
    }
    let mut steps: Vec<&str> = Vec::new();
    for change in changes {
        if !steps.contains(&change.step.as_str()) {
            steps.push(&change.step);
        }
    }
    for step in steps {
        let mut own: Vec<&Change> = changes.iter().filter(|change| change.step == step).collect();
        let count = own.len();
        if !all {
            // What stands in lists says more of less.
            own.sort_by_key(|change| (change.what.contains('['), change.what.matches('.').count()));
            own.truncate(SHOWN);
        }
        let _ = writeln!(
            text,
            "\n{step}: {count} {}",
            if count == 1 { "value differs" } else { "values differ" }
        );
        let mut rows = vec![["", "before", "after", "change"].map(str::to_owned)];
        for change in &own {
            let [before, after] = values(&change.before, &change.after);
            rows.push([change.what.clone(), before, after, moved(change)]);
        }
        table(&mut text, &rows, width);
        if count > own.len() {
            let _ = writeln!(text, "  {} more: --all", count - own.len());
        }
    }
    text
}

/// Characters of a value that are shown.
const ROOM: usize = 24;

/// Two values that differ, with as many digits as show that.
fn values(before: &Value, after: &Value) -> [String; 2] {
    let mut shown = [String::new(), String::new()];
    for digits in 4..=15 {
        shown = [short(before, digits), short(after, digits)];
        if shown[0] != shown[1] {
            break;
        }
    }
    shown
}

fn short(value: &Value, digits: i32) -> String {
    let number = |value: &Value| value.as_f64().map(|x| significant(x, digits));
    let ends =
        || Some(format!("{} to {}", number(value.get("low")?)?, number(value.get("high")?)?));
    let words = match value {
        Value::String(words) => words.clone(),
        other => number(other).or_else(ends).unwrap_or_else(|| other.to_string()),
    };
    if words.chars().count() <= ROOM {
        return words;
    }
    words.chars().take(ROOM - 3).chain("...".chars()).collect()
}

fn significant(x: f64, digits: i32) -> String {
    let size = if x == 0.0 { 0 } else { x.abs().log10().floor() as i32 };
    if x.fract() == 0.0 && size < digits {
        return format!("{x:.0}");
    }
    if (-4..6).contains(&size) {
        return format!("{x:.*}", (digits - 1 - size).max(0) as usize);
    }
    format!("{x:.*e}", (digits - 1) as usize)
}

/// `+3.2 %`, or a factor where that says more.
fn moved(change: &Change) -> String {
    match (change.before.as_f64(), change.after.as_f64()) {
        (Some(before), Some(after)) if before != 0.0 => {
            let ratio = after / before;
            if ratio >= 3.0 {
                format!("{ratio:.1}x")
            } else {
                format!("{:+.2} %", 100.0 * (ratio - 1.0))
            }
        }
        _ => String::new(),
    }
}

/// The options that differ between two command lines of one command.
pub(super) fn options(before: &str, after: &str) -> Vec<String> {
    let (before, after) = (words(before), words(after));
    let gone: Vec<&String> = before.iter().filter(|word| !after.contains(word)).collect();
    let new: Vec<&String> = after.iter().filter(|word| !before.contains(word)).collect();
    let name =
        |word: &str| word.split_once('=').map_or(word.to_owned(), |(name, _)| name.to_owned());
    let mut told = Vec::new();
    for word in &gone {
        let changed = new.iter().find(|other| name(other) == name(word));
        let same = gone.iter().filter(|other| name(other) == name(word)).count();
        told.push(match (changed, word.split_once('=')) {
            (Some(other), Some((name, old))) if same == 1 => {
                let value = other.split_once('=').map_or("", |(_, value)| value);
                format!("{name} {old} -> {value}")
            }
            _ => format!("{word} is gone"),
        });
    }
    for word in new {
        let changed = gone.iter().filter(|other| name(other) == name(word)).count() == 1;
        if !(changed && word.contains('=')) {
            told.push(format!("{word} is new"));
        }
    }
    told
}

/// The words of a command line as it is kept: single quotes keep blanks.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => {
                if let Some(word) = words.last_mut() {
                    word.push(c);
                }
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_differ_are_told_one_by_one() {
        let before = "isoflop plan '--budget=2e21 FLOP' --seed=0 --serve=1e9 a.csv";
        let after = "isoflop plan '--budget=1 M USD' --seed=0 --optimal a.csv b.csv";
        assert_eq!(
            options(before, after),
            [
                "--budget 2e21 FLOP -> 1 M USD",
                "--serve=1e9 is gone",
                "--optimal is new",
                "b.csv is new"
            ]
        );
        assert!(options(before, before).is_empty());
    }

    #[test]
    fn what_is_cut_shows_that_it_is() {
        let shown = |value: Value| short(&value, 4);
        assert_eq!(shown("a".repeat(30).into()), format!("{}...", "a".repeat(21)));
        assert_eq!(shown(serde_json::json!({ "low": 1 })), "{\"low\":1}");
        assert_eq!(
            shown(serde_json::json!({ "low": 0.5, "high": 2e21, "level": 0.9 })),
            "0.5000 to 2.000e21"
        );
        assert_eq!(values(&32.into(), &90.into()), ["32", "90"]);
        assert_eq!(values(&0.123_456_7.into(), &0.123_456_8.into()), ["0.1234567", "0.1234568"]);
        let change = |before: f64, after: f64| Change {
            step: String::new(),
            what: String::new(),
            before: before.into(),
            after: after.into(),
        };
        assert_eq!(moved(&change(2.0, 1.0)), "-50.00 %");
        assert_eq!(moved(&change(2e21, 5.724e23)), "286.2x");
    }
}
