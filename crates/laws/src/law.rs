//! A law: a formula, what its names stand for, and where its parameters may lie.

use diagnostic::Diagnostic;
use formula::{Checked, Columns, Environment, Program, Source};
use serde::{Deserialize, Serialize};

use crate::catalogue::{Figure, Published};

/// What a law gives, or a column that it takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    /// Its name in the formula: `loss`, `N`.
    pub name: String,
    /// The unit its numbers are in; empty for a plain number.
    pub unit: String,
    /// What it is, with the convention it follows: `model parameters, embeddings included`.
    pub meaning: String,
    /// The values that the law is meant for: least and largest.
    #[serde(with = "ends")]
    pub within: (f64, f64),
}

/// A number that a fit searches for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name in the formula.
    pub name: String,
    /// The unit of its value, where it has one that does not hang on another parameter.
    pub unit: String,
    /// What it is.
    pub meaning: String,
    /// Least and largest value, infinite where there is no bound.
    #[serde(with = "ends")]
    pub bounds: (f64, f64),
    /// The range in which starting points are looked for, where the bounds alone are too wide.
    pub search: Option<(f64, f64)>,
    /// Whether steps are factors (a scale such as a break point) rather than differences.
    pub logarithmic: bool,
    /// A value that a fit leaves alone unless it is told otherwise.
    pub fixed: Option<f64>,
}

/// The scale on which a law's residuals are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResidualScale {
    /// ln measured - ln law: relative errors, for losses and other positive numbers.
    Log,
    /// measured - law: for accuracies and other numbers that may be zero.
    Linear,
}

/// A quantity that follows from a law: a compute-optimal size, an exponent of the frontier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Derived {
    /// Its name and unit. It is a definition of [`Law::checked`], beside the target.
    pub quantity: Quantity,
    /// The expression, over parameters, variables, given quantities and other derived ones.
    pub expression: String,
}

/// A formula with the meaning of its names: catalogued or typed.
///
/// Every variable and parameter is a plain number to the formula; units are stated beside them,
/// since the unit of `A` in `A / N^alpha` depends on the value of `alpha`.
#[derive(Debug, Clone)]
pub struct Law {
    /// The short name: `chinchilla`.
    pub name: String,
    /// One line on what it describes.
    pub title: String,
    /// Paper and equation.
    pub source: String,
    /// The definitions, one a line; the first one is what the law gives.
    pub formula: String,
    /// What the law gives.
    pub target: Quantity,
    /// The columns it takes.
    pub variables: Vec<Quantity>,
    /// The numbers a fit searches for.
    pub parameters: Vec<Parameter>,
    /// How its residuals are taken unless asked otherwise.
    pub residuals: ResidualScale,
    /// What else there is to know about it.
    pub notes: String,
    /// Quantities that derived ones take besides parameters and variables: a budget `C`.
    pub given: Vec<Quantity>,
    /// What follows from it.
    pub derived: Vec<Derived>,
    /// Constants that papers fitted.
    pub published: Vec<Published>,
    /// Published numbers that its constants must give again.
    pub figures: Vec<Figure>,
    pub(crate) checked: Checked,
    program: Program,
    environment: Environment,
}

impl Quantity {
    /// A positive quantity called `name`, of which nothing else is known.
    pub fn positive(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            unit: String::new(),
            meaning: String::new(),
            within: (0.0, f64::INFINITY),
        }
    }
}

impl Parameter {
    /// A parameter called `name` without bounds.
    pub fn free(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            unit: String::new(),
            meaning: String::new(),
            bounds: (f64::NEG_INFINITY, f64::INFINITY),
            search: None,
            logarithmic: false,
            fixed: None,
        }
    }
}

impl Law {
    /// Checks the formula against the names.
    ///
    /// # Errors
    /// A formula that cannot be read, names in it that are neither variables nor parameters, and
    /// parameters that it does not use.
    pub fn new(
        origin: &str,
        name: &str,
        formula: &str,
        variables: Vec<Quantity>,
        parameters: Vec<Parameter>,
    ) -> Result<Self, Diagnostic> {
        let program = Program::parse(origin, formula)?;
        Self::of_program(origin, name, formula, program, variables, Vec::new(), parameters)
    }

