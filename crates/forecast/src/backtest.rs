//! Forecasts from earlier dates, against what came.
//!
//! At each origin only the points up to it are known. The average of local trends, a trend of one
//! shape and two naive forecasters predict the points that follow, and all are scored in natural
//! logarithms. The naive ones are the last slope carried on, and a random walk with drift.

use draws::Level;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::data::Point;
use crate::local_trends;
use crate::normal::normal;
use crate::score;
use crate::trend::{Shape, Trend, TrendOptions};

/// Points that a forecaster sees at least.
const FEWEST: usize = 5;

/// Draws of each forecast.
const DRAWS: usize = 400;

/// Who forecasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forecaster {
    /// The average of local trends: level, slope and noise, weighed by what they foretold.
    Average,
    /// A trend of this shape, refitted at each origin.
    Trend(Shape),
    /// The slope between the last two points, carried on.
    LastSlope,
    /// A random walk with the drift so far.
    Drift,
}

impl std::fmt::Display for Forecaster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Average => f.write_str("local trends"),
            Self::Trend(shape) => write!(f, "{shape} trend"),
            Self::LastSlope => f.write_str("last slope"),
            Self::Drift => f.write_str("random walk with drift"),
        }
    }
}

/// One forecast of one point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Origin {
    /// The last date known.
    pub from: f64,
    /// The date forecast.
    pub to: f64,
    /// The natural logarithm of what came.
    pub truth: f64,
    /// The median of the forecast, in natural logarithms.
    pub median: f64,
    /// Its interval.
    pub interval: (f64, f64),
    /// Where the truth lay in it.
    pub pit: f64,
    /// Its score.
    pub crps: f64,
}

/// The scores of one forecaster, over all origins.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Who.
    pub forecaster: Forecaster,
    /// Every forecast.
    pub origins: Vec<Origin>,
    /// Mean CRPS, in natural logarithms; lower is better.
    pub crps: f64,
    /// Mean interval score, in natural logarithms; lower is better.
    pub interval_score: f64,
    /// The share of truths inside their intervals; the level, if the forecaster is honest.
    pub coverage: f64,
    /// Counts of the truth's place in its forecast, in ten equal bins.
    pub pit: [usize; 10],
}

/// Forecasters against each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Backtest {
    /// The level of the intervals.
    pub level: Level,
    /// How many points ahead were forecast at each origin, at most.
    pub ahead: usize,
    /// The average of local trends, the trend of the shape asked for, the last slope, the random
    /// walk with drift.
    pub scores: [Scores; 4],
}

impl Backtest {
    /// Whether the average of local trends has a lower CRPS than both naive forecasters.
    pub fn beats_both(&self) -> bool {
        let [average, _, slope, drift] = &self.scores;
        average.crps < slope.crps && average.crps < drift.crps
    }
}

