//! Draws of the law: the fit repeated on resamples of the runs.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Law;
use crate::model::Model;
use crate::newton::{Stop, Walk};
use crate::objective::Loss;
use crate::problem::Problem;
use crate::projection::Projection;
use crate::rows::Rows;
use crate::search::{RESAMPLE_TOLERANCE, Search, minimise, project};

/// Where draws of the law come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resampling {
    /// Laws around the fitted one, Student's t in its tangent plane with the sandwich covariance
    /// that an estimate by the objective has: no refits. In simulated sweeps its intervals hold
    /// what they promise (`benches/src/bin/coverage.rs`), so it is the default.
    #[default]
    Tangent,
    /// The posterior under Student's t with a scale and degrees of freedom that are drawn too,
    /// flat over the laws that the rows can tell apart (Jeffreys' prior inside the bounds). It
    /// sets the objective aside, and is narrower than an estimate by least absolute deviations.
    Posterior,
    /// Whole runs with replacement, refitted: rows of one run are not independent. The published
    /// standard errors of Besiroglu et al. 2024 are these. Too wide for small sweeps.
    Runs,
    /// Single rows with replacement, refitted.
    Rows,
    /// The rows stay; their residuals, scaled up for leverage, are multiplied by a random factor
    /// per run (Webb's six points, of mean 0 and variance 1), and the law is refitted. Keeps the
    /// design, so that no resample loses a size or a budget, and scatter that differs between
    /// runs; too narrow for small sweeps under an objective close to absolute deviations.
    Wild,
}

/// The resampled fits, and what happened on the way.
#[derive(Debug, Default)]
pub(crate) struct Resamples {
    pub(crate) points: Vec<Vec<f64>>,
    /// Resamples thrown away because they held too few distinct settings for the parameters.
    pub(crate) redrawn: usize,
    /// Draws for which no resample that could be fitted was found.
    pub(crate) failed: usize,
    /// Draws that ended at a bound.
    pub(crate) at_bound: usize,
    /// Draws whose minimum is not certified.
    pub(crate) uncertified: usize,
}

/// How often one draw is tried again before it is given up.
const TRIES: usize = 100;

/// Candidates that every resample looks at by itself.
const BUDGET: usize = 144;

/// Above this many rows draws are normal instead of refitted.
pub(crate) const REFITTED_ROWS: usize = 20_000;

/// Everything a resample needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) law: &'a Law,
    pub(crate) model: &'a Model,
    pub(crate) rows: &'a Rows,
    pub(crate) shared: &'a [bool],
    pub(crate) loss: Loss,
    pub(crate) full: &'a Search,
    pub(crate) resampling: Resampling,
    /// Residuals as they would be for unseen rows, for the wild bootstrap.
    pub(crate) standardised: &'a [f64],
    pub(crate) seed: u64,
}

enum Draw {
    Fitted { stop: Stop, redrawn: usize },
    Failed { redrawn: usize },
}

/// What one thread reuses between draws.
#[derive(Default)]
struct Scratch {
    walk: Walk,
    weights: Vec<f64>,
    seen: Vec<bool>,
}

/// Refits the law on `count` resamples. Every resample is searched from the full fit, from the
/// other minima the full search saw, and from its own best candidate, and the lowest minimum is
/// kept. Each draw has its own random stream, so the result does not depend on the number of
/// threads. `tick` is called after every draw.
pub(crate) fn bootstrap(
    plan: &Plan<'_>,
    problem: &Problem<'_>,
    count: usize,
    tick: &(dyn Fn() + Sync),
) -> Resamples {
    let projection = project(plan.law, problem, BUDGET);
    let clusters = match plan.resampling {
        Resampling::Rows => (0..plan.rows.len()).map(|row| vec![row]).collect(),
        _ => plan.rows.by_run(),
    };
    let settings = plan.rows.settings();
    let draws: Vec<Draw> = (0..count)
        .into_par_iter()
        .map_init(Scratch::default, |scratch, index| {
            let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
            random.set_stream(index as u64);
            let draw = match plan.resampling {
                Resampling::Wild => wild(plan, problem, &clusters, &mut random, scratch),
                _ => resampled(
                    plan,
                    problem,
                    &projection,
                    &clusters,
                    &settings,
                    &mut random,
                    scratch,
                ),
            };
            tick();
            draw
        })
        .collect();
    let mut resamples = Resamples::default();
    for draw in draws {
        match draw {
            Draw::Failed { redrawn } => {
                resamples.redrawn += redrawn;
                resamples.failed += 1;
            }
            Draw::Fitted { stop, redrawn } => {
                resamples.redrawn += redrawn;
                resamples.at_bound += usize::from(!at_bound(problem, &stop.point).is_empty());
                resamples.uncertified += usize::from(!stop.converged);
                resamples.points.push(stop.point);
            }
        }
    }
    resamples
}

