//! Backtest: how well the law, fitted without the largest runs of its own table, predicts them.

use std::collections::HashSet;
use std::f64::consts::{FRAC_PI_2, LN_10};

use runs::Flop;
use serde::{Deserialize, Serialize};

use crate::bootstrap::Clusters;
use crate::dense::solve;
use crate::objective::Columns;
use crate::search::{Grid, search};

/// Fewest runs, and fewest distinct (N, D), below a cut: one and a half times the parameters.
const FEWEST_BELOW: usize = 8;

/// Fewest runs above a cut.
const FEWEST_ABOVE: usize = 2;

/// Where cuts are sought, in decades of C below the largest run: between half-decades, so that
/// sweeps of half-decade budgets are cut between budgets.
const DEPTHS: [f64; 4] = [0.25, 0.75, 1.25, 1.75];

/// How far from there the middle of the widest gap in C is looked for, in decades.
const REACH: f64 = 0.26;

/// The standard normal's 95 % point: 90 % of it lie within.
const NINETY: f64 = 1.645;

/// The law refitted to the smaller runs and tried on the larger ones, for several cuts in C.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backtest {
    /// The cuts, from the largest compute down.
    pub cuts: Vec<Cut>,
    /// Error in ln loss per decade of C beyond the fitted runs, over and above what the scatter of
    /// runs and the uncertainty of the law explain; 0 when they explain all. Predictions draw it
    /// from a normal distribution of this standard deviation times their distance.
    pub error_per_decade: f64,
}

/// One cut of a [`Backtest`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// Largest C = 6 N D among the fitted runs.
    pub compute: Flop,
    /// Runs at or below it, which the law was refitted to.
    pub fitted: usize,
    /// Runs above it, each predicted at its largest C.
    pub held_out: usize,
    /// Mean of log10 (C / `compute`) over the held-out runs.
    pub decades: f64,
    /// Mean of ln measured - ln predicted over the held-out runs; negative when the law predicts
    /// too high.
    pub error: f64,
    /// Standard error of that mean from the scatter of runs and the sampling of the refitted law
    /// (first order), were the law true.
    pub standard_error: f64,
    /// Held-out runs whose own error is within 1.645 of its standard deviations; 90 % of them
    /// would be, were the law true and the noise normal.
    pub within: usize,
}

impl Cut {
    /// The mean error as a share of the loss; positive when the law predicts too high.
    pub fn predicted_too_high(&self) -> f64 {
        (-self.error).exp_m1()
    }

    /// Per decade: the mean error, and the variance that scatter and sampling give it.
    fn rate(&self) -> (f64, f64) {
        (self.error / self.decades, (self.standard_error / self.decades).powi(2))
    }
}

impl Backtest {
    /// The cut at the largest compute, when it is off by over two standard errors and every other
    /// cut is off to the same side. Errors under a tenth of a per cent are not worth a word.
    pub fn one_sided(&self) -> Option<&Cut> {
        let cut = self.cuts.first()?;
        let agree = self.cuts.iter().all(|other| (other.error < 0.0) == (cut.error < 0.0));
        (agree && cut.error.abs() > (2.0 * cut.standard_error).max(1e-3)).then_some(cut)
    }
}

/// Scatter of one run in ln L. A mean of runs scatters by the root mean square; Huber's estimate
/// of the law by the middle of the residuals, which outliers do not widen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scatter {
    pub(crate) root_mean_square: f64,
    pub(crate) robust: f64,
}

/// A run as the backtest sees it: its rows in order, the last one its largest.
struct Run {
    /// ln of u + v of the last row, in the centred logarithms.
    ln_c: f64,
    rows: Vec<usize>,
}

/// Refits the law (point fit, no resamples) below each cut and predicts the runs above it.
/// `largest` is the largest C of the table.
/// `None` when no cut leaves enough runs on both sides.
pub(crate) fn backtest(
    columns: &Columns,
    clusters: &Clusters,
    delta: f64,
    scatter: Scatter,
    largest: Flop,
) -> Option<Backtest> {
    let runs = in_order(columns, clusters);
    let top = runs.last()?.ln_c;
    let mut seen = HashSet::new();
    let cuts: Vec<Cut> = DEPTHS
        .iter()
        .filter_map(|depth| cut_near(&runs, top - depth * LN_10))
        .filter(|&count| seen.insert(count) && enough(&runs[..count], clusters))
        .filter_map(|count| {
            let compute = Flop(largest.get() * (runs[count - 1].ln_c - top).exp());
            try_cut(columns, &runs, count, delta, scatter, compute)
        })
        .collect();
    (!cuts.is_empty()).then(|| Backtest { error_per_decade: excess(&cuts), cuts })
}

