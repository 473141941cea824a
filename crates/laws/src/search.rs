//! The search for the minimum: a grid over the two exponents on which E, A and B are solved for
//! (variable projection), then a safeguarded Newton method from the best point of every part of
//! the grid.

#![expect(clippy::needless_range_loop, reason = "small matrices read best by index")]

use rayon::prelude::*;

use crate::dense::{non_negative, solve};
use crate::objective::{A, ALPHA, B, BETA, Columns, E, Expansion, Point};

/// Where the exponents may lie. Below the lower end a power law cannot be told from a constant
/// or a logarithm, above the upper end it is a step.
pub(crate) const EXPONENTS: (f64, f64) = (0.01, 3.0);

const LOW: Point = [0.0, 0.0, 0.0, EXPONENTS.0, EXPONENTS.0];
const HIGH: Point = [f64::INFINITY, f64::INFINITY, f64::INFINITY, EXPONENTS.1, EXPONENTS.1];

/// x^-exponent for every row and every exponent of the grid, computed once per table.
#[derive(Debug)]
pub(crate) struct Grid {
    exponents: Vec<f64>,
    /// Row by row: N^-exponent for each exponent, scaled.
    p: Vec<f64>,
    /// Row by row: D^-exponent for each exponent, scaled.
    q: Vec<f64>,
    /// 1 / L per row.
    weight: Vec<f64>,
}

/// The least squares solution at one pair of exponents.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    value: f64,
    point: Point,
}

impl Grid {
    pub(crate) fn new(columns: &Columns, size: usize) -> Self {
        let (first, last) = (0.03_f64, 1.6_f64);
        let exponents: Vec<f64> =
            (0..size).map(|i| first * (last / first).powf(i as f64 / (size - 1) as f64)).collect();
        let powers = |ln_x: &[f64]| {
            ln_x.iter()
                .flat_map(|&x| exponents.iter().map(move |&exponent| (-exponent * x).exp()))
                .collect::<Vec<f64>>()
        };
        Self {
            p: powers(&columns.u),
            q: powers(&columns.v),
            weight: columns.y.iter().map(|y| (-y).exp()).collect(),
            exponents,
        }
    }

    /// For every pair of exponents, the E, A, B >= 0 that minimise the sum over rows of
    /// `importance` times the squared relative error, (1 - f/L)^2: the log residual to first
    /// order, and linear in E, A, B. Writes to `out`, alpha by alpha.
    fn project(&self, importance: &[f64], out: &mut Vec<Candidate>) {
        let size = self.exponents.len();
        let mut pq = vec![0.0; size * size];
        let [mut p1, mut pp, mut pt, mut q1, mut qq, mut qt] =
            std::array::from_fn(|_| vec![0.0; size]);
        let (mut one, mut one_t, mut total) = (0.0, 0.0, 0.0);
        for (row, (&importance, &weight)) in importance.iter().zip(&self.weight).enumerate() {
            if importance == 0.0 {
                continue;
            }
            // Every column, and the target 1, divided by L.
            let (w1, w2) = (importance * weight, importance * weight * weight);
            one += w2;
            one_t += w1;
            total += importance;
            let p = &self.p[row * size..][..size];
            let q = &self.q[row * size..][..size];
            for j in 0..size {
                p1[j] += w2 * p[j];
                pp[j] += w2 * p[j] * p[j];
                pt[j] += w1 * p[j];
                q1[j] += w2 * q[j];
                qq[j] += w2 * q[j] * q[j];
                qt[j] += w1 * q[j];
            }
            for (p, pq) in p.iter().zip(pq.chunks_exact_mut(size)) {
                let factor = w2 * p;
                for (q, pq) in q.iter().zip(pq) {
                    *pq += factor * q;
                }
            }
        }
        out.clear();
        for j in 0..size {
            for k in 0..size {
                let gram = [one, p1[j], pp[j], q1[k], pq[j * size + k], qq[k]];
                let (x, value) = non_negative(&gram, &[one_t, pt[j], qt[k]]);
                let value = if value.is_finite() { total + value } else { f64::INFINITY };
                let point = [x[0], x[1], x[2], self.exponents[j], self.exponents[k]];
                out.push(Candidate { value, point });
            }
        }
    }

    /// The best point of the grid for rows that count `weights`, by plain least squares.
    pub(crate) fn best(&self, weights: &[f64]) -> Option<Point> {
        let mut candidates = Vec::with_capacity(self.exponents.len().pow(2));
        self.project(weights, &mut candidates);
        candidates
            .into_iter()
            .min_by(|a, b| a.value.total_cmp(&b.value))
            .filter(|best| best.value.is_finite())
            .map(|best| best.point)
    }

