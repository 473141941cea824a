//! The best optimum of every draw: starts all over the choices for a few draws, the kinds of optimum
//! they lead to for all draws, and a last look whether any start beats what was found.

use diagnostic::Diagnostic;
use rayon::prelude::*;

use super::barrier::descend;
use super::dense::{MOST, Vector};
use super::functions::{COUNT, Space, TOTAL};
use super::polish::polish;
use super::task::{LIMITS, Solution, Task};

/// Draws that are optimised together; results do not depend on it.
const CHUNK: usize = 128;
/// Starting directions tried for the best values and a few draws.
const DIRECTIONS: usize = 48;
/// Draws besides the best values that are searched from everywhere.
const SAMPLED: usize = 7;
/// Kinds of optimum that are followed in all draws.
const KINDS: usize = 4;

/// The optima of all rows; `None` where nothing meets the limits.
#[derive(Debug, Clone)]
pub(super) struct Optima {
    pub(super) rows: Vec<Option<Solution>>,
}

/// Optimises every row. `hints` are starts that may be good, by row.
pub(super) fn optimise(
    task: &Task<'_>,
    rows: usize,
    hints: &[Optima],
) -> Result<Optima, Diagnostic> {
    let mut space = Space::default();
    let sampled: Vec<usize> = (0..=SAMPLED).map(|i| i * (rows - 1) / SAMPLED).collect();
    let mut kinds: Vec<(u64, Vector)> = Vec::new();
    let mut candidates = Vec::new();
    let mut seen: Vec<usize> = Vec::new();
    for &row in &sampled {
        if seen.contains(&row) {
            continue;
        }
        seen.push(row);
        let starts = starts(task, row, &mut space)?;
        let pairs: Vec<(usize, Vector)> = starts.iter().take(6).map(|x| (row, *x)).collect();
        candidates.extend(starts.iter().take(12).copied());
        let mut found: Vec<Solution> =
            descend(task, &pairs, &mut space)?.into_iter().flatten().collect();
        found.sort_by(|a, b| a.objective.total_cmp(&b.objective));
        for solution in found {
            let pattern = pattern(task, &solution);
            if !kinds.iter().any(|(known, _)| *known == pattern) {
                kinds.push((pattern, solution.x));
            }
        }
    }
    kinds.truncate(KINDS);
    let kinds: Vec<Vector> = kinds.into_iter().map(|(_, x)| x).collect();
    let of_chunk = |chunk: usize| -> Result<Vec<Option<Solution>>, Diagnostic> {
        let which: Vec<usize> = (chunk * CHUNK..rows.min((chunk + 1) * CHUNK)).collect();
        chunk_optima(task, &which, &kinds, hints, &candidates)
    };
    let chunks: Vec<_> = (0..rows.div_ceil(CHUNK)).into_par_iter().map(of_chunk).collect();
    let mut all = Vec::with_capacity(rows);
    for chunk in chunks {
        all.extend(chunk?);
    }
    Ok(Optima { rows: all })
}

/// Which bounds and limits hold a solution.
fn pattern(task: &Task<'_>, solution: &Solution) -> u64 {
    let mut bits = 0;
    for &i in &task.free {
        if solution.lower[i] > solution.x[i] - task.lower[i] {
            bits |= 1 << i;
        }
        if solution.upper[i] > task.upper[i] - solution.x[i] {
            bits |= 1 << (MOST + i);
        }
    }
    for j in 0..LIMITS {
        if solution.limits[j] > 1e-4 {
            bits |= 1 << (2 * MOST + j);
        }
    }
    bits
}

fn chunk_optima(
    task: &Task<'_>,
    which: &[usize],
    kinds: &[Vector],
    hints: &[Optima],
    candidates: &[Vector],
) -> Result<Vec<Option<Solution>>, Diagnostic> {
    let mut space = Space::default();
    let mut best: Vec<Option<Solution>> = vec![None; which.len()];
    let of_hints = hints.iter().map(|hint| {
        let at = |row: &usize| hint.rows[*row].map(|solution| solution.x);
        which.iter().map(at).collect::<Vec<_>>()
    });
    let of_kinds = kinds.iter().map(|x| vec![Some(*x); which.len()]);
    for starts in of_kinds.chain(of_hints) {
        let inside = inside(task, which, &starts, &mut space)?;
        improve(task, which, &inside, &mut best, &mut space)?;
    }
    corners(task, which, &mut best, &mut space)?;
    // Does any of the other starts beat what was found, as it stands?
    let mut better: Vec<Option<Vector>> = vec![None; which.len()];
    let mut least: Vec<f64> =
        best.iter().map(|found| found.map_or(f64::INFINITY, |s| s.objective)).collect();
    let mut values = Vec::new();
    for x in candidates {
        task.functions.values(which, &vec![*x; which.len()], &mut space, &mut values)?;
        for (i, (&row, values)) in which.iter().zip(&values).enumerate() {
            let worth = task.worth(row, values, -1e-6);
            if worth < least[i] - 1e-9 {
                least[i] = worth;
                better[i] = Some(*x);
            }
        }
    }
    if better.iter().any(Option::is_some) {
        improve(task, which, &better, &mut best, &mut space)?;
    }
    unstick(task, which, &mut best, &mut space)?;
    polish(task, which, &mut best, &mut space)?;
    Ok(best)
}

