//! Warnings that show in how a scenario is written, before anything is drawn.

use std::collections::HashSet;

use diagnostic::Diagnostic;
use draws::Dist;

use super::{Lint, words};
use crate::model::{Extra, Model};
use crate::scenario::{Scenario, SeriesForm};
use crate::written::Written;

/// How much narrower than its source an input may be: digits are rounded.
const NARROWER: f64 = 0.95;

/// Ends of the ranges that are compared.
const ENDS: [f64; 2] = [0.05, 0.95];

pub(super) fn lints(model: &Model, lints: &mut Vec<Lint>) -> Result<(), Diagnostic> {
    let scenario = model.scenario();
    level(scenario, lints);
    shadowed(scenario, lints);
    for formula in formulas(scenario) {
        percent(formula, lints);
    }
    quantiles(scenario, lints);
    narrower(scenario, lints)
}

/// Everything that is written as a formula.
pub(super) fn formulas(scenario: &Scenario) -> impl Iterator<Item = &Written> {
    let series = scenario.series.iter().flat_map(|series| match &series.form {
        SeriesForm::At(at) => vec![at],
        SeriesForm::Steps { start, next } => vec![start, next],
    });
    (scenario.inputs.iter().map(|input| &input.value))
        .chain(series)
        .chain(scenario.model.iter().map(|(_, body)| body))
        .chain(scenario.outputs.iter().map(|output| &output.expression))
}

/// `a to b` whose level nobody has stated.
fn level(scenario: &Scenario, lints: &mut Vec<Lint>) {
    let is_range = |text: &str| words(text).any(|word| word == "to");
    let mut ranges = scenario.inputs.iter().filter(|input| is_range(input.value.text()));
    let (None, Some(first)) = (scenario.stated_level, ranges.next()) else { return };
    let others = ranges.count();
    let message = match others {
        0 => format!("the level of the range of `{}` is not stated", first.name.text()),
        _ => format!(
            "the level of the ranges of `{}` and {others} more is not stated",
            first.name.text()
        ),
    };
    let warning = first
        .value
        .point(Diagnostic::warning(message), "taken as p5 to p95")
        .help("write `level = \"90%\"`, or what the sources mean, in `[scenario]`");
    lints.push(Lint { name: "unstated-level", warning });
}

/// Inputs that something else of the same name hides.
fn shadowed(scenario: &Scenario, lints: &mut Vec<Lint>) {
    let known = || {
        (scenario.inputs.iter().map(|input| &input.name))
            .chain(scenario.series.iter().map(|series| &series.name))
            .chain(scenario.choices.iter().map(|choice| &choice.name))
    };
    for (head, _) in &scenario.model {
        let Some((_, arguments)) = head.text().split_once('(') else { continue };
        for argument in words(arguments).filter(|word| !word.is_empty()) {
            if let Some(hidden) = known().find(|name| name.text() == argument) {
                let message = format!("the argument `{argument}` hides what is called so outside");
                let warning = hidden
                    .point(
                        head.point(Diagnostic::warning(message), "the function uses its argument"),
                        "not used there",
                    )
                    .help("give the argument another name");
                lints.push(Lint { name: "shadowed-input", warning });
            }
        }
    }
    for input in &scenario.inputs {
        let sets = scenario.uses.iter().filter(|set| set.input(input.name.text()).is_some());
        let own = scenario.uses.iter().all(|set| set.input(input.name.text()) != Some(input));
        if !own && sets.count() > 1 {
            let message = format!("two sets of priors have `{}`", input.name.text());
            let warning = input
                .name
                .point(Diagnostic::warning(message), "the last set counts")
                .help("give the input a value of its own, or use one set");
            lints.push(Lint { name: "shadowed-input", warning });
        }
    }
}

/// `share + 5%`: five points, or one twentieth more?
fn percent(formula: &Written, lints: &mut Vec<Lint>) {
    let text = formula.text();
    for (place, _) in text.match_indices('%') {
        let rest = text[place + 1..].trim_start();
        // `5 %/yr` is a rate.
        if rest.starts_with('/') || rest.starts_with(':') {
            continue;
        }
        let before = text[..place].trim_end();
        let sign = before.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '_');
        if sign.len() == before.len() {
            continue;
        }
        let Some(left) = sign.trim_end().strip_suffix(['+', '-']) else { continue };
        let left = left.trim_end();
        // `1 + 5%` is a factor; a sign, or a difference of two numbers, says what it is.
        let name = left.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or("");
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        let warning = formula
            .point(
                Diagnostic::warning(format!("per cent of `{name}`, or percentage points?")),
                "added to a share",
            )
            .help("write `5 pp` for points, or multiply by `(1 + 5%)`");
        lints.push(Lint { name: "percent-or-points", warning });
        return;
    }
}

