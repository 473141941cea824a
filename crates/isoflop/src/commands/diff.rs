//! `isoflop diff`: what changed between two folders of results.

mod told;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use diagnostic::Diagnostic;
use serde_json::{Value, json};

use super::Outcome;
use super::report::results;
use crate::text::say;
use crate::{interrupt, terminal_plot};

const EXAMPLES: &str = "\
Examples:
  isoflop diff before/ after/
      which inputs, options and answers differ
  isoflop diff before/ study.toml --tolerance 0.01
      against the study's own results; numbers within a hundredth are the same
  isoflop diff before/ after/ --json
      for programs";

/// Say what changed in inputs and in answers between two folders of results
///
/// Ends with code 0 where the answers are the same, 1 where one differs.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct DiffArgs {
    /// A folder of results, or a study
    #[arg(value_name = "A")]
    a: PathBuf,
    /// Another
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Relative difference up to which numbers are the same
    #[arg(long, value_name = "SHARE", default_value_t = 1e-9)]
    tolerance: f64,
    /// Show every number that differs, not some of each step
    #[arg(long)]
    all: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// What a step's part of the report says first, where that differs.
struct InShort {
    step: String,
    before: Vec<String>,
    after: Vec<String>,
}

/// One difference between two answers.
struct Change {
    step: String,
    what: String,
    before: Value,
    after: Value,
}

/// Compares and reports.
///
/// # Errors
/// Folders without whole results.
pub(crate) fn run(args: &DiffArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    interrupt::quit_between_files()?;
    if !(0.0..1.0).contains(&args.tolerance) {
        let message = format!("`--tolerance {}` is out of range", args.tolerance);
        return Err(Diagnostic::error(message).help("give a share from 0 to less than 1"));
    }
    let (a, b) = (results(&args.a)?, results(&args.b)?);
    let (before, after) = (a.manifest()?, b.manifest()?);
    let mut inputs: Vec<(String, String)> = Vec::new();
    if before.version != after.version {
        inputs.push(("version".into(), format!("{} -> {}", before.version, after.version)));
    } else if before.program != after.program {
        inputs.push(("program".into(), "another build of the same version".into()));
    }
    if before.study.hash != after.study.hash {
        inputs.push(("study".into(), "its text differs".into()));
    }
    let (mut changes, mut in_short) = (Vec::new(), Vec::new());
    let names: Vec<&String> = {
        let mut names: Vec<&String> = before.steps.iter().map(|step| &step.name).collect();
        for step in &after.steps {
            if !names.contains(&&step.name) {
                names.push(&step.name);
            }
        }
        names
    };
    for name in names {
        let find = |steps: &[_]| -> Option<usize> {
            steps.iter().position(|step: &crate::study::ManifestStep| step.name == *name)
        };
        match (find(&before.steps), find(&after.steps)) {
            (Some(old), Some(new)) => {
                let (old, new) = (&before.steps[old], &after.steps[new]);
                // Where the results lie is in the command, and no difference.
                if old.key != new.key && old.command != new.command {
                    let what = told::options(&old.command, &new.command);
                    inputs.extend(what.into_iter().map(|what| (name.clone(), what)));
                }
                let hashes = |inputs: &[crate::study::Input]| -> BTreeMap<String, String> {
                    inputs.iter().map(|input| (input.path.clone(), input.hash.clone())).collect()
                };
                let (old_files, new_files) = (hashes(&old.inputs), hashes(&new.inputs));
                for (path, hash) in &new_files {
                    match old_files.get(path) {
                        None => inputs.push((name.clone(), format!("{path} is new"))),
                        Some(other) if other != hash => {
                            inputs.push((name.clone(), format!("{path} has another content")));
                        }
                        Some(_) => {}
                    }
                }
                for path in old_files.keys().filter(|path| !new_files.contains_key(*path)) {
                    inputs.push((name.clone(), format!("{path} is gone")));
                }
                let (old, new) = (a.answer(name)?, b.answer(name)?);
                let known = changes.len();
                compare(name, "", &old, &new, args.tolerance, &mut changes);
                let (before, after) = (a.headline(name), b.headline(name));
                if changes.len() > known && before != after {
                    in_short.push(InShort { step: name.clone(), before, after });
                }
            }
            (old, _) => {
                let (before, after) =
                    if old.is_some() { ("there", "gone") } else { ("absent", "new") };
                changes.push(Change {
                    step: name.clone(),
                    what: "the step".into(),
                    before: before.into(),
                    after: after.into(),
                });
            }
        }
    }
    let text = if args.json {
        let whole = json!({
            "schema_version": 1,
            "version": env!("CARGO_PKG_VERSION"),
            "command": "diff",
            "same": changes.is_empty(),
            "inputs": inputs.iter().map(|(of, what)| json!({ "of": of, "what": what })).collect::<Vec<Value>>(),
            "in_short": in_short.iter().map(|one| json!({
                "step": one.step,
                "before": one.before,
                "after": one.after,
            })).collect::<Vec<Value>>(),
            "answers": changes.iter().map(|one| json!({
                "step": one.step,
                "what": one.what,
                "before": one.before,
                "after": one.after,
            })).collect::<Vec<Value>>(),
        });
        format!("{whole:#}\n")
    } else {
        told::for_people(&inputs, &in_short, &changes, args.all, terminal_plot::width())
    };
    say(out, &text)?;
    Ok(if changes.is_empty() { Outcome::Done } else { Outcome::No })
}

/// Parts of an answer that say when and by what it was made.
const ABOUT: [&str; 3] = ["version", "schema_version", "origin"];

fn compare(step: &str, path: &str, a: &Value, b: &Value, tolerance: f64, found: &mut Vec<Change>) {
    let inner = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (a, b) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                if path.is_empty() && ABOUT.contains(&key.as_str()) {
                    continue;
                }
                let other = new.get(key).unwrap_or(&Value::Null);
                compare(step, &inner(key), value, other, tolerance, found);
            }
            for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                compare(step, &inner(key), &Value::Null, value, tolerance, found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (place, (old, new)) in old.iter().zip(new).enumerate() {
                compare(step, &format!("{path}[{place}]"), old, new, tolerance, found);
            }
        }
        (Value::Number(old), Value::Number(new)) => {
            let (old, new) = (old.as_f64().unwrap_or(f64::NAN), new.as_f64().unwrap_or(f64::NAN));
            let size = old.abs().max(new.abs());
            if (old - new).abs() > tolerance * size {
                found.push(Change {
                    step: step.into(),
                    what: path.into(),
                    before: a.clone(),
                    after: b.clone(),
                });
            }
        }
        _ if a == b => {}
        _ => found.push(Change {
            step: step.into(),
            what: path.into(),
            before: a.clone(),
            after: b.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_within_the_tolerance_are_the_same_and_all_else_is_told() {
        let a = json!({ "version": "1", "x": 1.0, "y": { "z": [1, 2] }, "w": "a" });
        let b = json!({ "version": "2", "x": 1.005, "y": { "z": [1, 3] }, "v": true });
        let mut found = Vec::new();
        compare("fit", "", &a, &b, 0.01, &mut found);
        let mut what: Vec<&str> = found.iter().map(|change| change.what.as_str()).collect();
        what.sort_unstable();
        assert_eq!(what, ["v", "w", "y.z[1]"]);
        found.clear();
        compare("fit", "", &a, &a, 0.0, &mut found);
        assert!(found.is_empty());
    }
}
