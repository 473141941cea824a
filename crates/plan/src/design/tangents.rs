//! Slopes of a law by its parameters at settings, exact, on the residual scale.

use diagnostic::Diagnostic;
use formula::{Columns, Compiled, Workspace};
use laws::{ResidualScale, Setting};

use super::bend::{Bend, TERMS};
use super::knowledge::{Knowledge, Made};

/// Settings of runs: one number per row for every variable of a law.
#[derive(Debug, Clone)]
pub(crate) struct Points {
    columns: Columns,
}

impl Points {
    pub(crate) fn made(made: &Made) -> Self {
        let mut columns = Columns::new(made.len());
        for (name, values) in &made.columns {
            columns.set(name, values.clone());
        }
        Self { columns }
    }

    /// Runs of these sizes and tokens, with every other variable as in `others`.
    pub(crate) fn new(n: Vec<f64>, d: Vec<f64>, others: &Setting) -> Self {
        let rows = n.len();
        let mut columns = Columns::new(rows).with("N", n).with("D", d);
        for (name, value) in others.iter() {
            columns.set(name, vec![value; rows]);
        }
        Self { columns }
    }

    pub(crate) fn len(&self) -> usize {
        self.columns.rows()
    }

    pub(crate) fn column(&self, name: &str) -> &[f64] {
        self.columns.get(name).unwrap_or_default()
    }
}

/// Values and slopes at points: `slopes` holds one column of all points per coordinate.
#[derive(Debug, Clone)]
pub(crate) struct Slopes {
    pub(crate) values: Vec<f64>,
    pub(crate) slopes: Vec<Vec<f64>>,
}

/// A law compiled with its slopes.
#[derive(Debug)]
pub(crate) struct Tangents<'a> {
    known: &'a Knowledge,
    compiled: Compiled,
    /// For each parameter that the formula needs, its index among the law's.
    needed: Vec<usize>,
}

impl<'a> Tangents<'a> {
    pub(crate) fn new(known: &'a Knowledge) -> Result<Self, Diagnostic> {
        let law = &known.law;
        let names: Vec<&str> =
            known.free.iter().map(|&i| law.parameters[i].name.as_str()).collect();
        let compiled = law.checked().compile(&[&law.target.name])?.gradient(&names)?;
        let place = |name: &&str| law.parameters.iter().position(|p| p.name == **name);
        let needed = compiled.parameters().iter().filter_map(place).collect();
        Ok(Self { known, compiled, needed })
    }

    /// At `points`, under the law's parameters `theta`; with the terms of `bend` after the
    /// parameters.
    pub(crate) fn at(
        &self,
        points: &Points,
        theta: &[f64],
        bend: Option<&Bend>,
    ) -> Result<Slopes, Diagnostic> {
        let (rows, p) = (points.len(), self.known.free.len());
        let parameters: Vec<f64> = self.needed.iter().map(|&i| theta[i]).collect();
        let mut values = vec![0.0; rows];
        let mut slopes = vec![vec![0.0; rows]; p + if bend.is_some() { TERMS } else { 0 }];
        {
            let mut out: Vec<&mut [f64]> = Vec::with_capacity(1 + p);
            out.push(&mut values);
            out.extend(slopes[..p].iter_mut().map(Vec::as_mut_slice));
            let prepared = self.compiled.prepare(&points.columns)?;
            prepared.evaluate(&parameters, &mut Workspace::default(), &mut out)?;
        }
        if self.known.residuals == ResidualScale::Log {
            for column in &mut slopes[..p] {
                for (slope, value) in column.iter_mut().zip(&values) {
                    *slope /= value;
                }
            }
            for value in &mut values {
                *value = value.ln();
            }
        }
        if let Some(bend) = bend {
            let (n, d) = (points.column("N"), points.column("D"));
            for row in 0..rows {
                for (k, term) in bend.terms(n[row], d[row]).into_iter().enumerate() {
                    slopes[p + k][row] = term;
                }
            }
        }
        Ok(Slopes { values, slopes })
    }
}
