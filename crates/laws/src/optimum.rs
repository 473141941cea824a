//! The compute-optimal run of a budget under any law that takes N and D.

use formula::{Columns, Compiled, Environment, Program};
use runs::{Flop, Parameters, Tokens};
use serde::{Deserialize, Serialize};

use crate::draws::Interval;
use crate::law::Law;
use crate::predict::Setting;
use crate::{Fit, FitError};

/// The compute-optimal run of a budget C = 6 N D.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Allocation {
    /// The budget.
    pub compute: Flop,
    /// N*, the best model size.
    pub parameters: Parameters,
    /// D*, the tokens that the budget then buys.
    pub tokens: Tokens,
    /// What the law gives there: its loss.
    pub loss: f64,
}

impl Allocation {
    /// D* / N*.
    pub fn tokens_per_parameter(&self) -> f64 {
        self.tokens / self.parameters
    }
}

/// The compute-optimal run of a budget, with intervals over the draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Optimum {
    /// The group it is for, where groups have laws of their own.
    pub group: Option<String>,
    /// The best run under the best law.
    pub best: Allocation,
    /// Interval of N*.
    pub parameters: Option<Interval>,
    /// Interval of D*.
    pub tokens: Option<Interval>,
    /// Interval of D* / N*.
    pub tokens_per_parameter: Option<Interval>,
    /// Interval of the law's loss at the optimum of each draw.
    pub loss: Option<Interval>,
    /// Draws that have no optimum inside and are left out of the intervals.
    pub draws_without: usize,
    /// How many factors of ten C lies outside the compute of the fitted runs; 0 inside.
    pub extrapolation_decades: f64,
}

/// N* is looked for between one parameter and one token, in this many steps per e-fold.
const STEPS_PER_FOLD: f64 = 1.5;

impl Law {
    /// Whether a budget of FLOP can be split between N and D under this law.
    pub fn splits_compute(&self) -> bool {
        ["N", "D"].iter().all(|name| self.variables.iter().any(|variable| variable.name == *name))
    }
}

/// A law along a budget, over a column of draws: the loss and its first two derivatives by ln N
/// at N = exp(ln N), D = C / (6 N).
struct AlongBudget {
    compiled: Compiled,
    columns: Columns,
    rows: usize,
    ln_product: f64,
}

impl AlongBudget {
    fn new(law: &Law, values: Columns, compute: Flop) -> Result<Self, FitError> {
        let target = &law.target.name;
        let text = format!("{}\nN = exp(ln_N)\nD = exp(ln_product - ln_N)", law.formula);
        let program = Program::parse(&law.name, &text)?;
        let mut environment = Environment::new().input("ln_N", "").parameter("ln_product", "");
        for variable in &law.variables {
            environment = environment.parameter(&variable.name, "");
        }
        for parameter in &law.parameters {
            environment = environment.input(&parameter.name, "");
        }
        let compiled = program.check(&environment)?.compile(&[target])?.hessian(&["ln_N"])?;
        let ln_product = (compute.get() / 6.0).ln();
        let rows = values.rows();
        let columns = values.with_number("ln_product", ln_product);
        Ok(Self { compiled, columns, rows, ln_product })
    }

    /// Loss, slope and curvature at one ln N per draw.
    fn at(&mut self, ln_n: &[f64]) -> Result<[Vec<f64>; 3], FitError> {
        self.columns.set("ln_N", ln_n.to_vec());
        let out = self.compiled.evaluate(&self.columns)?;
        let names = self.compiled.column_names();
        Ok(std::array::from_fn(|i| out.get(&names[i]).unwrap_or_default().to_vec()))
    }

