//! The steps: tables named after commands, their keys the commands' options.

use std::ops::Range;

use diagnostic::Diagnostic;
use toml::Spanned;
use toml::de::DeValue;

use super::super::step::{Kind, Step};
use super::reader::{Reader, Table};
use super::runs::Runs;

/// What the study says of all steps.
pub(super) struct Shared {
    pub(super) draws: Option<String>,
    pub(super) seed: Option<String>,
    pub(super) level: Option<String>,
}

/// Stands for the folder of the results in a step's arguments until it is known.
pub(in super::super) const RESULTS: &str = "@results@";

impl Reader<'_> {
    /// An option as words of the command line.
    pub(super) fn words(
        &self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        switch: bool,
    ) -> Result<Vec<String>, Diagnostic> {
        let one = |value: &Spanned<DeValue<'_>>| -> Result<String, Diagnostic> {
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
                DeValue::Float(number) => number.as_str().to_owned(),
                DeValue::Datetime(date) => date.to_string(),
                _ => {
                    return Err(self
                        .error(format!("`{name}` takes text or a number"), value.span(), "not one")
                        .help("write it as on the command line, in quotes"));
                }
            };
            Ok(format!("--{name}={text}"))
        };
        match (value.get_ref(), switch) {
            (DeValue::Boolean(true), true) => Ok(vec![format!("--{name}")]),
            (DeValue::Boolean(false), true) => Ok(Vec::new()),
            (_, true) => Err(self
                .error(format!("`{name}` is a switch"), value.span(), "not true or false")
                .help(format!("write {name} = true"))),
            (DeValue::Array(all), false) => all.iter().map(one).collect(),
            (_, false) => Ok(vec![one(value)?]),
        }
    }

    pub(super) fn step(
        &self,
        kind: Kind,
        table: &Table<'_>,
        place: Range<usize>,
        runs: Option<&Runs>,
        shared: &Shared,
        earlier: &[Step],
    ) -> Result<Step, Diagnostic> {
        let options = kind.options();
        let mut keys = vec!["name"];
        keys.extend(kind.positional());
        keys.extend(options.iter().map(|(name, _)| name.as_str()));
        self.known(table, &keys, &format!("an option of `isoflop {}`", kind.name()))?;
        let name = self.name(kind, table, &place, earlier)?;
        let mut step =
            Step { name, kind, arguments: Vec::new(), places: Vec::new(), place, uses: Vec::new() };
        if kind == Kind::Fit {
            let Some(runs) = runs else {
                return Err(self
                    .error("there are no runs to fit", step.place, "this step")
                    .help("add [runs] and below it files = \"runs.csv\""));
            };
            step.arguments.extend(runs.words.iter().cloned());
            step.places.extend(runs.places.iter().cloned());
        }
        for (name, place, value) in table {
            if Some(name.as_str()) == kind.positional() {
                step.arguments.insert(0, self.string(value)?);
                step.places.push((name.clone(), place.clone()));
            } else if let Some((_, switch)) = options.iter().find(|(known, _)| known == name) {
                step.arguments.extend(self.words(name, value, *switch)?);
                step.places.push((name.clone(), place.clone()));
            }
        }
        for (of_study, option) in kind.shared() {
            let value = match *of_study {
                "draws" => &shared.draws,
                "seed" => &shared.seed,
                _ => &shared.level,
            };
            let own = table.iter().any(|(name, ..)| name == option);
            if let (Some(value), false) = (value, own) {
                step.arguments.push(format!("--{option}={value}"));
            }
        }
        if kind == Kind::Plan {
            uses_fits(&mut step, earlier);
        }
        kind.check(&step.arguments)
            .map_err(|problem| step.point(problem, &self.origin, self.text))?;
        Ok(step)
    }

    fn name(
        &self,
        kind: Kind,
        table: &Table<'_>,
        place: &Range<usize>,
        earlier: &[Step],
    ) -> Result<String, Diagnostic> {
        let taken = |name: &str| earlier.iter().any(|step| step.name == name);
        let Some((_, _, value)) = table.iter().find(|(name, ..)| name == "name") else {
            let count = earlier.iter().filter(|step| step.kind == kind).count();
            let name = match count {
                0 => kind.name().to_owned(),
                count => format!("{}-{}", kind.name(), count + 1),
            };
            return if taken(&name) {
                Err(self
                    .error(format!("two steps are named `{name}`"), place.clone(), "this one too")
                    .help("give it a name = \"...\" of its own"))
            } else {
                Ok(name)
            };
        };
        let name = self.string(value)?;
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(letter) {
            return Err(self
                .error(format!("`{name}` cannot name a step"), value.span(), "here")
                .help("use lower-case letters, digits and `-`, a letter first"));
        }
        let is_kind = Kind::ALL.iter().any(|other| *other != kind && other.name() == name);
        if taken(&name) || is_kind || ["start", "end"].contains(&name.as_str()) {
            return Err(self
                .error(format!("the name `{name}` is taken"), value.span(), "here")
                .help("choose another one"));
        }
        Ok(name)
    }
}

/// A plan without a law follows the study's first fit; laws of its own may be fits by their names.
fn uses_fits(step: &mut Step, earlier: &[Step]) {
    let fits: Vec<&str> = (earlier.iter().filter(|step| step.kind == Kind::Fit))
        .map(|step| step.name.as_str())
        .collect();
    let mut has_law = false;
    for word in &mut step.arguments {
        let Some((option, value)) = word.split_once('=') else { continue };
        if !["--law", "--compare"].contains(&option) {
            continue;
        }
        has_law |= option == "--law";
        let option = option.to_owned();
        let values: Vec<String> = value
            .split(',')
            .map(|value| {
                if fits.contains(&value) {
                    step.uses.push(value.to_owned());
                    return fit_file(value);
                }
                value.to_owned()
            })
            .collect();
        *word = format!("{option}={}", values.join(","));
    }
    if let (false, Some(first)) = (has_law, fits.first()) {
        step.uses.push((*first).to_owned());
        step.arguments.push(format!("--law={}", fit_file(first)));
    }
}

fn fit_file(step: &str) -> String {
    format!("{RESULTS}/fits/{step}.json")
}
