//! A scenario as formulas over inputs in the units that people read, for pages that compute anew.

use diagnostic::Diagnostic;
use draws::{Draws, Level, select};
use formula::{Columns, Compiled, Environment, Form, Nature, Unit, ValueType};

use crate::model::{CaseModel, Extra, Model, program};
use crate::run::Settings;
use crate::scenario::Scenario;
use crate::written::Written;

mod swings;

pub use swings::{LiveSwing, LiveSwings};

const YEAR: f64 = 31_557_600.0;

/// The most columns a live output may have: a path over more times is left out.
const MOST_COLUMNS: usize = 400;

/// One case of a scenario as a program of its own.
#[derive(Debug, Clone)]
pub struct Live {
    /// `capability holds, locality fails`; empty without choices.
    pub label: String,
    /// The outputs, in readable units, as functions of the inputs, in readable units.
    pub compiled: Compiled,
    /// The inputs that can be set.
    pub inputs: Vec<LiveInput>,
    /// Names of the program that are drawn and cannot be set, with their draws in base units.
    pub others: Vec<(String, Vec<f64>)>,
    /// What the program gives.
    pub outputs: Vec<LiveOutput>,
    /// Outputs that were left out, each with the reason.
    pub left_out: Vec<(String, String)>,
    scenario: Scenario,
    combination: Vec<usize>,
    /// Names of the others in the program, and those of their columns.
    columns: Vec<(String, String)>,
}

/// An input that can be set.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveInput {
    /// The scenario's name for it.
    pub name: String,
    /// The program's name for it.
    pub leaf: String,
    /// The unit of its numbers: empty for plain ones, `x/yr` for growth as a factor a year.
    pub unit: String,
    /// Whether it is a share, which people read in per cent.
    pub share: bool,
    /// What to know about it.
    pub note: String,
    /// Where it comes from.
    pub source: String,
    /// A number a draw; the same in all where it is certain.
    pub draws: Vec<f64>,
    /// A range around all that is likely.
    pub span: (f64, f64),
    reading: Reading,
    /// Whether it is one distribution or one number, not a formula of several.
    single: bool,
}

/// An output of the program.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveOutput {
    /// The scenario's name for it.
    pub name: String,
    /// The program's name for it.
    pub shown: String,
    /// The unit of its numbers; `x/yr` for growth.
    pub unit: String,
    /// Whether it is an amount, a moment (as a decimal year) or a condition (1 or 0).
    pub form: Form,
    /// Whether it is a share.
    pub share: bool,
    /// The times of a path as decimal years.
    pub times: Option<Vec<f64>>,
}

/// How numbers in base units become those that people read.
#[derive(Debug, Clone, PartialEq)]
enum Reading {
    Plain,
    Growth,
    In(Unit),
}

impl Scenario {
    /// Each case as formulas over inputs in readable units; names of the programs start with
    /// `prefix`, so that several scenarios can share one page.
    ///
    /// ```
    /// use forecast::{Settings, catalogue};
    ///
    /// let gap = catalogue::find("gap")?;
    /// let live = &gap.live("gap", Settings { samples: 1024, seed: 7 })?[0];
    /// let fast = live.inputs.iter().find(|input| input.name == "fast").unwrap();
    /// assert_eq!(fast.unit, "x/yr");
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// As [`Model::new`].
    pub fn live(&self, prefix: &str, settings: Settings) -> Result<Vec<Live>, Diagnostic> {
        let model = Model::new(self)?;
        let draws = model.draw(settings)?;
        let combinations = model.scenario.combinations();
        (model.cases.iter().zip(&combinations))
            .map(|(case, combination)| {
                live(&model.scenario, case, combination, prefix, &draws, settings)
            })
            .collect()
    }
}

