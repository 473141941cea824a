//! Several rows of one run: checkpoints, points before the end of a schedule, spikes.

use std::collections::HashMap;
use std::ops::Range;

use crate::Finding;
use crate::draft::Draft;

/// The rows of one run in the order of training, and how far each is.
struct Curve {
    rows: Vec<usize>,
    at: Vec<f64>,
}

impl Curve {
    /// The rows before the furthest.
    fn earlier(&self) -> impl Iterator<Item = usize> {
        let last = self.at.last().copied().unwrap_or_default();
        self.rows.iter().zip(&self.at).filter(move |(_, at)| **at < last).map(|(&row, _)| row)
    }
}

/// Runs of which several points are in use: those whose rows differ in step, or else in D.
fn curves(draft: &Draft) -> Vec<Curve> {
    if draft.known.run_column.is_none() {
        return Vec::new();
    }
    let mut counts = vec![0_usize; draft.run.names.len()];
    for &row in &draft.kept {
        counts[draft.run.index[row]] += 1;
    }
    let run_of = |row: &usize| draft.run.index[*row];
    let mut rows: Vec<usize> = draft.kept.clone();
    rows.retain(|row| counts[run_of(row)] > 1);
    rows.sort_by_key(run_of);
    rows.chunk_by(|a, b| run_of(a) == run_of(b))
        .filter_map(|rows| {
            [&draft.known.step, &draft.known.d]
                .into_iter()
                .flatten()
                .find(|values| {
                    let first = values[rows[0]];
                    rows.iter().all(|&row| values[row].is_finite())
                        && rows.iter().any(|&row| values[row] != first)
                })
                .map(|values| {
                    let mut rows = rows.to_vec();
                    rows.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
                    Curve { at: rows.iter().map(|&row| values[row]).collect(), rows }
                })
        })
        .collect()
}

/// The rows of `curves` that `pick` names, in the order of the table.
fn picked(draft: &Draft, pick: impl Fn(&Curve) -> Vec<usize>) -> Vec<usize> {
    let mut rows: Vec<usize> = curves(draft).iter().flat_map(pick).collect();
    rows.sort_unstable();
    rows
}

/// The rows before the last of their run.
pub(crate) fn earlier_checkpoints(draft: &Draft) -> Vec<usize> {
    picked(draft, |curve| curve.earlier().collect())
}

/// The rows of runs whose learning rate decays, before it has; and those a column says are.
pub(crate) fn unannealed(draft: &Draft) -> Vec<usize> {
    if let Some((_, annealed)) = &draft.known.annealed {
        return draft.kept.iter().copied().filter(|&row| !annealed[row]).collect();
    }
    let Some((_, lr)) = &draft.known.lr else { return Vec::new() };
    picked(draft, |curve| {
        let rates = || curve.rows.iter().map(|&row| lr[row]);
        let last = rates().next_back().unwrap_or(f64::NAN);
        let peak = rates().fold(last, f64::max);
        // A rate that ends within a tenth of its peak does not decay.
        if !rates().all(f64::is_finite) || last >= 0.9 * peak {
            return Vec::new();
        }
        curve.earlier().filter(|&row| lr[row] > last + 0.05 * (peak - last)).collect()
    })
}

/// The points of a run's curve that jump above their neighbours, of a target that falls.
pub(crate) fn spikes(draft: &Draft) -> Vec<usize> {
    if !["loss", "bpb", "error"].contains(&draft.target.0.name.as_str()) {
        return Vec::new();
    }
    let target = &draft.target.1;
    picked(draft, |curve| {
        // Rows at one place are one point of the curve, the least of them.
        let ln = |row: usize| target[row].ln();
        let points: Vec<Range<usize>> = same(&curve.at);
        let least = |point: &Range<usize>| {
            curve.rows[point.clone()].iter().map(|&row| ln(row)).fold(f64::INFINITY, f64::min)
        };
        let y: Vec<f64> = points.iter().map(least).collect();
        if y.len() < 6 || !curve.rows.iter().all(|&row| ln(row).is_finite()) {
            return Vec::new();
        }
        // A curve that falls ever more slowly lies below the mean of its neighbours, so what
        // stands above it is noise or a spike.
        let expected: Vec<f64> = (0..y.len()).map(|at| neighbours(&y, at)).collect();
        let mut sizes: Vec<f64> = y.iter().zip(&expected).map(|(y, e)| (y - e).abs()).collect();
        let noise = 1.4826 * median(&mut sizes);
        let limit = (6.0 * noise).max(0.01);
        // The first points have only lower neighbours.
        let later = points.iter().zip(&expected).skip(2);
        later
            .flat_map(|(point, expected)| {
                let rows = curve.rows[point.clone()].iter().copied();
                rows.filter(move |&row| ln(row) > expected + limit)
            })
            .collect()
    })
}

