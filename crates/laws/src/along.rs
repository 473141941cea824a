//! A law along a path: its variables as formulas of one coordinate and a budget, over columns of
//! draws. Finds the best point of each draw's path, and the budget at which the best point reaches
//! a target.

use formula::{Columns, Compiled, Environment, Program};
use rayon::prelude::*;

use crate::{FitError, Law};

mod part;
#[cfg(test)]
mod tests;

use part::Part;

/// Rows that one thread takes at a time: their columns stay in its cache.
const CHUNK: usize = 512;

/// The step of the grid that looks for the least loss, in the coordinate.
const GRID_STEP: f64 = 2.0 / 3.0;

/// About how many rows look over the whole span, to learn where the others have to look.
const PROBES: usize = 48;

/// ln of the largest budget that is looked at: where a target lies beyond, it is never reached.
const LN_LARGEST: f64 = 230.0;

/// A law along a path.
///
/// The path is a text of definitions in the formula language. It may use the coordinate `x`, the
/// logarithm of the budget `ln_budget`, and every column of `given`; it has to define every
/// variable of the law that `given` does not hold.
///
/// ```
/// use formula::Columns;
/// use laws::{Along, catalogue};
///
/// let law = catalogue::find("chinchilla")?;
/// let mut given = Columns::new(1);
/// for (name, value) in
///     [("E", 1.8172), ("A", 482.01), ("B", 2085.43), ("alpha", 0.3478), ("beta", 0.3658)]
/// {
///     given.set(name, vec![value]);
/// }
/// let path = "N = exp(x)\nD = exp(ln_budget - x) / 6";
/// let along = Along::new(&law, &given, path, (0.0, 100.0))?;
/// let x = along.best(&[1e21_f64.ln()])?;
/// let at = along.at(&["N", "D", "loss"], &x, &[1e21_f64.ln()])?;
/// assert!((at.get("N").unwrap()[0] - 2.78e9).abs() < 0.01e9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Along {
    program: Program,
    environment: Environment,
    given: Columns,
    span: (f64, f64),
    /// The law's value alone.
    value: Compiled,
    /// The value, its slopes by x and `ln_budget`, and its second derivatives.
    curves: Compiled,
}

/// A best point that reaches a target.
#[derive(Debug, Clone, PartialEq)]
pub struct Reached {
    /// The coordinate per row; NaN where the target is never reached.
    pub x: Vec<f64>,
    /// ln of the least budget per row; NaN where the target is never reached.
    pub ln_budget: Vec<f64>,
}

impl Along {
    /// `law` along `path`, over the rows of `given`: columns of the law's parameters and of what
    /// else the path names. The best point is looked for between the ends of `span`.
    ///
    /// # Errors
    /// A path that is not well-formed or that leaves a variable of the law undefined.
    pub fn new(law: &Law, given: &Columns, path: &str, span: (f64, f64)) -> Result<Self, FitError> {
        let program = Program::parse(&law.name, &format!("{}\n{path}", law.formula))?;
        let mut environment = Environment::new().input("x", "").input("ln_budget", "");
        for name in given.names() {
            environment = environment.input(name, "");
        }
        let target = law.target.name.as_str();
        let value = program.check(&environment)?.compile(&[target])?;
        let curves = value.hessian(&["x", "ln_budget"])?;
        Ok(Self { program, environment, given: given.clone(), span, value, curves })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.given.rows()
    }

    /// Where the best point is looked for: least and largest `x`.
    pub fn span(&self) -> (f64, f64) {
        self.span
    }

    /// A column that was given, one number a row.
    pub fn given(&self, name: &str) -> Option<&[f64]> {
        self.given.get(name)
    }