/// Forecasts the next points, up to `ahead` of them, from every origin that knows at least five
/// points, or one more than the shape has parameters if that is more. `None` where there is no
/// such origin.
///
/// ```
/// use forecast::{Point, Shape, backtest};
///
/// let points: Vec<Point> = (0..20)
///     .map(|i| {
///         let date = 2005.0 + f64::from(i);
///         let wave = if i % 2 == 0 { 0.3 } else { -0.3 };
///         Point { date, value: (0.7 * f64::from(i) + wave).exp(), range: None }
///     })
///     .collect();
/// let found = backtest(&points, Shape::LogLinear, 2, draws::Level::P90, 1).unwrap();
/// assert!(found.beats_both());
/// ```
pub fn backtest(
    points: &[Point],
    shape: Shape,
    ahead: usize,
    level: Level,
    seed: u64,
) -> Option<Backtest> {
    let mut points: Vec<Point> = points
        .iter()
        .copied()
        .filter(|point| point.value > 0.0 && point.value.is_finite())
        .collect();
    points.sort_by(|a, b| a.date.total_cmp(&b.date));
    let fewest = FEWEST.max(shape.parameters() + 2);
    let origins: Vec<usize> = (fewest..points.len())
        // A point of the same date as the last one known is no forecast.
        .filter(|&known| points[known - 1].date < points[known].date)
        .collect();
    if origins.is_empty() {
        return None;
    }
    let run = |forecaster: Forecaster| {
        let found: Vec<Vec<Origin>> = origins
            .par_iter()
            .map(|&known| {
                let future = &points[known..(known + ahead.max(1)).min(points.len())];
                let dates: Vec<f64> = future.iter().map(|point| point.date).collect();
                let samples = predict(forecaster, &points[..known], &dates, seed);
                let from = points[known - 1].date;
                future
                    .iter()
                    .zip(samples)
                    .filter(|(_, sample)| !sample.is_empty())
                    .map(|(point, sample)| judge(from, point, &sample, level))
                    .collect()
            })
            .collect();
        let origins: Vec<Origin> = found.into_iter().flatten().collect();
        let mean = |of: &dyn Fn(&Origin) -> f64| {
            origins.iter().map(of).sum::<f64>() / origins.len() as f64
        };
        let inside = |o: &Origin| o.interval.0 <= o.truth && o.truth <= o.interval.1;
        let pit = score::tenths(origins.iter().map(|origin| origin.pit));
        let all: Vec<bool> = origins.iter().map(inside).collect();
        Scores {
            forecaster,
            crps: mean(&|o| o.crps),
            interval_score: mean(&|o| {
                score::interval_score(o.interval.0, o.interval.1, level.share(), o.truth)
            }),
            coverage: score::coverage(&all),
            pit,
            origins,
        }
    };
    let who =
        [Forecaster::Average, Forecaster::Trend(shape), Forecaster::LastSlope, Forecaster::Drift];
    let scores = who.map(run);
    Some(Backtest { level, ahead: ahead.max(1), scores })
}

fn judge(from: f64, point: &Point, sample: &[f64], level: Level) -> Origin {
    let truth = point.value.ln();
    let found = draws::select::quantiles(sample, &[level.lower(), 0.5, level.upper()]);
    Origin {
        from,
        to: point.date,
        truth,
        median: found[1],
        interval: (found[0], found[2]),
        pit: score::pit(sample, truth),
        crps: score::crps(sample, truth),
    }
}

/// Draws of the natural logarithm at each date, from what is known.
pub(crate) fn predict(
    forecaster: Forecaster,
    known: &[Point],
    dates: &[f64],
    seed: u64,
) -> Vec<Vec<f64>> {
    let options = TrendOptions { bootstraps: DRAWS, seed, ..TrendOptions::default() };
    match forecaster {
        Forecaster::Average => local_trends::predict(known, dates, DRAWS, seed)
            .unwrap_or_else(|| vec![Vec::new(); dates.len()]),
        Forecaster::Trend(shape) => Trend::fit(known, TrendOptions { shape, ..options })
            .map_or_else(|_| vec![Vec::new(); dates.len()], |trend| trend.predict(dates)),
        Forecaster::LastSlope => {
            let path = path(known);
            let slope = |i: usize| (path[i].1 - path[i - 1].1) / (path[i].0 - path[i - 1].0);
            let Some(last) = path.len().checked_sub(1).filter(|last| *last >= 2) else {
                return vec![Vec::new(); dates.len()];
            };
            // How far the same rule was off one step ahead, by the root of the step.
            let errors: Vec<f64> = (2..=last)
                .map(|i| {
                    let step = path[i].0 - path[i - 1].0;
                    (path[i].1 - path[i - 1].1 - slope(i - 1) * step) / step.sqrt()
                })
                .collect();
            walk(path[last], slope(last), spread(&errors, 0), 0.0, dates, seed)
        }
        Forecaster::Drift => {
            let path = path(known);
            let Some(last) = path.len().checked_sub(1).filter(|last| *last >= 1) else {
                return vec![Vec::new(); dates.len()];
            };
            let span = path[last].0 - path[0].0;
            let drift = (path[last].1 - path[0].1) / span;
            let errors: Vec<f64> = (1..=last)
                .map(|i| {
                    let step = path[i].0 - path[i - 1].0;
                    (path[i].1 - path[i - 1].1 - drift * step) / step.sqrt()
                })
                .collect();
            walk(path[last], drift, spread(&errors, 1), 1.0 / span, dates, seed)
        }
    }
}