    /// Starting points for the Newton method: the best point of each of `tiles` x `tiles` parts
    /// of the grid, best first, under weights that let outlying rows count less; and the robust
    /// residual spread at the best.
    pub(crate) fn starts(&self, columns: &Columns, tiles: usize) -> (Vec<Point>, f64) {
        let size = self.exponents.len();
        let mut candidates = Vec::with_capacity(size * size);
        let mut importance = columns.weight.clone();
        self.project(&importance, &mut candidates);
        let mut spread = 0.0;
        // Plain least squares follows outliers; two reweighted passes forget them.
        for _ in 0..2 {
            let Some(best) = candidates.iter().min_by(|a, b| a.value.total_cmp(&b.value)) else {
                break;
            };
            let mut sizes: Vec<f64> = (0..columns.len())
                .filter(|&row| columns.weight[row] > 0.0)
                .map(|row| columns.residual(&best.point, row).abs())
                .collect();
            sizes.sort_by(f64::total_cmp);
            spread = 1.4826 * sizes.get(sizes.len() / 2).copied().unwrap_or(0.0);
            let bend = 1.345 * spread;
            for (row, importance) in importance.iter_mut().enumerate() {
                let size = columns.residual(&best.point, row).abs();
                let factor = if size <= bend { 1.0 } else { bend / size };
                *importance = columns.weight[row] * if factor.is_finite() { factor } else { 0.0 };
            }
            self.project(&importance, &mut candidates);
        }
        let mut chosen: Vec<Option<Candidate>> = vec![None; tiles * tiles];
        for (index, candidate) in candidates.iter().enumerate() {
            let (j, k) = (index / size, index % size);
            let tile = &mut chosen[(j * tiles / size) * tiles + k * tiles / size];
            if candidate.value.is_finite() && tile.is_none_or(|best| candidate.value < best.value) {
                *tile = Some(*candidate);
            }
        }
        let mut chosen: Vec<Candidate> = chosen.into_iter().flatten().collect();
        chosen.sort_by(|a, b| a.value.total_cmp(&b.value));
        (chosen.into_iter().map(|candidate| candidate.point).collect(), spread)
    }
}

/// Where the Newton method stopped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stop {
    pub(crate) point: Point,
    pub(crate) value: f64,
    /// The decrease that a further Newton step promises.
    pub(crate) promised: f64,
    /// The gradient, zero for parameters held at a bound.
    pub(crate) gradient: Point,
    pub(crate) converged: bool,
}

/// Descends from `start` with Huber widths that shrink from `spread` to `delta`, each stage
/// starting where the last one stopped: the wide ones are near least squares and see the valley,
/// the last one is the objective.
pub(crate) fn descend(
    columns: &Columns,
    start: &Point,
    spread: f64,
    delta: f64,
    tolerance: f64,
) -> Option<Stop> {
    let mut point = *start;
    let mut width = 1.345 * spread;
    while width > 2.0 * delta && width.is_finite() {
        point = newton(columns, &point, width, 1e-3, 30)?.point;
        width /= 4.0;
    }
    newton(columns, &point, delta, tolerance, 200)
}