/// Runs by their largest compute, and their rows likewise, whatever the order of the table.
fn in_order(columns: &Columns, clusters: &Clusters) -> Vec<Run> {
    let key = |row: usize| [columns.u[row] + columns.v[row], columns.u[row], columns.y[row]];
    let compare = |&a: &usize, &b: &usize| {
        let (a, b) = (key(a), key(b));
        a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])).then(a[2].total_cmp(&b[2]))
    };
    let mut runs: Vec<Run> = clusters
        .rows
        .iter()
        .filter(|rows| !rows.is_empty())
        .map(|rows| {
            let mut rows = rows.clone();
            rows.sort_by(compare);
            Run { ln_c: key(rows[rows.len() - 1])[0], rows }
        })
        .collect();
    runs.sort_by(|a, b| compare(&a.rows[a.rows.len() - 1], &b.rows[b.rows.len() - 1]));
    runs
}

/// How many runs lie below the widest gap in ln C within reach of `target`; `None` without a gap
/// there, and where fewer than two runs lie above.
fn cut_near(runs: &[Run], target: f64) -> Option<usize> {
    let gap = |count: usize| runs[count].ln_c - runs[count - 1].ln_c;
    (1..=runs.len().checked_sub(FEWEST_ABOVE)?)
        .filter(|&count| {
            let (low, high) = (runs[count - 1].ln_c, runs[count].ln_c);
            high > low && (0.5 * (low + high) - target).abs() <= REACH * LN_10
        })
        .max_by(|&a, &b| gap(a).total_cmp(&gap(b)).then(b.cmp(&a)))
}

fn enough(below: &[Run], clusters: &Clusters) -> bool {
    let settings: HashSet<usize> =
        below.iter().flat_map(|run| &run.rows).map(|&row| clusters.setting[row]).collect();
    below.len() >= FEWEST_BELOW && settings.len() >= FEWEST_BELOW
}

fn try_cut(
    columns: &Columns,
    runs: &[Run],
    count: usize,
    delta: f64,
    scatter: Scatter,
    compute: Flop,
) -> Option<Cut> {
    let mut below = Columns::default();
    for &row in runs[..count].iter().flat_map(|run| &run.rows) {
        below.u.push(columns.u[row]);
        below.v.push(columns.v[row]);
        below.y.push(columns.y[row]);
        below.weight.push(1.0);
    }
    let point = search(&below, &Grid::new(&below, 24), delta)?.best.point;
    let mut gram = [[0.0; 5]; 5];
    for row in 0..below.len() {
        let slope = below.log_slope(&point, row);
        for i in 0..5 {
            for j in 0..5 {
                gram[i][j] += slope[i] * slope[j];
            }
        }
    }
    // All five count, also one that stopped at zero: had it not, it would vary.
    let variance = |slope: &[f64; 5]| {
        let x = solve(&gram, slope, [true; 5])?;
        let leverage: f64 = (0..5).map(|i| x[i] * slope[i]).sum();
        let variance = inefficiency(delta / scatter.robust) * leverage * scatter.robust.powi(2);
        (variance.is_finite() && variance >= 0.0).then_some(variance)
    };
    let noise = scatter.root_mean_square.powi(2);
    let above = &runs[count..];
    let held_out = above.len() as f64;
    let (mut error, mut decades, mut within, mut mean) = (0.0, 0.0, 0, [0.0; 5]);
    for run in above {
        let row = run.rows[run.rows.len() - 1];
        let slope = columns.log_slope(&point, row);
        let off = columns.residual(&point, row);
        let deviation = (noise + variance(&slope)?).sqrt();
        within += usize::from(off.abs() <= NINETY * deviation);
        error += off / held_out;
        decades += (run.ln_c - runs[count - 1].ln_c) / LN_10 / held_out;
        for (mean, slope) in mean.iter_mut().zip(slope) {
            *mean += slope / held_out;
        }
    }
    let standard_error = (noise / held_out + variance(&mean)?).sqrt();
    let usable = error.is_finite() && standard_error > 0.0 && decades > 0.0;
    usable.then_some(Cut {
        compute,
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
