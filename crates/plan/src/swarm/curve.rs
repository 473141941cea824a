//! A law as two questions: the loss of a run, and the tokens that reach a loss.

use diagnostic::Diagnostic;
use formula::{Columns, Compiled, Environment, Program};
use laws::{FitError, Setting};

use crate::Believed;

/// Tokens between which runs are looked for, as powers of ten.
const DECADES: (f64, f64) = (7.0, 18.0);
/// Points of the table per decade.
const PER_DECADE: f64 = 16.0;

/// A law of loss in N and D with everything else given.
#[derive(Debug)]
pub(crate) struct Curve {
    compiled: Compiled,
    target: String,
    /// Parameters and what is given: the best values first.
    values: Columns,
}

/// The loss of one size against ln D, under the best values.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) parameters: f64,
    ln_d: Vec<f64>,
    loss: Vec<f64>,
}

impl Curve {
    pub(crate) fn new(believed: &Believed, given: &Setting) -> Result<Self, Diagnostic> {
        let law = &believed.law;
        if !law.splits_compute() {
            return Err(Diagnostic::error(format!(
                "the law `{}` has no N and D to plan with",
                law.name
            ))
            .help("plan with a law of loss in model size N and tokens D"));
        }
        let mut environment = Environment::new();
        let mut values = believed.values().clone();
        let rows = values.rows();
        for variable in &law.variables {
            let name = variable.name.clone();
            environment = environment.input(&name, "");
            if !["N", "D"].contains(&name.as_str()) && values.get(&name).is_none() {
                let value = given.get(&name).ok_or(FitError::NotGiven { name: name.clone() })?;
                values.set(name, vec![value; rows]);
            }
        }
        for parameter in &law.parameters {
            environment = environment.input(&parameter.name, "");
        }
        let target = law.target.name.clone();
        let compiled = Program::parse(&law.name, &law.formula)?
            .check(&environment)?
            .compile(&[target.as_str()])?;
        Ok(Self { compiled, target, values })
    }

    /// How many rows of values there are: the best and the draws.
    pub(crate) fn rows(&self) -> usize {
        self.values.rows()
    }

    fn evaluate(&self, values: &Columns) -> Result<Vec<f64>, Diagnostic> {
        let out = self.compiled.evaluate(values)?;
        Ok(out.get(&self.target).unwrap_or_default().to_vec())
    }

    /// The loss of one run under the best values.
    pub(super) fn loss(&self, parameters: f64, tokens: f64) -> Result<f64, Diagnostic> {
        let row = self.points(parameters, &[tokens])?;
        Ok(row.first().copied().unwrap_or(f64::NAN))
    }

    fn points(&self, parameters: f64, tokens: &[f64]) -> Result<Vec<f64>, Diagnostic> {
        let mut columns = Columns::new(tokens.len());
        for name in self.values.names() {
            let best = self.values.get(name).and_then(|column| column.first().copied());
            columns.set(name, vec![best.unwrap_or(f64::NAN); tokens.len()]);
        }
        columns.set("N", vec![parameters; tokens.len()]);
        columns.set("D", tokens.to_vec());
        self.evaluate(&columns)
    }

    /// The loss of a size against tokens.
    pub(super) fn row(&self, parameters: f64) -> Result<Row, Diagnostic> {
        let (low, high) = DECADES;
        let count = ((high - low) * PER_DECADE) as usize;
        let ln_d: Vec<f64> = (0..=count)
            .map(|at| (low + at as f64 / PER_DECADE) * std::f64::consts::LN_10)
            .collect();
        let tokens: Vec<f64> = ln_d.iter().map(|ln_d| ln_d.exp()).collect();
        let loss = self.points(parameters, &tokens)?;
        Ok(Row { parameters, ln_d, loss })
    }

    /// The loss of one run, under the best values and each draw.
    pub(crate) fn losses(&self, parameters: f64, tokens: f64) -> Result<Vec<f64>, Diagnostic> {
        let mut columns = self.values.clone();
        columns.set("N", vec![parameters; self.rows()]);
        columns.set("D", vec![tokens; self.rows()]);
        self.evaluate(&columns)
    }

    /// The tokens at which a size reaches `losses`, one per row of values; NaN where it never does.
    pub(crate) fn reach(&self, parameters: f64, losses: &[f64]) -> Result<Vec<f64>, Diagnostic> {
        let rows = self.rows();
        let mut columns = self.values.clone();
        columns.set("N", vec![parameters; rows]);
        let ln = std::f64::consts::LN_10;
        let (mut low, mut high) = (vec![DECADES.0 * ln; rows], vec![DECADES.1 * ln; rows]);
        columns.set("D", high.iter().map(|d| d.exp()).collect());
        let least = self.evaluate(&columns)?;
        for _ in 0..60 {
            let middle: Vec<f64> = low.iter().zip(&high).map(|(a, b)| 0.5 * (a + b)).collect();
            columns.set("D", middle.iter().map(|d| d.exp()).collect());
            let found = self.evaluate(&columns)?;
            for (row, middle) in middle.into_iter().enumerate() {
                if found[row] > losses[row] {
                    low[row] = middle;
                } else {
                    high[row] = middle;
                }
            }
        }
        let tokens =
            |row: usize| if least[row] <= losses[row] { high[row].exp() } else { f64::NAN };
        Ok((0..rows).map(tokens).collect())
    }
}

impl Row {
    /// The tokens at which it reaches `loss`: between the points of the table that enclose it.
    pub(super) fn tokens(&self, loss: f64) -> Option<f64> {
        let at = self.loss.partition_point(|found| *found > loss);
        let (right, left) = (*self.loss.get(at)?, at.checked_sub(1)?);
        let share = (self.loss[left] - loss) / (self.loss[left] - right);
        Some((self.ln_d[left] + share * (self.ln_d[at] - self.ln_d[left])).exp())
    }
}