/// The ranges of equal neighbours.
fn same(values: &[f64]) -> Vec<Range<usize>> {
    let mut end = 0;
    let range = |chunk: &[f64]| {
        end += chunk.len();
        end - chunk.len()..end
    };
    values.chunk_by(|a, b| a == b).map(range).collect()
}

/// The middle of the two points before and the two after.
fn neighbours(y: &[f64], at: usize) -> f64 {
    let window = at.saturating_sub(2)..(at + 3).min(y.len());
    let mut near: Vec<f64> = window.filter(|&other| other != at).map(|other| y[other]).collect();
    median(&mut near)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

pub(super) fn findings(draft: &Draft) -> Vec<Finding> {
    let lines = |rows: Vec<usize>| rows.into_iter().map(|row| draft.lines[row]).collect();
    let curves = curves(draft);
    let mut findings = Vec::new();
    if let (false, Some(column)) = (curves.is_empty(), &draft.known.run_column) {
        findings.push(Finding::Checkpoints {
            runs: curves.len(),
            rows: curves.iter().map(|curve| curve.rows.len()).sum(),
            column: Some(column.clone()),
            lines: lines(earlier_checkpoints(draft)),
        });
    }
    findings.extend(unnamed_checkpoints(draft));
    let rows = unannealed(draft);
    let says = draft.known.annealed.as_ref().map(|(column, _)| column);
    let says = says.or(draft.known.lr.as_ref().map(|(column, _)| column));
    if let (false, Some(column)) = (rows.is_empty(), says) {
        findings.push(Finding::Unannealed { column: column.clone(), lines: lines(rows) });
    }
    let rows = spikes(draft);
    if !rows.is_empty() {
        findings.push(Finding::Spikes { lines: lines(rows) });
    }
    findings
}

/// Rows of one N whose D grow in equal steps, in a table that names no runs. A designed sweep
/// has its D in equal ratios, or few of them.
fn unnamed_checkpoints(draft: &Draft) -> Option<Finding> {
    const FEWEST: usize = 8;
    if draft.known.run_column.is_some() {
        return None;
    }
    let (n, d) = (draft.known.n.as_ref()?, draft.known.d.as_ref()?);
    let mut of: HashMap<u64, Vec<usize>> = HashMap::new();
    for &row in draft.kept.iter().filter(|&&row| d[row].is_finite()) {
        of.entry(n[row].to_bits()).or_default().push(row);
    }
    let (mut runs, mut count, mut earlier) = (0, 0, Vec::new());
    for mut rows in of.into_values().filter(|rows| rows.len() >= FEWEST) {
        rows.sort_by(|&a, &b| d[a].total_cmp(&d[b]));
        let steps = || rows.windows(2).map(|pair| d[pair[1]] - d[pair[0]]);
        let (low, high) = steps()
            .fold((f64::INFINITY, 0.0_f64), |(low, high), step| (low.min(step), high.max(step)));
        if low > 0.0 && high <= 1.02 * low {
            runs += 1;
            count += rows.len();
            earlier.extend(rows[..rows.len() - 1].iter().map(|&row| draft.lines[row]));
        }
    }
    earlier.sort_unstable();
    (runs > 0).then_some(Finding::Checkpoints { runs, rows: count, column: None, lines: earlier })
}
