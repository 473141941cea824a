//! Every step of a scenario: what it is, how it is written, what it comes to.

use diagnostic::Diagnostic;
use draws::{Estimate, Level};
use formula::ValueType;

use crate::model::{CaseModel, Model};
use crate::run::Settings;
use crate::scenario::{Scenario, SeriesForm};

/// Draws behind a trace: it is for reading, and need not be as fine as the answer.
const SAMPLES: usize = 1 << 14;

/// What a step is in the chain from assumption to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An uncertain input.
    Input,
    /// An input with one value.
    Constant,
    /// A variant of a choice.
    Choice,
    /// A series or a definition of the model.
    Derived,
    /// An output.
    Final,
}

impl Role {
    /// In one word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Constant => "constant",
            Self::Choice => "choice",
            Self::Derived => "derived",
            Self::Final => "final",
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// How it is written.
    pub expression: String,
    /// Its dimension and kind in words: `power (W[it])`.
    pub kind: String,
    /// How its numbers are to be read.
    pub value: ValueType,
    /// For a path, the time in decimal years.
    pub time: Option<f64>,
    /// The lower end, the median and the upper end at the level of the trace.
    pub quantiles: [Estimate; 3],
    /// Where it comes from; empty for what is derived.
    pub source: String,
}

/// All steps of one case, in the order of the file; a path has one at its first time and one at
/// its last.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The level of the intervals.
    pub level: Level,
    /// `capability holds, locality fails`; empty without choices.
    pub label: String,
    /// The steps.
    pub steps: Vec<Step>,
}

impl Model {
    /// The trace of each case: inputs, constants, what is derived, and the outputs.
    ///
    /// ```
    /// use forecast::{Model, Role, Scenario};
    ///
    /// let scenario = Scenario::from_toml("x.toml", r#"
    ///     [inputs]
    ///     power = "1 GW to 4 GW"
    ///     price = "50 USD/MWh"
    ///     [outputs]
    ///     bill = { expr = "power * price * 1 yr", in = "bn USD" }
    /// "#)?;
    /// let trace = &Model::new(&scenario)?.trace(draws::Level::P90)?[0];
    /// let roles: Vec<Role> = trace.steps.iter().map(|step| step.role).collect();
    /// assert_eq!(roles, [Role::Input, Role::Constant, Role::Final]);
    /// assert_eq!(trace.steps[0].kind, "power (W)");
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// More than fits in memory.
    pub fn trace(&self, level: Level) -> Result<Vec<Trace>, Diagnostic> {
        let settings =
            Settings { samples: SAMPLES.min(self.scenario.samples()), seed: self.scenario.seed() };
        let draws = self.draw(settings)?;
        self.cases
            .iter()
            .map(|case| {
                let mut steps = Vec::new();
                for line in lines(&self.scenario, case) {
                    let compiled = case.checked.compile(&[line.name])?;
                    let (columns, _) = case.evaluate(&compiled, &draws, settings.samples)?;
                    let output = &compiled.outputs()[0];
                    let uncertain = !case.checked.depends_on(line.name)?.is_empty();
                    let role = match line.role {
                        Role::Constant if uncertain => Role::Input,
                        role => role,
                    };
                    let value = match line.unit {
                        Some(unit) => case.checked.value_type_in(line.name, unit)?,
                        None => output.value.clone(),
                    };
                    let factor =
                        |value: &ValueType| value.unit().map_or(1.0, formula::Unit::factor);
                    let factor = factor(&output.value) / factor(&value);
                    let ends = match columns.len() {
                        0 => Vec::new(),
                        1 => vec![0],
                        count => vec![0, count - 1],
                    };
                    for number in ends {
                        let asked = [level.lower(), 0.5, level.upper()];
                        let found =
                            draws::estimate::quantiles(&columns[number], draws.design(), &asked);
                        let scaled = |estimate: &Estimate| Estimate {
                            value: estimate.value * factor,
                            standard_error: estimate.standard_error * factor.abs(),
                        };
                        steps.push(Step {
                            name: line.name.to_owned(),
                            role,
                            expression: line.expression.clone(),
                            kind: value.description().to_owned(),
                            value: value.clone(),
                            time: output.times.as_ref().map(|times| times[number]),
                            quantiles: [scaled(&found[0]), scaled(&found[1]), scaled(&found[2])],
                            source: line.source.to_owned(),
                        });
                    }
                }
                Ok(Trace { level, label: case.label(), steps })
            })
            .collect()
    }
}

/// A definition as it is to be shown.
struct Line<'a> {
    name: &'a str,
    role: Role,
    expression: String,
    unit: Option<&'a str>,
    source: &'a str,
}

fn lines<'a>(scenario: &'a Scenario, case: &'a CaseModel) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    for input in &scenario.inputs {
        lines.push(Line {
            name: input.name.text(),
            role: Role::Constant,
            expression: match &input.trend {
                Some(trend) => format!("trend {}", trend.text()),
                None => input.value.text().to_owned(),
            },
            unit: None,
            source: &input.source,
        });
    }
    let plain =
        |name, role, expression: String| Line { name, role, expression, unit: None, source: "" };
    for (choice, (_, variant)) in scenario.choices.iter().zip(&case.choices) {
        let value = choice.variants.iter().find(|(name, _)| name.text() == variant);
        let expression = value.map_or("", |(_, value)| value.text());
        lines.push(plain(choice.name.text(), Role::Choice, format!("{variant}: {expression}")));
    }
    for series in &scenario.series {
        let expression = match &series.form {
            SeriesForm::At(at) => at.text().to_owned(),
            SeriesForm::Steps { start, next } => {
                format!("{}, then {}", start.text(), next.text())
            }
        };
        lines.push(plain(series.name.text(), Role::Derived, expression));
    }
    let output_of = |name: &str| scenario.outputs.iter().any(|output| output.name.text() == name);
    for (head, body) in &scenario.model {
        // A function has no value of its own, and what is an output too is shown once.
        if !head.text().contains('(') && !output_of(head.text()) {
            lines.push(plain(head.text(), Role::Derived, body.text().to_owned()));
        }
    }
    for output in &scenario.outputs {
        let body = scenario.model.iter().find(|(head, _)| *head == output.expression);
        lines.push(Line {
            name: output.name.text(),
            role: Role::Final,
            expression: body.map_or(output.expression.text(), |(_, body)| body.text()).to_owned(),
            unit: output.unit.as_ref().map(crate::written::Written::text),
            source: "",
        });
    }
    lines
}
