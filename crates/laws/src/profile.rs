//! Profile likelihood intervals: how far one number can be pushed before the rest, fitted again,
//! can no longer make up for it.
//!
//! ```text
//!  statistic(v) = 2 (least objective with the number held at v - least objective) x rate
//!                                        │
//!  threshold t^2 (n - p) ────────────────┼──────────  where the curve crosses it: the two ends;
//!                                        ▼            where it never does: an open end
//! ```

use runs::{Flop, Observations};
use serde::{Deserialize, Serialize};

use crate::dense::{Matrix, dot};
use crate::descent::Refit;
use crate::model::Model;
use crate::newton::{Stop, Walk};
use crate::objective::Loss;
use crate::problem::Problem;
use crate::scatter::{Scatter, design, freedom, student_quantile};
use crate::search::{RESAMPLE_TOLERANCE, minimise, search};
use crate::tangent::Tangent;
use crate::{Fit, FitError, FitOptions, Law, Parameter};

/// The number that is profiled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Profiled {
    /// A fitted parameter, by the name of its estimate (`alpha`, `A[adamw]`).
    Parameter(String),
    /// a = beta / (alpha + beta), the exponent of N* in C.
    Exponent,
    /// N*, the compute-optimal model size of a budget under C = 6 N D.
    OptimalSize(Flop),
}

/// One end of a profile interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum End {
    /// The statistic crosses the threshold here.
    At(f64),
    /// The statistic stays below the threshold up to this bound of the parameter.
    Bound(f64),
    /// The statistic stays below the threshold however far the number goes: the rows do not
    /// identify it on this side. Searched up to the number given.
    Open(f64),
}

impl End {
    /// The number to draw: the end, the bound, or as far as was looked.
    pub fn value(self) -> f64 {
        match self {
            Self::At(x) | Self::Bound(x) | Self::Open(x) => x,
        }
    }
}

/// A profile with its interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// What was profiled.
    pub of: Profiled,
    /// Its best value.
    pub best: f64,
    /// The lower end.
    pub low: End,
    /// The upper end.
    pub high: End,
    /// The level of the interval.
    pub level: f64,
    /// The statistic's threshold: the squared quantile of Student's t with n - p degrees of
    /// freedom, which is F(1, n - p), and chi-square with one degree for many rows.
    pub threshold: f64,
    /// Value and statistic wherever it was computed, by value.
    pub curve: Vec<(f64, f64)>,
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = |end: End, side: &str| match end {
            End::At(x) => format!("{x:.4e}"),
            End::Bound(x) => format!("{x:.4e} (its bound)"),
            End::Open(_) => format!("not bounded {side}"),
        };
        write!(
            f,
            "{:.4e}, {:.0} % from {} to {}",
            self.best,
            100.0 * self.level,
            side(self.low, "below"),
            side(self.high, "above"),
        )
    }
}

/// How far a number is followed: in its logarithm, or in multiples of its first step.
const FARTHEST: f64 = 60.0;
/// Steps outwards before an end counts as open.
const STEPS: usize = 60;

