//! Laws around a fitted one, placed by a step in its tangent plane: the coordinates in which a law
//! that bends in its parameters is as good as straight.
//!
//! A law seen as the vector of its values on the rows is a surface. Its parameters bend wildly on
//! it (A and alpha trade off by powers of ten), but the surface itself is nearly flat over the
//! scatter of an estimate. So an estimate's position in the plane that touches the surface is
//! nearly normal with a known covariance, and the law found there carries all of the bending over
//! to intervals of parameters, optima and forecasts, which covariances of parameters do not.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::bootstrap::{Plan, Resamples, at_bound};
use crate::dense::{Factor, Matrix, dot};
use crate::newton::{Patience, Walk, newton};
use crate::objective::Penalty;
use crate::predict::chi_square;
use crate::problem::Problem;
use crate::sandwich::standard_normal;
use crate::scatter::{Scatter, design, freedom};

/// The plane that touches a law, seen as the vector of its values on the rows, at a point.
#[derive(Debug, Clone)]
pub(crate) struct Tangent<'a> {
    problem: Problem<'a>,
    center: Vec<f64>,
    /// The law on the residual scale at the center.
    values: Vec<f64>,
    slopes: Vec<f64>,
    pub(crate) gram: Factor,
    /// Coordinates that some row responds to.
    pub(crate) free: Vec<bool>,
    pub(crate) dimensions: usize,
}

impl<'a> Tangent<'a> {
    /// `None` where the rows cannot tell the free coordinates apart at all.
    pub(crate) fn new(problem: &Problem<'a>, center: &[f64]) -> Option<Self> {
        let slopes = problem.slopes(center);
        let weights = &problem.rows.weight;
        let gram = problem.weighted_gram(&slopes, weights);
        let free: Vec<bool> =
            (0..problem.size()).map(|i| gram[(i, i)] > f64::MIN_POSITIVE).collect();
        let residuals = problem.residuals(center);
        let values = problem.target.iter().zip(&residuals).map(|(y, r)| y - r).collect();
        Some(Self {
            gram: Factor::new(&gram, &free)?,
            dimensions: free.iter().filter(|free| **free).count(),
            problem: problem.clone(),
            center: center.to_vec(),
            values,
            slopes,
            free,
        })
    }

    /// The law whose values, projected onto the plane, lie `z` from the center, in coordinates of
    /// the plane in which a unit is one unit of the residual scale. `None` where there is none
    /// inside the bounds or it cannot be found; `clamped` takes the nearest inside instead.
    pub(crate) fn law_at(&mut self, z: &[f64], clamped: bool, walk: &mut Walk) -> Option<Vec<f64>> {
        let size = self.problem.size();
        let step = self.gram.unspread(z);
        for ((target, value), slope) in
            self.problem.target.iter_mut().zip(&self.values).zip(self.slopes.chunks_exact(size))
        {
            *target = value + dot(slope, &step);
        }
        let weights = &self.problem.rows.weight;
        let patience = Patience { tolerance: 1e-7, steps: 60 };
        let stop = newton(&self.problem, &self.center, Penalty::Squares, weights, patience, walk)?;
        let inside = || at_bound(&self.problem, &stop.point).is_empty();
        (clamped || inside()).then_some(stop.point)
    }

    /// Where a law lies in the coordinates of [`law_at`](Self::law_at), half the logarithm of the
    /// determinant of its metric, and the logarithm of the density, by the law's coordinates, of
    /// laws whose plane coordinates are spread evenly.
    pub(crate) fn measure(&self, point: &[f64]) -> Option<Measure> {
        let size = self.problem.size();
        let weights = &self.problem.rows.weight;
        let values = self.problem.law_on_scale(point);
        let slopes = self.problem.slopes(point);
        let metric = Factor::new(&self.problem.weighted_gram(&slopes, weights), &self.free)?;
        // J0' W (m - m0) and J0' W J in one walk.
        let mut moved = vec![0.0; size];
        let mut mixed = Matrix::zero(size);
        for (row, (own, there)) in
            self.slopes.chunks_exact(size).zip(slopes.chunks_exact(size)).enumerate()
        {
            let off = weights[row] * (values[row] - self.values[row]);
            for i in 0..size {
                moved[i] += own[i] * off;
                for j in 0..size {
                    mixed[(i, j)] += weights[row] * own[i] * there[j];
                }
            }
        }
        let plane = self.gram.reduce(&moved);
        let density = ln_determinant(&mixed, &self.free)? - self.gram.half_ln_determinant();
        Some(Measure { plane, metric: metric.half_ln_determinant(), density })
    }
}

/// Where a law lies, and how volumes compare there.
#[derive(Debug, Clone)]
pub(crate) struct Measure {
    pub(crate) plane: Vec<f64>,
    pub(crate) metric: f64,
    pub(crate) density: f64,
}

/// The logarithm of the size of the determinant over the free coordinates; `None` where it is 0.
fn ln_determinant(matrix: &Matrix, free: &[bool]) -> Option<f64> {
    let index: Vec<usize> = (0..matrix.size).filter(|&i| free[i]).collect();
    let n = index.len();
    let mut rows: Vec<Vec<f64>> =
        index.iter().map(|&i| index.iter().map(|&j| matrix[(i, j)]).collect()).collect();
    let mut sum = 0.0;
    for column in 0..n {
        let pivot = (column..n).max_by(|&a, &b| {
            rows[a][column].abs().total_cmp(&rows[b][column].abs())
        })?;
        rows.swap(column, pivot);
        let top = rows[column][column];
        sum += top.abs().ln();
        for row in column + 1..n {
            let factor = rows[row][column] / top;
            for k in column..n {
                let above = rows[column][k];
                rows[row][k] -= factor * above;
            }
        }
    }
    sum.is_finite().then_some(sum)
}

/// Draws of the law around its estimate: normal in the tangent plane, with the covariance that an
/// estimate by this objective has in large samples, over the square root of a chi-square draw with
/// runs - p degrees of freedom (Student's t, since the scatter is itself estimated). `None` where
/// a parameter moves no row, so that the plane says nothing about it.
pub(crate) fn tangent(
    plan: &Plan<'_>,
    problem: &Problem<'_>,
    count: usize,
    tick: &(dyn Fn() + Sync),
) -> Option<Resamples> {
    let best = &plan.full.best;
    let size = problem.size();
    let tangent = Tangent::new(problem, &best.point)?;
    if tangent.dimensions < size {
        return None;
    }
    let spread = Scatter::new(best, problem).spread;
    let design = design(best, problem, &tangent.gram);
    let freedom = freedom(problem);
    let draws: Vec<Option<Vec<f64>>> = (0..count)
        .into_par_iter()
        .map_init(
            || (tangent.clone(), Walk::default()),
            |(tangent, walk), index| {
                let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
                random.set_stream(index as u64);
                let stretch = (freedom as f64 / chi_square(&mut random, freedom)).sqrt();
                let normal: Vec<f64> =
                    (0..size).map(|_| spread * stretch * standard_normal(&mut random)).collect();
                let step = match &design {
                    Some(design) => (0..size).map(|i| dot(design.row(i), &normal)).collect(),
                    None => normal,
                };
                let point = tangent.law_at(&step, true, walk);
                tick();
                point
            },
        )
        .collect();
    let mut resamples = Resamples::default();
    for draw in draws {
        match draw {
            Some(point) => {
                resamples.at_bound += usize::from(!at_bound(problem, &point).is_empty());
                resamples.points.push(point);
            }
            None => resamples.failed += 1,
        }
    }
    Some(resamples)
}
