//! Draws of the law: the fit repeated on resamples of the runs.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::objective::{Columns, Point};
use crate::search::{EXPONENTS, Grid, Search, Stop, descend, newton};

/// Rows grouped by the run they belong to, and what tells rows apart.
#[derive(Debug)]
pub(crate) struct Clusters {
    /// The rows of each run.
    pub(crate) rows: Vec<Vec<usize>>,
    /// Per row, which distinct (N, D) it has.
    pub(crate) setting: Vec<usize>,
    /// How many distinct (N, D) there are.
    pub(crate) settings: usize,
}

/// The resampled fits, and what happened on the way.
#[derive(Debug, Default)]
pub(crate) struct Resamples {
    pub(crate) points: Vec<Point>,
    /// Resamples thrown away because they held too few distinct settings to fix five parameters.
    pub(crate) redrawn: usize,
    /// Draws for which no resample that could be fitted was found.
    pub(crate) failed: usize,
    /// Draws that ended with a coefficient at zero or an exponent at the end of its range.
    pub(crate) at_bound: usize,
    /// Draws whose minimum is not certified.
    pub(crate) uncertified: usize,
}

/// How many distinct settings a resample should hold: the parameters and one to spare.
const SETTINGS: usize = 6;

/// How often one draw is tried again before it is given up.
const TRIES: usize = 100;

enum Draw {
    Fitted { stop: Stop, redrawn: usize },
    Failed { redrawn: usize },
}

/// Refits the law on `count` resamples of whole runs, drawn with replacement.
///
/// Every resample is searched from the full fit, from the other minima the full search saw, and
/// from the best point of its own grid, and the lowest minimum is kept. Each draw has its own
/// random stream, so the result does not depend on the number of threads.
pub(crate) fn bootstrap(
    columns: &Columns,
    grid: &Grid,
    clusters: &Clusters,
    full: &Search,
    delta: f64,
    count: usize,
    seed: u64,
) -> Resamples {
    let draws: Vec<Draw> = (0..count)
        .into_par_iter()
        .map_init(
            || Scratch { weights: vec![0.0; columns.len()], ..Scratch::default() },
            |scratch, index| draw(columns, grid, clusters, full, delta, seed, index, scratch),
        )
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
                resamples.at_bound += usize::from(is_at_bound(&stop.point));
                resamples.uncertified += usize::from(!stop.converged);
                resamples.points.push(stop.point);
            }
        }
    }
    resamples
}

pub(crate) fn is_at_bound(point: &Point) -> bool {
    let [e, a, b, alpha, beta] = *point;
    let at_end = |x: f64| x <= EXPONENTS.0 || x >= EXPONENTS.1;
    e <= 0.0 || a <= 0.0 || b <= 0.0 || at_end(alpha) || at_end(beta)
}

#[derive(Default)]
struct Scratch {
    weights: Vec<f64>,
    seen: Vec<bool>,
    compact: Columns,
}

#[expect(clippy::too_many_arguments, reason = "the body of a loop, named for the profile")]
fn draw(
    columns: &Columns,
    grid: &Grid,
    clusters: &Clusters,
    full: &Search,
    delta: f64,
    seed: u64,
    index: usize,
    scratch: &mut Scratch,
) -> Draw {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(index as u64);
    let runs = clusters.rows.len();
    // With six settings in all, only resamples without one of them differ from the table.
    let needed = SETTINGS.min(clusters.settings.saturating_sub(1));
    for redrawn in 0..TRIES {
        scratch.weights.fill(0.0);
        for _ in 0..runs {
            for &row in &clusters.rows[random.random_range(0..runs)] {
                scratch.weights[row] += columns.weight[row];
            }
        }
        if scratch.settings(clusters) < needed {
            continue;
        }
        scratch.compact(columns);
        if let Some(stop) = refit(&scratch.compact, &scratch.weights, grid, full, delta) {
            return Draw::Fitted { stop, redrawn };
        }
    }
    Draw::Failed { redrawn: TRIES }
}

fn refit(
    compact: &Columns,
    weights: &[f64],
    grid: &Grid,
    full: &Search,
    delta: f64,
) -> Option<Stop> {
    const TOLERANCE: f64 = 1e-11;
    let warm = newton(compact, &full.best.point, delta, TOLERANCE, 100);
    let others = full.others.iter().map(|other| newton(compact, other, delta, TOLERANCE, 100));
    let own = grid
        .best(weights)
        .and_then(|start| descend(compact, &start, full.spread, delta, TOLERANCE));
    [warm, own].into_iter().chain(others).flatten().min_by(|a, b| a.value.total_cmp(&b.value))
}

impl Scratch {
    /// How many distinct (N, D) have weight.
    fn settings(&mut self, clusters: &Clusters) -> usize {
        self.seen.clear();
        self.seen.resize(clusters.settings, false);
        let mut count = 0;
        for (row, &setting) in clusters.setting.iter().enumerate() {
            if self.weights[row] > 0.0 && !self.seen[setting] {
                self.seen[setting] = true;
                count += 1;
            }
        }
        count
    }

    /// Copies the rows that have weight, so that the search never visits the others.
    fn compact(&mut self, columns: &Columns) {
        let Columns { u, v, y, weight } = &mut self.compact;
        for column in [&mut *u, &mut *v, &mut *y, &mut *weight] {
            column.clear();
        }
        for (row, &count) in self.weights.iter().enumerate() {
            if count > 0.0 {
                u.push(columns.u[row]);
                v.push(columns.v[row]);
                y.push(columns.y[row]);
                weight.push(count);
            }
        }
    }
}
