//! A scenario whose names, units, kinds and distributions are known to fit.

use std::collections::HashSet;
use std::sync::Arc;

use diagnostic::Diagnostic;
use draws::uncertain::{Uncertain, uncertain_inputs_at};
use draws::{Draws, Inputs, Moved};
use formula::{Checked, Environment, Program};

use crate::scenario::{Choice, Scenario, SeriesForm};
use crate::written::Written;

/// More combinations of choices than this are a mistake, or a table nobody reads.
const MOST_CASES: usize = 256;

/// A scenario, checked: nothing in it can fail for reasons of names, units or kinds any more.
///
/// ```
/// use forecast::{Model, Scenario};
///
/// let scenario = Scenario::from_toml("x.toml", "[outputs]\nodd = \"8 GW + 1 yr\"")?;
/// let problem = Model::new(&scenario).unwrap_err().to_string();
/// assert!(problem.contains("x.toml:2:13") && problem.contains("cannot add power"), "{problem}");
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
#[derive(Debug, Clone)]
pub struct Model {
    pub(crate) scenario: Scenario,
    pub(crate) cases: Vec<CaseModel>,
    pub(crate) inputs: Inputs,
    /// The draws of trends that inputs are taken from, by the trend's name.
    pub(crate) joint: Vec<(String, Arc<Draws>)>,
}

/// The program of one combination of choices.
#[derive(Debug, Clone)]
pub(crate) struct CaseModel {
    /// Choice and variant.
    pub(crate) choices: Vec<(String, String)>,
    pub(crate) checked: Checked,
    pub(crate) uncertain: Vec<Uncertain>,
}

/// What a model is made with besides its scenario.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extra<'a> {
    /// Fixed inputs that are to be inputs all the same, so that they can be varied.
    pub(crate) loose: &'a [&'a str],
    /// Further definitions.
    pub(crate) definitions: &'a [(String, Written)],
}

impl Model {
    /// Checks a scenario: names, units, kinds, distributions, correlations, choices, checks.
    ///
    /// # Errors
    /// The first thing that does not fit, with its place.
    pub fn new(scenario: &Scenario) -> Result<Self, Diagnostic> {
        let model = Self::with(scenario, &Extra::default())?;
        for case in &model.cases {
            for output in &model.scenario.outputs {
                if let Some(unit) = &output.unit {
                    case.checked
                        .value_type_in(output.name.text(), unit.text())
                        .map_err(|problem| unit.point(problem, "this unit"))?;
                }
            }
            case.checked.compile(&model.scenario.output_names())?;
        }
        for check in &scenario.checks {
            crate::check::prepared(scenario, check)?;
        }
        for request in &scenario.sensitivity {
            crate::question::Question::new(scenario, &request.of, 0, &[])?;
        }
        Ok(model)
    }

    pub(crate) fn with(scenario: &Scenario, extra: &Extra<'_>) -> Result<Self, Diagnostic> {
        let scenario = completed(scenario)?;
        each_name_once(&scenario)?;
        let combinations = scenario.combinations();
        if combinations.len() > MOST_CASES {
            let place = &scenario.choices[0].name;
            let message = format!("the choices have {} combinations", combinations.len());
            return Err(place
                .error(message, "the first of them")
                .help(format!("at most {MOST_CASES} are run; split the scenario")));
        }
        let cases = combinations
            .iter()
            .map(|combination| CaseModel::new(&scenario, combination, extra))
            .collect::<Result<Vec<_>, _>>()?;
        let joint = crate::trend_input::joint(&scenario, &cases[0])?;
        let inputs = inputs(&scenario, &cases, &joint)?;
        Ok(Self { scenario, cases, inputs, joint })
    }

    /// The scenario, with the priors it uses filled in.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The uncertain inputs of all cases.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// The correlations that had to move to be possible all together; worth a warning.
    ///
    /// # Errors
    /// Correlations that contradict each other.
    pub fn moved(&self, seed: u64) -> Result<Vec<Moved>, Diagnostic> {
        Ok(self.inputs.sampler(seed, draws::Design::Plain)?.moved().to_vec())
    }
}

impl CaseModel {
    fn new(
        scenario: &Scenario,
        combination: &[usize],
        extra: &Extra<'_>,
    ) -> Result<Self, Diagnostic> {
        let program = program(scenario, combination, extra)?;
        let mut checked = program.check(&Environment::new())?;
        // A fixed input that is to vary is written as a distribution of one value.
        let fixed: Vec<&str> = (extra.loose.iter().copied())
            .filter(|name| checked.role(name).is_none())
            .filter(|name| checked.depends_on(name).is_ok_and(|leaves| leaves.is_empty()))
            .collect();
        if !fixed.is_empty() {
            let mut loosened = scenario.clone();
            for input in &mut loosened.inputs {
                if fixed.contains(&input.name.text()) {
                    input.value = input.value.restated(format!("data({})", input.value.text()));
                }
            }
            checked = self::program(&loosened, combination, extra)?.check(&Environment::new())?;
        }
        let uncertain = uncertain_inputs_at(&checked, scenario.level()).map_err(|misfit| {
            let base = misfit.input.split('.').next().unwrap_or_default();
            match scenario.input(base) {
                Some(input) => input.value.point(misfit.problem, "this distribution"),
                None => misfit.problem.note(format!("in `{}`", misfit.input)),
            }
        })?;
        let choices = (scenario.choices.iter().zip(combination))
            .map(|(choice, &variant)| {
                (choice.name.text().to_owned(), choice.variants[variant].0.text().to_owned())
            })
            .collect();
        Ok(Self { choices, checked, uncertain })
    }

