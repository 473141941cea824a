//! A safeguarded Newton method with bounds, on exact second derivatives.

use crate::dense::{dot, solve};
use crate::objective::Penalty;
use crate::problem::{Expansion, Problem, Space};

/// Where the Newton method stopped.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    pub(crate) point: Vec<f64>,
    pub(crate) value: f64,
    /// The decrease that a further Newton step promises.
    pub(crate) promised: f64,
    /// The gradient, zero for coordinates held at a bound.
    pub(crate) gradient: Vec<f64>,
    pub(crate) converged: bool,
    /// The penalty, with the scale that Student's t ended with.
    pub(crate) penalty: Penalty,
}

/// When to stop: at a promised decrease below this share of the objective, or after so many steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) tolerance: f64,
    pub(crate) steps: usize,
}

/// Two expansions, so that a step need not allocate.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) space: Space,
    here: Expansion,
    there: Expansion,
}

/// Descends from `start` with penalties that turn from `spread` down to their own width, each
/// stage starting where the last one stopped: the wide ones are near least squares and see the
/// valley, the last one is the objective.
pub(crate) fn descend(
    problem: &Problem<'_>,
    start: &[f64],
    spread: f64,
    penalty: Penalty,
    weights: &[f64],
    tolerance: f64,
    walk: &mut Walk,
) -> Option<Stop> {
    let mut point = start.to_vec();
    if let Some(turn) = penalty.turn() {
        let mut width = 1.345 * spread;
        while width > 2.0 * turn && width.is_finite() {
            let patience = Patience { tolerance: 1e-3, steps: 30 };
            point =
                newton(problem, &point, penalty.widened(width), weights, patience, walk)?.point;
            width /= 4.0;
        }
    }
    newton(problem, &point, penalty, weights, Patience { tolerance, steps: 200 }, walk)
}

/// Newton steps solve (H + damping M) step = -g over the coordinates that are not held at a
/// bound, with H the exact Hessian and M the reweighted least squares metric; damping grows until
/// a step lowers the objective as promised.
pub(crate) fn newton(
    problem: &Problem<'_>,
    start: &[f64],
    penalty: Penalty,
    weights: &[f64],
    patience: Patience,
    walk: &mut Walk,
) -> Option<Stop> {
    let size = problem.size();
    let mut point: Vec<f64> = start.to_vec();
    clamp(problem, &mut point);
    let Walk { space, here, there } = walk;
    problem.expand(&point, penalty, weights, space, here);
    if !here.is_finite() {
        return None;
    }
    let mut damping = 0.0;
    let mut converged = false;
    let mut next = point.clone();
    for _ in 0..patience.steps {
        let Some((step, promised)) = step(problem, &point, here, &mut damping) else {
            break;
        };
        // Objectives of likelihoods may be zero or negative: the number of rows sets their size.
        let size_of = here.value.abs().max(1e-30);
        converged = damping <= 1e-2 && promised <= patience.tolerance * size_of + 1e-30;
        for i in 0..size {
            next[i] = point[i] + step[i];
        }
        clamp(problem, &mut next);
        problem.expand(&next, penalty, weights, space, there);
        let gained = here.value - there.value;
        if there.is_finite() && gained >= 1e-4 * promised {
            if gained > 0.5 * promised {
                damping = if damping < 1e-4 { 0.0 } else { damping / 8.0 };
            }
            std::mem::swap(&mut point, &mut next);
            std::mem::swap(here, there);
        } else if !converged {
            damping = (damping * 8.0).max(1e-3);
            if damping > 1e12 {
                break;
            }
        }
        if converged {
            break;
        }
    }
    let (free, gradient) = held(problem, &point, here);
    let promised = solve(&here.hessian, &gradient, &free)
        .map_or(f64::INFINITY, |step| 0.5 * dot(&step, &gradient));
    converged |= free.iter().all(|free| !free);
    let promised = if free.iter().any(|&free| free) { promised } else { 0.0 };
    Some(Stop { point, value: here.value, promised, gradient, converged, penalty })
}

/// Which coordinates are free to move at a stop, and the gradient with zeros for the others.
fn held(problem: &Problem<'_>, point: &[f64], here: &Expansion) -> (Vec<bool>, Vec<f64>) {
    let mut free = free(problem, point, here);
    let mut gradient = here.gradient.clone();
    for (i, free) in free.iter_mut().enumerate() {
        if !*free {
            gradient[i] = 0.0;
        }
    }
    (free, gradient)
}

/// Coordinates that are not pressed against a bound and that some row responds to: the exponent
/// of a term whose coefficient is zero changes nothing.
pub(crate) fn free(problem: &Problem<'_>, point: &[f64], here: &Expansion) -> Vec<bool> {
    problem
        .coordinates
        .iter()
        .enumerate()
        .map(|(i, coordinate)| {
            let low = point[i] <= coordinate.low && here.gradient[i] >= 0.0;
            let high = point[i] >= coordinate.high && here.gradient[i] <= 0.0;
            !low && !high && here.metric[(i, i)] > f64::MIN_POSITIVE
        })
        .collect()
}

fn clamp(problem: &Problem<'_>, point: &mut [f64]) {
    for (x, coordinate) in point.iter_mut().zip(&problem.coordinates) {
        *x = x.clamp(coordinate.low, coordinate.high);
    }
}

/// A step that stays inside the bounds, and the decrease it promises; raises `damping` until the
/// system can be solved. `None` when nothing is left to move.
fn step(
    problem: &Problem<'_>,
    point: &[f64],
    here: &Expansion,
    damping: &mut f64,
) -> Option<(Vec<f64>, f64)> {
    let size = problem.size();
    let mut free = free(problem, point, here);
    let right: Vec<f64> = here.gradient.iter().map(|g| -g).collect();
    let bounds = |i: usize| (problem.coordinates[i].low, problem.coordinates[i].high);
    loop {
        if free.iter().all(|free| !free) {
            return None;
        }
        let mut damped = here.hessian.clone();
        for i in 0..size {
            for j in 0..size {
                damped[(i, j)] += *damping * here.metric[(i, j)];
            }
            // With heavy damping also along the diagonal, where the metric itself is singular.
            damped[(i, i)] += 1e-9 * *damping * here.metric[(i, i)];
        }
        let Some(mut step) = solve(&damped, &right, &free) else {
            *damping = (*damping * 8.0).max(1e-3);
            if *damping > 1e12 {
                return None;
            }
            continue;
        };
        // A coordinate at a bound that would leave it is held; the rest is solved again.
        let leaving = (0..size).find(|&i| {
            let (low, high) = bounds(i);
            (point[i] <= low && step[i] < 0.0) || (point[i] >= high && step[i] > 0.0)
        });
        if let Some(i) = leaving {
            free[i] = false;
            continue;
        }
        // The longest part of the step that stays inside; a coefficient reaches zero exactly.
        let mut part: f64 = 1.0;
        for i in 0..size {
            let (low, high) = bounds(i);
            let room = if step[i] < 0.0 { low - point[i] } else { high - point[i] };
            if step[i].abs() > room.abs() {
                part = part.min(room / step[i]);
            }
        }
        for x in &mut step {
            *x *= part;
        }
        let curvature: f64 = (0..size).map(|i| step[i] * dot(here.hessian.row(i), &step)).sum();
        let promised = dot(&right, &step) - 0.5 * curvature.max(0.0);
        // Along a direction of negative curvature or a cut step the model is not to be trusted
        // to second order; the first order still promises half.
        let promised = promised.max(0.25 * dot(&right, &step));
        return Some((step, promised));
    }
}
