//! Fitting the law to runs, and what comes out.

use std::collections::HashMap;

use runs::{Flop, NatsPerToken, Observations, Parameters, Tokens, flop_6nd};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::bootstrap::{Clusters, Resamples, bootstrap, is_at_bound};
use crate::dense::solve;
use crate::draws::{Draws, Interval};
use crate::objective::{A, ALPHA, B, BETA, Columns, E, Point};
use crate::search::{EXPONENTS, Grid, Search, search, sized_gradient};
use crate::{Chinchilla, Warning};

/// Fewest distinct (N, D), and fewest runs, that a fit accepts: one more than the parameters.
const FEWEST: usize = 6;

/// Below this many distinct (N, D) a fit warns.
const FEW: usize = 10;

/// How to fit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FitOptions {
    /// Where Huber's loss of the log residual turns from quadratic to straight. The field's
    /// 0.001 is close to least absolute deviations; 1 is least squares.
    pub huber_delta: f64,
    /// How many resamples of the runs to refit; 0 for none, and no intervals.
    pub bootstrap: usize,
    /// The level of every interval, between 0 and 1.
    pub level: f64,
    /// The seed of the resamples.
    pub seed: u64,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self { huber_delta: 1e-3, bootstrap: 1000, level: 0.9, seed: 0 }
    }
}

/// Why a law could not be fitted.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FitError {
    /// Fewer settings than the law needs.
    #[error(
        "{settings} distinct (N, D) cannot fix the five parameters of the law; it needs at least \
         {needed}"
    )]
    TooFewSettings {
        /// Distinct (N, D) at hand.
        settings: usize,
        /// Fewest that are accepted.
        needed: usize,
    },
    /// Rows enough, but of too few runs, and the rows of one run are not independent.
    #[error(
        "the rows belong to {runs} runs only; rows of one run are not independent, and a fit \
         needs at least {needed} runs"
    )]
    TooFewRuns {
        /// Runs at hand.
        runs: usize,
        /// Fewest that are accepted.
        needed: usize,
    },
    /// An option outside its range.
    #[error("{option} = {value} is out of range: {expected}")]
    Option {
        /// Its name.
        option: &'static str,
        /// Its value.
        value: f64,
        /// What it should be.
        expected: &'static str,
    },
    /// No starting point had a finite objective.
    #[error("the objective is not finite anywhere; N or D span too many orders of magnitude")]
    NotFinite,
}

/// The data that a law was fitted to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// The table: a path, `<stdin>` or `<memory>`.
    pub origin: String,
    /// Rows used.
    pub rows: usize,
    /// Distinct runs among them.
    pub runs: usize,
    /// Distinct (N, D) among them.
    pub settings: usize,
    /// Role, column and convention of each column used.
    pub columns: Vec<(String, String, String)>,
    /// Rows left out, in words.
    pub excluded: Vec<String>,
    /// Least and largest N.
    pub parameters: (Parameters, Parameters),
    /// Least and largest D.
    pub tokens: (Tokens, Tokens),
    /// Least and largest C = 6 N D.
    pub compute: (Flop, Flop),
}

/// Evidence that the search found the minimum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// Whether the search stopped because nothing was left to gain.
    pub converged: bool,
    /// Largest derivative of the objective with respect to ln E, ln A, ln B, alpha and beta
    /// (those at a bound left out).
    pub gradient: f64,
    /// What a further Newton step promises, as a share of the objective.
    pub improvement_left: f64,
    /// Starting points searched from.
    pub starts: usize,
    /// How many of them ended at this minimum (objective within a relative 1e-7).
    pub starts_at_minimum: usize,
}

/// How the bootstrap went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Draws asked for.
    pub requested: usize,
    /// Resamples drawn again because they held too few distinct settings for five parameters.
    pub redrawn: usize,
    /// Draws for which no resample could be fitted; they are missing from the draws.
    pub failed: usize,
    /// Draws with a coefficient at zero or an exponent at the end of its range; they count.
    pub at_bound: usize,
    /// Draws whose own minimum is not certified; they count.
    pub not_certified: usize,
}

/// A fitted law with its uncertainty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// The best law.
    pub law: Chinchilla,
    /// The sum over rows of Huber's loss of ln L - ln law.
    pub objective: f64,
    /// How it was fitted.
    pub options: FitOptions,
    /// What it was fitted to.
    pub data: Data,
    /// Evidence for the minimum.
    pub certificate: Certificate,
    /// How the bootstrap went.
    pub bootstrap: Bootstrap,
    /// Spread of ln L around the law, robust (from the median size), corrected for the five
    /// parameters: about the relative error of one run.
    pub spread: f64,
    /// Share of the variance of ln L over the runs that the law explains; 1 is all.
    pub explained: f64,
    /// ln L - ln law per row, scaled up for leverage and the five parameters.
    pub residuals: Vec<f64>,
    /// One law per resample.
    pub draws: Draws,
    /// Reasons to look twice.
    pub warnings: Vec<Warning>,
}

