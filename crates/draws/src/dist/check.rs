//! What is allowed of a distribution's parameters.

use super::{Dist, Kind};
use crate::Error;

/// The most parts of one mixture.
pub(super) const MOST_PARTS: usize = 1000;

/// The most mixtures inside one another: each multiplies the time that a quantile takes.
pub(super) const MOST_MIXTURES: usize = 2;

/// The most distributions inside one another.
const DEEPEST: usize = 16;

impl Dist {
    /// The last check: the farthest values a sampler can draw are finite numbers.
    pub(super) fn checked(
        family: &'static str,
        kind: Kind,
        written: String,
    ) -> Result<Self, Error> {
        let dist = Self { kind, written };
        let depth = dist.depth();
        if depth > DEEPEST {
            return Err(Error::Count {
                family,
                what: "a distribution inside others",
                needed: format!("at most {DEEPEST} levels"),
                given: depth,
            });
        }
        if !dist.reaches_never() {
            for p in [f64::EPSILON / 4.0, 1.0 - f64::EPSILON / 2.0] {
                let extreme = dist.quantile(p);
                if !extreme.is_finite() {
                    return Err(Error::Overflow { family, extreme });
                }
            }
        }
        Ok(dist)
    }

    /// How many mixtures lie inside one another: each multiplies the time a quantile takes.
    pub(super) fn mixtures(&self) -> usize {
        match &self.kind {
            Kind::Mix { parts, .. } => 1 + parts.iter().map(Self::mixtures).max().unwrap_or(0),
            Kind::Zero { part, .. } | Kind::Clip { part, .. } => part.mixtures(),
            _ => 0,
        }
    }

    /// How many distributions lie inside one another.
    fn depth(&self) -> usize {
        match &self.kind {
            Kind::Mix { parts, .. } => 1 + parts.iter().map(Self::depth).max().unwrap_or(0),
            Kind::Zero { part, .. } | Kind::Clip { part, .. } => 1 + part.depth(),
            _ => 0,
        }
    }

    /// Whether some of its draws are +inf, which only data can bring in.
    fn reaches_never(&self) -> bool {
        match &self.kind {
            Kind::Data(values) => values.last() == Some(&f64::INFINITY),
            Kind::Mix { parts, .. } => parts.iter().any(Self::reaches_never),
            Kind::Zero { part, .. } => part.reaches_never(),
            Kind::Clip { part, high, .. } => *high == f64::INFINITY && part.reaches_never(),
            _ => false,
        }
    }
}

pub(super) fn parameter(family: &'static str, name: &str, value: f64, allowed: &str) -> Error {
    Error::Parameter { family, parameter: name.into(), value, allowed: allowed.into() }
}

pub(super) fn finite(family: &'static str, name: &str, value: f64) -> Result<(), Error> {
    if value.is_finite() { Ok(()) } else { Err(parameter(family, name, value, "a finite number")) }
}

pub(super) fn positive(family: &'static str, name: &str, value: f64) -> Result<(), Error> {
    if value > 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(parameter(family, name, value, "positive and finite"))
    }
}

pub(super) fn within(
    family: &'static str,
    name: &str,
    value: f64,
    low: f64,
    high: f64,
) -> Result<(), Error> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(parameter(family, name, value, &format!("from {low} to {high}")))
    }
}

pub(super) fn in_order(
    family: &'static str,
    low: (&str, f64),
    high: (&str, f64),
) -> Result<(), Error> {
    if low.1 < high.1 {
        return Ok(());
    }
    Err(Error::Order {
        family,
        low_name: low.0.into(),
        low: low.1,
        high_name: high.0.into(),
        high: high.1,
    })
}

pub(super) fn range(family: &'static str, low: f64, high: f64) -> Result<(), Error> {
    finite(family, "low", low)?;
    finite(family, "high", high)?;
    in_order(family, ("low", low), ("high", high))
}
