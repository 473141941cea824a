//! Evidence that a search found the minimum, and how firmly the rows hold it there.

use serde::{Deserialize, Serialize};

use crate::bootstrap::at_bound;
use crate::dense::{Matrix, eigen};
use crate::newton::{Walk, free};
use crate::problem::{Expansion, Problem};
use crate::search::Search;

/// Evidence that the search found the minimum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// Whether the search stopped because nothing was left to gain.
    pub converged: bool,
    /// Largest derivative of the objective with respect to the logarithm of a linear or
    /// logarithmic parameter, or to another parameter; those at a bound left out.
    pub gradient: f64,
    /// What a further Newton step promises, as a share of the objective.
    pub improvement_left: f64,
    /// Starting points searched from.
    pub starts: usize,
    /// How many of them ended at this minimum (objective within a relative 1e-7).
    pub starts_at_minimum: usize,
    /// The objective at the next best minimum, as a share above the best; `None` when every start
    /// ended at the best or far above.
    pub second_minimum: Option<f64>,
    /// Eigenvalues of the Hessian over the parameters that are free to move, each scaled to a
    /// curvature of 1, ascending: all positive at a minimum, and small where the rows hardly tell
    /// a combination of parameters.
    #[serde(with = "crate::any_number::list")]
    pub eigenvalues: Vec<f64>,
    /// The share of each parameter in the direction of the least eigenvalue, in units of its own
    /// curvature, largest first.
    #[serde(with = "crate::any_number::named")]
    pub weakest_direction: Vec<(String, f64)>,
    /// Parameters that ended at a bound.
    pub at_bound: Vec<String>,
}

impl Certificate {
    pub(crate) fn new(problem: &Problem<'_>, names: &[String], found: &Search) -> Self {
        let best = &found.best;
        let sized = |i: usize| {
            let coordinate = &problem.coordinates[i];
            let size = if coordinate.linear { best.point[i].abs() } else { 1.0 };
            (best.gradient[i] * size).abs()
        };
        let left = if best.promised.is_finite() {
            // For exact data both are rounding noise, and nothing is left.
            best.promised / best.value.abs().max(1e-20)
        } else {
            1.0
        };
        let mut here = Expansion::zero(problem.size());
        let weights = &problem.rows.weight;
        problem.expand(&best.point, best.penalty, weights, &mut Walk::default().space, &mut here);
        let free = free(problem, &best.point, &here);
        let index: Vec<usize> =
            (0..problem.size()).filter(|&i| free[i] && here.hessian[(i, i)] > 0.0).collect();
        let mut scaled = Matrix::zero(index.len());
        for (a, &i) in index.iter().enumerate() {
            for (b, &j) in index.iter().enumerate() {
                // One root after the other: the product of two curvatures may leave the range.
                let size = |k: usize| here.hessian[(k, k)].sqrt();
                scaled[(a, b)] = here.hessian[(i, j)] / size(i) / size(j);
            }
        }
        let pairs = eigen(&scaled);
        let mut weakest: Vec<(String, f64)> = pairs.first().map_or_else(Vec::new, |(_, vector)| {
            index.iter().zip(vector).map(|(&i, share)| (names[i].clone(), *share)).collect()
        });
        weakest.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
        Self {
            converged: best.converged,
            gradient: (0..problem.size()).map(sized).fold(0.0, f64::max),
            improvement_left: left,
            starts: found.starts,
            starts_at_minimum: found.reached,
            second_minimum: found
                .others
                .first()
                .map(|other| (other.value - best.value) / best.value.abs().max(1e-300)),
            eigenvalues: pairs.iter().map(|(value, _)| *value).collect(),
            weakest_direction: weakest,
            at_bound: at_bound(problem, &best.point)
                .into_iter()
                .map(|i| names[i].clone())
                .collect(),
        }
    }

    /// The condition number: the largest eigenvalue over the least; infinite when the least is
    /// not positive.
    pub fn condition(&self) -> f64 {
        match (self.eigenvalues.first(), self.eigenvalues.last()) {
            (Some(&least), Some(&most)) if least > 0.0 => most / least,
            (Some(_), Some(_)) => f64::INFINITY,
            _ => 1.0,
        }
    }
}
