//! The distributions, each checked when it is made.

mod check;
mod poisson;
mod probability;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use crate::level::percentile;
use crate::{Error, Level, normal};
use check::{MOST_MIXTURES, MOST_PARTS, finite, in_order, parameter, positive, range, within};
use poisson::Steps;

/// The distribution of one uncertain number.
///
/// Made by the constructors below, which check every parameter, so that a `Dist` in hand always
/// has a quantile and never draws a NaN. Its [`Display`](fmt::Display) states the family and the
/// numbers that define it, levels included.
///
/// ```
/// use draws::{Dist, Level};
///
/// let gap = Dist::interval(300.0, 3000.0, Level::P90)?;
/// assert_eq!(gap.to_string(), "lognormal with p5 = 300, p95 = 3000");
/// assert!((gap.quantile(0.05) - 300.0).abs() < 1e-9);
/// assert!((gap.median() - 948.683).abs() < 1e-3);
/// # Ok::<(), draws::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dist {
    kind: Kind,
    written: String,
}

/// What a [`Dist`] is made of, after checking.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Constant(f64),
    Piecewise(Piecewise),
    Uniform { low: f64, high: f64 },
    LogUniform { low: f64, high: f64 },
    Triangular { low: f64, mode: f64, high: f64 },
    Beta { a: f64, b: f64, low: f64, width: f64 },
    Student { freedom: f64, location: f64, scale: f64 },
    Poisson(Arc<Steps>),
    Bernoulli(f64),
    Mix { weights: Vec<f64>, parts: Vec<Dist> },
    Zero { share: f64, part: Box<Dist> },
    Clip { part: Box<Dist>, low: f64, high: f64 },
    Data(Arc<[f64]>),
}

/// A normal score `z` mapped by two straight lines that meet at `(z_knot, y_knot)`, then perhaps
/// exponentiated: normal and lognormal, and their two-piece forms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Piecewise {
    pub(crate) log: bool,
    pub(crate) z_knot: f64,
    pub(crate) y_knot: f64,
    pub(crate) below: f64,
    pub(crate) above: f64,
}

impl Dist {
    /// A plain number.
    pub fn constant(value: f64) -> Result<Self, Error> {
        finite("constant", "value", value)?;
        Self::checked("constant", Kind::Constant(value), format!("{value}"))
    }

    /// `low to high` at a level: lognormal when both ends are positive, normal otherwise.
    pub fn interval(low: f64, high: f64, level: Level) -> Result<Self, Error> {
        Self::through("a to b", None, &[(level.lower(), low), (level.upper(), high)])
    }

    /// `q(10%: a, 50%: b, 90%: c)`: through two or three quantiles, given as
    /// `(probability, value)` in any order.
    ///
    /// Lognormal when all values are positive, normal otherwise. Three quantiles that are not
    /// those of one such curve give its two-piece form: a straight line in the normal score
    /// (of the logarithm) on either side of the middle quantile, so that it passes through all
    /// three exactly.
    pub fn quantiles(points: &[(f64, f64)]) -> Result<Self, Error> {
        Self::through("q(...)", None, points)
    }

    /// Like [`Dist::quantiles`], but normal (or two-piece normal) whatever the signs.
    ///
    /// The family for a growth rate given by factors: a factor of 8 to 40 a year, lognormal, is a
    /// log-rate from ln 8 to ln 40 that is normal.
    pub fn normal_through(points: &[(f64, f64)]) -> Result<Self, Error> {
        Self::through("normal", Some(false), points)
    }

    /// Like [`Dist::quantiles`], but lognormal (or two-piece lognormal), so that every value must
    /// be positive.
    pub fn lognormal_through(points: &[(f64, f64)]) -> Result<Self, Error> {
        Self::through("lognormal", Some(true), points)
    }