/// Tries each row without RL, and with the least a query: where a first FLOP brings nothing and
/// later ones do, both doing without and doing much are optima, and the better one is wanted.
fn corners(
    task: &Task<'_>,
    which: &[usize],
    best: &mut [Option<Solution>],
    space: &mut Space,
) -> Result<(), Diagnostic> {
    for &i in task.free.iter().filter(|i| task.corners.contains(i)) {
        let put = |solution: &Option<Solution>| {
            let mut x = solution.filter(|found| found.x[i] > task.lower[i] + 0.1)?.x;
            x[i] = task.lower[i];
            Some(x)
        };
        let starts: Vec<Option<Vector>> = best.iter().map(put).collect();
        let mut inside = inside(task, which, &starts, space)?;
        hopeless(task, which, best, &mut inside, space)?;
        improve(task, which, &inside, best, space)?;
    }
    Ok(())
}

/// Drops starts from which the limit of the budget, at half as much again as its price at the best
/// so far, could not make up what is missing.
fn hopeless(
    task: &Task<'_>,
    which: &[usize],
    best: &[Option<Solution>],
    starts: &mut [Option<Vector>],
    space: &mut Space,
) -> Result<(), Diagnostic> {
    if task.bounds.first().is_none_or(|bound| bound.function != TOTAL) {
        return Ok(());
    }
    let open: Vec<usize> = (0..which.len()).filter(|&i| starts[i].is_some()).collect();
    let rows: Vec<usize> = open.iter().map(|&i| which[i]).collect();
    let at: Vec<Vector> = open.iter().filter_map(|&i| starts[i]).collect();
    let mut values = Vec::new();
    task.functions.values(&rows, &at, space, &mut values)?;
    for ((&i, &row), values) in open.iter().zip(&rows).zip(&values) {
        let Some(best) = &best[i] else { continue };
        let hope = 1.5 * best.limits[0] * task.slacks(row, values)[0];
        if task.worth(row, values, 0.0) - hope > best.objective {
            starts[i] = None;
        }
    }
    Ok(())
}

/// Starts again where a row has not arrived: a choice that hardly matters any more (RL that is not
/// worth it) creeps towards its least along a limit that curves away. It is put there.
fn unstick(
    task: &Task<'_>,
    which: &[usize],
    best: &mut [Option<Solution>],
    space: &mut Space,
) -> Result<(), Diagnostic> {
    let stuck = |solution: &Option<Solution>| solution.filter(|found| found.residual > 1e-6);
    let creeping: Vec<Option<Solution>> = best.iter().map(stuck).collect();
    if creeping.iter().all(Option::is_none) {
        return Ok(());
    }
    for &i in &task.free {
        let put = |solution: &Option<Solution>| {
            let mut x = (*solution)?.x;
            x[i] = task.lower[i];
            Some(x)
        };
        let starts: Vec<Option<Vector>> = creeping.iter().map(put).collect();
        let inside = inside(task, which, &starts, space)?;
        improve(task, which, &inside, best, space)?;
    }
    Ok(())
}

/// Descends from the starts there are and keeps what is better than before.
fn improve(
    task: &Task<'_>,
    which: &[usize],
    starts: &[Option<Vector>],
    best: &mut [Option<Solution>],
    space: &mut Space,
) -> Result<(), Diagnostic> {
    let there: Vec<usize> = (0..which.len()).filter(|&i| starts[i].is_some()).collect();
    let pairs: Vec<(usize, Vector)> =
        there.iter().filter_map(|&i| Some((which[i], starts[i]?))).collect();
    let found = descend(task, &pairs, space)?;
    for (&i, solution) in there.iter().zip(found) {
        let Some(solution) = solution else { continue };
        if best[i].is_none_or(|old| solution.objective < old.objective) {
            best[i] = Some(solution);
        }
    }
    Ok(())
}

/// The corner that meets the limits most easily: all least, or all greatest where a capability is
/// to be reached.
fn corner(task: &Task<'_>) -> (Vector, Vector) {
    let reaches = task.bounds.iter().any(|bound| bound.sign < 0.0);
    if reaches { (task.upper, task.lower) } else { (task.lower, task.upper) }
}

