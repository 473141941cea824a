//! The compute-optimal run of a budget under any law that takes N and D.

use formula::Columns;
use runs::{Flop, Parameters, Tokens};
use serde::{Deserialize, Serialize};

use crate::along::Along;
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

/// C = 6 N D as a path, from one parameter to one token.
const SIX_N_D: &str = "N = exp(x)\nD = exp(ln_budget - x) / 6";

impl Law {
    /// Whether a budget of FLOP can be split between N and D under this law.
    pub fn splits_compute(&self) -> bool {
        ["N", "D"].iter().all(|name| self.variables.iter().any(|variable| variable.name == *name))
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
    let columns = law
        .parameters
        .iter()
        .zip(values)
        .fold(Columns::new(1), |columns, (p, &value)| columns.with(&p.name, vec![value]));
    let found = allocations(law, columns, compute, given)?;
    Ok(found.into_iter().next().flatten())
}

fn allocations(
    law: &Law,
    mut values: Columns,
    compute: Flop,
    given: &Setting,
) -> Result<Vec<Option<Allocation>>, FitError> {
    let splits = law.splits_compute() && compute.get() > 6.0 && compute.get().is_finite();
    if !splits {
        return Err(FitError::NoBudget { law: law.name.clone(), compute });
    }
    for variable in law.variables.iter().filter(|variable| !["N", "D"].contains(&&*variable.name)) {
        let name = variable.name.clone();
        let value = given.get(&name).ok_or(FitError::NotGiven { name: name.clone() })?;
        let rows = values.rows();
        values.set(name, vec![value; rows]);
    }
    let ln_compute = compute.get().ln();
    let budgets = vec![ln_compute; values.rows()];
    let along = Along::new(law, &values, SIX_N_D, (0.0, (compute.get() / 6.0).ln()))?;
    let x = along.best(&budgets)?;
    let target = law.target.name.as_str();
    let at = along.at(&["N", "D", target], &x, &budgets)?;
    let column = |name: &str| at.get(name).unwrap_or_default().to_vec();
    let (parameters, tokens, loss) = (column("N"), column("D"), column(target));
    let allocation = |row: usize| {
        loss[row].is_finite().then(|| Allocation {
            compute,
            parameters: Parameters(parameters[row]),
            tokens: Tokens(tokens[row]),
            loss: loss[row],
        })
    };
    Ok((0..x.len()).map(allocation).collect())
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
