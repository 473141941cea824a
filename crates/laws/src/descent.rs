//! Descents from given starting points, and searches that other analyses go on from.

use rayon::prelude::*;
use runs::Observations;

use crate::fit::check_size;
use crate::model::Model;
use crate::newton::Walk;
use crate::objective::Objective;
use crate::problem::Problem;
use crate::rows::Rows;
use crate::search::{Search, TOLERANCE, approach, minimise, search};
use crate::{FitError, FitOptions, Law};

/// Where a descent from one starting point ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Descent {
    /// The objective there.
    pub value: f64,
    /// The parameters that were free, in the law's order.
    pub point: Vec<f64>,
    /// Whether nothing was left to gain.
    pub converged: bool,
}

/// Descends from each of `starts`, which hold the law's free parameters in its order, instead of
/// looking for starting points: what tools do that take a grid of starts from their user, for
/// comparison. `None` where a start has no finite objective.
///
/// # Errors
/// As [`fit`](crate::fit); and a start with another number of values.
pub fn descend_from(
    law: &Law,
    observations: &Observations,
    options: &FitOptions,
    starts: &[Vec<f64>],
) -> Result<Vec<Option<Descent>>, FitError> {
    let objective = options.objective.unwrap_or(Objective::standard(law.residuals));
    let (law, rows, model, shared) = options.prepare(law, observations)?;
    let problem = Problem::new(&law, &model, &rows, &shared)?;
    check_size(&law, &problem)?;
    if let Some(start) = starts.iter().find(|start| start.len() != problem.size()) {
        return Err(FitError::Option {
            option: "values of a start".to_owned(),
            value: start.len() as f64,
            expected: "one for every free parameter",
        });
    }
    Ok(starts
        .par_iter()
        .map_init(Walk::default, |walk, start| {
            let inner: Vec<f64> =
                start.iter().zip(&problem.coordinates).map(|(x, at)| at.inner(*x)).collect();
            let (near, spread) = approach(&problem, &inner, objective.loss, &rows.weight, walk)?;
            let stop =
                minimise(&problem, &near, spread, objective.loss, &rows.weight, TOLERANCE, walk)?;
            let point = stop.point.iter().zip(&problem.coordinates).map(|(x, at)| at.value(*x));
            Some(Descent { value: stop.value, point: point.collect(), converged: stop.converged })
        })
        .collect())
}

/// The rows, model and minimum of a fit, for analyses that go on from it.
pub(crate) struct Refit {
    pub(crate) law: Law,
    pub(crate) rows: Rows,
    pub(crate) model: Model,
    pub(crate) shared: Vec<bool>,
    pub(crate) objective: Objective,
    pub(crate) found: Search,
}

impl Refit {
    /// Searches again, without resamples.
    pub(crate) fn new(
        law: &Law,
        observations: &Observations,
        options: &FitOptions,
    ) -> Result<Self, FitError> {
        let objective = options.objective.unwrap_or(Objective::standard(law.residuals));
        let (law, rows, model, shared) = options.prepare(law, observations)?;
        check_size(&law, &Problem::new(&law, &model, &rows, &shared)?)?;
        let found =
            search(&law, &model, &rows, &shared, objective.loss)?.ok_or(FitError::NotFinite)?;
        Ok(Self { law, rows, model, shared, objective, found })
    }
}