    fn through(
        family: &'static str,
        log: Option<bool>,
        points: &[(f64, f64)],
    ) -> Result<Self, Error> {
        if !(2..=3).contains(&points.len()) {
            return Err(Error::Count {
                family,
                what: "a curve through quantiles",
                needed: "two or three of them".into(),
                given: points.len(),
            });
        }
        for &(p, value) in points {
            if !(p > 0.0 && p < 1.0) {
                return Err(parameter(family, "probability", p, "strictly between 0 and 1"));
            }
            finite(family, &percentile(p), value)?;
            if log == Some(true) {
                positive(family, &percentile(p), value)?;
            }
        }
        let mut points = points.to_vec();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        for pair in points.windows(2) {
            let (low, high) = (pair[0], pair[1]);
            if low.0 >= high.0 {
                return Err(parameter(family, "probability", low.0, "given once"));
            }
            in_order(family, (&percentile(low.0), low.1), (&percentile(high.0), high.1))?;
        }
        let log = log.unwrap_or(points[0].1 > 0.0);
        let scores: Vec<(f64, f64)> = points
            .iter()
            .map(|&(p, value)| (normal::quantile(p), if log { value.ln() } else { value }))
            .collect();
        let slope = |i: usize| (scores[i + 1].1 - scores[i].1) / (scores[i + 1].0 - scores[i].0);
        let last = scores.len() - 2;
        let (z_knot, y_knot) = scores[last];
        let curve = Piecewise { log, z_knot, y_knot, below: slope(0), above: slope(last) };
        let shape = if points.len() == 3 { "two-piece " } else { "" };
        let name = if log { "lognormal" } else { "normal" };
        let stated: Vec<String> =
            points.iter().map(|&(p, value)| format!("{} = {value}", percentile(p))).collect();
        let written = format!("{shape}{name} with {}", stated.join(", "));
        Self::checked(family, Kind::Piecewise(curve), written)
    }

    /// Normal with a mean and a standard deviation.
    pub fn normal(mean: f64, sd: f64) -> Result<Self, Error> {
        finite("normal", "mean", mean)?;
        positive("normal", "standard deviation", sd)?;
        let written = format!("normal with mean {mean}, standard deviation {sd}");
        let curve = Piecewise { log: false, z_knot: 0.0, y_knot: mean, below: sd, above: sd };
        Self::checked("normal", Kind::Piecewise(curve), written)
    }

    /// Lognormal whose natural logarithm has this mean and standard deviation.
    pub fn lognormal(mu: f64, sigma: f64) -> Result<Self, Error> {
        finite("lognormal", "mean of the logarithm", mu)?;
        positive("lognormal", "standard deviation of the logarithm", sigma)?;
        let written = format!("lognormal with ln mean {mu}, ln standard deviation {sigma}");
        let curve = Piecewise { log: true, z_knot: 0.0, y_knot: mu, below: sigma, above: sigma };
        Self::checked("lognormal", Kind::Piecewise(curve), written)
    }

    /// Every value between the ends equally likely.
    pub fn uniform(low: f64, high: f64) -> Result<Self, Error> {
        range("uniform", low, high)?;
        let written = format!("uniform from {low} to {high}");
        Self::checked("uniform", Kind::Uniform { low, high }, written)
    }

    /// The logarithm uniform: every order of magnitude equally likely. Both ends positive.
    pub fn loguniform(low: f64, high: f64) -> Result<Self, Error> {
        positive("loguniform", "low", low)?;
        range("loguniform", low, high)?;
        let written = format!("loguniform from {low} to {high}");
        Self::checked("loguniform", Kind::LogUniform { low, high }, written)
    }

    /// Rising straight from `low` to the `mode`, falling straight to `high`.
    pub fn triangular(low: f64, mode: f64, high: f64) -> Result<Self, Error> {
        range("triangular", low, high)?;
        within("triangular", "mode", mode, low, high)?;
        let written = format!("triangular from {low} over {mode} to {high}");
        Self::checked("triangular", Kind::Triangular { low, mode, high }, written)
    }

    /// Beta on 0 to 1 with shapes `a` and `b`, each from 0.1 to 1,000,000.
    pub fn beta(a: f64, b: f64) -> Result<Self, Error> {
        within("beta", "a", a, 0.1, 1e6)?;
        within("beta", "b", b, 0.1, 1e6)?;
        let written = format!("beta with a = {a}, b = {b}");
        Self::checked("beta", Kind::Beta { a, b, low: 0.0, width: 1.0 }, written)
    }

    /// PERT: a beta stretched over `low` to `high` with mean `(low + 4 mode + high) / 6`.
    pub fn pert(low: f64, mode: f64, high: f64) -> Result<Self, Error> {
        range("pert", low, high)?;
        within("pert", "mode", mode, low, high)?;
        let width = high - low;
        let (a, b) = (1.0 + 4.0 * (mode - low) / width, 1.0 + 4.0 * (high - mode) / width);
        let written = format!("pert from {low} over {mode} to {high}");
        Self::checked("pert", Kind::Beta { a, b, low, width }, written)
    }

