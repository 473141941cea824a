//! A law: a formula, what its names stand for, and where its parameters may lie.

use diagnostic::Diagnostic;
use formula::{Checked, Environment, Program};
use serde::{Deserialize, Serialize};

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
    pub(crate) checked: Checked,
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
        let Some(target) = program.names().next().map(str::to_owned) else {
            return Err(Diagnostic::error(format!("`{origin}` has an empty formula"))
                .help("write one such as `loss = E + A / N^alpha`"));
        };
        let mut environment = Environment::new();
        for variable in &variables {
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
            checked,
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

    /// The names of the parameters, in order.
    pub fn parameter_names(&self) -> Vec<&str> {
        self.parameters.iter().map(|parameter| parameter.name.as_str()).collect()
    }

    /// The parameter called `name`.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}
