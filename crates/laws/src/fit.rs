//! Fitting the law to runs, and what comes out.

use std::collections::HashMap;

use runs::{Flop, Observations, Parameters, Tokens};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::backtest::{Backtest, Scatter, backtest};
use crate::bootstrap::{Clusters, Resamples, bootstrap};
use crate::doubts::warnings;
use crate::draws::{Draws, Interval};
use crate::objective::{A, ALPHA, B, BETA, Columns, E, Point};
use crate::residuals::{explained, robust_spread, standardised};
use crate::search::{Grid, Search, search, sized_gradient};
use crate::{Chinchilla, Warning};

/// Fewest distinct (N, D), and fewest runs, that a fit accepts: one more than the parameters.
const FEWEST: usize = 6;

/// Below this many distinct (N, D) a fit warns.
pub(crate) const FEW: usize = 10;

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
    /// The law fitted without its largest runs and tried on them; `None` when no cut in compute
    /// leaves at least 8 runs of 8 distinct (N, D) below and 2 runs above.
    #[serde(default)]
    pub backtest: Option<Backtest>,
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
    options.check()?;
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
        backtest: None,
        draws: Draws::from_laws(&laws),
        warnings: Vec::new(),
    };
    let squares: f64 = sorted(fit.residuals.iter().map(|r| r * r)).iter().sum();
    let root_mean_square = (squares / fit.residuals.len() as f64).sqrt();
    let scatter = Scatter { root_mean_square, robust: fit.spread };
    fit.backtest = backtest(&columns, &clusters, delta, scatter, fit.data.compute.1);
    fit.warnings = warnings(&fit, &columns, &found, observations);
    Ok(fit)
}

impl FitOptions {
    /// Says which option is out of range, if one is; [`fit`] asks this first.
    pub fn check(&self) -> Result<(), FitError> {
        let refuse = |option, value, expected| Err(FitError::Option { option, value, expected });
        if !(1e-9..=1e6).contains(&self.huber_delta) {
            return refuse("huber delta", self.huber_delta, "between 1e-9 and 1e6");
        }
        if !(0.01..=0.999).contains(&self.level) {
            return refuse("level", self.level, "between 0.01 and 0.999");
        }
        if self.bootstrap != 0 && self.bootstrap < 100 || self.bootstrap > 1_000_000 {
            let expected = "0 for none, or from 100 to 1,000,000 resamples";
            return refuse("bootstrap", self.bootstrap as f64, expected);
        }
        Ok(())
    }
}

fn columns(observations: &Observations) -> (Columns, Scale) {
    let mut u: Vec<f64> = observations.parameters().map(|n| n.get().ln()).collect();
    let mut v: Vec<f64> = observations.tokens().map(|d| d.get().ln()).collect();
    let mut y: Vec<f64> = observations.loss().map(|loss| loss.get().ln()).collect();
    let scale = Scale { n: centre(&mut u), d: centre(&mut v), loss: centre(&mut y) };
    let weight = vec![1.0; y.len()];
    (Columns { u, v, y, weight }, scale)
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// Subtracts the mean, and says what it was.
fn centre(values: &mut [f64]) -> f64 {
    // Summed in order of size, so that the order of the rows cannot change the last digit.
    let mean = sorted(values.iter().copied()).iter().sum::<f64>() / values.len().max(1) as f64;
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
    let (n_low, n_high) = range(&mut observations.parameters().map(Parameters::get));
    let (d_low, d_high) = range(&mut observations.tokens().map(Tokens::get));
    let (c_low, c_high) = range(&mut observations.compute().iter().map(|c| c.get()));
    Data {
        origin: observations.origin().to_owned(),
        rows: observations.len(),
        runs: clusters.rows.len(),
        settings: clusters.settings,
        columns: observations
            .columns()
            .iter()
            .map(|choice| {
                let column = choice.column().unwrap_or_default().to_owned();
                (choice.name.clone(), column, choice.convention.clone())
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
