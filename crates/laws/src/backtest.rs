//! Backtest: how well the law, fitted without the largest runs of its own table, predicts them.

use std::collections::HashSet;
use std::f64::consts::{FRAC_PI_2, LN_10};

use runs::Observations;
use serde::{Deserialize, Serialize};

use crate::dense::{Factor, dot};
use crate::model::Model;
use crate::objective::{Loss, Objective};
use crate::problem::Problem;
use crate::rows::Rows;
use crate::search::search;
use crate::{FitError, Law, input};

/// Fewest runs above a cut.
const FEWEST_ABOVE: usize = 2;

/// Where cuts are sought, in decades of the axis below the largest run: between half-decades, so that
/// sweeps of half-decade budgets are cut between budgets.
const DEPTHS: [f64; 4] = [0.25, 0.75, 1.25, 1.75];

/// How far from there the middle of the widest gap is looked for, in decades.
const REACH: f64 = 0.26;

/// The standard normal's 95 % point: 90 % of it lie within.
const NINETY: f64 = 1.645;

/// The law refitted to the smaller runs and tried on the larger ones, for several cuts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backtest {
    /// What runs are ordered and cut by: `C`, or the law's first variable where there is no C.
    pub axis: String,
    /// The cuts, from the largest runs down.
    pub cuts: Vec<Cut>,
    /// Error on the residual scale per decade of the axis beyond the fitted runs, over and above what the scatter of
    /// runs and the uncertainty of the law explain; 0 when they explain all. Predictions draw it
    /// from a normal distribution of this standard deviation times their distance.
    pub error_per_decade: f64,
}

/// One cut of a [`Backtest`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// Largest value of the axis among the fitted runs.
    pub at: f64,
    /// Runs at or below it, which the law was refitted to.
    pub fitted: usize,
    /// Runs above it, each predicted at its largest row.
    pub held_out: usize,
    /// Mean of log10 (axis / `at`) over the held-out runs.
    pub decades: f64,
    /// Mean residual of the held-out runs (ln measured - ln predicted, or measured - predicted);
    /// negative when the law predicts too high.
    pub error: f64,
    /// Standard error of that mean from the scatter of runs and the sampling of the refitted law
    /// (first order), were the law true.
    pub standard_error: f64,
    /// Held-out runs whose own error is within 1.645 of its standard deviations; 90 % of them
    /// would be, were the law true and the noise normal.
    pub within: usize,
}

impl Cut {
    /// The mean error of log residuals as a share of what was measured; positive when the law
    /// predicts too high.
    pub fn predicted_too_high(&self) -> f64 {
        (-self.error).exp_m1()
    }

    /// Per decade: the mean error, and the variance that scatter and sampling give it.
    fn rate(&self) -> (f64, f64) {
        (self.error / self.decades, (self.standard_error / self.decades).powi(2))
    }
}

impl Backtest {
    /// The cut at the largest runs, when it is off by over two standard errors and every other
    /// cut is off to the same side. Errors under a tenth of a per cent are not worth a word.
    pub fn one_sided(&self) -> Option<&Cut> {
        let cut = self.cuts.first()?;
        let agree = self.cuts.iter().all(|other| (other.error < 0.0) == (cut.error < 0.0));
        (agree && cut.error.abs() > (2.0 * cut.standard_error).max(1e-3)).then_some(cut)
    }
}

/// Scatter of one run on the residual scale. A mean of runs scatters by the root mean square; Huber's estimate
/// of the law by the middle of the residuals, which outliers do not widen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scatter {
    pub(crate) root_mean_square: f64,
    pub(crate) robust: f64,
}

/// A run as the backtest sees it: its rows in order, the last one its largest.
struct Run {
    /// The extent of the last row.
    extent: f64,
    rows: Vec<usize>,
}

/// What is refitted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refitted<'a> {
    pub(crate) law: &'a Law,
    pub(crate) model: &'a Model,
    pub(crate) shared: &'a [bool],
    pub(crate) objective: Objective,
    pub(crate) scatter: Scatter,
}