/// In one word, how far to trust a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing speaks against it inside its range.
    Sound,
    /// Usable, with the warnings in mind.
    Caution,
    /// The runs cannot tell the terms of the law apart; only losses near the runs are usable.
    NotIdentified,
}

impl Fit {
    /// The interval of a parameter (`E`, `A`, `B`, `alpha`, `beta`) or of `a`, the exponent of
    /// N* in C: the central share `options.level` of the draws. `None` without draws or for
    /// another name.
    pub fn interval(&self, name: &str) -> Option<Interval> {
        let values = match name {
            "a" => self.draws.laws().map(|law| law.model_exponent()).collect(),
            _ => self.draws.column(name)?.to_vec(),
        };
        Interval::of(values, self.options.level)
    }

    /// How far to trust the fit.
    pub fn verdict(&self) -> Verdict {
        if self.warnings.iter().any(Warning::is_about_identification) {
            Verdict::NotIdentified
        } else if self.warnings.iter().any(Warning::is_serious) || self.data.settings < FEW {
            Verdict::Caution
        } else {
            Verdict::Sound
        }
    }

    /// How many factors of ten `compute` lies outside the compute of the runs; 0 inside.
    pub fn extrapolation_decades(&self, compute: Flop) -> f64 {
        let (low, high) = self.data.compute;
        let above = (compute / high).log10();
        let below = (low / compute).log10();
        above.max(below).max(0.0)
    }
}

/// Logarithms of the units that N, D and loss are measured in while fitting: their geometric
/// means, which makes the parameters of order one.
#[derive(Debug, Clone, Copy)]
struct Scale {
    n: f64,
    d: f64,
    loss: f64,
}

impl Scale {
    fn law(self, point: &Point) -> Chinchilla {
        // In logs: N^alpha alone may overflow where the product does not.
        let restore = |x: f64, ln: f64| if x > 0.0 { (x.ln() + ln).exp() } else { 0.0 };
        Chinchilla {
            e: restore(point[E], self.loss),
            a: restore(point[A], self.loss + point[ALPHA] * self.n),
            b: restore(point[B], self.loss + point[BETA] * self.d),
            alpha: point[ALPHA],
            beta: point[BETA],
        }
    }
}

/// Fits L = E + A / N^alpha + B / D^beta with E, A, B >= 0 and exponents in 0.01..3 by
/// minimising the sum over rows of Huber's loss of ln L - ln law (Hoffmann et al. 2022, section
/// 3.3).
///
/// # Errors
/// Fewer than six distinct (N, D) or six runs, an option out of range, and rows for which the
/// objective is not finite.
pub fn fit(observations: &Observations, options: &FitOptions) -> Result<Fit, FitError> {
    check(options)?;
    let (columns, scale) = columns(observations);
    let clusters = clusters(observations);
    if clusters.settings < FEWEST {
        return Err(FitError::TooFewSettings { settings: clusters.settings, needed: FEWEST });
    }
    if clusters.rows.len() < FEWEST {
        return Err(FitError::TooFewRuns { runs: clusters.rows.len(), needed: FEWEST });
    }
    let delta = options.huber_delta;
    let found = search(&columns, &Grid::new(&columns, 24), delta).ok_or(FitError::NotFinite)?;
    let resamples = if options.bootstrap == 0 {
        Resamples::default()
    } else {
        let grid = Grid::new(&columns, 12);
        bootstrap(&columns, &grid, &clusters, &found, delta, options.bootstrap, options.seed)
    };
    let law = scale.law(&found.best.point);
    let laws: Vec<Chinchilla> = resamples.points.iter().map(|point| scale.law(point)).collect();
    if ![law].iter().chain(&laws).all(|law| law.values().iter().all(|x| x.is_finite())) {
        return Err(FitError::NotFinite);
    }
    let raw: Vec<f64> =
        (0..columns.len()).map(|row| columns.residual(&found.best.point, row)).collect();
    let mut fit = Fit {
        law,
        objective: found.best.value,
        options: *options,
        data: data(observations, &clusters),
        certificate: certificate(&found),
        bootstrap: Bootstrap {
            requested: options.bootstrap,
            redrawn: resamples.redrawn,
            failed: resamples.failed,
            at_bound: resamples.at_bound,
            not_certified: resamples.uncertified,
        },
        spread: robust_spread(&raw),
        explained: explained(&columns.y, &raw),
        residuals: standardised(&columns, &found.best.point, &raw),
        draws: Draws::from_laws(&laws),
        warnings: Vec::new(),
    };
    fit.warnings = warnings(&fit, &columns, &found, observations);
    Ok(fit)
}

