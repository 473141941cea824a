//! What the runs are to say.

use diagnostic::Diagnostic;
use formula::{Columns, Environment, Program};
use laws::{Along, FitError, ResidualScale, Setting};
use runs::Flop;

use super::bend::Bend;
use super::knowledge::Knowledge;
use super::tangents::{Points, Tangents};

/// What the next runs are to teach.
#[derive(Debug, Clone, PartialEq)]
pub enum Goal {
    /// What the law gives for a run: a value for each of its variables.
    Loss(Setting),
    /// What the law gives for the compute-optimal run of a budget C = 6 N D.
    LossAtBest(Flop),
    /// N*, the size of the compute-optimal run of a budget; D* and D*/N* follow from it.
    Size(Flop),
    /// Which of two laws holds.
    Choice,
}

/// A path of fixed C = 6 N D, by ln N.
const PATH: &str = "N = exp(x)\nD = exp(ln_budget - x) / 6";
/// ln N of the sizes looked at: 1 to 10^30 parameters.
const SPAN: (f64, f64) = (0.0, 69.0);

impl Goal {
    /// The budget whose best run it is about.
    pub fn compute(&self) -> Option<Flop> {
        match self {
            Self::LossAtBest(compute) | Self::Size(compute) => Some(*compute),
            Self::Loss(setting) => setting.compute().map(Flop),
            Self::Choice => None,
        }
    }

    /// Whether differences of it are taken of logarithms.
    pub(crate) fn is_logarithmic(&self, known: &Knowledge) -> bool {
        matches!(self, Self::Size(_)) || known.residuals == ResidualScale::Log
    }

    /// The goal under the best values and under every draw, on its scale (a logarithm unless the
    /// law is of shares); NaN where it does not exist.
    pub(crate) fn values(
        &self,
        known: &Knowledge,
        others: &Setting,
    ) -> Result<Vec<f64>, Diagnostic> {
        let law = &known.law;
        let rows = known.values.rows();
        let values = match self {
            Self::Choice => return Ok(Vec::new()),
            Self::Loss(setting) => law.values(known.values.clone(), setting).map_err(explained)?,
            Self::LossAtBest(compute) | Self::Size(compute) => {
                let ln_budget = vec![compute.get().ln(); rows];
                let along = along(known, others)?;
                let x = along.best(&ln_budget).map_err(explained)?;
                if matches!(self, Self::Size(_)) {
                    return Ok(x);
                }
                let target = law.target.name.as_str();
                let at = along.at(&[target], &x, &ln_budget).map_err(explained)?;
                at.get(target).unwrap_or_default().to_vec()
            }
        };
        let logarithmic = self.is_logarithmic(known);
        Ok(values.into_iter().map(|value| if logarithmic { value.ln() } else { value }).collect())
    }

    /// Its slopes by the free parameters, and by the terms of `bend` after them, under each of the
    /// parameters `thetas`; `None` where it does not exist.
    pub(crate) fn slopes(
        &self,
        tangents: &Tangents<'_>,
        known: &Knowledge,
        thetas: &[Vec<f64>],
        others: &Setting,
        bend: Option<&Bend>,
    ) -> Result<Vec<Option<Vec<f64>>>, Diagnostic> {
        let slopes: Vec<Vec<f64>> = match self {
            Self::Choice => return Ok(vec![None; thetas.len()]),
            Self::Loss(setting) => {
                let at = |name: &str| vec![setting.get(name).unwrap_or(f64::NAN)];
                let points = Points::new(at("N"), at("D"), &without_size_and_data(setting));
                let first = |theta: &Vec<f64>| -> Result<Vec<f64>, Diagnostic> {
                    let slopes = tangents.at(&points, theta, bend)?.slopes;
                    Ok(slopes.into_iter().map(|column| column[0]).collect())
                };
                thetas.iter().map(first).collect::<Result<_, _>>()?
            }
            Self::LossAtBest(compute) | Self::Size(compute) => {
                let optima = Optimum::all(known, thetas, others, *compute)?;
                optima.iter().map(|optimum| self.slopes_at(optimum, known, bend)).collect()
            }
        };
        let there =
            |slopes: Vec<f64>| slopes.iter().all(|slope| slope.is_finite()).then_some(slopes);
        Ok(slopes.into_iter().map(there).collect())
    }