/// Refits the law (point fit, no resamples) below each cut and predicts the runs above it.
///
/// `problem` holds all rows. `None` when no cut leaves enough runs on both sides: one and a half
/// times as many runs and settings as parameters below, two runs above.
pub(crate) fn backtest(
    refitted: &Refitted<'_>,
    problem: &Problem<'_>,
    axis: &str,
) -> Option<Backtest> {
    let runs = in_order(problem.rows);
    let cuts: Vec<Cut> = counts(problem.rows, &runs, problem.size())
        .into_iter()
        .filter_map(|count| try_cut(refitted, problem, &runs, count))
        .collect();
    (!cuts.is_empty()).then(|| Backtest {
        axis: axis.to_owned(),
        error_per_decade: excess(&cuts),
        cuts,
    })
}

/// How many runs lie below each cut that leaves enough on both sides, most first.
fn counts(rows: &Rows, runs: &[Run], parameters: usize) -> Vec<usize> {
    let Some(last) = runs.last() else { return Vec::new() };
    let (setting, _) = rows.settings();
    let fewest = (3 * parameters).div_ceil(2).max(4);
    let mut seen = HashSet::new();
    DEPTHS
        .iter()
        .filter_map(|depth| cut_near(runs, last.extent - depth * LN_10))
        .filter(|&count| seen.insert(count) && enough(&runs[..count], &setting, fewest))
        .collect()
}

/// The cuts of a table, as numbers of its rows.
pub(crate) struct Cuts {
    pub(crate) axis: String,
    pub(crate) cuts: Vec<CutRuns>,
}

/// One cut: the rows of the runs below it, and the largest row of each run above.
pub(crate) struct CutRuns {
    pub(crate) at: f64,
    pub(crate) below_runs: usize,
    pub(crate) below: Vec<usize>,
    pub(crate) above: Vec<usize>,
}

/// Where `observations` can be cut for laws of up to `parameters` parameters.
pub(crate) fn cut_runs(
    law: &Law,
    observations: &Observations,
    parameters: usize,
) -> Result<Cuts, FitError> {
    let rows = input::rows(law, observations, false)?;
    let runs = in_order(&rows);
    let cuts: Vec<CutRuns> = counts(&rows, &runs, parameters)
        .into_iter()
        .map(|count| {
            let mut below: Vec<usize> =
                runs[..count].iter().flat_map(|run| run.rows.iter().copied()).collect();
            below.sort_unstable();
            CutRuns {
                at: runs[count - 1].extent.exp(),
                below_runs: count,
                below,
                above: runs[count..].iter().map(|run| run.rows[run.rows.len() - 1]).collect(),
            }
        })
        .collect();
    if cuts.is_empty() {
        return Err(FitError::NoCut { runs: runs.len() });
    }
    Ok(Cuts { axis: input::axis(law, observations), cuts })
}

/// Runs by their largest extent, and their rows likewise, whatever the order of the table.
fn in_order(rows: &Rows) -> Vec<Run> {
    let compare = |&a: &usize, &b: &usize| {
        let variables = rows.variables.iter().map(|(_, column)| column[a].total_cmp(&column[b]));
        rows.extent[a]
            .total_cmp(&rows.extent[b])
            .then(variables.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then))
            .then(rows.measured[a].total_cmp(&rows.measured[b]))
    };
    let mut runs: Vec<Run> = rows
        .by_run()
        .into_iter()
        .map(|mut of_run| {
            of_run.sort_by(compare);
            Run { extent: rows.extent[of_run[of_run.len() - 1]], rows: of_run }
        })
        .collect();
    runs.sort_by(|a, b| compare(&a.rows[a.rows.len() - 1], &b.rows[b.rows.len() - 1]));
    runs
}

/// How many runs lie below the widest gap in extent within reach of `target`; `None` without a gap
/// there, and where fewer than two runs lie above.
fn cut_near(runs: &[Run], target: f64) -> Option<usize> {
    let gap = |count: usize| runs[count].extent - runs[count - 1].extent;
    (1..=runs.len().checked_sub(FEWEST_ABOVE)?)
        .filter(|&count| {
            let (low, high) = (runs[count - 1].extent, runs[count].extent);
            high > low && (0.5 * (low + high) - target).abs() <= REACH * LN_10
        })
        .max_by(|&a, &b| gap(a).total_cmp(&gap(b)).then(b.cmp(&a)))
}

fn enough(below: &[Run], setting: &[usize], fewest: usize) -> bool {
    let settings: HashSet<usize> =
        below.iter().flat_map(|run| &run.rows).map(|&row| setting[row]).collect();
    below.len() >= fewest && settings.len() >= fewest
}

