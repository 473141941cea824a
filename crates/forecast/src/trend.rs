//! Trends: growth from dated observations, with an honest interval.
//!
//! ```text
//!  points ──▶ running top n ──▶ shape: log-linear, kink, jump,  ──▶ growth, break, levels
//!  (date, value, own range)     hyperbolic, logistic                 by bootstrap over points
//!                                  │
//!                                  └──▶ information criteria, cross-validation, drop-one
//! ```
//!
//! All shapes are fitted to natural logarithms by least squares. Growth is a log-rate per year.

use draws::{Design, Draws, Level};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::data::Point;
use crate::normal::{below, normal};

mod compare;
mod least_squares;
mod shape;

pub use compare::{Fragility, Quality, Snapshot};
use shape::Curve;
pub use shape::Shape;

/// What is wrong with observations that cannot be fitted.
#[derive(Debug, Clone, PartialEq)]
pub enum TrendError {
    /// Fewer points than the shape needs.
    TooFew {
        /// The shape.
        shape: Shape,
        /// How many points there are with different dates and values above zero.
        given: usize,
        /// How many it needs.
        needed: usize,
    },
    /// Every point has the same date.
    OneDate,
}

impl std::fmt::Display for TrendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooFew { shape, given, needed } => write!(
                f,
                "a {shape} trend needs {needed} points with values above zero, there are {given}"
            ),
            Self::OneDate => {
                f.write_str("every point has the same date, so that there is no trend")
            }
        }
    }
}

impl std::error::Error for TrendError {}

impl From<TrendError> for diagnostic::Diagnostic {
    fn from(error: TrendError) -> Self {
        let problem = Self::error(error.to_string());
        match error {
            TrendError::TooFew { .. } => problem.help("take a simpler shape, or more data"),
            TrendError::OneDate => problem.help("give observations of several dates"),
        }
    }
}

/// How to fit a trend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrendOptions {
    /// The shape.
    pub shape: Shape,
    /// Bootstrap resamples behind the intervals.
    pub bootstraps: usize,
    /// The seed of the resamples.
    pub seed: u64,
    /// The level of the points' own ranges.
    pub range_level: Level,
}

impl Default for TrendOptions {
    fn default() -> Self {
        Self { shape: Shape::LogLinear, bootstraps: 1000, seed: 0, range_level: Level::P90 }
    }
}

/// A fitted trend.
#[derive(Debug, Clone)]
pub struct Trend {
    /// The shape.
    pub shape: Shape,
    /// The points it was fitted to, in the order of their dates.
    pub points: Vec<Point>,
    /// The curve.
    curve: Curve,
    /// The curves of the bootstrap resamples; those that could not be fitted are left out.
    curves: Vec<Curve>,
    /// Residual standard deviation in natural logarithms, with the parameters counted.
    pub sigma: f64,
    /// Residual sum of squares in natural logarithms.
    pub residuals: f64,
    seed: u64,
}

/// The points that were among the `n` largest when they appeared, later ones unknown.
///
/// ```
/// use forecast::{Point, running_top};
///
/// let point = |date, value| Point { date, value, range: None };
/// let points = [point(2020.0, 5.0), point(2021.0, 3.0), point(2022.0, 9.0), point(2023.0, 8.0)];
/// let dates: Vec<f64> = running_top(&points, 1).iter().map(|point| point.date).collect();
/// assert_eq!(dates, [2020.0, 2022.0]);
/// ```
pub fn running_top(points: &[Point], n: usize) -> Vec<Point> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.date.total_cmp(&b.date));
    let mut largest: Vec<f64> = Vec::new();
    let mut kept = Vec::new();
    for point in sorted {
        let above = largest.iter().filter(|value| **value > point.value).count();
        if above < n {
            kept.push(point);
            largest.push(point.value);
            largest.sort_by(|a, b| b.total_cmp(a));
            largest.truncate(n);
        }
    }
    kept
}