    fn slopes_at(&self, at: &Optimum, known: &Knowledge, bend: Option<&Bend>) -> Vec<f64> {
        // On the logarithmic scale a bend adds to ln L, whose slopes are those of L over L.
        let unit = match known.residuals {
            ResidualScale::Log => at.value,
            ResidualScale::Linear => 1.0,
        };
        if matches!(self, Self::Size(_)) {
            // At the optimum L_x = 0 stays true: dx / dp = - L_xp / L_xx.
            let terms = bend.map(|bend| bend.slopes_along_budget(at.n, at.d)).into_iter().flatten();
            let mixed = at.mixed.iter().copied().chain(terms.map(|term| term * unit));
            return mixed.map(|mixed| -mixed / at.curvature).collect();
        }
        // The envelope theorem: to first order the optimum may stay where it is.
        let terms = bend.map(|bend| bend.terms(at.n, at.d)).into_iter().flatten();
        at.slopes.iter().map(|slope| slope / unit).chain(terms).collect()
    }
}

pub(crate) fn without_size_and_data(setting: &Setting) -> Setting {
    let others = setting.iter().filter(|(name, _)| !["N", "D"].contains(name));
    others.fold(Setting::new(), |all, (name, value)| all.with(name, value))
}

pub(crate) fn along(known: &Knowledge, others: &Setting) -> Result<Along, Diagnostic> {
    let rows = known.values.rows();
    let mut columns = known.values.clone();
    for (name, value) in others.iter() {
        columns.set(name, vec![value; rows]);
    }
    Along::new(&known.law, &columns, PATH, SPAN).map_err(explained)
}

/// A problem of the engine of laws, for people.
pub(crate) fn explained(problem: FitError) -> Diagnostic {
    match problem {
        FitError::Input(problem) => problem,
        problem => Diagnostic::error(problem.to_string()),
    }
}

/// The compute-optimal run under one law, and how the loss bends around it.
struct Optimum {
    n: f64,
    d: f64,
    value: f64,
    /// dL / dp at the optimum.
    slopes: Vec<f64>,
    /// d2L / dx2 along the budget, x = ln N.
    curvature: f64,
    /// d2L / dx dp.
    mixed: Vec<f64>,
}

impl Optimum {
    fn all(
        known: &Knowledge,
        thetas: &[Vec<f64>],
        others: &Setting,
        compute: Flop,
    ) -> Result<Vec<Self>, Diagnostic> {
        let law = &known.law;
        let rows = thetas.len();
        let mut columns = Columns::new(rows);
        let mut environment = Environment::new().input("x", "").input("ln_budget", "");
        for (i, parameter) in law.parameters.iter().enumerate() {
            columns.set(&parameter.name, thetas.iter().map(|theta| theta[i]).collect());
            environment = environment.input(&parameter.name, "");
        }
        for (name, value) in others.iter() {
            columns.set(name, vec![value; rows]);
            environment = environment.input(name, "");
        }
        let ln_budget = compute.get().ln();
        let budgets = vec![ln_budget; rows];
        let along = Along::new(law, &columns, PATH, SPAN).map_err(explained)?;
        let x = along.best(&budgets).map_err(explained)?;
        let names: Vec<&str> = std::iter::once("x")
            .chain(known.free.iter().map(|&i| law.parameters[i].name.as_str()))
            .collect();
        let program = Program::parse(&law.name, &format!("{}\n{PATH}", law.formula))?;
        let compiled =
            program.check(&environment)?.compile(&[&law.target.name])?.hessian(&names)?;
        let columns = columns.with("x", x.clone()).with("ln_budget", budgets);
        let out = compiled.evaluate(&columns)?;
        // Value, slopes, then the upper triangle of second derivatives, whose first row is by x.
        let at = |column: usize, row: usize| {
            let name = compiled.column_names().get(column);
            name.and_then(|name| out.get(name)).map_or(f64::NAN, |values| values[row])
        };
        let count = names.len();
        let optimum = |row: usize| Self {
            n: x[row].exp(),
            d: (ln_budget - x[row]).exp() / 6.0,
            value: at(0, row),
            slopes: (2..=count).map(|column| at(column, row)).collect(),
            curvature: at(count + 1, row),
            mixed: (count + 2..=2 * count).map(|column| at(column, row)).collect(),
        };
        Ok((0..rows).map(optimum).collect())
    }
}
