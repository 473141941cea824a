//! The fit itself: rows in, a law with its evidence and its draws out.

use runs::Observations;
use serde::{Deserialize, Serialize};

use crate::backtest::{Backtest, Refitted, Scatter, backtest};
use crate::behaviour::{Behaviour, behaviour};
use crate::bootstrap::{Plan, REFITTED_ROWS, Resamples, Resampling, bootstrap};
use crate::certificate::Certificate;
use crate::doubts::warnings;
use crate::draws::{Draws, Interval};
use crate::input::{self, Data};
use crate::objective::Objective;
use crate::posterior::posterior;
use crate::problem::Problem;
use crate::residuals::{explained, robust_spread, standardised};
use crate::sandwich::sandwich;
use crate::search::search;
use crate::tangent::tangent;
use crate::{FitError, FitOptions, Law, Warning};

/// One fitted number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Its name: the parameter's, with the group in brackets where groups differ (`A[adamw]`).
    pub name: String,
    /// The parameter of the law.
    pub parameter: String,
    /// The group it is for; `None` when it is for all.
    pub group: Option<String>,
    /// The best value.
    pub value: f64,
}

/// How the draws were made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Where the draws came from: what was asked for, or whole runs drawn again where that cannot
    /// be done because the rows do not fix every parameter near the best fit.
    pub resampling: Resampling,
    /// Draws asked for.
    pub requested: usize,
    /// Resamples drawn again because they held too few distinct settings.
    pub redrawn: usize,
    /// Draws for which no resample could be fitted; they are missing from the draws.
    pub failed: usize,
    /// Draws with a parameter at a bound; they count.
    pub at_bound: usize,
    /// Draws whose own minimum is not certified; they count.
    pub not_certified: usize,
    /// Whether draws are normal with the cluster-robust sandwich covariance instead (the table is
    /// too large to search again for every one).
    pub normal: bool,
    /// For a posterior: the shape k of the tail of its importance weights; up to 0.7 they can be
    /// trusted.
    #[serde(default)]
    pub pareto_k: Option<f64>,
    /// For a posterior: whether random walks made the draws, since k was above 0.7.
    #[serde(default)]
    pub walked: bool,
}

/// A fitted law with its uncertainty.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fit {
    /// The law.
    pub law: Law,
    /// What was fitted, in the law's order.
    pub estimates: Vec<Estimate>,
    /// Parameters that were held, with their values.
    pub held: Vec<(String, f64)>,
    /// What was made small.
    pub objective: Objective,
    /// Its value: a sum over rows.
    pub value: f64,
    /// How it was fitted.
    pub options: FitOptions,
    /// What it was fitted to.
    pub data: Data,
    /// Evidence for the minimum.
    pub certificate: Certificate,
    /// How the bootstrap went.
    pub bootstrap: Bootstrap,
    /// Spread of the residuals, robust (from the median size), corrected for the parameters: for
    /// log residuals about the relative error of one run.
    pub spread: f64,
    /// Share of the variance of the measurements, on the residual scale, that the law explains.
    pub explained: f64,
    /// Measured minus law on the residual scale per row, scaled up for leverage and the number of
    /// parameters.
    pub residuals: Vec<f64>,
    /// The law fitted without its largest runs and tried on them; `None` when no cut leaves
    /// enough runs on both sides, or none was asked for.
    pub backtest: Option<Backtest>,
    /// How what is measured behaves along the variable of a law that has only one.
    pub behaviour: Option<Behaviour>,
    /// One value of every estimate per resample.
    pub draws: Draws,
    /// Reasons to look twice.
    pub warnings: Vec<Warning>,
}

impl Fit {
    /// The best value of an estimate (`alpha`, `A[adamw]`), of a held parameter, or of `a`, the
    /// exponent beta / (alpha + beta) of N* in C where the law has an alpha and a beta of its own.
    pub fn value_of(&self, name: &str) -> Option<f64> {
        let estimate = self.estimates.iter().find(|estimate| estimate.name == name);
        let held = self.held.iter().find(|(held, _)| held == name);
        match (estimate, held) {
            (Some(estimate), _) => Some(estimate.value),
            (None, Some((_, value))) => Some(*value),
            (None, None) if name == "a" => {
                let (alpha, beta) = (self.value_of("alpha")?, self.value_of("beta")?);
                Some(beta / (alpha + beta))
            }
            _ => None,
        }
    }

