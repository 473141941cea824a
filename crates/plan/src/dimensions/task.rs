//! What is optimised, over all draws, and where a draw ends.

use super::dense::{MOST, Matrix, Vector};
use super::functions::{COUNT, Functions, Point};

/// The most limits besides the bounds.
pub(super) const LIMITS: usize = 4;

/// sign (function - limit) <= 0, with a limit for each row.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    pub(super) function: usize,
    pub(super) sign: f64,
    pub(super) limit: Vec<f64>,
}

/// A problem over all rows.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) functions: &'a Functions,
    /// The function to make least, and its sign.
    pub(super) objective: (usize, f64),
    pub(super) bounds: Vec<Bound>,
    /// The choices that may move.
    pub(super) free: Vec<usize>,
    /// Those of which none at all may be best.
    pub(super) corners: Vec<usize>,
    pub(super) lower: Vector,
    pub(super) upper: Vector,
}

/// Where a row ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Solution {
    pub(super) x: Vector,
    /// The objective to make least.
    pub(super) objective: f64,
    /// Multipliers of the limits, then of the lower and upper bounds.
    pub(super) limits: [f64; LIMITS],
    pub(super) lower: Vector,
    pub(super) upper: Vector,
    /// The largest violation of the conditions of an optimum.
    pub(super) residual: f64,
    /// Whether every direction that the limits leave makes it worse to second order.
    pub(super) curved: bool,
}

impl Task<'_> {
    /// Slacks -c(x) of a row, from the values of the functions.
    pub(super) fn slacks(&self, row: usize, values: &[f64; COUNT]) -> [f64; LIMITS] {
        let mut slacks = [f64::INFINITY; LIMITS];
        for (slack, bound) in slacks.iter_mut().zip(&self.bounds) {
            *slack = bound.sign * (bound.limit[row] - values[bound.function]);
        }
        slacks
    }

    /// The objective, or NaN where a limit is broken by more than `by`.
    pub(super) fn worth(&self, row: usize, values: &[f64; COUNT], by: f64) -> f64 {
        let objective = self.objective.1 * values[self.objective.0];
        let inside = self.slacks(row, values).iter().all(|slack| *slack >= -by);
        if inside && objective.is_finite() { objective } else { f64::NAN }
    }
}

/// grad f + sum of multipliers times grad c.
pub(super) fn lagrangian_gradient(
    task: &Task<'_>,
    point: &Point,
    limits: &[f64; LIMITS],
) -> Vector {
    let (function, sign) = task.objective;
    std::array::from_fn(|i| {
        let of_bounds = task.bounds.iter().zip(limits);
        sign * point[function].gradient[i]
            + of_bounds.map(|(b, l)| l * b.sign * point[b.function].gradient[i]).sum::<f64>()
    })
}

/// The Hessian of the same, of the free choices in their order.
pub(super) fn lagrangian_hessian(task: &Task<'_>, point: &Point, limits: &[f64; LIMITS]) -> Matrix {
    let (function, sign) = task.objective;
    let mut matrix = [[0.0; MOST]; MOST];
    for (a, &i) in task.free.iter().enumerate() {
        for (b, &k) in task.free.iter().enumerate() {
            let of_bounds = task.bounds.iter().zip(limits);
            matrix[a][b] = sign * point[function].hessian[i][k]
                + of_bounds.map(|(b, l)| l * b.sign * point[b.function].hessian[i][k]).sum::<f64>();
        }
    }
    matrix
}