/// The coordinates that lie at one of their bounds.
pub(crate) fn at_bound(problem: &Problem<'_>, point: &[f64]) -> Vec<usize> {
    (0..problem.size())
        .filter(|&i| {
            let coordinate = &problem.coordinates[i];
            point[i] <= coordinate.low || point[i] >= coordinate.high
        })
        .collect()
}

fn resampled(
    plan: &Plan<'_>,
    problem: &Problem<'_>,
    projection: &Projection,
    clusters: &[Vec<usize>],
    (setting, settings): &(Vec<usize>, usize),
    random: &mut ChaCha8Rng,
    scratch: &mut Scratch,
) -> Draw {
    let rows = plan.rows;
    // With few settings in all, only resamples without one of them differ from the table.
    let needed = (problem.size() + 1).min(settings.saturating_sub(1));
    for redrawn in 0..TRIES {
        scratch.weights.clear();
        scratch.weights.resize(rows.len(), 0.0);
        for _ in 0..clusters.len() {
            for &row in &clusters[random.random_range(0..clusters.len())] {
                scratch.weights[row] += rows.weight[row];
            }
        }
        scratch.seen.clear();
        scratch.seen.resize(*settings, false);
        let mut held = 0;
        for (row, &setting) in setting.iter().enumerate() {
            if scratch.weights[row] > 0.0 && !scratch.seen[setting] {
                scratch.seen[setting] = true;
                held += 1;
            }
        }
        if held < needed {
            continue;
        }
        let own = projection
            .solve(problem, &scratch.weights)
            .into_iter()
            .min_by(|a, b| a.value.total_cmp(&b.value));
        let starts = own.map(|solved| solved.point);
        if let Some(stop) = refit(plan, problem, starts, &scratch.weights, &mut scratch.walk) {
            return Draw::Fitted { stop, redrawn };
        }
    }
    Draw::Failed { redrawn: TRIES }
}

/// The lowest minimum from the full fit, the minima beside it and `own`.
fn refit(
    plan: &Plan<'_>,
    problem: &Problem<'_>,
    own: Option<Vec<f64>>,
    weights: &[f64],
    walk: &mut Walk,
) -> Option<Stop> {
    let known = std::iter::once(&plan.full.best).chain(&plan.full.others);
    // From a minimum of nearly the same rows there is no valley to be found first.
    let near = known.map(|stop| (stop.point.clone(), 0.0));
    let own = own.map(|point| (point, plan.full.spread));
    near.chain(own)
        .filter_map(|(start, spread)| {
            minimise(problem, &start, spread, plan.loss, weights, RESAMPLE_TOLERANCE, walk)
        })
        .min_by(|a, b| a.value.total_cmp(&b.value))
}

/// Webb's six points: the square roots of 1/2, 1 and 3/2 with either sign (Webb 2014).
const WEBB: [f64; 3] = [std::f64::consts::FRAC_1_SQRT_2, 1.0, 1.224_744_871_391_589];

fn wild(
    plan: &Plan<'_>,
    problem: &Problem<'_>,
    clusters: &[Vec<usize>],
    random: &mut ChaCha8Rng,
    scratch: &mut Scratch,
) -> Draw {
    let mut rows = plan.rows.clone();
    let law = problem.values(&plan.full.best.point);
    for cluster in clusters {
        let side = if random.random_range(0..2) == 0 { -1.0 } else { 1.0 };
        let factor = side * WEBB[random.random_range(0..3)];
        for &row in cluster {
            let noise = factor * plan.standardised[row];
            rows.measured[row] = match problem.model.scale {
                crate::ResidualScale::Log => law[row] * noise.exp(),
                crate::ResidualScale::Linear => law[row] + noise,
            };
        }
    }
    let Ok(problem) = Problem::new(plan.law, plan.model, &rows, plan.shared) else {
        return Draw::Failed { redrawn: 0 };
    };
    let own = project(plan.law, &problem, 64)
        .solve(&problem, &rows.weight)
        .into_iter()
        .min_by(|a, b| a.value.total_cmp(&b.value))
        .map(|solved| solved.point);
    match refit(plan, &problem, own, &rows.weight, &mut scratch.walk) {
        Some(stop) => Draw::Fitted { stop, redrawn: 0 },
        None => Draw::Failed { redrawn: 0 },
    }
}
