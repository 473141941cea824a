//! One number asked of a scenario, as a function of its inputs.

use diagnostic::Diagnostic;
use draws::{Draws, Inputs};
use formula::{Compiled, Form, ValueType, Workspace};

use crate::model::{CaseModel, Extra, Model};
use crate::run::Settings;
use crate::scenario::Scenario;
use crate::written::Written;

/// The name of what is asked; no formula can reach it.
const ASKED: &str = "what is asked";

/// A single value for each sample, which can be asked with other inputs.
pub(crate) struct Question {
    pub(crate) model: Model,
    pub(crate) compiled: Compiled,
    pub(crate) value: ValueType,
    case: usize,
}

/// What is made of the draws of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// Half of the draws are below.
    Median,
    /// The mean over the draws.
    Mean,
    /// The quantile at this probability.
    Quantile(f64),
    /// The share of draws in which a condition holds.
    Probability,
}

impl Statistic {
    pub(crate) fn of(self, values: &[f64]) -> f64 {
        match self {
            Self::Median => draws::select::quantiles(values, &[0.5])[0],
            Self::Quantile(p) => draws::select::quantiles(values, &[p])[0],
            Self::Mean | Self::Probability => {
                let (mut sum, mut count) = (0.0, 0.0);
                for value in values.iter().filter(|value| !value.is_nan()) {
                    sum += value;
                    count += 1.0;
                }
                sum / count
            }
        }
    }
}

impl Question {
    /// Asks for `expression` (an output's name, or any formula over the scenario's names) in the
    /// case number `case`; `loose` inputs can be varied though they are fixed.
    pub(crate) fn new(
        scenario: &Scenario,
        expression: &Written,
        case: usize,
        loose: &[&str],
    ) -> Result<Self, Diagnostic> {
        let definitions = [(ASKED.to_owned(), expression.clone())];
        let model = Model::with(scenario, &Extra { loose, definitions: &definitions })?;
        let Some(chosen) = model.cases.get(case) else {
            let message = format!("there are {} cases, not a case {case}", model.cases.len());
            return Err(Diagnostic::error(message));
        };
        let compiled = chosen.checked.compile(&[ASKED])?;
        let value = chosen.checked.value_type(ASKED)?;
        if compiled.column_names().len() != 1 {
            return Err(expression
                .error("a single value is needed here, not a path", "has a value at every time")
                .help("take it at a date, `at(x, 2030)`, or over time, `max(x)`"));
        }
        Ok(Self { model, compiled, value, case })
    }

    pub(crate) fn case(&self) -> &CaseModel {
        &self.model.cases[self.case]
    }

    /// The dimension of the answer in base units.
    pub(crate) fn dimension(&self) -> Result<String, Diagnostic> {
        self.case().checked.dimension_of(ASKED)
    }

    /// Whether the answer is a number for each draw, not one over all of them.
    pub(crate) fn is_rowwise(&self) -> bool {
        self.compiled.is_rowwise()
    }

    pub(crate) fn is_date(&self) -> bool {
        self.value.form() == Form::Instant
    }

    pub(crate) fn is_condition(&self) -> bool {
        self.value.form() == Form::Truth
    }

    /// The columns that the answer needs, in the order of the compiled formula.
    pub(crate) fn columns(&self) -> Vec<String> {
        self.compiled.inputs().iter().map(|input| self.case().column(&input.name)).collect()
    }

    /// The inputs that the answer needs, with their correlations among each other.
    pub(crate) fn inputs(&self) -> Result<Inputs, Diagnostic> {
        let needed = self.columns();
        let mut inputs = Inputs::new();
        for name in self.model.inputs.names().iter().filter(|name| needed.contains(name)) {
            if let Some(dist) = self.model.inputs.dist(name) {
                inputs.add(name.clone(), dist.clone())?;
            }
        }
        for (name, draws) in &self.model.joint {
            if draws.names().iter().any(|column| needed.contains(column)) {
                inputs.import(name.clone(), std::sync::Arc::clone(draws))?;
            }
        }
        let varies = |inputs: &Inputs, name: &str| {
            inputs.dist(name).is_some_and(|dist| dist.quantile(0.0) < dist.quantile(1.0))
        };
        for correlation in &self.model.scenario.correlations {
            if varies(&inputs, &correlation.a) && varies(&inputs, &correlation.b) {
                inputs.correlate(&correlation.a, &correlation.b, correlation.rho)?;
            }
        }
        Ok(inputs)
    }

    /// The answer for each draw, with some inputs at other values: `(column, values)`.
    pub(crate) fn answer(
        &self,
        draws: &Draws,
        settings: Settings,
        instead: &[(&str, &[f64])],
    ) -> Result<Vec<f64>, Diagnostic> {
        let columns = self.columns();
        let rows = if columns.is_empty() { 1 } else { settings.samples };
        let slices = columns
            .iter()
            .map(|name| match instead.iter().find(|(other, _)| other == name) {
                Some((_, values)) => Ok(*values),
                None => Ok(draws.column(name)?),
            })
            .collect::<Result<Vec<&[f64]>, Diagnostic>>()?;
        let mut found = draws::evaluate::columns(&self.compiled, &slices, rows)?;
        Ok(found.pop().unwrap_or_default())
    }

    /// The answer as a model over blocks of the inputs in the order of `names`.
    pub(crate) fn block_model<'a>(
        &'a self,
        names: &[String],
    ) -> impl FnMut(&[&[f64]], &mut [f64]) + Clone + Send + 'a {
        let order: Vec<usize> = self
            .columns()
            .iter()
            .map(|column| names.iter().position(|name| name == column).unwrap_or(0))
            .collect();
        let mut workspace = Workspace::default();
        move |given: &[&[f64]], out: &mut [f64]| {
            let rows = out.len();
            let slices: Vec<&[f64]> = order.iter().map(|&place| given[place]).collect();
            // What cannot be evaluated stays undefined, which the analysis reports.
            if let Ok(prepared) = self.compiled.prepare_slices(&slices, rows) {
                let _ = prepared.evaluate_rows(0..rows, &[], &mut workspace, &mut [out]);
            }
        }
    }
}