/// A Newton method with bounds. Steps solve (H + damping M) step = -g over the parameters that
/// are not held at a bound, with H the exact Hessian and M the reweighted least squares metric;
/// damping grows until a step lowers the objective as promised.
pub(crate) fn newton(
    columns: &Columns,
    start: &Point,
    delta: f64,
    tolerance: f64,
    iterations: usize,
) -> Option<Stop> {
    let mut point = *start;
    for i in 0..5 {
        point[i] = point[i].clamp(LOW[i], HIGH[i]);
    }
    let mut here = columns.expand(&point, delta);
    if !is_finite(&here) {
        return None;
    }
    let mut damping = 0.0;
    let mut converged = false;
    for _ in 0..iterations {
        let Some((step, promised)) = step(&point, &here, &mut damping) else {
            break;
        };
        converged = damping <= 1e-2 && promised <= tolerance * here.value + 1e-30;
        let mut next = point;
        for i in 0..5 {
            next[i] = (point[i] + step[i]).clamp(LOW[i], HIGH[i]);
        }
        let there = columns.expand(&next, delta);
        let gained = here.value - there.value;
        if is_finite(&there) && gained >= 1e-4 * promised {
            damping = if gained > 0.5 * promised {
                if damping < 1e-4 { 0.0 } else { damping / 8.0 }
            } else {
                damping
            };
            (point, here) = (next, there);
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
    let mut free = [true; 5];
    let mut gradient = here.gradient;
    for i in 0..5 {
        let low = point[i] <= LOW[i] && gradient[i] >= 0.0;
        let high = point[i] >= HIGH[i] && gradient[i] <= 0.0;
        // The exponent of a term whose coefficient is zero changes nothing.
        let idle = (i == ALPHA && point[A] <= 0.0) || (i == BETA && point[B] <= 0.0);
        if low || high || idle {
            free[i] = false;
            gradient[i] = 0.0;
        }
    }
    let promised = solve(&here.hessian, &gradient, free)
        .map_or(f64::INFINITY, |step| 0.5 * dot(&step, &gradient));
    Some(Stop { point, value: here.value, promised, gradient, converged })
}

/// A step that stays inside the bounds, and the decrease it promises; raises `damping` until the
/// system can be solved. `None` when nothing is left to move.
fn step(point: &Point, here: &Expansion, damping: &mut f64) -> Option<(Point, f64)> {
    let mut free = [true; 5];
    for i in 0..5 {
        let low = point[i] <= LOW[i] && here.gradient[i] >= 0.0;
        let high = point[i] >= HIGH[i] && here.gradient[i] <= 0.0;
        free[i] = !(low || high);
    }
    if point[A] <= 0.0 {
        free[ALPHA] = false;
    }
    if point[B] <= 0.0 {
        free[BETA] = false;
    }
    // A parameter that no row responds to (alpha where all runs share one N) stays where it is.
    let largest = (0..5).map(|i| here.metric[i][i]).fold(0.0, f64::max);
    for i in 0..5 {
        free[i] &= here.metric[i][i] > 1e-20 * largest;
    }
    let right = here.gradient.map(|g| -g);
    loop {
        if free == [false; 5] {
            return None;
        }
        let mut damped = here.hessian;
        for (row, metric) in damped.iter_mut().zip(&here.metric) {
            for (entry, metric) in row.iter_mut().zip(metric) {
                *entry += *damping * metric;
            }
        }
        // With heavy damping also along the diagonal, where the metric itself is singular.
        for i in 0..5 {
            damped[i][i] += 1e-9 * *damping * here.metric[i][i];
        }
        let Some(mut step) = solve(&damped, &right, free) else {
            *damping = (*damping * 8.0).max(1e-3);
            if *damping > 1e12 {
                return None;
            }
            continue;
        };
        // A parameter at a bound that would leave it is held; the rest is solved again.
        let leaving = (0..5).find(|&i| {
            (point[i] <= LOW[i] && step[i] < 0.0) || (point[i] >= HIGH[i] && step[i] > 0.0)
        });
        if let Some(i) = leaving {
            free[i] = false;
            continue;
        }
        // The longest part of the step that stays inside; a coefficient reaches zero exactly.
        let mut part: f64 = 1.0;
        for i in 0..5 {
            let room = if step[i] < 0.0 { LOW[i] - point[i] } else { HIGH[i] - point[i] };
            if step[i].abs() > room.abs() {
                part = part.min(room / step[i]);
            }
        }
        step = step.map(|x| part * x);
        let curvature: f64 = (0..5).map(|i| step[i] * dot(&here.hessian[i], &step)).sum();
        let promised = dot(&right, &step) - 0.5 * curvature.max(0.0);
        // Along a direction of negative curvature or a cut step the model is not to be trusted
        // to second order; the first order still promises half.
        return Some((step, promised.max(0.25 * dot(&right, &step))));
    }
}

fn dot(a: &Point, b: &Point) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn is_finite(at: &Expansion) -> bool {
    at.value.is_finite()
        && at.gradient.iter().all(|x| x.is_finite())
        && at.hessian.iter().flatten().all(|x| x.is_finite())
        && at.metric.iter().flatten().all(|x| x.is_finite())
}

/// The result of a multi-start search.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub(crate) best: Stop,
    /// How many starts there were, and how many stopped at the best value.
    pub(crate) starts: usize,
    pub(crate) reached: usize,
    /// Other minima, best first.
    pub(crate) others: Vec<Point>,
    /// Robust spread of the log residuals, used for the width of the first stage.
    pub(crate) spread: f64,
}

/// Whether two objective values are the same minimum; `rows` sets the floor for exact data.
fn same_value(a: f64, b: f64, rows: usize) -> bool {
    (a - b).abs() <= 1e-7 * a.min(b) + rows as f64 * 1e-22
}

/// The best minimum over starts from all parts of the grid. `None` when no start has a finite
/// objective.
pub(crate) fn search(columns: &Columns, grid: &Grid, delta: f64) -> Option<Search> {
    let (starts, spread) = grid.starts(columns, 4);
    let mut stops: Vec<Stop> = starts
        .par_iter()
        .filter_map(|start| descend(columns, start, spread, delta, 1e-14))
        .collect();
    stops.sort_by(|a, b| a.value.total_cmp(&b.value));
    let best = *stops.first()?;
    let reached =
        stops.iter().filter(|stop| same_value(stop.value, best.value, columns.len())).count();
    let mut others: Vec<Point> = Vec::new();
    let mut last = best.value;
    for stop in stops.iter().filter(|stop| stop.converged) {
        if !same_value(stop.value, last, columns.len()) && stop.value < 1.5 * best.value {
            others.push(stop.point);
            last = stop.value;
        }
    }
    others.truncate(3);
    Some(Search { best, starts: starts.len(), reached, others, spread })
}

pub(crate) fn sized_gradient(stop: &Stop) -> f64 {
    // Derivatives with respect to ln E, ln A, ln B (alpha and beta have a natural scale).
    let scale = [stop.point[E], stop.point[A], stop.point[B], 1.0, 1.0];
    (0..5).map(|i| (stop.gradient[i] * scale[i]).abs()).fold(0.0, f64::max)
}
