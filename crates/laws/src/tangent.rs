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
use crate::problem::{Coordinate, Problem};
use crate::scatter::{Scatter, chi_square, design, freedom, standard_normal};

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
        let (point, arrived) = self.follow(z);
        let inside = |x: &f64, at: &Coordinate| at.low < *x && *x < at.high;
        if arrived && point.iter().zip(&self.problem.coordinates).all(|(x, at)| inside(x, at)) {
            return Some(point);
        }
        if !clamped {
            return None;
        }
        let size = self.problem.size();
        let step = self.gram.unspread(z);
        for ((target, value), slope) in
            self.problem.target.iter_mut().zip(&self.values).zip(self.slopes.chunks_exact(size))
        {
            *target = value + dot(slope, &step);
        }
        let weights = &self.problem.rows.weight;
        let patience = Patience { tolerance: 1e-7, steps: 100 };
        let stops = [&point, &self.center]
            .map(|start| newton(&self.problem, start, Penalty::Squares, weights, patience, walk));
        let best = stops.into_iter().flatten().min_by(|a, b| a.value.total_cmp(&b.value))?;
        Some(best.point)
    }

    /// Newton's method for the law at `z`, with no regard to bounds: where it ended, and whether
    /// it arrived.
    fn follow(&self, z: &[f64]) -> (Vec<f64>, bool) {
        let mut point = self.center.clone();
        let mut off = z.to_vec();
        let far = dot(z, z).sqrt();
        let mut distance = far;
        for _ in 0..60 {
            if distance <= 1e-9 * far {
                return (point, true);
            }
            let Some(step) = self.step(&point, &off) else { break };
            let mut taken = false;
            let mut part = 1.0;
            // A coefficient moves by a sum or by a factor (as A does when alpha moves), whichever
            // comes closer.
            while !taken && part > 1e-3 {
                let best = [false, true]
                    .into_iter()
                    .filter_map(|by_factors| {
                        let next = self.moved(&point, &step, part, by_factors);
                        let off = self.off(&next, z)?;
                        let distance = dot(&off, &off).sqrt();
                        distance.is_finite().then_some((distance, next, off))
                    })
                    .min_by(|a, b| a.0.total_cmp(&b.0));
                match best {
                    Some((closer, next, there)) if closer < (1.0 - 0.1 * part) * distance => {
                        (distance, point, off) = (closer, next, there);
                        taken = true;
                    }
                    _ => part *= 0.5,
                }
            }
            if !taken {
                break;
            }
        }
        let arrived = distance <= 1e-6 * far;
        (point, arrived)
    }

    fn moved(&self, point: &[f64], step: &[f64], part: f64, by_factors: bool) -> Vec<f64> {
        point
            .iter()
            .zip(step)
            .zip(&self.problem.coordinates)
            .map(|((&x, &d), at)| {
                if by_factors && at.linear && x != 0.0 {
                    x * (part * d / x).clamp(-5.0, 5.0).exp()
                } else {
                    x + part * d
                }
            })
            .collect()
    }

    /// What is missing to `z` at a point.
    fn off(&self, point: &[f64], z: &[f64]) -> Option<Vec<f64>> {
        let values = self.problem.law_on_scale(point);
        let size = self.problem.size();
        let mut moved = vec![0.0; size];
        let weights = &self.problem.rows.weight;
        for (row, own) in self.slopes.chunks_exact(size).enumerate() {
            let off = weights[row] * (values[row] - self.values[row]);
            for (sum, slope) in moved.iter_mut().zip(own) {
                *sum += slope * off;
            }
        }
        let plane = self.gram.reduce(&moved);
        let off: Vec<f64> = z.iter().zip(&plane).map(|(z, plane)| z - plane).collect();
        off.iter().all(|x| x.is_finite()).then_some(off)
    }

    /// The step that removes `off` to first order.
    fn step(&self, point: &[f64], off: &[f64]) -> Option<Vec<f64>> {
        let size = self.problem.size();
        let slopes = self.problem.slopes(point);
        let mixed = self.mixed(&slopes);
        let mut columns = Vec::with_capacity(size);
        let mut column = vec![0.0; size];
        for j in 0..size {
            for (i, entry) in column.iter_mut().enumerate() {
                *entry = mixed[(i, j)];
            }
            columns.push(self.gram.reduce(&column));
        }
        let rows: Vec<Vec<f64>> =
            (0..size).map(|i| columns.iter().map(|column| column[i]).collect()).collect();
        eliminate(rows, off.to_vec(), &self.free)
    }

    /// J0' W J with J at another point.
    fn mixed(&self, slopes: &[f64]) -> Matrix {
        let size = self.problem.size();
        let mut mixed = Matrix::zero(size);
        let weights = &self.problem.rows.weight;
        for (row, (own, there)) in
            self.slopes.chunks_exact(size).zip(slopes.chunks_exact(size)).enumerate()
        {
            for i in 0..size {
                for j in 0..size {
                    mixed[(i, j)] += weights[row] * own[i] * there[j];
                }
            }
        }
        mixed
    }

    /// How volumes compare at a law: half the logarithm of the determinant of its metric, and the
    /// logarithm of the density, by the law's coordinates, of laws that are spread evenly over the
    /// plane.
    pub(crate) fn measure(&self, point: &[f64]) -> Option<Measure> {
        let slopes = self.problem.slopes(point);
        let weights = &self.problem.rows.weight;
        let metric = Factor::new(&self.problem.weighted_gram(&slopes, weights), &self.free)?;
        let mixed = ln_determinant(&self.mixed(&slopes), &self.free)?;
        Some(Measure {
            metric: metric.half_ln_determinant(),
            density: mixed - self.gram.half_ln_determinant(),
        })
    }
}

