//! Draws for tables too large to search again for every resample: normal, with the covariance
//! that resampling whole runs has in the limit of many.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::bootstrap::{Plan, Resamples};
use crate::dense::{Factor, Matrix, dot};
use crate::newton::{Stop, Walk, free};
use crate::problem::{Expansion, Problem};
use crate::rows::Rows;

/// Draws theta - H^-1 z, with z normal of covariance sum over runs of g g', g being the gradient
/// of a run's part of the objective (the cluster-robust sandwich: Huber 1967, White 1982).
pub(crate) fn sandwich(plan: &Plan<'_>, problem: &Problem<'_>, count: usize) -> Resamples {
    let best = &plan.full.best;
    let size = problem.size();
    let mut here = Expansion::zero(size);
    let weights = &plan.rows.weight;
    problem.expand(&best.point, best.penalty, weights, &mut Walk::default().space, &mut here);
    let free = free(problem, &best.point, &here);
    let covariance = covariance(plan.rows, problem, best);
    let factors = (Factor::new(&here.hessian, &free), Factor::new(&covariance, &free));
    let (Some(hessian), Some(spread)) = factors else {
        return Resamples { failed: count, ..Resamples::default() };
    };
    let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
    let mut resamples = Resamples::default();
    for _ in 0..count {
        let normals: Vec<f64> = (0..size).map(|_| random.sample(StandardNormal)).collect();
        let Some(step) = hessian.solve(&spread.spread(&normals)) else {
            resamples.failed += 1;
            continue;
        };
        let moved = best
            .point
            .iter()
            .zip(&step)
            .zip(&problem.coordinates)
            .map(|((x, step), coordinate)| (x - step).clamp(coordinate.low, coordinate.high));
        resamples.points.push(moved.collect());
    }
    resamples
}

fn covariance(rows: &Rows, problem: &Problem<'_>, best: &Stop) -> Matrix {
    let size = problem.size();
    let residuals = problem.residuals(&best.point);
    let slopes = problem.slopes(&best.point);
    let mut covariance = Matrix::zero(size);
    for run in rows.by_run() {
        let mut gradient = vec![0.0; size];
        for row in run {
            let factor = rows.weight[row] * best.penalty.at(residuals[row]).slope;
            for (sum, slope) in gradient.iter_mut().zip(&slopes[row * size..]) {
                *sum -= factor * slope;
            }
        }
        for i in 0..size {
            for j in 0..size {
                covariance[(i, j)] += gradient[i] * gradient[j];
            }
        }
    }
    debug_assert!(dot(covariance.row(0), covariance.row(0)).is_finite());
    covariance
}