    /// The interval of an estimate, or of `a`: the central share `options.level` of the draws.
    pub fn interval(&self, name: &str) -> Option<Interval> {
        Interval::of(self.draws_of(name)?, self.options.level)
    }

    /// The draws of an estimate, or of `a`.
    pub fn draws_of(&self, name: &str) -> Option<Vec<f64>> {
        if let Some(column) = self.draws.column(name) {
            return Some(column.to_vec());
        }
        if name != "a" {
            return None;
        }
        let (alpha, beta) = (self.draws.column("alpha")?, self.draws.column("beta")?);
        Some(alpha.iter().zip(beta).map(|(alpha, beta)| beta / (alpha + beta)).collect())
    }

    /// How many factors of ten `at` lies outside the runs on the axis of extrapolation (C where
    /// there is one); 0 inside.
    pub fn extrapolation_decades(&self, at: f64) -> f64 {
        let (low, high) = self.data.axis_range;
        (at / high).log10().max((low / at).log10()).max(0.0)
    }
}

/// Fits `law` to `observations`.
///
/// Parameters that enter linearly are solved for at candidates all over the space of the others
/// (variable projection); from the best candidate of each part of that space a Newton method with
/// exact second derivatives goes down to a stationary point. Intervals come from refitting
/// resamples.
///
/// # Errors
/// Fewer settings or runs than parameters plus one, options out of range, names that the law does
/// not have, and rows on which the law has no finite value.
pub fn fit(law: &Law, observations: &Observations, options: &FitOptions) -> Result<Fit, FitError> {
    fit_with_progress(law, observations, options, &|| ())
}

/// [`fit`], calling `tick` after every resample.
///
/// # Errors
/// As [`fit`].
pub fn fit_with_progress(
    law: &Law,
    observations: &Observations,
    options: &FitOptions,
    tick: &(dyn Fn() + Sync),
) -> Result<Fit, FitError> {
    let objective = options.objective.unwrap_or(Objective::standard(law.residuals));
    let (law, rows, model, shared) = options.prepare(law, observations)?;
    let law = &law;
    let problem = Problem::new(law, &model, &rows, &shared)?;
    let axis = input::axis(law, observations);
    check_size(law, &problem)?;
    let found = search(law, &model, &rows, &shared, objective.loss)?.ok_or(FitError::NotFinite)?;
    let point = &found.best.point;
    let raw = problem.residuals(point);
    let residuals = standardised(&problem, point, &raw);
    let spread = robust_spread(&raw, problem.size());
    let plan = Plan {
        law,
        model: &model,
        rows: &rows,
        shared: &shared,
        loss: objective.loss,
        full: &found,
        resampling: options.resampling,
        standardised: &residuals,
        seed: options.seed,
    };
    let large = rows.len() > REFITTED_ROWS;
    let mut made = Made { resampling: options.resampling, pareto_k: None, walked: false };
    let resamples = match options.bootstrap {
        0 => Resamples::default(),
        count if large => sandwich(&plan, &problem, count),
        count => made.draws(&plan, &problem, count, tick),
    };
    let names = estimates(law, &problem, observations, point);
    let restore = |point: &Vec<f64>| -> Vec<f64> {
        point.iter().zip(&problem.coordinates).map(|(x, at)| at.value(*x)).collect()
    };
    let points: Vec<Vec<f64>> = resamples.points.iter().map(restore).collect();
    let finite = |points: &[Vec<f64>]| points.iter().flatten().all(|x| x.is_finite());
    if !finite(&points) || !names.iter().all(|estimate| estimate.value.is_finite()) {
        return Err(FitError::NotFinite);
    }
    let squares: f64 = input::sorted(residuals.iter().map(|r| r * r)).iter().sum();
    let scatter =
        Scatter { root_mean_square: (squares / residuals.len() as f64).sqrt(), robust: spread };
    let refitted = Refitted { law, model: &model, shared: &shared, objective, scatter };
    let labels: Vec<String> = names.iter().map(|estimate| estimate.name.clone()).collect();
    let mut fit = Fit {
        law: law.clone(),
        draws: Draws::from_points(labels.clone(), &points),
        estimates: names,
        held: law
            .parameters
            .iter()
            .zip(&model.held)
            .filter(|(_, held)| !held.is_nan())
            .map(|(parameter, &held)| (parameter.name.clone(), held))
            .collect(),
        objective,
        value: found.best.value,
        options: options.clone(),
        data: input::data(law, observations, &rows, &axis),
        certificate: Certificate::new(&problem, &labels, &found),
        bootstrap: Bootstrap {
            resampling: made.resampling,
            requested: options.bootstrap,
            redrawn: resamples.redrawn,
            failed: resamples.failed,
            at_bound: resamples.at_bound,
            not_certified: resamples.uncertified,
            normal: large && options.bootstrap > 0,
            pareto_k: made.pareto_k,
            walked: made.walked,
        },
        spread,
        explained: explained(&problem.target, &raw, &rows.weight),
        residuals: input::in_table_order(&rows, &residuals),
        backtest: options.backtest.then(|| backtest(&refitted, &problem, &axis)).flatten(),
        behaviour: behaviour(law, &rows),
        warnings: Vec::new(),
    };
    fit.warnings = warnings(&fit, &problem, &found, observations);
    Ok(fit)
}

