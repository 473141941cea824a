//! The search for the minimum: variable projection over candidates everywhere, then a safeguarded
//! Newton method from the best candidate of every part of the space.

use diagnostic::Diagnostic;
use rayon::prelude::*;

use crate::Law;
use crate::candidates::Candidates;
use crate::model::Model;
use crate::newton::{Patience, Stop, Walk, descend, newton};
use crate::objective::{Loss, Penalty, student_scale};
use crate::problem::Problem;
use crate::projection::{Projection, Solved};
use crate::rows::Rows;

/// Above this many rows the search starts on a part of them and ends on all.
const SEARCHED_ROWS: usize = 2000;

/// Newton steps promise less than this share of the objective when a search ends.
pub(crate) const TOLERANCE: f64 = 1e-14;

/// The same for resamples.
pub(crate) const RESAMPLE_TOLERANCE: f64 = 1e-11;

/// The result of a multi-start search.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub(crate) best: Stop,
    /// How many starts there were, and how many stopped at the best value.
    pub(crate) starts: usize,
    pub(crate) reached: usize,
    /// Other minima, best first.
    pub(crate) others: Vec<Stop>,
    /// Robust spread of the residuals, used for the width of the first stage.
    pub(crate) spread: f64,
}

/// Whether two objective values are the same minimum; `rows` sets the floor for exact data.
pub(crate) fn same_value(a: f64, b: f64, rows: usize) -> bool {
    (a - b).abs() <= 1e-7 * a.abs().min(b.abs()) + rows as f64 * 1e-22
}

/// 1.4826 times the median size of the residuals that count.
fn spread_of(residuals: &[f64], weights: &[f64]) -> f64 {
    let mut sizes: Vec<f64> = residuals
        .iter()
        .zip(weights)
        .filter(|(_, weight)| **weight > 0.0)
        .map(|(residual, _)| residual.abs())
        .collect();
    sizes.sort_by(f64::total_cmp);
    1.4826 * sizes.get(sizes.len() / 2).copied().unwrap_or(0.0)
}

/// Starting points: the best candidate of every part of the space, best first, under weights that
/// let outlying rows count less; the robust spread of the residuals at the best; and all solved
/// candidates.
pub(crate) fn starts(
    problem: &Problem<'_>,
    projection: &Projection,
) -> (Vec<Vec<f64>>, f64, Vec<Solved>) {
    let weights = &problem.rows.weight;
    let mut solved = projection.solve(problem, weights);
    let mut spread = 0.0;
    // Plain least squares follows outliers; two reweighted passes forget them.
    for _ in 0..2 {
        let Some(best) = solved.iter().min_by(|a, b| a.value.total_cmp(&b.value)) else { break };
        let residuals = problem.residuals(&best.point);
        spread = spread_of(&residuals, weights);
        let bend = 1.345 * spread;
        let importance: Vec<f64> = residuals
            .iter()
            .zip(weights)
            .map(|(residual, weight)| {
                let size = residual.abs();
                let factor = if size <= bend { 1.0 } else { bend / size };
                weight * if factor.is_finite() { factor } else { 0.0 }
            })
            .collect();
        solved = projection.solve(problem, &importance);
    }
    let mut chosen: Vec<&Solved> = Vec::new();
    let mut order: Vec<&Solved> = solved.iter().collect();
    order.sort_by(|a, b| a.value.total_cmp(&b.value));
    for candidate in order {
        if chosen.iter().all(|known| known.part != candidate.part) {
            chosen.push(candidate);
        }
    }
    let most = if problem.model.free.len() > problem.model.linear.len() + 2 { 32 } else { 16 };
    chosen.truncate(most);
    (chosen.into_iter().map(|solved| solved.point.clone()).collect(), spread, solved)
}

/// Descends to a minimum, fitting the scale too where the loss has one.
pub(crate) fn minimise(
    problem: &Problem<'_>,
    start: &[f64],
    spread: f64,
    loss: Loss,
    weights: &[f64],
    tolerance: f64,
    walk: &mut Walk,
) -> Option<Stop> {
    let Loss::StudentT { degrees } = loss else {
        let penalty = Penalty::new(loss, spread);
        return descend(problem, start, spread, penalty, weights, tolerance, walk);
    };
    let robust = Penalty::Huber(1.345 * spread.max(1e-12));
    let start = newton(problem, start, robust, weights, Patience { tolerance: 1e-3, steps: 50 }, walk)?;
    let mut scale = spread.max(1e-12);
    let mut point = start.point;
    let mut last: Option<Stop> = None;
    for _ in 0..200 {
        let next = student_scale(&problem.residuals(&point), weights, degrees, scale);
        // Data that the law meets exactly have no scale.
        let settled = (next / scale - 1.0).abs() < 1e-12 || next < 1e-13;
        scale = next.max(1e-13);
        if settled && last.is_some() {
            break;
        }
        let penalty = Penalty::StudentT { degrees, scale };
        let stop =
            newton(problem, &point, penalty, weights, Patience { tolerance, steps: 100 }, walk)?;
        point.clone_from(&stop.point);
        last = Some(stop);
    }
    last
}

