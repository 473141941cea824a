//! The capability and its costs over columns of draws, with first and second derivatives.

use std::borrow::Cow;

use diagnostic::Diagnostic;
use formula::{Checked, Columns, Compiled, Workspace};

use super::capability::Choice;
use super::dense::{MOST, Matrix, Vector};

/// How many functions a split is made of.
pub(super) const COUNT: usize = 4;
/// The capability, as log-odds where it is a share.
pub(super) const CAPABILITY: usize = 0;
/// ln of the FLOP over the model's life.
pub(super) const TOTAL: usize = 1;
/// ln of the FLOP of pre-training and RL.
pub(super) const RUN: usize = 2;
/// ln of the FLOP of all queries.
pub(super) const SERVING: usize = 3;

/// What they are called in the program; no formula can spell these.
pub(super) const NAMES: [&str; COUNT] = ["capability", "ln total", "ln run", "ln serving"];

/// A function at one point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Derivatives {
    pub(super) value: f64,
    pub(super) gradient: Vector,
    pub(super) hessian: Matrix,
}

/// All functions at one point.
pub(super) type Point = [Derivatives; COUNT];

/// Where an input column of a compiled program comes from.
#[derive(Debug, Clone, Copy)]
enum From {
    Choice(usize),
    Column(usize),
}

/// The functions, compiled, with the draws of everything uncertain.
#[derive(Debug)]
pub(super) struct Functions {
    values: (Compiled, Vec<From>),
    hessians: (Compiled, Vec<From>),
    columns: Vec<Vec<f64>>,
    pub(super) choices: usize,
    share: bool,
}

/// Space that evaluations reuse.
#[derive(Debug, Default)]
pub(super) struct Space {
    workspace: Workspace,
    inputs: Vec<Vec<f64>>,
    outputs: Vec<Vec<f64>>,
}

/// The name of the logarithm of a choice.
pub(super) fn ln_name(choice: &Choice) -> String {
    format!("ln_{}", choice.name)
}

impl Functions {
    /// Compiles the functions; `given` holds the columns of law draws and uncertain inputs.
    pub(super) fn new(
        checked: &Checked,
        choices: &[Choice],
        given: &Columns,
        share: bool,
    ) -> Result<Self, Diagnostic> {
        let names: Vec<String> = choices.iter().map(ln_name).collect();
        let values = checked.compile(&NAMES)?;
        let hessians = values.hessian(&names)?;
        let mut columns: Vec<(String, Vec<f64>)> = Vec::new();
        let mut places = |compiled: &Compiled| -> Result<Vec<From>, Diagnostic> {
            let mut from = Vec::new();
            for input in compiled.inputs() {
                if let Some(choice) = names.iter().position(|name| *name == input.name) {
                    from.push(From::Choice(choice));
                    continue;
                }
                let known = columns.iter().position(|(name, _)| *name == input.name);
                let place = match (known, given.get(&input.name)) {
                    (Some(place), _) => place,
                    (None, Some(column)) => {
                        columns.push((input.name.clone(), column.to_vec()));
                        columns.len() - 1
                    }
                    (None, None) => {
                        let message = format!("the capability needs a value of `{}`", input.name);
                        return Err(Diagnostic::error(message));
                    }
                };
                from.push(From::Column(place));
            }
            Ok(from)
        };
        let value_places = places(&values)?;
        let hessian_places = places(&hessians)?;
        Ok(Self {
            values: (values, value_places),
            hessians: (hessians, hessian_places),
            columns: columns.into_iter().map(|(_, column)| column).collect(),
            choices: choices.len(),
            share,
        })
    }

    /// A capability on the scale of function [`CAPABILITY`].
    pub(super) fn scaled(&self, capability: f64) -> f64 {
        if self.share { (capability / (1.0 - capability)).ln() } else { capability }
    }

    /// The capability that function [`CAPABILITY`] stands for.
    pub(super) fn unscaled(&self, value: f64) -> f64 {
        if self.share { 1.0 / (1.0 + (-value).exp()) } else { value }
    }

    /// d capability by d function [`CAPABILITY`].
    pub(super) fn scale_slope(&self, value: f64) -> f64 {
        if self.share {
            let share = self.unscaled(value);
            share * (1.0 - share)
        } else {
            1.0
        }
    }