fn try_cut(
    refitted: &Refitted<'_>,
    problem: &Problem<'_>,
    runs: &[Run],
    count: usize,
) -> Option<Cut> {
    let Refitted { law, model, shared, objective, scatter } = *refitted;
    let mut chosen: Vec<usize> =
        runs[..count].iter().flat_map(|run| run.rows.iter().copied()).collect();
    // Rows of one group stay together.
    chosen.sort_unstable();
    let below: Rows = problem.rows.select(&chosen);
    let small = Problem::new(law, model, &below, shared).ok()?;
    if small.size() != problem.size() {
        return None; // a group has no run below the cut
    }
    let point = search(law, model, &below, shared, objective.loss).ok()??.best.point;
    let size = problem.size();
    let gram = small.gram(&small.slopes(&point));
    // All count, also one that stopped at a bound: had it not, it would vary. Those that no row
    // responds to cannot.
    let free: Vec<bool> = (0..size).map(|i| gram[(i, i)] > f64::MIN_POSITIVE).collect();
    let factor = Factor::new(&gram, &free)?;
    let bend = match objective.loss {
        Loss::Huber { delta } | Loss::Asymmetric { delta, .. } => delta / scatter.robust,
        Loss::Squares | Loss::StudentT { .. } => f64::INFINITY,
    };
    let variance = |slope: &[f64]| {
        let leverage = dot(&factor.solve(slope)?, slope);
        let variance = inefficiency(bend) * leverage * scatter.robust.powi(2);
        (variance.is_finite() && variance >= 0.0).then_some(variance)
    };
    let noise = scatter.root_mean_square.powi(2);
    let above = &runs[count..];
    let last: Vec<usize> = above.iter().map(|run| run.rows[run.rows.len() - 1]).collect();
    let held_out = above.len() as f64;
    // Groups stay together here too, so runs are visited in the order of their rows.
    let mut order = last.clone();
    order.sort_unstable();
    let rows = problem.rows.select(&order);
    let beyond = Problem::new(law, model, &rows, shared).ok()?;
    if beyond.size() != size {
        return None;
    }
    let (residuals, slopes) = (beyond.residuals(&point), beyond.slopes(&point));
    let (mut error, mut decades, mut within) = (0.0, 0.0, 0);
    let mut mean = vec![0.0; size];
    for (row, (off, slope)) in residuals.iter().zip(slopes.chunks_exact(size)).enumerate() {
        let deviation = (noise + variance(slope)?).sqrt();
        within += usize::from(off.abs() <= NINETY * deviation);
        error += off / held_out;
        decades += (rows.extent[row] - runs[count - 1].extent) / LN_10 / held_out;
        for (mean, slope) in mean.iter_mut().zip(slope) {
            *mean += slope / held_out;
        }
    }
    let standard_error = (noise / held_out + variance(&mean)?).sqrt();
    let usable = error.is_finite() && standard_error > 0.0 && decades > 0.0;
    usable.then_some(Cut {
        at: runs[count - 1].extent.exp(),
        fitted: count,
        held_out: above.len(),
        decades,
        error,
        standard_error,
        within,
    })
}

/// The variance of Huber's estimate over that of least squares for normal noise, `bend` being
/// where Huber's loss turns, in standard deviations: pi / 2 at 0 (least absolute deviations), 1 at
/// infinity. The exponential is within 3 % of Huber's formula in between.
fn inefficiency(bend: f64) -> f64 {
    1.0 + (FRAC_PI_2 - 1.0) * (-1.7 * bend).exp()
}

/// The error per decade in excess of scatter and sampling, by moments: each cut is one
/// observation r of variance s^2 + v, so that sum r^2 / v is expected to be k + s^2 sum 1 / v
/// (the moments of random-effects meta-analysis, doi:10.1016/0197-2456(86)90046-2, about a mean of
/// zero: a true law errs to neither side).
fn excess(cuts: &[Cut]) -> f64 {
    let (mut sizes, mut weights) = (0.0, 0.0);
    for (rate, variance) in cuts.iter().map(Cut::rate) {
        sizes += rate * rate / variance;
        weights += variance.recip();
    }
    let square = (sizes - cuts.len() as f64) / weights;
    if square.is_finite() { square.max(0.0).sqrt() } else { 0.0 }
}