fn check(options: &FitOptions) -> Result<(), FitError> {
    let refuse = |option, value, expected| Err(FitError::Option { option, value, expected });
    if options.huber_delta.is_nan() || options.huber_delta < 1e-9 || options.huber_delta > 1e6 {
        return refuse("huber delta", options.huber_delta, "between 1e-9 and 1e6");
    }
    if options.level.is_nan() || options.level < 0.01 || options.level > 0.999 {
        return refuse("level", options.level, "between 0.01 and 0.999");
    }
    if options.bootstrap != 0 && options.bootstrap < 100 || options.bootstrap > 1_000_000 {
        let expected = "0 for none, or from 100 to 1,000,000 resamples";
        return refuse("bootstrap", options.bootstrap as f64, expected);
    }
    Ok(())
}

fn columns(observations: &Observations) -> (Columns, Scale) {
    let mut u: Vec<f64> = observations.parameters().iter().map(|n| n.get().ln()).collect();
    let mut v: Vec<f64> = observations.tokens().iter().map(|d| d.get().ln()).collect();
    let mut y: Vec<f64> = observations.loss().iter().map(|loss| loss.get().ln()).collect();
    let scale = Scale { n: centre(&mut u), d: centre(&mut v), loss: centre(&mut y) };
    let weight = vec![1.0; y.len()];
    (Columns { u, v, y, weight }, scale)
}

/// Subtracts the mean, and says what it was.
fn centre(values: &mut [f64]) -> f64 {
    // Summed in order of size, so that the order of the rows cannot change the last digit.
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mean = sorted.iter().sum::<f64>() / values.len().max(1) as f64;
    for x in values.iter_mut() {
        *x -= mean;
    }
    mean
}

fn clusters(observations: &Observations) -> Clusters {
    let mut rows = vec![Vec::new(); observations.run_names().len()];
    for (row, &run) in observations.run_index().iter().enumerate() {
        rows[run].push(row);
    }
    let mut known: HashMap<(u64, u64), usize> = HashMap::new();
    let setting: Vec<usize> = observations
        .parameters()
        .iter()
        .zip(observations.tokens())
        .map(|(n, d)| {
            let next = known.len();
            *known.entry((n.get().to_bits(), d.get().to_bits())).or_insert(next)
        })
        .collect();
    Clusters { rows, setting, settings: known.len() }
}

fn data(observations: &Observations, clusters: &Clusters) -> Data {
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    };
    let (n_low, n_high) = range(&mut observations.parameters().iter().map(|n| n.get()));
    let (d_low, d_high) = range(&mut observations.tokens().iter().map(|d| d.get()));
    let (c_low, c_high) = range(&mut observations.compute().map(Flop::get));
    Data {
        origin: observations.origin().to_owned(),
        rows: observations.len(),
        runs: clusters.rows.len(),
        settings: clusters.settings,
        columns: observations
            .columns()
            .iter()
            .map(|choice| {
                let column = choice.column.clone().unwrap_or_default();
                (choice.role.name().to_owned(), column, choice.convention.to_owned())
            })
            .collect(),
        excluded: observations.exclusions().iter().map(ToString::to_string).collect(),
        parameters: (Parameters(n_low), Parameters(n_high)),
        tokens: (Tokens(d_low), Tokens(d_high)),
        compute: (Flop(c_low), Flop(c_high)),
    }
}

fn certificate(found: &Search) -> Certificate {
    let best = &found.best;
    let left = if best.promised.is_finite() {
        // For exact data both are rounding noise, and nothing is left.
        best.promised / best.value.max(1e-20)
    } else {
        1.0
    };
    Certificate {
        converged: best.converged,
        gradient: sized_gradient(best),
        improvement_left: left,
        starts: found.starts,
        starts_at_minimum: found.reached,
    }
}