impl Fit {
    /// The profile of a number on the rows of this fit, with its interval at `level`.
    ///
    /// The statistic is twice what the objective rises, times the rate at which that counts as
    /// likelihood: E psi' / E psi^2 of the residuals (Ronchetti's robust likelihood ratio test),
    /// which is 1 / variance for least squares and makes up for an objective, such as Huber's
    /// with 0.001, that is not the density of the scatter; divided by how much larger the variance
    /// of this number is where scatter differs between runs and rows of one run err together.
    ///
    /// # Errors
    /// A name that was not fitted, a number that this law does not have, and observations to which
    /// it cannot be fitted.
    pub fn profile(
        &self,
        observations: &Observations,
        of: &Profiled,
        level: f64,
    ) -> Result<Profile, FitError> {
        let options = FitOptions { level, ..self.options.clone() };
        options.check()?;
        let (law, name) = match of {
            Profiled::Parameter(name) => (self.law.clone(), name.as_str()),
            Profiled::Exponent => (self.with_exponent()?, EXPONENT),
            Profiled::OptimalSize(compute) => (self.with_optimal_size(*compute)?, OPTIMAL_SIZE),
        };
        let refit = Refit::new(&self.law, observations, &options)?;
        let problem = Problem::new(&refit.law, &refit.model, &refit.rows, &refit.shared)?;
        let best = &refit.found.best;
        let freedom = freedom(&problem);
        let threshold = student_quantile(0.5 * (1.0 + level), freedom).powi(2);
        let mut follow = match of {
            Profiled::Parameter(_) => {
                let place = self.estimates.iter().position(|estimate| estimate.name == name);
                let place = place.ok_or_else(|| unknown(self, name))?;
                let point = best.point.clone();
                let rate = rate(&problem, best, &point, place).ok_or(FitError::NotFinite)?;
                let (law, shared) = (&refit.law, refit.shared.as_slice());
                let (loss, spread) = (refit.objective.loss, refit.found.spread);
                Follow { law, shared, problem: &problem, place, start: point, loss, spread }
                    .run(best.value, rate, threshold)
            }
            Profiled::Exponent | Profiled::OptimalSize(_) => {
                let changed = self.swapped(of, &law)?;
                let model = Model::new(&law, refit.objective.residuals, &changed.held)?;
                let shared = vec![true; law.parameters.len()];
                let other = Problem::new(&law, &model, &refit.rows, &shared)?;
                let place = other
                    .coordinates
                    .iter()
                    .position(|at| law.parameters[at.parameter].name == name)
                    .ok_or_else(|| unknown(self, name))?;
                let point = other
                    .coordinates
                    .iter()
                    .map(|at| {
                        let value = changed.values[at.parameter];
                        if at.logarithmic { value.ln() } else { value }
                    })
                    .collect::<Vec<f64>>();
                let rate = rate(&other, best, &point, place).ok_or(FitError::NotFinite)?;
                let (law, shared) = (&law, shared.as_slice());
                let (loss, spread) = (refit.objective.loss, refit.found.spread);
                Follow { law, shared, problem: &other, place, start: point, loss, spread }
                    .run(best.value, rate, threshold)
            }
        };
        follow.curve.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(Profile {
            of: of.clone(),
            best: follow.best,
            low: follow.low,
            high: follow.high,
            level,
            threshold,
            curve: follow.curve,
        })
    }

    /// The law with a in place of alpha.
    fn with_exponent(&self) -> Result<Law, FitError> {
        let exponent = Parameter { bounds: (1e-6, 1.0 - 1e-6), ..Parameter::free(EXPONENT) };
        self.rewritten("alpha", &exponent, &format!("alpha = beta * (1 - {EXPONENT}) / {EXPONENT}"))
    }

    /// The law with N* of a budget in place of A.
    fn with_optimal_size(&self, compute: Flop) -> Result<Law, FitError> {
        let product = compute.get() / 6.0;
        if !(product > 1.0 && product.is_finite()) {
            return Err(FitError::NoBudget { law: self.law.name.clone(), compute });
        }
        let size = Parameter {
            bounds: (f64::MIN_POSITIVE, f64::MAX),
            logarithmic: true,
            ..Parameter::free(OPTIMAL_SIZE)
        };
        let definition = format!(
            "A = beta * B / alpha * exp((alpha + beta) * ln({OPTIMAL_SIZE}) - beta * {})",
            product.ln()
        );
        self.rewritten("A", &size, &definition)
    }

    fn rewritten(
        &self,
        gone: &str,
        instead: &Parameter,
        definition: &str,
    ) -> Result<Law, FitError> {
        let there = ["alpha", "beta", gone]
            .iter()
            .all(|name| self.estimates.iter().any(|estimate| estimate.name == *name));
        if !there {
            return Err(unknown(self, gone));
        }
        let parameters = self
            .law
            .parameters
            .iter()
            .map(|known| if known.name == gone { instead.clone() } else { known.clone() })
            .collect();
        let formula = format!("{}\n{definition}", self.law.formula);
        let name = &self.law.name;
        let variables = self.law.variables.clone();
        let mut law = Law::new(name, name, &formula, variables, parameters)?;
        law.residuals = self.law.residuals;
        Ok(law)
    }

    /// Values of the rewritten law's parameters at the fit, and those that are held.
    fn swapped(&self, of: &Profiled, law: &Law) -> Result<Swapped, FitError> {
        let value = |name: &str| self.value_of(name).ok_or_else(|| unknown(self, name));
        let (alpha, beta) = (value("alpha")?, value("beta")?);
        let mut values = Vec::new();
        let mut held = Vec::new();
        for parameter in &law.parameters {
            values.push(match (of, parameter.name.as_str()) {
                (Profiled::Exponent, EXPONENT) => beta / (alpha + beta),
                (Profiled::OptimalSize(compute), OPTIMAL_SIZE) => {
                    let (a, b) = (value("A")?, value("B")?);
                    let ln_g = ((alpha * a).ln() - (beta * b).ln()) / (alpha + beta);
                    let ln_n = ln_g + beta / (alpha + beta) * (compute.get() / 6.0).ln();
                    self.confirm(*compute, ln_n.exp())?;
                    ln_n.exp()
                }
                (_, name) => value(name)?,
            });
            let known = self.held.iter().find(|(name, _)| *name == parameter.name);
            held.push(known.map_or(f64::NAN, |(_, value)| *value));
        }
        Ok(Swapped { values, held })
    }