    /// ln N of the least loss per draw, certified by a change of sign of the slope around it; NaN
    /// where the least loss of a grid lies at either end.
    fn best(&mut self) -> Result<Vec<f64>, FitError> {
        let top = self.ln_product;
        let count = (top * STEPS_PER_FOLD).clamp(8.0, 2000.0) as usize;
        let step = top / count as f64;
        let mut least = vec![(f64::INFINITY, 0); self.rows];
        for i in 0..=count {
            let [loss, ..] = self.at(&vec![step * i as f64; self.rows])?;
            for (least, loss) in least.iter_mut().zip(loss) {
                if loss < least.0 {
                    *least = (loss, i);
                }
            }
        }
        let inside = |i: usize| i > 0 && i < count;
        let mut low: Vec<f64> = least.iter().map(|&(_, i)| step * (i as f64 - 1.0)).collect();
        let mut high: Vec<f64> = least.iter().map(|&(_, i)| step * (i as f64 + 1.0)).collect();
        let mut x: Vec<f64> = least.iter().map(|&(_, i)| step * i as f64).collect();
        // Newton steps that stay inside the bracket, halving it where they would not.
        for _ in 0..60 {
            let [_, slope, curvature] = self.at(&x)?;
            let mut moved: f64 = 0.0;
            for row in 0..self.rows {
                if slope[row] > 0.0 {
                    high[row] = x[row];
                } else {
                    low[row] = x[row];
                }
                let newton = x[row] - slope[row] / curvature[row];
                let safe = newton > low[row] && newton < high[row];
                let next = if safe { newton } else { 0.5 * (low[row] + high[row]) };
                if inside(least[row].1) && next.is_finite() {
                    moved = moved.max((next - x[row]).abs());
                    x[row] = next;
                }
            }
            if moved < 1e-13 * top {
                break;
            }
        }
        for (x, &(loss, i)) in x.iter_mut().zip(&least) {
            if !inside(i) || !loss.is_finite() {
                *x = f64::NAN;
            }
        }
        Ok(x)
    }

    fn allocations(&mut self, compute: Flop) -> Result<Vec<Option<Allocation>>, FitError> {
        let ln_n = self.best()?;
        let [loss, ..] = self.at(&ln_n)?;
        let allocation = |(&ln_n, loss): (&f64, f64)| {
            loss.is_finite().then(|| Allocation {
                compute,
                parameters: Parameters(ln_n.exp()),
                tokens: Tokens((self.ln_product - ln_n).exp()),
                loss,
            })
        };
        Ok(ln_n.iter().zip(loss).map(allocation).collect())
    }
}

/// The compute-optimal run of `compute` under a law with these values of its parameters, in its
/// order; `given` holds its other variables. `None` when the best split lies at either end: more
/// of one of the two never helps.
///
/// # Errors
/// A law without N and D, a budget that is not above 6 FLOP, variables that `given` lacks.
pub fn optimal(
    law: &Law,
    values: &[f64],
    compute: Flop,
    given: &Setting,
) -> Result<Option<Allocation>, FitError> {
    let columns = law.parameters.iter().zip(values).fold(Columns::new(1), |columns, (p, &value)| {
        columns.with(&p.name, vec![value])
    });
    let found = allocations(law, columns, compute, given)?;
    Ok(found.into_iter().next().flatten())
}

fn allocations(
    law: &Law,
    mut values: Columns,
    compute: Flop,
    given: &Setting,
) -> Result<Vec<Option<Allocation>>, FitError> {
    if !law.splits_compute() || !(compute.get() > 6.0 && compute.get().is_finite()) {
        return Err(FitError::NoBudget { law: law.name.clone(), compute });
    }
    for variable in law.variables.iter().filter(|variable| !["N", "D"].contains(&&*variable.name)) {
        let name = variable.name.clone();
        let value = given.get(&name).ok_or(FitError::NotGiven { name: name.clone() })?;
        values.set_number(name, value);
    }
    AlongBudget::new(law, values, compute)?.allocations(compute)
}

impl Fit {
    /// The compute-optimal run of `compute` under C = 6 N D with intervals at `level`, one per
    /// group of laws. `given` holds the law's other variables. Laws whose best split lies at
    /// either end of the budget (a term is zero, an exponent is) have none.
    ///
    /// # Errors
    /// A law without N and D, a budget that is not above 6 FLOP, variables that `given` lacks.
    pub fn optimum(
        &self,
        compute: Flop,
        given: &Setting,
        level: f64,
    ) -> Result<Vec<Optimum>, FitError> {
        let mut optima = Vec::new();
        for group in self.groups() {
            let values = self.best_and_draws(group.as_deref());
            let mut found = allocations(&self.law, values, compute, given)?.into_iter();
            let Some(best) = found.next().flatten() else { continue };
            let draws: Vec<Allocation> = found.flatten().collect();
            let interval = |value: fn(&Allocation) -> f64| {
                Interval::of(draws.iter().map(value).collect(), level)
            };
            optima.push(Optimum {
                group,
                best,
                parameters: interval(|allocation| allocation.parameters.get()),
                tokens: interval(|allocation| allocation.tokens.get()),
                tokens_per_parameter: interval(Allocation::tokens_per_parameter),
                loss: interval(|allocation| allocation.loss),
                draws_without: self.draws.len() - draws.len(),
                extrapolation_decades: self.extrapolation_decades(compute.get()),
            });
        }
        Ok(optima)
    }
}