/// 1.4826 times the median size: the standard deviation where residuals are normal.
fn robust_spread(residuals: &[f64]) -> f64 {
    let mut sizes: Vec<f64> = residuals.iter().map(|r| r.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let n = sizes.len();
    let median = 0.5 * (sizes[(n - 1) / 2] + sizes[n / 2]);
    1.4826 * median * (n as f64 / (n as f64 - 5.0).max(1.0)).sqrt()
}

fn explained(y: &[f64], residuals: &[f64]) -> f64 {
    let squares = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>();
    // `y` has mean zero.
    let total = squares(y);
    if total > 0.0 { 1.0 - squares(residuals) / total } else { 0.0 }
}

/// Residuals as they would be for runs that the fit had not seen: each divided by
/// sqrt(1 - leverage), then all scaled so that their mean square is the sum of squares over
/// n - 5.
fn standardised(columns: &Columns, point: &Point, raw: &[f64]) -> Vec<f64> {
    let n = raw.len();
    let free = std::array::from_fn(|i| match i {
        E | A | B => point[i] > 0.0,
        ALPHA => point[A] > 0.0,
        _ => point[B] > 0.0,
    });
    let slopes: Vec<Point> = (0..n).map(|row| columns.log_slope(point, row)).collect();
    let mut gram = [[0.0; 5]; 5];
    for slope in &slopes {
        for i in 0..5 {
            for j in 0..5 {
                gram[i][j] += slope[i] * slope[j];
            }
        }
    }
    let mut residuals: Vec<f64> = slopes
        .iter()
        .zip(raw)
        .map(|(slope, &r)| {
            // Where the design is singular every row counts as average.
            let leverage = solve(&gram, slope, free)
                .map_or(5.0 / n as f64, |x| (0..5).map(|i| x[i] * slope[i]).sum());
            r / (1.0 - leverage.clamp(0.0, 0.95)).sqrt()
        })
        .collect();
    let squares = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>();
    let expected = squares(raw) / (n as f64 - 5.0).max(1.0);
    let found = squares(&residuals) / n as f64;
    if found > 0.0 {
        let factor = (expected / found).sqrt();
        for residual in &mut residuals {
            *residual *= factor;
        }
    }
    residuals
}

fn warnings(
    fit: &Fit,
    columns: &Columns,
    found: &Search,
    observations: &Observations,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if fit.data.settings < FEW {
        warnings.push(Warning::FewRuns { settings: fit.data.settings });
    }
    let mut identified = true;
    for (name, values) in [("N", &columns.u), ("D", &columns.v)] {
        let levels = levels(values);
        if levels < 3 {
            identified = false;
            warnings.push(Warning::TooFewLevels { of: name.to_owned(), levels });
        }
    }
    let correlation = correlation(&columns.u, &columns.v);
    if correlation.abs() > 0.995 {
        identified = false;
        warnings.push(Warning::Collinear { correlation });
    }
    let point = &found.best.point;
    for (index, name, coefficient) in [(ALPHA, "alpha", A), (BETA, "beta", B)] {
        if point[coefficient] <= 0.0 {
            continue; // said below, and the exponent of nothing says nothing
        }
        if point[index] <= EXPONENTS.0 || point[index] >= EXPONENTS.1 {
            let parameter = name.to_owned();
            warnings.push(Warning::ExponentAtBound { parameter, value: point[index] });
        } else if let Some(interval) = fit.interval(name).filter(|_| identified)
            && interval.high > 4.0 * interval.low
        {
            warnings.push(Warning::WeaklyIdentified {
                parameter: name.to_owned(),
                low: interval.low,
                high: interval.high,
                level: interval.level,
            });
        }
    }
    if point[E] <= 0.0 {
        warnings.push(Warning::NoIrreducibleLoss);
    }
    for (index, name) in [(A, "A"), (B, "B")] {
        if point[index] <= 0.0 {
            warnings.push(Warning::NoTerm { parameter: name.to_owned() });
        }
    }
    if identified && fit.certificate.improvement_left > 1e-9 && !is_at_bound(point) {
        let improvement_left = fit.certificate.improvement_left;
        warnings.push(Warning::NotCertified { improvement_left });
    }
    let Bootstrap { requested, failed, at_bound, .. } = fit.bootstrap;
    if 20 * (failed + at_bound) > requested {
        warnings.push(Warning::UnsteadyBootstrap { draws: requested, failed, at_bound });
    }
    if fit.explained < 0.8 {
        warnings.push(Warning::PoorFit { explained: fit.explained });
    }
    if !observations.duplicates().is_empty() {
        warnings.push(Warning::RepeatedRows { rows: observations.duplicates().len() });
    }
    warnings
}

/// How many values differ by more than a tenth of a per cent (they are logarithms).
fn levels(values: &[f64]) -> usize {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut count = 0;
    let mut last = f64::NEG_INFINITY;
    for value in sorted {
        if value - last > 1e-3 {
            count += 1;
            last = value;
        }
    }
    count
}

/// Of two columns with mean zero.
fn correlation(u: &[f64], v: &[f64]) -> f64 {
    let sum = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let scale = (sum(u, u) * sum(v, v)).sqrt();
    if scale > 0.0 { sum(u, v) / scale } else { 0.0 }
}

impl Fit {
    /// The law's loss at N and D, and its compute there.
    pub(crate) fn point(&self, parameters: Parameters, tokens: Tokens) -> (NatsPerToken, Flop) {
        (self.law.loss(parameters, tokens), flop_6nd(parameters, tokens))
    }
}