    /// That N* of this law is Chinchilla's closed form: the law's own optimum says so.
    fn confirm(&self, compute: Flop, closed: f64) -> Result<(), FitError> {
        let found = crate::optimal(
            &self.law,
            &self
                .law
                .parameters
                .iter()
                .map(|p| self.value_of(&p.name).unwrap_or(f64::NAN))
                .collect::<Vec<_>>(),
            compute,
            &crate::Setting::new(),
        )?;
        match found {
            Some(best) if (best.parameters.get() / closed - 1.0).abs() < 1e-6 => Ok(()),
            _ => Err(FitError::NoBudget { law: self.law.name.clone(), compute }),
        }
    }
}

/// The rate at which a rise of the objective along one coordinate counts as likelihood.
fn rate(problem: &Problem<'_>, best: &Stop, point: &[f64], place: usize) -> Option<f64> {
    let best = Stop { point: point.to_vec(), ..best.clone() };
    let tangent = Tangent::new(problem, point)?;
    let scatter = Scatter::new(&best, problem);
    let sandwich = scatter.sandwich(&best, problem, &tangent.gram);
    let design = design(&best, problem, &tangent.gram);
    let size = problem.size();
    // What each coordinate of the plane does to this one.
    let unit = |k: usize| (0..size).map(|i| f64::from(u8::from(i == k))).collect::<Vec<f64>>();
    let by_plane: Vec<f64> = (0..size).map(|k| tangent.gram.unspread(&unit(k))[place]).collect();
    let through = |matrix: &Matrix, v: &[f64]| -> Vec<f64> {
        (0..size).map(|j| (0..size).map(|i| v[i] * matrix[(i, j)]).sum()).collect()
    };
    let mut spread = through(&sandwich, &by_plane);
    if let Some(design) = &design {
        spread = through(design, &spread);
    }
    let alike = scatter.variance() * dot(&by_plane, &by_plane);
    let rate = scatter.rate * alike / dot(&spread, &spread);
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

/// Names that no formula of the catalogue uses.
const EXPONENT: &str = "profiled_exponent";
const OPTIMAL_SIZE: &str = "profiled_size";

struct Swapped {
    values: Vec<f64>,
    held: Vec<f64>,
}

fn unknown(fit: &Fit, name: &str) -> FitError {
    FitError::NoParameter {
        law: fit.law.name.clone(),
        name: name.to_owned(),
        known: fit.estimates.iter().map(|estimate| estimate.name.clone()).collect(),
    }
}

/// One coordinate followed outwards, the others fitted again from where they were.
struct Follow<'a, 'b> {
    law: &'b Law,
    shared: &'b [bool],
    problem: &'b Problem<'a>,
    place: usize,
    start: Vec<f64>,
    loss: Loss,
    spread: f64,
}

struct Followed {
    best: f64,
    low: End,
    high: End,
    curve: Vec<(f64, f64)>,
}

impl Follow<'_, '_> {
    /// The least objective with the coordinate held at `x`: a search of its own, since the others
    /// may have to go far, and from the points given.
    fn least(&self, x: f64, starts: &[&[f64]], walk: &mut Walk) -> Option<Stop> {
        let mut problem = self.problem.clone();
        problem.coordinates[self.place].low = x;
        problem.coordinates[self.place].high = x;
        let weights = &problem.rows.weight;
        let near = starts
            .iter()
            .flat_map(|start| [(start.to_vec(), 0.0), (start.to_vec(), self.spread)])
            .chain(self.searched(x).map(|start| (start, 0.0)));
        near.filter_map(|(mut start, spread)| {
            start[self.place] = x;
            // Student's t looks for its scale.
            let student = matches!(self.loss, Loss::StudentT { .. });
            let spread = if student { self.spread } else { spread };
            minimise(&problem, &start, spread, self.loss, weights, RESAMPLE_TOLERANCE, walk)
        })
        .min_by(|a, b| a.value.total_cmp(&b.value))
    }

    /// Where a search over all the rest ends; `None` for a parameter of one group, which cannot
    /// be held by itself.
    fn searched(&self, x: f64) -> Option<Vec<f64>> {
        let coordinate = &self.problem.coordinates[self.place];
        if coordinate.group.is_some() {
            return None;
        }
        let mut held = self.problem.model.held.clone();
        held[coordinate.parameter] = coordinate.value(x);
        let model = Model::new(self.law, self.problem.model.scale, &held).ok()?;
        let found = search(self.law, &model, self.problem.rows, self.shared, self.loss).ok()??;
        let mut point = found.best.point;
        (point.len() + 1 == self.problem.size()).then(|| {
            point.insert(self.place, x);
            point
        })
    }

    fn run(&self, least: f64, rate: f64, threshold: f64) -> Followed {
        let mut curve = vec![(self.value(self.start[self.place]), 0.0)];
        let low = self.end(-1.0, least, rate, threshold, &mut curve);
        let high = self.end(1.0, least, rate, threshold, &mut curve);
        Followed { best: self.value(self.start[self.place]), low, high, curve }
    }

    fn value(&self, x: f64) -> f64 {
        self.problem.coordinates[self.place].value(x)
    }

    fn end(
        &self,
        side: f64,
        least: f64,
        rate: f64,
        threshold: f64,
        curve: &mut Vec<(f64, f64)>,
    ) -> End {
        let coordinate = &self.problem.coordinates[self.place];
        let center = self.start[self.place];
        let bound = if side < 0.0 { coordinate.low } else { coordinate.high };
        let mut walk = Walk::default();
        let statistic = |stop: &Stop| 2.0 * rate * (stop.value - least);
        let mut step = if coordinate.logarithmic { 0.02 } else { 0.01 * center.abs().max(1e-6) };
        let (mut inside, mut inside_point) = ((center, 0.0), self.start.clone());
        for _ in 0..STEPS {
            let mut next = inside.0 + side * step;
            let at_bound = (bound - next) * side <= 0.0;
            if at_bound {
                next = bound;
            }
            if coordinate.logarithmic && (next - center).abs() > FARTHEST {
                return End::Open(self.value(inside.0));
            }
            let Some(stop) = self.least(next, &[&inside_point, &self.start], &mut walk) else {
                return End::Open(self.value(inside.0));
            };
            let found = statistic(&stop);
            curve.push((self.value(next), found));
            if found >= threshold {
                let outside = (next, found);
                return self.cross(
                    inside,
                    outside,
                    stop,
                    inside_point,
                    curve,
                    &|stop| statistic(stop),
                    threshold,
                );
            }
            if at_bound {
                return End::Bound(self.value(bound));
            }
            // Steps that raise the statistic by about a sixth of the threshold trace the curve.
            let rise = found - inside.1;
            if rise < threshold / 6.0 {
                step *= if rise < threshold / 60.0 { 4.0 } else { 2.0 };
            }
            (inside, inside_point) = ((next, found), stop.point);
        }
        End::Open(self.value(inside.0))
    }

    /// The crossing between a point inside and one outside, by bisection on the square root of the
    /// statistic, which is nearly straight.
    #[expect(clippy::too_many_arguments, reason = "one place calls it")]
    fn cross(
        &self,
        mut inside: (f64, f64),
        mut outside: (f64, f64),
        mut outer: Stop,
        mut inner: Vec<f64>,
        curve: &mut Vec<(f64, f64)>,
        statistic: &dyn Fn(&Stop) -> f64,
        threshold: f64,
    ) -> End {
        let mut walk = Walk::default();
        let root = |x: f64| x.max(0.0).sqrt();
        for turn in 0..16 {
            let (low, high) = (root(inside.1), root(outside.1));
            let share = if turn % 3 == 2 {
                0.5
            } else {
                ((root(threshold) - low) / (high - low)).clamp(0.05, 0.95)
            };
            let next = inside.0 + share * (outside.0 - inside.0);
            let Some(stop) = self.least(next, &[&inner, &outer.point], &mut walk) else { break };
            let found = statistic(&stop);
            curve.push((self.value(next), found));
            if found < threshold {
                (inside, inner) = ((next, found), stop.point);
            } else {
                outside = (next, found);
                outer = stop;
            }
            let width = (outside.0 - inside.0).abs();
            if width < 1e-5 * outside.0.abs().max(1e-3)
                || (found - threshold).abs() < 2e-3 * threshold
            {
                return End::At(self.value(next));
            }
        }
        End::At(self.value(0.5 * (inside.0 + outside.0)))
    }
}