    /// The name of the column that an uncertain input is drawn to: that of a variant of a choice
    /// says which.
    pub(crate) fn column(&self, leaf: &str) -> String {
        let base = leaf.split('.').next().unwrap_or_default();
        match self.choices.iter().find(|(choice, _)| choice == base) {
            Some((_, variant)) => format!("{leaf} = {variant}"),
            None => leaf.to_owned(),
        }
    }

    /// `capability holds, locality fails`; empty without choices.
    pub(crate) fn label(&self) -> String {
        let words: Vec<String> =
            self.choices.iter().map(|(choice, variant)| format!("{choice} {variant}")).collect();
        words.join(", ")
    }
}

/// The formulas of a scenario, for one combination of its choices.
pub(crate) fn program(
    scenario: &Scenario,
    combination: &[usize],
    extra: &Extra<'_>,
) -> Result<Program, Diagnostic> {
    let mut program = Program::new();
    for (name, unit) in &scenario.units {
        program.declare_unit(name.text(), unit.source()).map_err(|e| name.point(e, "this unit"))?;
    }
    if let Some(time) = &scenario.time {
        program.set_time(time.from.source(), time.to.source(), time.step.source())?;
    }
    for input in &scenario.inputs {
        program.define(input.name.text(), input.value.source())?;
    }
    for (Choice { name, variants }, &variant) in scenario.choices.iter().zip(combination) {
        program.define(name.text(), variants[variant].1.source())?;
    }
    for series in &scenario.series {
        match &series.form {
            SeriesForm::At(at) => program.define(series.name.text(), at.source())?,
            SeriesForm::Steps { start, next } => program
                .define_series(series.name.text(), start.source(), next.source())
                .map_err(|e| series.name.point(e, "this series"))?,
        }
    }
    for (head, body) in &scenario.model {
        program.define_function(head.source(), body.source())?;
    }
    for output in &scenario.outputs {
        if !is_alias(output) {
            program.define(output.name.text(), output.expression.source())?;
        }
    }
    for (name, value) in extra.definitions {
        program.define(name, value.source())?;
    }
    Ok(program)
}

/// Whether an output just shows something that is defined elsewhere under the same name.
pub(crate) fn is_alias(output: &crate::scenario::Output) -> bool {
    output.name == output.expression
}

/// The scenario with the priors that its formulas name but do not define.
fn completed(scenario: &Scenario) -> Result<Scenario, Diagnostic> {
    let mut scenario = scenario.clone();
    crate::trend_input::stand_in(&mut scenario)?;
    if scenario.uses.is_empty() {
        return Ok(scenario);
    }
    // Priors do not depend on each other, so that one look suffices.
    let program = program(&scenario, &vec![0; scenario.choices.len()], &Extra::default())?;
    let uses = std::mem::take(&mut scenario.uses);
    for name in program.outside_names() {
        if let Some(input) = uses.iter().rev().find_map(|set| set.input(name)) {
            scenario.inputs.push(input.clone());
        }
    }
    scenario.uses = uses;
    Ok(scenario)
}

/// A name that stands for two things would silently take the meaning of one.
fn each_name_once(scenario: &Scenario) -> Result<(), Diagnostic> {
    let function = |head: &Written| head.text().contains('(');
    let names = (scenario.inputs.iter().map(|input| &input.name))
        .chain(scenario.choices.iter().map(|choice| &choice.name))
        .chain(scenario.series.iter().map(|series| &series.name))
        .chain(scenario.model.iter().map(|(head, _)| head).filter(|head| !function(head)))
        .chain(
            scenario.outputs.iter().filter(|output| !is_alias(output)).map(|output| &output.name),
        );
    let mut seen: Vec<&Written> = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    for name in names {
        if !known.insert(name.text()) {
            let problem =
                name.error(format!("`{}` is defined twice", name.text()), "defined again");
            let first = seen.iter().find(|first| **first == name);
            return Err(match first {
                Some(first) => first.point(problem, "first defined here"),
                None => problem,
            });
        }
        seen.push(name);
    }
    Ok(())
}

/// Every uncertain input of every case, once, with its correlations.
fn inputs(
    scenario: &Scenario,
    cases: &[CaseModel],
    joint: &[(String, Arc<Draws>)],
) -> Result<Inputs, Diagnostic> {
    let mut inputs = Inputs::new();
    for case in cases {
        for input in &case.uncertain {
            let column = case.column(&input.name);
            let of_trend = joint.iter().any(|(_, draws)| draws.names().contains(&column));
            if !of_trend && !inputs.names().contains(&column) {
                inputs.add(column, input.dist.clone())?;
            }
        }
    }
    for (name, draws) in joint {
        inputs.import(name.clone(), Arc::clone(draws))?;
    }
    for correlation in &scenario.correlations {
        for name in [&correlation.a, &correlation.b] {
            if scenario.input(name).is_none() {
                let known = scenario.inputs.iter().map(|input| input.name.text());
                return Err(correlation.place.restated(name.as_str()).unknown("input", known));
            }
        }
        // A fixed input, as after `--set`, correlates with nothing.
        let varies = |name: &str| {
            inputs.dist(name).is_some_and(|dist| dist.quantile(0.0) < dist.quantile(1.0))
        };
        if varies(&correlation.a) && varies(&correlation.b) {
            inputs
                .correlate(&correlation.a, &correlation.b, correlation.rho)
                .map_err(|e| correlation.place.point(e.into(), "this correlation"))?;
        }
    }
    // Contradictions between correlations show when the sampler is made.
    inputs.sampler(0, draws::Design::Plain).map_err(|error| {
        let problem: Diagnostic = error.into();
        match scenario.correlations.first() {
            Some(correlation) => correlation.place.point(problem, "the first of them"),
            None => problem,
        }
    })?;
    Ok(inputs)
}