    fn run(
        &self,
        (compiled, places): &(Compiled, Vec<From>),
        rows: &[usize],
        at: &[Vector],
        space: &mut Space,
    ) -> Result<(), Diagnostic> {
        space.inputs.resize_with(places.len(), Vec::new);
        for (input, from) in space.inputs.iter_mut().zip(places) {
            input.clear();
            match *from {
                From::Choice(choice) => input.extend(at.iter().map(|x| x[choice])),
                From::Column(column) => {
                    let column = &self.columns[column];
                    input.extend(rows.iter().map(|&row| column[row]));
                }
            }
        }
        space.outputs.resize_with(compiled.column_names().len(), Vec::new);
        for output in &mut space.outputs {
            output.resize(rows.len(), 0.0);
        }
        let inputs: Vec<&[f64]> = space.inputs.iter().map(Vec::as_slice).collect();
        let mut outputs: Vec<&mut [f64]> =
            space.outputs.iter_mut().map(Vec::as_mut_slice).collect();
        let prepared = compiled.prepare_slices(&inputs, rows.len())?;
        prepared.evaluate(&[], &mut space.workspace, &mut outputs)
    }

    /// Values of all functions: of draw `rows[i]` at the logarithms `at[i]`.
    pub(super) fn values(
        &self,
        rows: &[usize],
        at: &[Vector],
        space: &mut Space,
        out: &mut Vec<[f64; COUNT]>,
    ) -> Result<(), Diagnostic> {
        self.run(&self.values, rows, at, space)?;
        out.clear();
        out.extend((0..rows.len()).map(|i| {
            let mut values: [f64; COUNT] = std::array::from_fn(|f| space.outputs[f][i]);
            values[CAPABILITY] = self.scaled(values[CAPABILITY]);
            values
        }));
        Ok(())
    }

    /// All functions with their derivatives.
    pub(super) fn points(
        &self,
        rows: &[usize],
        at: &[Vector],
        space: &mut Space,
        out: &mut Vec<Point>,
    ) -> Result<(), Diagnostic> {
        self.run(&self.hessians, rows, at, space)?;
        let n = self.choices;
        let stride = 1 + n + n * (n + 1) / 2;
        out.clear();
        for i in 0..rows.len() {
            let mut point: Point = std::array::from_fn(|function| {
                let value = |place: usize| space.outputs[function * stride + place][i];
                let mut d = Derivatives {
                    value: value(0),
                    gradient: [0.0; MOST],
                    hessian: [[0.0; MOST]; MOST],
                };
                let mut place = 1 + n;
                for a in 0..n {
                    d.gradient[a] = value(1 + a);
                    for b in a..n {
                        d.hessian[a][b] = value(place);
                        d.hessian[b][a] = value(place);
                        place += 1;
                    }
                }
                d
            });
            if self.share {
                point[CAPABILITY] = log_odds(point[CAPABILITY], n);
            }
            out.push(point);
        }
        Ok(())
    }

    /// Other definitions of the program, as columns over all draws at these logarithms.
    pub(super) fn others(
        checked: &Checked,
        names: &[&str],
        choices: &[Choice],
        given: &Columns,
        at: &[Vector],
    ) -> Result<Vec<Vec<f64>>, Diagnostic> {
        let compiled = checked.compile(names)?;
        let mut columns: Cow<'_, Columns> = Cow::Borrowed(given);
        for (place, choice) in choices.iter().enumerate() {
            columns.to_mut().set(ln_name(choice), at.iter().map(|x| x[place]).collect());
        }
        let out = compiled.evaluate(&columns)?;
        Ok(names.iter().map(|name| out.get(name).unwrap_or_default().to_vec()).collect())
    }
}

/// ln(p / (1 - p)) of a share p.
fn log_odds(share: Derivatives, n: usize) -> Derivatives {
    let p = share.value;
    let spread = p * (1.0 - p);
    let (slope, curvature) = (1.0 / spread, (2.0 * p - 1.0) / (spread * spread));
    let mut out = share;
    out.value = (p / (1.0 - p)).ln();
    for a in 0..n {
        out.gradient[a] = slope * share.gradient[a];
        for b in 0..n {
            out.hessian[a][b] =
                slope * share.hessian[a][b] + curvature * share.gradient[a] * share.gradient[b];
        }
    }
    out
}