/// A projection over candidates for this problem, about `budget` of them.
pub(crate) fn project(law: &Law, problem: &Problem<'_>, budget: usize) -> Projection {
    let model = problem.model;
    let entries = problem.rows.len() * (model.linear.len() + 1);
    let budget = budget.min(4_000_000 / entries.max(1)).max(64);
    Projection::new(problem, Candidates::new(law, model, problem.rows, budget))
}

/// How many candidates a search looks at.
pub(crate) fn budget(model: &Model) -> usize {
    match model.free.len() - model.linear.len() {
        0..=2 => 576,
        _ => 2048,
    }
}

/// The best minimum over starts from all parts of the space. `None` when no start has a finite
/// objective.
pub(crate) fn search(
    law: &Law,
    model: &Model,
    rows: &Rows,
    shared: &[bool],
    loss: Loss,
) -> Result<Option<Search>, Diagnostic> {
    let problem = Problem::new(law, model, rows, shared)?;
    if rows.len() <= SEARCHED_ROWS {
        return Ok(multi_start(law, &problem, loss));
    }
    let part = rows.select(&sample(rows));
    let small = Problem::new(law, model, &part, shared)?;
    if small.size() != problem.size() {
        return Ok(None);
    }
    let Some(rough) = multi_start(law, &small, loss) else { return Ok(None) };
    let mut walk = Walk::default();
    let mut stops: Vec<Stop> = std::iter::once(&rough.best)
        .chain(&rough.others)
        .filter_map(|stop| {
            let (start, spread) = (&stop.point, rough.spread);
            minimise(&problem, start, spread, loss, &rows.weight, TOLERANCE, &mut walk)
        })
        .collect();
    stops.sort_by(|a, b| a.value.total_cmp(&b.value));
    let mut stops = stops.into_iter();
    Ok(stops.next().map(|best| Search {
        others: stops.filter(|stop| !same_value(stop.value, best.value, rows.len())).collect(),
        best,
        starts: rough.starts,
        reached: rough.reached,
        spread: rough.spread,
    }))
}

/// Rows spread evenly over the table in the order of their extent, ends included, groups together.
fn sample(rows: &Rows) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|&a, &b| {
        let key = |row: usize| (rows.group[row], rows.extent[row]);
        let (a_key, b_key) = (key(a), key(b));
        a_key.0.cmp(&b_key.0).then(a_key.1.total_cmp(&b_key.1)).then(a.cmp(&b))
    });
    let step = (rows.len() - 1) as f64 / (SEARCHED_ROWS - 1) as f64;
    (0..SEARCHED_ROWS).map(|i| order[(i as f64 * step).round() as usize]).collect()
}

fn multi_start(law: &Law, problem: &Problem<'_>, loss: Loss) -> Option<Search> {
    let projection = project(law, problem, budget(problem.model));
    let (starts, spread, _) = starts(problem, &projection);
    let weights = &problem.rows.weight;
    let mut stops: Vec<Stop> = starts
        .par_iter()
        .map_init(Walk::default, |walk, start| {
            minimise(problem, start, spread, loss, weights, TOLERANCE, walk)
        })
        .flatten()
        .collect();
    stops.sort_by(|a, b| a.value.total_cmp(&b.value));
    let best = stops.first()?.clone();
    let rows = problem.rows.len();
    let reached = stops.iter().filter(|stop| same_value(stop.value, best.value, rows)).count();
    let mut others: Vec<Stop> = Vec::new();
    let mut last = best.value;
    for stop in stops.iter().filter(|stop| stop.converged) {
        if !same_value(stop.value, last, rows) && (stop.value - best.value) < 0.5 * best.value.abs()
        {
            others.push(stop.clone());
            last = stop.value;
        }
    }
    others.truncate(3);
    Some(Search { best, starts: starts.len(), reached, others, spread })
}
