//! What is classified: a metric along a scale, and what is known of both.

use diagnostic::Diagnostic;
use serde::Serialize;

use crate::sampling::binomial_error;

/// What the points are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Compute, parameters or tokens in any unit: positive, more is further, compared by ratio.
    Size,
    /// A loss in any unit: less is further, compared by difference.
    Loss,
}

/// Which way the metric improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// An error or a loss.
    Lower,
    /// An accuracy or a score.
    Higher,
}

/// What is known about the error of one value of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Noise {
    /// Nothing: it is estimated from neighbouring points.
    Unknown,
    /// The metric is a share, from 0 to 1, of this many questions.
    Questions(f64),
    /// The standard deviation between repetitions, in the metric's unit.
    StandardDeviation(f64),
}

/// A metric along a scale. Points may come in any order; those whose x or y is not finite, or whose
/// x is not positive on an axis of sizes, are left out and counted.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// Where each point lies on `axis`.
    pub x: &'a [f64],
    /// The metric there.
    pub y: &'a [f64],
    /// What x is.
    pub axis: Axis,
    /// Which way y improves.
    pub better: Better,
    /// The value of y that guessing gives.
    pub chance: Option<f64>,
    /// What is known about the error of y.
    pub noise: Noise,
    /// The x for which a prediction is wanted.
    pub target: Option<f64>,
}

/// The points in order of scale, in the units of the tests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Points {
    /// Scale, ascending, from 0 (smallest) to 1 (largest).
    pub(crate) t: Vec<f64>,
    /// The metric, signed so that more is better.
    pub(crate) u: Vec<f64>,
    /// The known error of one u: root mean square over the points.
    pub(crate) noise: Option<f64>,
    /// Chance level of u.
    pub(crate) chance: Option<f64>,
    /// The best possible u, where the metric is a share.
    pub(crate) perfect: Option<f64>,
    /// Smallest and largest scale: decades on an axis of sizes, else minus the loss.
    pub(crate) ends: (f64, f64),
    /// Where the target lies in t.
    pub(crate) target: Option<f64>,
    /// How many points were left out.
    pub(crate) left_out: usize,
    /// How many different t there are.
    pub(crate) distinct: usize,
}

impl Points {
    pub(crate) fn of(series: &Series) -> Result<Self, Diagnostic> {
        if series.x.len() != series.y.len() {
            let (x, y) = (series.x.len(), series.y.len());
            return Err(Diagnostic::error(format!("{x} values of scale but {y} of the metric"))
                .help("give one of each for every run"));
        }
        if let Some(chance) = series.chance
            && !chance.is_finite()
        {
            return Err(Diagnostic::error(format!("the chance level is {chance}"))
                .help("leave it out where it is not known"));
        }
        let scale = |x: f64| if series.axis == Axis::Size { x.log10() } else { -x };
        let sign = if series.better == Better::Higher { 1.0 } else { -1.0 };
        let mut pairs: Vec<(f64, f64)> = series
            .x
            .iter()
            .zip(series.y)
            .map(|(&x, &y)| (scale(x), sign * y))
            .filter(|(s, u)| s.is_finite() && u.is_finite())
            .collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let ends = match (pairs.first(), pairs.last()) {
            (Some(first), Some(last)) => (first.0, last.0),
            _ => (f64::NAN, f64::NAN),
        };
        let width = ends.1 - ends.0;
        let place = |s: f64| if width > 0.0 { (s - ends.0) / width } else { 0.0 };
        let t: Vec<f64> = pairs.iter().map(|p| place(p.0)).collect();
        let distinct = t.windows(2).filter(|w| w[1] > w[0]).count() + usize::from(!t.is_empty());
        let u: Vec<f64> = pairs.iter().map(|p| p.1).collect();
        let share = matches!(series.noise, Noise::Questions(_));
        Ok(Self {
            noise: known_noise(series.noise, &u, sign)?,
            chance: series.chance.map(|c| sign * c),
            perfect: share.then_some(if sign > 0.0 { 1.0 } else { 0.0 }),
            ends,
            target: series.target.map(scale).filter(|s| s.is_finite()).map(place),
            left_out: series.x.len() - t.len(),
            distinct,
            t,
            u,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.t.len()
    }

    /// Largest less smallest value.
    pub(crate) fn range(&self) -> f64 {
        let (low, high) = self
            .u
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &u| (l.min(u), h.max(u)));
        high - low
    }

    /// The scatter of neighbours: sqrt of the sum of squared steps over 2 (n - 1), from which a
    /// smooth trend almost cancels (von Neumann 1941).
    pub(crate) fn local_scatter(&self) -> f64 {
        let squares: f64 = self.u.windows(2).map(|w| (w[1] - w[0]).powi(2)).sum();
        (squares / (2.0 * (self.len().max(2) - 1) as f64)).sqrt()
    }

    /// The scale at t in the series' own x.
    pub(crate) fn x_at(&self, t: f64, axis: Axis) -> f64 {
        let s = self.ends.0 + t * (self.ends.1 - self.ends.0);
        if axis == Axis::Size { 10.0_f64.powf(s) } else { -s }
    }
}

fn known_noise(noise: Noise, u: &[f64], sign: f64) -> Result<Option<f64>, Diagnostic> {
    match noise {
        Noise::Unknown => Ok(None),
        Noise::StandardDeviation(sd) if sd > 0.0 && sd.is_finite() => Ok(Some(sd)),
        Noise::StandardDeviation(sd) => {
            Err(Diagnostic::error(format!("the standard deviation of the metric is {sd}"))
                .help("give a positive number, or leave it out where it is not known"))
        }
        Noise::Questions(n) if !(n >= 1.0 && n.is_finite()) => {
            Err(Diagnostic::error(format!("the metric is a share of {n} questions"))
                .help("give at least one question, or leave the number out"))
        }
        Noise::Questions(n) => {
            if let Some(odd) = u.iter().map(|u| sign * u).find(|y| !(0.0..=1.0).contains(y)) {
                return Err(Diagnostic::error(format!("{odd} is not a share of {n} questions"))
                    .help("give shares from 0 to 1, not per cent, or the standard deviation"));
            }
            let squares: f64 = u.iter().map(|u| binomial_error(sign * u, n).powi(2)).sum();
            Ok((!u.is_empty()).then(|| (squares / u.len() as f64).sqrt()))
        }
    }
}
