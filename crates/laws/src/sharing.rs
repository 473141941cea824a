//! Do groups (optimisers, data sets, architectures) share parameters?

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use runs::Observations;
use serde::{Deserialize, Serialize};

use crate::descent::Refit;
use crate::model::Model;
use crate::newton::Walk;
use crate::problem::Problem;
use crate::residuals::standardised;
use crate::rows::Rows;
use crate::search::{minimise, search};
use crate::{FitError, FitOptions, Law, ResidualScale};

/// Whether the parameters that were shared are the same in all groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sharing {
    /// The parameters that were shared.
    pub shared: Vec<String>,
    /// How many groups there are.
    pub groups: usize,
    /// The objective with them shared, and with every parameter a group's own.
    pub objectives: (f64, f64),
    /// How many parameters sharing saves.
    pub saved: usize,
    /// The share of resamples, made with the parameters truly shared, in which giving every group
    /// its own lowers the objective by at least as large a factor as it did here. Small: sharing
    /// does not hold.
    pub p: f64,
    /// How many resamples were fitted.
    pub resamples: usize,
}

/// Resamples of the test.
const RESAMPLES: usize = 199;

/// Tests, by a wild bootstrap of runs under the shared fit, whether the groups of `observations`
/// share the parameters that `options.shared` names.
///
/// # Errors
/// As [`fit`](crate::fit); and no groups, or nothing shared.
pub fn test_sharing(
    law: &Law,
    observations: &Observations,
    options: &FitOptions,
) -> Result<Sharing, FitError> {
    let Some(names) = options.shared.clone().filter(|names| !names.is_empty()) else {
        return Err(FitError::NothingShared);
    };
    let together = Refit::new(law, observations, options)?;
    let none = FitOptions { shared: Some(Vec::new()), ..options.clone() };
    let apart = Refit::new(law, observations, &none)?;
    let (shared, own) = (problem(&together)?, problem(&apart)?);
    let point = &together.found.best.point;
    let (values, raw) = (shared.values(point), shared.residuals(point));
    let noise = standardised(&shared, point, &raw);
    let runs = together.rows.by_run();
    let ratio = |together: f64, apart: f64| (together - apart) / apart.abs().max(1e-300);
    let measured = ratio(together.found.best.value, apart.found.best.value);
    let ratios: Vec<f64> = (0..RESAMPLES)
        .into_par_iter()
        .filter_map(|index| {
            let mut random = ChaCha8Rng::seed_from_u64(options.seed);
            random.set_stream(index as u64);
            let mut rows: Rows = together.rows.clone();
            for run in &runs {
                let side = if random.random_range(0..2) == 0 { -1.0 } else { 1.0 };
                for &row in run {
                    rows.measured[row] = match together.objective.residuals {
                        ResidualScale::Log => values[row] * (side * noise[row]).exp(),
                        ResidualScale::Linear => values[row] + side * noise[row],
                    };
                }
            }
            let least = |refit: &Refit| least(refit, &refit.model, &rows);
            Some(ratio(least(&together)?, least(&apart)?))
        })
        .collect();
    let as_large = ratios.iter().filter(|&&ratio| ratio >= measured).count();
    Ok(Sharing {
        shared: names,
        groups: own.blocks(),
        objectives: (together.found.best.value, apart.found.best.value),
        saved: own.size() - shared.size(),
        p: (as_large + 1) as f64 / (ratios.len() + 1) as f64,
        resamples: ratios.len(),
    })
}

fn problem(refit: &Refit) -> Result<Problem<'_>, FitError> {
    Ok(Problem::new(&refit.law, &refit.model, &refit.rows, &refit.shared)?)
}

/// The least objective on other measurements: from the minimum at hand, or from a new search
/// where that finds a lower one.
fn least(refit: &Refit, model: &Model, rows: &Rows) -> Option<f64> {
    let problem = Problem::new(&refit.law, model, rows, &refit.shared).ok()?;
    let (start, loss) = (&refit.found.best.point, refit.objective.loss);
    let near =
        minimise(&problem, start, 0.0, loss, &rows.weight, 1e-11, &mut Walk::default())?.value;
    let anew = search(&refit.law, model, rows, &refit.shared, loss).ok()??.best.value;
    Some(near.min(anew))
}