impl Trend {
    /// Fits a trend; points without a positive, finite value take no part.
    ///
    /// ```
    /// use forecast::{Point, Trend, TrendOptions};
    ///
    /// // Twofold a year.
    /// let points: Vec<Point> = (0..8)
    ///     .map(|i| Point { date: 2018.0 + f64::from(i), value: 2_f64.powi(i), range: None })
    ///     .collect();
    /// let trend = Trend::fit(&points, TrendOptions::default())?;
    /// assert!((trend.growth().exp() - 2.0).abs() < 1e-9);
    /// assert!((trend.doubling_time() - 1.0).abs() < 1e-9);
    /// # Ok::<(), forecast::TrendError>(())
    /// ```
    ///
    /// # Errors
    /// Fewer points than the shape has parameters and one to spare, or a single date.
    pub fn fit(points: &[Point], options: TrendOptions) -> Result<Self, TrendError> {
        let mut points: Vec<Point> = points
            .iter()
            .copied()
            .filter(|p| p.value > 0.0 && p.value.is_finite() && p.date.is_finite())
            .collect();
        points.sort_by(|a, b| a.date.total_cmp(&b.date));
        let shape = options.shape;
        let needed = shape.parameters() + 1;
        if points.len() < needed {
            return Err(TrendError::TooFew { shape, given: points.len(), needed });
        }
        let (t, y) = logs(&points);
        let (curve, residuals) = shape.fit(&t, &y).ok_or(TrendError::OneDate)?;
        let freedom = (points.len() - shape.parameters()).max(1) as f64;
        let sigma = (residuals / freedom).sqrt();
        let score = draws_score(options.range_level);
        let curves = (0..options.bootstraps)
            .into_par_iter()
            .filter_map(|round| {
                let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
                rng.set_stream(round as u64 + 1);
                let mut chosen: Vec<(f64, f64)> = (0..points.len())
                    .map(|_| {
                        let point = points[below(&mut rng, points.len())];
                        (point.date, point.value.ln() + own_error(&point, score, &mut rng))
                    })
                    .collect();
                chosen.sort_by(|a, b| a.0.total_cmp(&b.0));
                let (t, y): (Vec<f64>, Vec<f64>) = chosen.into_iter().unzip();
                shape.fit(&t, &y).map(|(curve, _)| curve)
            })
            .collect();
        Ok(Self { shape, points, curve, curves, sigma, residuals, seed: options.seed })
    }

    /// The last date of the data.
    pub fn last_date(&self) -> f64 {
        self.points.last().map_or(f64::NAN, |point| point.date)
    }

    /// Growth at the last date of the data, a log-rate per year.
    pub fn growth(&self) -> f64 {
        self.curve.growth(self.last_date())
    }

    /// The time in which the quantity doubles at that growth, in years.
    pub fn doubling_time(&self) -> f64 {
        std::f64::consts::LN_2 / self.growth()
    }

    /// The natural logarithm of the trend at a date.
    pub fn log_level(&self, date: f64) -> f64 {
        self.curve.level(date)
    }

    /// The date of the break (kink or jump), of the singularity (hyperbolic) or of half the
    /// ceiling (logistic).
    pub fn break_date(&self) -> Option<f64> {
        self.curve.break_date()
    }

    /// The central interval of the growth at the last date, from the bootstrap.
    pub fn growth_interval(&self, level: Level) -> (f64, f64) {
        self.interval(level, |curve| Some(curve.growth(self.last_date())))
    }

    /// The central interval of the break date, from the bootstrap.
    pub fn break_interval(&self, level: Level) -> (f64, f64) {
        self.interval(level, Curve::break_date)
    }

    fn interval(&self, level: Level, of: impl Fn(&Curve) -> Option<f64>) -> (f64, f64) {
        let values: Vec<f64> = self.curves.iter().filter_map(of).collect();
        let ends = draws::select::quantiles(&values, &[level.lower(), level.upper()]);
        (ends[0], ends[1])
    }

    /// Draws of the trend's own quantities, rows kept together: `growth` (log-rate per year) and
    /// `level` at the last date, and `break` where there is one.
    ///
    /// # Errors
    /// No bootstrap resample that could be fitted.
    pub fn draws(&self) -> Result<Draws, draws::Error> {
        let mut out = Draws::new(Design::Plain).with_seed(self.seed).with_source("a trend");
        let last = self.last_date();
        if self.curves.is_empty() {
            let what = "a trend's bootstrap".to_owned();
            return Err(draws::Error::Rows { what, given: 0, expected: "1 or more".into() });
        }
        out.push("growth", self.curves.iter().map(|curve| curve.growth(last)).collect())?;
        out.push("level", self.curves.iter().map(|curve| curve.level(last).exp()).collect())?;
        if self.curve.break_date().is_some() {
            let dates = self.curves.iter().map(|curve| curve.break_date().unwrap_or(f64::NAN));
            out.push("break", dates.collect())?;
        }
        Ok(out)
    }

    /// Draws of the natural logarithm of the next observation at each of `dates`: the curves of
    /// the bootstrap with the scatter of the points around them.
    pub fn predict(&self, dates: &[f64]) -> Vec<Vec<f64>> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(u64::MAX);
        dates
            .iter()
            .map(|date| {
                let noisy = |curve: &Curve| curve.level(*date) + self.sigma * normal(&mut rng);
                self.curves.iter().map(noisy).collect()
            })
            .collect()
    }
}

/// Dates and natural logarithms.
fn logs(points: &[Point]) -> (Vec<f64>, Vec<f64>) {
    points.iter().map(|point| (point.date, point.value.ln())).unzip()
}

/// The normal score of the upper end of an interval.
fn draws_score(level: Level) -> f64 {
    draws::Dist::normal(0.0, 1.0).map_or(1.0, |standard| standard.quantile(level.upper()))
}

/// A draw of the error of a point with a range of its own, in natural logarithms.
fn own_error(point: &Point, score: f64, rng: &mut ChaCha8Rng) -> f64 {
    match point.range {
        Some((low, high)) if low > 0.0 && high > low => {
            (high / low).ln() / (2.0 * score) * normal(rng)
        }
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests;