    /// A law whose `program` defines its target first, and what is derived from it.
    pub(crate) fn of_program(
        origin: &str,
        name: &str,
        formula: &str,
        program: Program,
        variables: Vec<Quantity>,
        given: Vec<Quantity>,
        parameters: Vec<Parameter>,
    ) -> Result<Self, Diagnostic> {
        let Some(target) = program.names().next().map(str::to_owned) else {
            return Err(Diagnostic::error(format!("`{origin}` has an empty formula"))
                .help("write one such as `loss = E + A / N^alpha`"));
        };
        let mut environment = Environment::new();
        for variable in variables.iter().chain(&given) {
            environment = environment.data(&variable.name, "");
        }
        for parameter in &parameters {
            environment = environment.parameter(&parameter.name, "");
        }
        let checked = program.check(&environment)?;
        let used = checked.depends_on(&target)?;
        if parameters.is_empty() {
            return Err(Diagnostic::error(format!(
                "the formula of `{name}` has no parameter, so there is nothing to fit"
            ))
            .note(format!("it uses {}", used.join(", ")))
            .help("a name that is not a column is a parameter, as E and A in `E + A / N^alpha`"));
        }
        if let Some(idle) = parameters.iter().find(|parameter| !used.contains(&parameter.name)) {
            return Err(Diagnostic::error(format!(
                "`{target}` of the law `{name}` does not depend on its parameter `{}`",
                idle.name
            )));
        }
        Ok(Self {
            name: name.to_owned(),
            title: String::new(),
            source: String::new(),
            formula: formula.trim().to_owned(),
            target: Quantity::positive(&target),
            variables,
            parameters,
            residuals: ResidualScale::Log,
            notes: String::new(),
            given,
            derived: Vec::new(),
            published: Vec::new(),
            figures: Vec::new(),
            checked,
            program,
            environment,
        })
    }

    /// A law typed by hand: of the names that `formula` uses without defining them, those that
    /// `is_column` knows are variables and the rest parameters without bounds.
    ///
    /// # Errors
    /// As [`Law::new`].
    pub fn typed(formula: &str, is_column: impl Fn(&str) -> bool) -> Result<Self, Diagnostic> {
        let program = Program::parse("--formula", formula)?;
        let (columns, rest): (Vec<_>, Vec<_>) =
            program.outside_names().into_iter().partition(|name| is_column(name));
        let variables = columns.iter().map(|name| Quantity::positive(name)).collect();
        let parameters = rest.iter().map(|name| Parameter::free(name)).collect();
        Self::new("--formula", "typed", formula, variables, parameters)
    }

    /// The checked formula.
    pub fn checked(&self) -> &Checked {
        &self.checked
    }

    /// The value of `expression` where its names (parameters, variables, given quantities) have
    /// these values. It may use the law's target and all that is derived.
    ///
    /// # Errors
    /// An expression that cannot be read, and names that have no value.
    pub fn evaluate(
        &self,
        expression: Source,
        values: &[(String, f64)],
    ) -> Result<f64, Diagnostic> {
        // No formula can spell this name, so it hides nothing.
        const ANSWER: &str = "the expression";
        let mut program = self.program.clone();
        program.define(ANSWER, expression)?;
        let compiled = program.check(&self.environment)?.compile(&[ANSWER])?;
        let mut columns = Columns::new(1);
        for (name, value) in values {
            columns.set_number(name, *value);
        }
        let answer = compiled.evaluate(&columns)?;
        Ok(answer.get(ANSWER).and_then(|column| column.first().copied()).unwrap_or(f64::NAN))
    }

    /// The formula with one more definition.
    pub(crate) fn with_definition(
        &self,
        name: &str,
        expression: &str,
    ) -> Result<Checked, Diagnostic> {
        let mut program = self.program.clone();
        program.define(name, Source::new(self.name.as_str(), expression))?;
        program.check(&self.environment)
    }

    /// The names of the parameters, in order.
    pub fn parameter_names(&self) -> Vec<&str> {
        self.parameters.iter().map(|parameter| parameter.name.as_str()).collect()
    }

    /// The parameter called `name`.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}

/// The ends of a range in files: an infinite end is left out, since JSON has no infinity.
mod ends {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(ends: &(f64, f64), to: S) -> Result<S::Ok, S::Error> {
        let finite = |end: f64| end.is_finite().then_some(end);
        (finite(ends.0), finite(ends.1)).serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<(f64, f64), D::Error> {
        let (low, high) = <(Option<f64>, Option<f64>)>::deserialize(from)?;
        Ok((low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY)))
    }
}

/// A law as a file holds it: what a fit needs of it.
#[derive(Serialize, Deserialize)]
struct Plain {
    name: String,
    title: String,
    source: String,
    formula: String,
    target: Quantity,
    variables: Vec<Quantity>,
    parameters: Vec<Parameter>,
    residuals: ResidualScale,
}

impl Serialize for Law {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Plain {
            name: self.name.clone(),
            title: self.title.clone(),
            source: self.source.clone(),
            formula: self.formula.clone(),
            target: self.target.clone(),
            variables: self.variables.clone(),
            parameters: self.parameters.clone(),
            residuals: self.residuals,
        }
        .serialize(to)
    }
}

impl<'a> Deserialize<'a> for Law {
    /// Published constants and derived quantities are the catalogue's and are not restored.
    fn deserialize<D: serde::Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        let Plain { name, title, source, formula, target, variables, parameters, residuals } =
            Plain::deserialize(from)?;
        let law = Self::new(&name, &name, &formula, variables, parameters)
            .map_err(serde::de::Error::custom)?;
        Ok(Self { title, source, target, residuals, ..law })
    }
}