/// A quantile of a sum is not the sum of quantiles.
fn quantiles(scenario: &Scenario, lints: &mut Vec<Lint>) {
    let named: HashSet<&str> = (scenario.model.iter().map(|(head, body)| (head.text(), body)))
        .chain(scenario.outputs.iter().map(|output| (output.name.text(), &output.expression)))
        .filter(|(_, body)| is_quantile(body.text()))
        .map(|(name, _)| name)
        .collect();
    for formula in formulas(scenario) {
        let sums = groups(formula.text());
        let adds = sums.iter().any(|group| {
            let terms = group.iter().filter(|term| {
                let factors = term.split(['*', '/']).map(str::trim);
                is_quantile(term) || factors.clone().any(|factor| named.contains(factor))
            });
            terms.count() > 1
        });
        if adds {
            let message = "quantiles are added".to_owned();
            let warning = formula
                .point(Diagnostic::warning(message), "not the quantile of the sum")
                .help("add the values, and take the quantile of that");
            lints.push(Lint { name: "quantiles-added", warning });
        }
    }
}

/// Whether a text is a quantile over samples: `median(x)` or `q(x, 95%)`, not the distribution
/// `q(5%: a, 95%: b)`.
fn is_quantile(text: &str) -> bool {
    let text = text.trim();
    let call = |name: &str| text.strip_prefix(name).is_some_and(|rest| rest.starts_with('('));
    call("median") || call("q") && !text.contains(':')
}

/// The terms of every sum of more than one term in a formula, whatever brackets it stands in.
fn groups(text: &str) -> Vec<Vec<&str>> {
    let mut found = Vec::new();
    let mut open: Vec<(usize, Vec<&str>)> = vec![(0, Vec::new())];
    for (place, c) in text.char_indices() {
        match c {
            '(' | '[' => open.push((place + 1, Vec::new())),
            ')' | ']' | ',' => {
                if let Some((from, mut terms)) = open.pop() {
                    terms.push(&text[from..place]);
                    found.push(terms);
                }
                if c == ',' || open.is_empty() {
                    open.push((place + 1, Vec::new()));
                }
            }
            '+' | '-' => {
                if let Some((from, terms)) = open.last_mut() {
                    terms.push(&text[*from..place]);
                    *from = place + 1;
                }
            }
            _ => {}
        }
    }
    while let Some((from, mut terms)) = open.pop() {
        terms.push(&text[from..]);
        found.push(terms);
    }
    found.retain(|terms| terms.len() > 1);
    found
}

/// Inputs surer than where they come from: than their `range`, or the prior that they replace.
fn narrower(scenario: &Scenario, lints: &mut Vec<Lint>) -> Result<(), Diagnostic> {
    let mut stated: Vec<(usize, Written, &str)> = Vec::new();
    for (number, input) in scenario.inputs.iter().enumerate() {
        if let Some(range) = &input.source_range {
            stated.push((number, range.clone(), "its source"));
        } else if let Some(prior) =
            scenario.uses.iter().rev().find_map(|set| set.input(input.name.text()))
            && prior != input
        {
            stated.push((number, prior.value.clone(), "the prior that it replaces"));
        }
    }
    if stated.is_empty() {
        return Ok(());
    }
    let definitions: Vec<(String, Written)> =
        (stated.iter()).map(|(number, range, _)| (source_of(*number), range.clone())).collect();
    let model = Model::with(scenario, &Extra { loose: &[], definitions: &definitions })?;
    let case = &model.cases[0];
    let dist = |name: &str| {
        case.uncertain.iter().find(|uncertain| uncertain.name == name).map(|found| &found.dist)
    };
    for (number, range, whose) in &stated {
        let input = &scenario.inputs[*number];
        let Some(source) = dist(&source_of(*number)) else { continue };
        let own = dist(input.name.text()).map_or(0.0, |own| width(own, source));
        if own < NARROWER * width(source, source) {
            let message = format!("`{}` is surer than {whose}", input.name.text());
            let warning = input
                .value
                .point(Diagnostic::warning(message), "narrower")
                .note(format!("there it is {}", range.text()))
                .help("widen it, or say in a note what has been learned since");
            lints.push(Lint { name: "narrower-than-source", warning });
        }
    }
    Ok(())
}

/// The name under which the range of a source is defined; no formula can reach it.
fn source_of(number: usize) -> String {
    format!("the source of input {number}")
}

/// How wide a range is: by its ratio where the source lies above zero, by its difference elsewhere.
fn width(dist: &Dist, source: &Dist) -> f64 {
    let [low, high] = ENDS.map(|p| dist.quantile(p));
    if source.quantile(ENDS[0]) > 0.0 && low > 0.0 { (high / low).ln() } else { high - low }
}