fn live(
    scenario: &Scenario,
    case: &CaseModel,
    combination: &[usize],
    prefix: &str,
    draws: &Draws,
    settings: Settings,
) -> Result<Live, Diagnostic> {
    let mut changed = scenario.clone();
    let mut environment = Environment::new();
    let mut inputs = Vec::new();
    for (place, input) in scenario.inputs.iter().enumerate() {
        let name = input.name.text();
        let value = case.checked.value_type(name)?;
        let own = |leaf: &String| leaf == name || leaf.starts_with(&format!("{name}."));
        let alone = case.checked.depends_on(name)?.iter().all(own);
        if input.trend.is_some() || value.form() != Form::Quantity || !alone {
            continue;
        }
        let compiled = case.checked.compile(&[name])?;
        let (mut columns, _) = case.evaluate(&compiled, draws, settings.samples)?;
        let (1, Some(base)) = (columns.len(), columns.pop()) else { continue };
        let reading = match value.nature() {
            Nature::Growth => Reading::Growth,
            _ => value.readable_unit().cloned().map_or(Reading::Plain, Reading::In),
        };
        let share = matches!(value.nature(), Nature::Share | Nature::Points);
        let drawn: Vec<f64> =
            (0..settings.samples).map(|row| reading.read(base[row % base.len()])).collect();
        let Some(span) = span(&drawn, share && matches!(reading, Reading::Plain)) else { continue };
        let leaf = format!("{prefix}_{name}");
        let (expression, unit) = reading.written(&leaf);
        // Where the plain number does not stand in for the value, as for percentage points, it is
        // no slider.
        let mut tried = changed.clone();
        tried.inputs[place].value = input.value.restated(expression);
        let with = environment.clone().input(&leaf, &unit);
        if program(&tried, combination, &Extra::default())?.check(&with).is_err() {
            continue;
        }
        (changed, environment) = (tried, with);
        inputs.push(LiveInput {
            name: name.to_owned(),
            leaf,
            unit: if matches!(reading, Reading::Growth) { "x/yr".to_owned() } else { unit },
            share,
            note: input.note.clone(),
            source: input.source.clone(),
            draws: drawn,
            span,
            reading,
            single: case.checked.depends_on(name)?.iter().all(|leaf| leaf == name),
        });
    }
    let (definitions, mut outputs, left_out) =
        outputs(&changed, scenario, case, combination, &environment)?;
    let extra = Extra { loose: &[], definitions: &definitions };
    let checked = program(&changed, combination, &extra)?.check(&environment)?;
    let shown: Vec<&str> = outputs.iter().map(|output| output.shown.as_str()).collect();
    let compiled = checked.compile(&shown)?;
    for (output, made) in outputs.iter_mut().zip(compiled.outputs()) {
        output.times.clone_from(&made.times);
    }
    let (mut others, mut columns) = (Vec::new(), Vec::new());
    for input in compiled.inputs() {
        if inputs.iter().all(|known| known.leaf != input.name) {
            let column = case.column(&input.name);
            others.push((input.name.clone(), draws.column(&column)?.to_vec()));
            columns.push((input.name, column));
        }
    }
    let used = compiled.inputs();
    inputs.retain(|input| used.iter().any(|used| used.name == input.leaf));
    let (label, combination, scenario) = (case.label(), combination.to_vec(), scenario.clone());
    Ok(Live { label, compiled, inputs, others, outputs, left_out, scenario, combination, columns })
}

type Defined = (Vec<(String, Written)>, Vec<LiveOutput>, Vec<(String, String)>);