    /// The coordinate at which a definition that rises with `x`, and that does not hang on the
    /// budget or the draws, has this value: N of a model size. At an end of the span where the
    /// value lies beyond.
    ///
    /// # Errors
    /// A name that neither the law nor the path defines.
    pub fn coordinate(&self, name: &str, value: f64) -> Result<f64, FitError> {
        let compiled = self.program.check(&self.environment)?.compile(&[name])?;
        let mut first = Columns::new(1).with("ln_budget", vec![0.0]);
        for known in self.given.names() {
            first.set(known, self.given.get(known).unwrap_or_default()[..1].to_vec());
        }
        let (mut low, mut high) = self.span;
        // Halving ends when no number lies between the ends.
        loop {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                return Ok(middle);
            }
            first.set("x", vec![middle]);
            let here =
                compiled.evaluate(&first)?.get(name).and_then(|column| column.first().copied());
            if here.is_some_and(|here| here < value) { low = middle } else { high = middle }
        }
    }

    /// The definitions `names` at a point per row.
    ///
    /// # Errors
    /// A name that neither the law nor the path defines.
    pub fn at(&self, names: &[&str], x: &[f64], ln_budget: &[f64]) -> Result<Columns, FitError> {
        let compiled = self.program.check(&self.environment)?.compile(names)?;
        let given = self.given.clone().with("x", x.to_vec()).with("ln_budget", ln_budget.to_vec());
        Ok(compiled.evaluate(&given)?)
    }

    /// The law's value and its slope by `ln_budget` at a point per row.
    ///
    /// # Errors
    /// Columns of another length.
    pub fn slope(&self, x: &[f64], ln_budget: &[f64]) -> Result<[Vec<f64>; 2], FitError> {
        let mut value = vec![0.0; x.len()];
        let mut slope = vec![0.0; x.len()];
        let mut part = Part::new(self, 0, x.len());
        part.curves(x, ln_budget)?;
        value.copy_from_slice(&part.curve[0]);
        slope.copy_from_slice(&part.curve[2]);
        Ok([value, slope])
    }

    /// The coordinate of the least value per row, certified by a change of sign of the slope
    /// around it; NaN where the least value lies at either end of the span.
    ///
    /// # Errors
    /// Columns of another length.
    pub fn best(&self, ln_budget: &[f64]) -> Result<Vec<f64>, FitError> {
        let steps = self.steps();
        let mut window = (steps, 0);
        for row in (0..self.rows()).step_by(self.rows().div_ceil(PROBES).max(1)) {
            let mut part = Part::new(self, row, row + 1);
            let (_, place) = part.least(&ln_budget[row..=row], (0, steps))?[0];
            window = (window.0.min(place), window.1.max(place));
        }
        let window = (window.0.saturating_sub(2), (window.1 + 2).min(steps));
        let parts: Vec<usize> = (0..self.rows()).step_by(CHUNK).collect();
        let found: Result<Vec<Vec<f64>>, FitError> = parts
            .into_par_iter()
            .map(|first| {
                let rows = first..(first + CHUNK).min(self.rows());
                Part::new(self, rows.start, rows.end).best(&ln_budget[rows], window)
            })
            .collect();
        Ok(found?.concat())
    }

    /// The least budget per row at which the best point of the path has the value `target`.
    /// `near` is a best point to start from, where one is known.
    ///
    /// # Errors
    /// Columns of another length.
    pub fn reach(&self, target: &[f64], near: Option<&Reached>) -> Result<Reached, FitError> {
        let mut reached = match near {
            Some(near) => self.reach_from(target, near)?,
            None => {
                Reached { x: vec![f64::NAN; self.rows()], ln_budget: vec![f64::NAN; self.rows()] }
            }
        };
        let open: Vec<usize> =
            (0..self.rows()).filter(|&row| reached.ln_budget[row].is_nan()).collect();
        if open.is_empty() {
            return Ok(reached);
        }
        let far = self.only(&open).reach_from_afar(&pick(target, &open))?;
        for (i, &row) in open.iter().enumerate() {
            reached.x[row] = far.x[i];
            reached.ln_budget[row] = far.ln_budget[i];
        }
        Ok(reached)
    }

    fn steps(&self) -> usize {
        ((self.span.1 - self.span.0) / GRID_STEP).ceil().clamp(8.0, 3000.0) as usize
    }

    fn place(&self, step: f64) -> f64 {
        self.span.0 + (self.span.1 - self.span.0) * step / self.steps() as f64
    }

    fn only(&self, rows: &[usize]) -> Self {
        let mut given = Columns::new(rows.len());
        for name in self.given.names() {
            given.set(name, pick(self.given.get(name).unwrap_or_default(), rows));
        }
        Self { given, ..self.clone() }
    }

    /// Newton's method in the coordinate and the budget together; NaN where it does not settle at
    /// a minimum.
    fn reach_from(&self, target: &[f64], near: &Reached) -> Result<Reached, FitError> {
        let parts: Vec<usize> = (0..self.rows()).step_by(CHUNK).collect();
        let found: Result<Vec<Reached>, FitError> = parts
            .into_par_iter()
            .map(|first| {
                let rows = first..(first + CHUNK).min(self.rows());
                let start = Reached {
                    x: near.x[rows.clone()].to_vec(),
                    ln_budget: near.ln_budget[rows.clone()].to_vec(),
                };
                Part::new(self, rows.start, rows.end).reach(&target[rows], start)
            })
            .collect();
        let mut all = Reached { x: Vec::new(), ln_budget: Vec::new() };
        for part in found? {
            all.x.extend(part.x);
            all.ln_budget.extend(part.ln_budget);
        }
        Ok(all)
    }

    /// The best value falls with the budget: a bracket and Newton steps on it. Its slope by the
    /// budget is the law's at the best point (the envelope theorem).
    fn reach_from_afar(&self, target: &[f64]) -> Result<Reached, FitError> {
        let rows = self.rows();
        let start = 0.5 * (self.span.0 + self.span.1);
        let mut budget = vec![start; rows];
        let (mut low, mut high) = (vec![-LN_LARGEST; rows], vec![LN_LARGEST; rows]);
        let mut x = vec![f64::NAN; rows];
        let mut open = vec![true; rows];
        for _ in 0..80 {
            let here = self.best(&budget)?;
            let [value, slope] = self.slope(&here, &budget)?;
            for row in 0..rows {
                if !open[row] {
                    continue;
                }
                x[row] = here[row];
                let over = value[row] - target[row];
                if over.abs() <= 1e-13 * target[row].abs() {
                    open[row] = false;
                    continue;
                }
                // No best point inside the span: the budget is too small for one.
                if over > 0.0 || over.is_nan() {
                    low[row] = budget[row];
                } else {
                    high[row] = budget[row];
                }
                let step = (-over / slope[row]).clamp(-5.0, 5.0);
                let newton = budget[row] + if step.is_finite() { step } else { 5.0 };
                let inside = newton > low[row] && newton < high[row];
                let next = if inside { newton } else { 0.5 * (low[row] + high[row]) };
                open[row] = (next - budget[row]).abs() > 1e-13 * next.abs();
                budget[row] = next;
            }
            if !open.contains(&true) {
                break;
            }
        }
        for row in 0..rows {
            if open[row] || x[row].is_nan() || budget[row].abs() > LN_LARGEST - 1.0 {
                x[row] = f64::NAN;
                budget[row] = f64::NAN;
            }
        }
        Ok(Reached { x, ln_budget: budget })
    }
}

fn pick(values: &[f64], rows: &[usize]) -> Vec<f64> {
    rows.iter().map(|&row| values[row]).collect()
}