/// How volumes compare at a law.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure {
    pub(crate) metric: f64,
    pub(crate) density: f64,
}

/// Solves over the free unknowns by elimination with row exchanges; columns are scaled first,
/// since coefficients differ by powers of ten.
fn eliminate(mut rows: Vec<Vec<f64>>, mut right: Vec<f64>, free: &[bool]) -> Option<Vec<f64>> {
    let index: Vec<usize> = (0..right.len()).filter(|&i| free[i]).collect();
    let size_of =
        |column: usize| index.iter().map(|&row| rows[row][column].powi(2)).sum::<f64>().sqrt();
    let scale: Vec<f64> = index.iter().map(|&column| size_of(column)).collect();
    for (place, &column) in index.iter().enumerate() {
        for &row in &index {
            rows[row][column] /= scale[place];
        }
    }
    for (place, &column) in index.iter().enumerate() {
        let pivot = index[place..]
            .iter()
            .copied()
            .max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))?;
        rows.swap(column, pivot);
        right.swap(column, pivot);
        for &row in &index[place + 1..] {
            let factor = rows[row][column] / rows[column][column];
            for &k in &index[place..] {
                let above = rows[column][k];
                rows[row][k] -= factor * above;
            }
            right[row] -= factor * right[column];
        }
    }
    let mut x = vec![0.0; right.len()];
    for (place, &i) in index.iter().enumerate().rev() {
        let known: f64 = index[place + 1..].iter().map(|&k| rows[i][k] * x[k]).sum();
        x[i] = (right[i] - known) / rows[i][i];
    }
    for (place, &i) in index.iter().enumerate() {
        x[i] /= scale[place];
    }
    x.iter().all(|x| x.is_finite()).then_some(x)
}
/// The logarithm of the size of the determinant over the free coordinates; `None` where it is 0.
fn ln_determinant(matrix: &Matrix, free: &[bool]) -> Option<f64> {
    let index: Vec<usize> = (0..matrix.size).filter(|&i| free[i]).collect();
    let n = index.len();
    let mut rows: Vec<Vec<f64>> =
        index.iter().map(|&i| index.iter().map(|&j| matrix[(i, j)]).collect()).collect();
    let mut sum = 0.0;
    for column in 0..n {
        let pivot =
            (column..n).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))?;
        rows.swap(column, pivot);
        let top = rows[column][column];
        sum += top.abs().ln();
        for row in column + 1..n {
            let factor = rows[row][column] / top;
            let (above, below) = rows.split_at_mut(row);
            for (entry, above) in below[0][column..].iter_mut().zip(&above[column][column..]) {
                *entry -= factor * above;
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
    let scatter = Scatter::new(best, problem).sandwich(best, problem, &tangent.gram);
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
                    (0..size).map(|_| stretch * standard_normal(&mut random)).collect();
                let step = match &design {
                    Some(design) => (0..size).map(|i| dot(design.row(i), &normal)).collect(),
                    None => normal,
                };
                let step: Vec<f64> = (0..size).map(|i| dot(scatter.row(i), &step)).collect();
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