/// Moves starts inward until they are well inside: along one choice where that is enough, so that
/// they stay near the optimum that they came from, and otherwise towards the easy corner.
fn inside(
    task: &Task<'_>,
    which: &[usize],
    starts: &[Option<Vector>],
    space: &mut Space,
) -> Result<Vec<Option<Vector>>, Diagnostic> {
    let (easy, _) = corner(task);
    let mut found = vec![None; which.len()];
    let mut values: Vec<[f64; COUNT]> = Vec::new();
    let ways: Vec<Vec<usize>> =
        task.free.iter().map(|&i| vec![i]).chain([task.free.clone()]).collect();
    for back in [0.01, 0.03, 0.1, 0.3, 0.6, 0.97] {
        for way in &ways {
            let open: Vec<usize> =
                (0..which.len()).filter(|&i| found[i].is_none() && starts[i].is_some()).collect();
            if open.is_empty() {
                return Ok(found);
            }
            let rows: Vec<usize> = open.iter().map(|&i| which[i]).collect();
            let moved = |start: Vector| {
                let mut x = start;
                for &i in way {
                    x[i] += back * (easy[i] - x[i]);
                }
                strictly(task, x)
            };
            let at: Vec<Vector> = open.iter().filter_map(|&i| Some(moved(starts[i]?))).collect();
            task.functions.values(&rows, &at, space, &mut values)?;
            for (((&i, &row), x), values) in open.iter().zip(&rows).zip(&at).zip(&values) {
                if !task.worth(row, values, -0.02).is_nan() {
                    found[i] = Some(*x);
                }
            }
        }
    }
    Ok(found)
}

fn between(from: &Vector, to: &Vector, share: f64) -> Vector {
    std::array::from_fn(|i| from[i] + share * (to[i] - from[i]))
}

/// A point off the bounds, by a thousandth of their distance.
fn strictly(task: &Task<'_>, mut x: Vector) -> Vector {
    for &i in &task.free {
        let room = 1e-3 * (task.upper[i] - task.lower[i]);
        x[i] = x[i].clamp(task.lower[i] + room, task.upper[i] - room);
    }
    x
}

/// Points just inside the limits in all directions from the easy corner, best first.
fn starts(task: &Task<'_>, row: usize, space: &mut Space) -> Result<Vec<Vector>, Diagnostic> {
    let (easy, hard) = corner(task);
    let ends: Vec<Vector> = (0..DIRECTIONS)
        .map(|direction| {
            let mut end = easy;
            for (place, &i) in task.free.iter().enumerate() {
                end[i] += spread(direction, place, task.free.len()) * (hard[i] - easy[i]);
            }
            end
        })
        .collect();
    let rows = vec![row; DIRECTIONS];
    let mut shares = [[0.0; 2]; DIRECTIONS].map(|_| (0.0, 1.0));
    let mut values = Vec::new();
    for _ in 0..24 {
        let at: Vec<Vector> = (ends.iter().zip(&shares))
            .map(|(end, &(low, high))| between(&easy, end, f64::midpoint(low, high)))
            .collect();
        task.functions.values(&rows, &at, space, &mut values)?;
        for ((low, high), values) in shares.iter_mut().zip(&values) {
            let middle = f64::midpoint(*low, *high);
            if task.worth(row, values, -0.05).is_nan() {
                *high = middle;
            } else {
                *low = middle;
            }
        }
    }
    let at: Vec<Vector> = (ends.iter().zip(&shares))
        .map(|(end, &(low, _))| strictly(task, between(&easy, end, 0.99 * low)))
        .collect();
    task.functions.values(&rows, &at, space, &mut values)?;
    let mut worths: Vec<(f64, Vector)> = (values.iter().zip(at))
        .map(|(values, x)| (task.worth(row, values, -1e-3), x))
        .filter(|(worth, _)| !worth.is_nan())
        .collect();
    worths.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Of starts close together one is enough.
    let mut apart: Vec<Vector> = Vec::new();
    for (_, x) in worths {
        let near = |other: &Vector| task.free.iter().all(|&i| (x[i] - other[i]).abs() < 1.5);
        if !apart.iter().any(near) {
            apart.push(x);
        }
    }
    Ok(apart)
}

/// Points that fill the unit cube evenly: the additive recurrence of Roberts 2018, whose steps
/// are powers of the root of x^(d+1) = x + 1.
fn spread(index: usize, place: usize, dimensions: usize) -> f64 {
    let mut root: f64 = 1.5;
    for _ in 0..40 {
        root = (1.0 + root).powf(1.0 / (dimensions as f64 + 1.0));
    }
    (0.5 + (index as f64 + 1.0) / root.powf(place as f64 + 1.0)).fract()
}