/// Every output in its readable unit.
fn outputs(
    changed: &Scenario,
    scenario: &Scenario,
    case: &CaseModel,
    combination: &[usize],
    environment: &Environment,
) -> Result<Defined, Diagnostic> {
    let (mut definitions, mut outputs, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for (number, output) in scenario.outputs.iter().enumerate() {
        let name = output.name.text();
        let value = match &output.unit {
            Some(unit) => case.checked.value_type_in(name, unit.text())?,
            None => case.checked.value_type(name)?,
        };
        let share = matches!(value.nature(), Nature::Share | Nature::Points);
        // Its expression, not its name: an output may be called `never`.
        let (expression, unit) = readable(output.expression.text(), &value);
        let shown = format!("shown_{number}");
        let definition = (shown.clone(), Written::new(&scenario.origin, &expression));
        let one = [definition.clone()];
        let extra = Extra { loose: &[], definitions: &one };
        let made = program(changed, combination, &extra)?
            .check(environment)
            .and_then(|checked| checked.compile(&[&shown]));
        match made {
            Ok(made) if made.column_names().len() <= MOST_COLUMNS => {
                definitions.push(definition);
                let form = value.form();
                let name = name.to_owned();
                outputs.push(LiveOutput { name, shown, unit, form, share, times: None });
            }
            Ok(_) => left_out.push((name.to_owned(), "it has too many times".to_owned())),
            Err(problem) => left_out.push((name.to_owned(), problem.message().to_owned())),
        }
    }
    Ok((definitions, outputs, left_out))
}

/// A formula for the number that people read of a value, and its unit.
fn readable(of: &str, value: &ValueType) -> (String, String) {
    match (value.form(), value.nature(), value.unit().or(value.readable_unit())) {
        (Form::Instant, ..) => (format!("(({of}) - 2000-01-01) / (1 yr) + 2000"), String::new()),
        (Form::Truth, ..) => (format!("if(({of}), 1, 0)"), String::new()),
        (_, Nature::Growth, _) if value.unit().is_none() => {
            (format!("exp(({of}) * (1 yr))"), "x/yr".to_owned())
        }
        (_, _, Some(unit)) => (format!("({of}) / (1 {unit})"), unit.to_string()),
        (_, _, None) => (format!("({of}) * 1"), String::new()),
    }
}

impl Reading {
    /// A formula for the value of the number `leaf`, and the unit that the number has.
    fn written(&self, leaf: &str) -> (String, String) {
        match self {
            Self::Growth => (format!("ln({leaf}) / (1 yr)"), String::new()),
            Self::Plain => (leaf.to_owned(), String::new()),
            Self::In(unit) => (leaf.to_owned(), unit.to_string()),
        }
    }

    fn read(&self, base: f64) -> f64 {
        match self {
            Self::Plain => base,
            Self::Growth => (base * YEAR).exp(),
            Self::In(unit) => base / unit.factor(),
        }
    }
}

/// From below the fifth percentile to above the ninety-fifth; of a certain number around it.
fn span(draws: &[f64], share: bool) -> Option<(f64, f64)> {
    if draws.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let level = Level::P90;
    let ends = select::quantiles(draws, &[level.lower(), 0.5, level.upper()]);
    let [low, middle, high] = ends[..] else { return None };
    if share {
        return Some((0.0, if high <= 1.0 { 1.0 } else { 2.0 * high }));
    }
    if low == high {
        return Some(match middle {
            0.0 => (-1.0, 1.0),
            value if value > 0.0 => (value / 4.0, value * 4.0),
            value => (value * 4.0, value / 4.0),
        });
    }
    if low > 0.0 {
        return Some((low * (low / high).powf(0.5), high * (high / low).powf(0.5)));
    }
    Some((low - 0.5 * (high - low), high + 0.5 * (high - low)))
}

impl Live {
    /// The draws of everything that the program needs.
    pub fn columns(&self) -> Columns {
        let rows = self.inputs.first().map(|input| input.draws.len());
        let rows = rows.or(self.others.first().map(|(_, draws)| draws.len())).unwrap_or(1);
        let mut columns = Columns::new(rows);
        for input in &self.inputs {
            columns.set(&input.leaf, input.draws.clone());
        }
        for (name, draws) in &self.others {
            columns.set(name, draws.clone());
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    #[test]
    fn every_scenario_of_the_catalogue_answers_as_its_own_run() {
        let settings = Settings { samples: 1024, seed: 3 };
        for scenario in catalogue::names().map(|name| catalogue::find(name).unwrap()) {
            let run = Model::new(&scenario).unwrap().run_with(settings).unwrap();
            let cases = scenario.live("s", settings).unwrap();
            assert_eq!(cases.len(), run.cases.len(), "{}", scenario.title);
            for (live, case) in cases.iter().zip(&run.cases) {
                let found = live.compiled.evaluate(&live.columns()).unwrap();
                for output in &live.outputs {
                    let own = case.output(&output.name).unwrap();
                    let made = live.compiled.outputs().iter().find(|o| o.name == output.shown);
                    for (time, column) in made.unwrap().columns.clone().enumerate() {
                        let shown = found.get(&live.compiled.column_names()[column]).unwrap();
                        let base = own.quantiles(time, &[0.5]).unwrap()[0].value;
                        let expected = match (output.form, output.unit.as_str()) {
                            (Form::Instant, _) => base / YEAR,
                            (_, "x/yr") => (base * YEAR).exp(),
                            _ if own.value.unit().is_some() => base,
                            _ => {
                                own.value.readable_unit().map_or(base, |unit| base / unit.factor())
                            }
                        };
                        let there: Vec<f64> =
                            shown.iter().copied().filter(|value| !value.is_nan()).collect();
                        let median = select::quantiles(&there, &[0.5])[0];
                        let close = (median - expected).abs() <= 1e-6 * expected.abs().max(1e-9)
                            || median == expected
                            || median.is_nan() && expected.is_nan()
                            // Between two draws a median may be taken in two ways.
                            || output.form == Form::Instant && (median - expected).abs() < 0.1
                            || (median - expected).abs() <= 0.01 * expected.abs()
                            || output.form == Form::Truth;
                        assert!(
                            close,
                            "{} {}: {median} is not {expected}",
                            scenario.title, output.name
                        );
                    }
                }
                assert!(live.left_out.is_empty(), "{}: {:?}", scenario.title, live.left_out);
            }
        }
    }

    #[test]
    fn a_moved_input_answers_as_the_scenario_with_that_input() {
        let settings = Settings { samples: 1024, seed: 7 };
        let gap = catalogue::find("gap").unwrap();
        let live = &gap.live("g", settings).unwrap()[0];
        let mut set = gap.clone();
        set.set("fast=15x/yr").unwrap();
        let own = Model::new(&set).unwrap().run_with(settings).unwrap();
        let fast = live.inputs.iter().find(|input| input.name == "fast").unwrap();
        let moved = live.columns().with(&fast.leaf, vec![15.0; 1024]);
        let found = live.compiled.evaluate(&moved).unwrap();
        let output = live.outputs.iter().find(|output| output.name == "by_2036").unwrap();
        let own = own.cases[0].output("by_2036").unwrap().quantiles(0, &[0.5]).unwrap()[0].value;
        let found = found.get(&output.shown).unwrap()[0];
        // The other inputs' draws are the same up to the place of the input that is fixed.
        assert!((found - own).abs() < 0.03, "{found} is not {own}");
    }
}