/// How draws came about.
struct Made {
    resampling: Resampling,
    pareto_k: Option<f64>,
    walked: bool,
}

impl Made {
    fn draws(
        &mut self,
        plan: &Plan<'_>,
        problem: &Problem<'_>,
        count: usize,
        tick: &(dyn Fn() + Sync),
    ) -> Resamples {
        match self.resampling {
            Resampling::Tangent => {
                if let Some(resamples) = tangent(plan, problem, count, tick) {
                    return resamples;
                }
            }
            Resampling::Posterior => {
                if let Some(found) = posterior(plan, problem, count, tick) {
                    self.pareto_k = Some(found.pareto_k);
                    self.walked = found.walked;
                    return found.resamples;
                }
            }
            _ => return bootstrap(plan, problem, count, tick),
        }
        // Where a term is missing, only another draw of the runs says where it might come back.
        self.resampling = Resampling::Runs;
        let plan = Plan { resampling: Resampling::Runs, ..*plan };
        bootstrap(&plan, problem, count, tick)
    }
}

/// Whether there are settings and runs enough for [`fit`] to begin at all.
///
/// # Errors
/// As [`fit`], without its search.
pub fn check_fittable(
    law: &Law,
    observations: &Observations,
    options: &FitOptions,
) -> Result<(), FitError> {
    let (law, rows, model, shared) = options.prepare(law, observations)?;
    check_size(&law, &Problem::new(&law, &model, &rows, &shared)?)
}

pub(crate) fn check_size(law: &Law, problem: &Problem<'_>) -> Result<(), FitError> {
    let (_, settings) = problem.rows.settings();
    let needed = problem.size() + 1;
    if settings < needed {
        return Err(FitError::TooFewSettings {
            of: law.variables.iter().map(|variable| variable.name.clone()).collect(),
            settings,
            parameters: problem.size(),
            needed,
        });
    }
    let runs = problem.rows.by_run().len();
    if runs < needed {
        return Err(FitError::TooFewRuns { runs, needed });
    }
    let first = problem.rows.measured[0];
    if problem.rows.measured.iter().all(|&value| value == first) {
        let target = law.target.name.clone();
        return Err(FitError::NothingVaries { target, value: first });
    }
    Ok(())
}

/// The fitted numbers at `point`, in order.
fn estimates(
    law: &Law,
    problem: &Problem<'_>,
    observations: &Observations,
    point: &[f64],
) -> Vec<Estimate> {
    problem
        .coordinates
        .iter()
        .zip(point)
        .map(|(coordinate, &x)| {
            let parameter = law.parameters[coordinate.parameter].name.clone();
            let group = coordinate.group.map(|group| input::group_name(observations, group));
            let name = match &group {
                Some(group) => format!("{parameter}[{group}]"),
                None => parameter.clone(),
            };
            Estimate { name, parameter, group, value: coordinate.value(x) }
        })
        .collect()
}