/// Dates and logarithms, points of one date taken together.
fn path(known: &[Point]) -> Vec<(f64, f64)> {
    let mut path: Vec<(f64, f64)> = Vec::new();
    for group in known.chunk_by(|a, b| a.date == b.date) {
        let mean = group.iter().map(|point| point.value.ln()).sum::<f64>() / group.len() as f64;
        path.push((group[0].date, mean));
    }
    path
}

/// The root mean square of errors in which so many parameters were fitted.
fn spread(errors: &[f64], fitted: usize) -> f64 {
    let freedom = errors.len().saturating_sub(fitted).max(1) as f64;
    (errors.iter().map(|error| error * error).sum::<f64>() / freedom).sqrt()
}

/// Draws of a walk from a point: its variance grows with time, and with the square of time by
/// `unsure`, the share that an uncertain drift adds.
fn walk(
    (date, level): (f64, f64),
    slope: f64,
    spread: f64,
    unsure: f64,
    dates: &[f64],
    seed: u64,
) -> Vec<Vec<f64>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    dates
        .iter()
        .map(|to| {
            let time = to - date;
            let sd = spread * (time * (1.0 + unsure * time)).sqrt();
            (0..DRAWS).map(|_| level + slope * time + sd * normal(&mut rng)).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noisy(seed: u64, count: u32) -> Vec<Point> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..count)
            .map(|i| {
                let date = 2000.0 + f64::from(i) / 2.0;
                let value = (0.8 * (date - 2000.0) + 0.4 * normal(&mut rng)).exp();
                Point { date, value, range: None }
            })
            .collect()
    }

    #[test]
    fn a_trend_of_the_right_shape_covers_what_it_promises_and_beats_the_naive() {
        let (mut covered, mut all, mut wins) = (0.0, 0.0, 0);
        for seed in 0..10 {
            let found = backtest(&noisy(seed, 30), Shape::LogLinear, 3, Level::P90, seed).unwrap();
            covered += found.scores[0].coverage * found.scores[0].origins.len() as f64;
            all += found.scores[0].origins.len() as f64;
            wins += u32::from(found.beats_both());
            let total: usize = found.scores[0].pit.iter().sum();
            assert_eq!(total, found.scores[0].origins.len());
        }
        assert!((0.8..0.97).contains(&(covered / all)), "{}", covered / all);
        assert!(wins >= 9, "{wins} of 10");
    }

    #[test]
    fn a_random_walk_is_best_forecast_as_one() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut level = 0.0;
        let points: Vec<Point> = (0..300)
            .map(|i| {
                level += 0.1 + 0.5 * normal(&mut rng);
                Point { date: 1700.0 + f64::from(i), value: f64::exp(level), range: None }
            })
            .collect();
        let found = backtest(&points, Shape::LogLinear, 1, Level::P90, 2).unwrap();
        assert!(!found.beats_both());
        assert!(found.scores[2].crps < found.scores[1].crps);
        assert!((0.82..0.97).contains(&found.scores[2].coverage), "{}", found.scores[2].coverage);
    }

    #[test]
    fn too_few_points_have_no_origin() {
        assert!(backtest(&noisy(1, 5), Shape::LogLinear, 1, Level::P90, 0).is_none());
        assert!(backtest(&[], Shape::Kink, 1, Level::P90, 0).is_none());
    }

    #[test]
    fn no_forecast_sees_what_comes_after_it() {
        let mut points = noisy(3, 20);
        let before = backtest(&points, Shape::LogLinear, 1, Level::P90, 0).unwrap();
        points[19].value *= 1e6;
        let after = backtest(&points, Shape::LogLinear, 1, Level::P90, 0).unwrap();
        for (a, b) in before.scores.iter().zip(&after.scores) {
            let (a, b) = (&a.origins[..a.origins.len() - 1], &b.origins[..b.origins.len() - 1]);
            assert_eq!(a, b);
        }
    }
}