    /// Student's t with degrees of freedom (0.1 to 1,000,000), moved and stretched.
    pub fn student(freedom: f64, location: f64, scale: f64) -> Result<Self, Error> {
        within("student", "degrees of freedom", freedom, 0.1, 1e6)?;
        finite("student", "location", location)?;
        positive("student", "scale", scale)?;
        let written = format!("student with {freedom} degrees, at {location}, scale {scale}");
        Self::checked("student", Kind::Student { freedom, location, scale }, written)
    }

    /// Counts with this mean (at most 1,000,000; beyond, a normal is the same thing).
    pub fn poisson(mean: f64) -> Result<Self, Error> {
        if !(mean > 0.0 && mean <= 1e6) {
            let allowed = "above 0 and at most 1e6 (beyond, use normal(mean, sqrt(mean)))";
            return Err(parameter("poisson", "mean", mean, allowed));
        }
        let written = format!("poisson with mean {mean}");
        Self::checked("poisson", Kind::Poisson(Arc::new(Steps::poisson(mean))), written)
    }

    /// 1 with this probability, else 0.
    pub fn bernoulli(p: f64) -> Result<Self, Error> {
        within("bernoulli", "probability", p, 0.0, 1.0)?;
        Self::checked("bernoulli", Kind::Bernoulli(p), format!("bernoulli({p})"))
    }

    /// A mixture: one of the parts, with probability in proportion to its weight.
    pub fn mix(parts: Vec<(f64, Dist)>) -> Result<Self, Error> {
        let given = parts.len();
        let count = |needed: &str| Error::Count {
            family: "mix",
            what: "a mixture",
            needed: needed.into(),
            given,
        };
        if parts.is_empty() || parts.len() > MOST_PARTS {
            return Err(count("1 to 1000 parts"));
        }
        for (i, (weight, _)) in parts.iter().enumerate() {
            if !(*weight >= 0.0 && weight.is_finite()) {
                let name = format!("weight {}", i + 1);
                return Err(parameter("mix", &name, *weight, "at least 0 and finite"));
            }
        }
        let total: f64 = parts.iter().map(|(weight, _)| weight).sum();
        if !(total > 0.0 && total.is_finite()) {
            return Err(parameter("mix", "sum of the weights", total, "positive and finite"));
        }
        let stated: Vec<String> =
            parts.iter().map(|(weight, part)| format!("{}: {part}", weight / total)).collect();
        let (weights, parts): (Vec<f64>, Vec<Dist>) = parts
            .into_iter()
            .filter(|(weight, _)| *weight > 0.0)
            .map(|(weight, part)| (weight / total, part))
            .unzip();
        if parts.iter().any(|part| part.mixtures() >= MOST_MIXTURES) {
            return Err(count("parts that hold at most one mixture inside another"));
        }
        let written = format!("mix of {}", stated.join("; "));
        Self::checked("mix", Kind::Mix { weights, parts }, written)
    }

    /// Zero with probability `share`, else a draw of `part`.
    pub fn zero(share: f64, part: Dist) -> Result<Self, Error> {
        within("zero", "probability", share, 0.0, 1.0)?;
        let written = format!("zero with probability {share}, else {part}");
        Self::checked("zero", Kind::Zero { share, part: Box::new(part) }, written)
    }

    /// Draws of `part` outside `low` to `high` moved to the nearer end. An infinite end leaves
    /// that side open.
    pub fn clip(part: Dist, low: f64, high: f64) -> Result<Self, Error> {
        for (name, end) in [("low", low), ("high", high)] {
            if end.is_nan() {
                return Err(parameter("clip", name, end, "a number"));
            }
        }
        in_order("clip", ("low", low), ("high", high))?;
        let written = format!("{part}, clipped to {low} .. {high}");
        Self::checked("clip", Kind::Clip { part: Box::new(part), low, high }, written)
    }

    /// The values themselves, each equally likely (no interpolation between them).
    ///
    /// `+inf` is allowed and means [never](crate#never-and-undefined).
    pub fn data(values: impl Into<Vec<f64>>) -> Result<Self, Error> {
        let mut values: Vec<f64> = values.into();
        if values.is_empty() {
            return Err(Error::Count {
                family: "data",
                what: "an empirical distribution",
                needed: "at least one value".into(),
                given: 0,
            });
        }
        if let Some(i) = values.iter().position(|v| v.is_nan() || *v == f64::NEG_INFINITY) {
            let name = format!("value {}", i + 1);
            return Err(parameter("data", &name, values[i], "a number, or +inf for never"));
        }
        values.sort_unstable_by(f64::total_cmp);
        let written = format!("{} values from data", values.len());
        Ok(Self { kind: Kind::Data(values.into()), written })
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The middle: half of the draws are at most this.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

impl fmt::Display for Dist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}
