//! The capabilities, for people and for programs.

use std::fmt::Write as _;
use std::path::Path;

use diagnostic::Diagnostic;
use plan::dimensions::{Amount, Capability, capabilities, capability};
use serde_json::{Value, json};

use crate::commands::json::headed;
use crate::text::{hanging, paragraph};

pub(super) fn answer(name: Option<&str>, json: bool, width: usize) -> Result<String, Diagnostic> {
    let Some(name) = name else {
        let all = capabilities().map(capability).collect::<Result<Vec<_>, _>>()?;
        return Ok(if json {
            let all: Vec<Value> = all.iter().map(head).collect();
            format!("{:#}\n", headed("list capabilities", 1, json!({ "capabilities": all })))
        } else {
            list(&all, width)
        });
    };
    let path = Path::new(name);
    let found = if path.extension().is_some_and(|extension| extension == "toml") {
        Capability::read(path)?
    } else {
        capability(name)?
    };
    Ok(if json { format!("{:#}\n", whole(&found)) } else { show(&found, width) })
}

fn list(all: &[Capability], width: usize) -> String {
    let names = all.iter().map(|capability| capability.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for capability in all {
        let choices: Vec<&str> = capability.choices.iter().map(|c| c.name.as_str()).collect();
        let _ = writeln!(out, "{:names$}  capability({})", capability.name, choices.join(", "));
        paragraph(&mut out, 4, &capability.title, width);
    }
    out.push('\n');
    let more =
        format!("{} capabilities; `isoflop list capabilities NAME` shows one whole", all.len());
    paragraph(&mut out, 0, &more, width);
    out
}

fn show(capability: &Capability, width: usize) -> String {
    let mut out = String::new();
    hanging(&mut out, (0, 2), &format!("{}: {}", capability.name, capability.title), width);
    paragraph(&mut out, 0, &capability.source, width);
    out.push('\n');
    for line in capability.formula.trim().lines() {
        let _ = writeln!(out, "    {line}");
    }
    out.push('\n');
    for line in capability.notes.lines() {
        hanging(&mut out, (0, 2), line, width);
    }
    out.push_str("\nGives\n");
    hanging(&mut out, (2, 6), &format!("capability: {}", capability.meaning), width);
    out.push_str("\nChoices\n");
    for choice in &capability.choices {
        let (low, high) = choice.within;
        let unit = if choice.unit.is_empty() { "" } else { " " };
        let line = format!(
            "{}: {}; {low:e} to {high:e}{unit}{}",
            choice.name, choice.meaning, choice.unit
        );
        hanging(&mut out, (2, 6), &line, width);
    }
    out.push_str("\nLaws\n");
    for slot in &capability.slots {
        let line = format!("{}: {}, which gives `{}`", slot.role, slot.constants, slot.gives);
        hanging(&mut out, (2, 6), &line, width);
    }
    out.push_str("\nAssumptions\n");
    for amount in amounts(capability) {
        let unit = if amount.unit.is_empty() { String::new() } else { format!(" {}", amount.unit) };
        let meaning =
            if amount.meaning.is_empty() { String::new() } else { format!(", {}", amount.meaning) };
        let line = format!("{} = {}{unit}{meaning}; {}", amount.name, amount.value, amount.source);
        hanging(&mut out, (2, 6), &line, width);
    }
    out
}

/// Every number that the capability assumes.
fn amounts(capability: &Capability) -> impl Iterator<Item = &Amount> {
    (capability.parameters.iter())
        .chain(capability.slots.iter().flat_map(|slot| &slot.values))
        .chain(std::iter::once(&capability.queries))
}

fn head(capability: &Capability) -> Value {
    let choices: Vec<Value> = (capability.choices.iter())
        .map(|choice| {
            json!({
                "name": choice.name,
                "unit": choice.unit,
                "meaning": choice.meaning,
                "within": [choice.within.0, choice.within.1],
            })
        })
        .collect();
    json!({
        "name": capability.name,
        "title": capability.title,
        "source": capability.source,
        "target": capability.meaning,
        "choices": choices,
    })
}

fn whole(capability: &Capability) -> Value {
    let mut out = head(capability);
    out["formula"] = capability.formula.trim().into();
    out["notes"] = capability.notes.clone().into();
    out["laws"] = (capability.slots.iter())
        .map(|slot| json!({ "role": slot.role, "constants": slot.constants, "gives": slot.gives }))
        .collect();
    out["assumptions"] = amounts(capability)
        .map(|amount| {
            json!({
                "name": amount.name,
                "value": amount.value,
                "unit": amount.unit,
                "meaning": amount.meaning,
                "source": amount.source,
            })
        })
        .collect();
    headed("list capabilities", 1, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capability_can_be_listed_and_shown_with_what_it_assumes() {
        insta::assert_snapshot!(answer(Some("aime-thinking"), false, 100).unwrap());
        let all = answer(None, false, 100).unwrap();
        for name in capabilities() {
            assert!(all.contains(name));
            let shown: Value =
                serde_json::from_str(&answer(Some(name), true, 80).unwrap()).unwrap();
            assert!(shown["notes"].as_str().unwrap().len() > 50, "{name}");
            for assumption in shown["assumptions"].as_array().unwrap() {
                assert!(!assumption["source"].as_str().unwrap().is_empty(), "{name}");
            }
        }
        assert!(answer(Some("nothing.toml"), false, 80).unwrap_err().to_string().contains("read"));
    }
}
