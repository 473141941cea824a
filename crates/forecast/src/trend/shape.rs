//! The shapes of a trend in natural logarithms, and their fit.

use std::fmt;

use super::least_squares::solve;

/// How a quantity grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// One growth rate: `ln y = a + g t`.
    LogLinear,
    /// Two growth rates that meet at a date.
    Kink,
    /// One growth rate and a jump at a date.
    Jump,
    /// Growth that would become infinite at a date: `ln y = a - k ln(T - t)`.
    Hyperbolic,
    /// Growth that ends at a ceiling: `ln y = a - ln(1 + exp(-r (t - m)))`.
    Logistic,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::LogLinear, Self::Kink, Self::Jump, Self::Hyperbolic, Self::Logistic];

    /// The shape of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.name() == name)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LogLinear => "log-linear",
            Self::Kink => "kink",
            Self::Jump => "jump",
            Self::Hyperbolic => "hyperbolic",
            Self::Logistic => "logistic",
        }
    }

    /// How many parameters it has, the date of its break among them.
    pub const fn parameters(self) -> usize {
        match self {
            Self::LogLinear => 2,
            Self::Hyperbolic | Self::Logistic => 3,
            Self::Kink | Self::Jump => 4,
        }
    }

    /// The curve nearest to the points and its residual sum of squares; `t` must be sorted.
    pub(super) fn fit(self, t: &[f64], y: &[f64]) -> Option<(Curve, f64)> {
        let (first, last) = (*t.first()?, *t.last()?);
        let width = last - first;
        if width <= 0.0 {
            return None;
        }
        match self {
            Self::LogLinear => {
                let ([a, g], residuals) = solve(t, y, |t| [1.0, t - last])?;
                Some((Curve::Line { at: last, a, g }, residuals))
            }
            Self::Kink => {
                let at = |when: f64| {
                    let ([a, before, after], residuals) =
                        solve(t, y, |t| [1.0, (t - when).min(0.0), (t - when).max(0.0)])?;
                    Some((Curve::Kink { when, a, before, after }, residuals))
                };
                // Two points at least on either side.
                let ends = (*t.get(1)?, *t.get(t.len().checked_sub(2)?)?);
                search(ends, &at)
            }
            Self::Jump => {
                let at = |when: f64| {
                    let after = |t: f64| if t >= when { 1.0 } else { 0.0 };
                    let ([a, g, jump], residuals) = solve(t, y, |t| [1.0, t - last, after(t)])?;
                    Some((Curve::Jump { when, at: last, a, g, jump }, residuals))
                };
                // Nothing changes between two points: each midpoint is tried.
                let mut best: Option<(Curve, f64)> = None;
                for pair in t.windows(2).skip(1).take(t.len().saturating_sub(3)) {
                    if pair[0] < pair[1] {
                        best = better(best, at(f64::midpoint(pair[0], pair[1])));
                    }
                }
                best
            }
            Self::Hyperbolic => {
                let at = |distance: f64| {
                    let when = last + distance.exp();
                    let ([a, k], residuals) = solve(t, y, |t| [1.0, -(when - t).ln()])?;
                    Some((Curve::Hyperbolic { when, a, k }, residuals))
                };
                search(((0.02 * width).ln(), (50.0 * width).ln()), &at)
            }
            Self::Logistic => {
                let at = |rate: f64| {
                    let rate = rate.exp();
                    let inner = |middle: f64| {
                        let shape = |t: f64| softplus(-rate * (t - middle));
                        let a = t.iter().zip(y).map(|(&t, y)| y + shape(t)).sum::<f64>()
                            / t.len() as f64;
                        let residuals =
                            t.iter().zip(y).map(|(&t, y)| (y - a + shape(t)).powi(2)).sum();
                        Some((Curve::Logistic { middle, rate, a }, residuals))
                    };
                    search((first - width, last + 2.0 * width), &inner)
                };
                search(((0.1 / width).ln(), (100.0 / width).ln()), &at)
            }
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `ln(1 + exp(x))` without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

type Found = Option<(Curve, f64)>;

fn better(a: Found, b: Found) -> Found {
    match (&a, &b) {
        (Some((_, best)), Some((_, new))) if new < best => b,
        (None, _) => b,
        _ => a,
    }
}

/// The best of a grid over `low..high`, refined around its best cell: the residuals have several
/// valleys, of which the grid finds the deepest.
fn search((low, high): (f64, f64), at: &dyn Fn(f64) -> Found) -> Found {
    const CELLS: usize = 24;
    const ROUNDS: usize = 4;
    let (mut low, mut high) = (low, high);
    let mut best: Found = None;
    for _ in 0..ROUNDS {
        let cell = (high - low) / CELLS as f64;
        let mut place = low;
        for i in 0..=CELLS {
            let x = low + cell * i as f64;
            let found = at(x);
            let before = best.as_ref().map_or(f64::INFINITY, |(_, residuals)| *residuals);
            best = better(best.take(), found);
            if best.as_ref().is_some_and(|(_, residuals)| *residuals < before) {
                place = x;
            }
        }
        // A valley lies within one cell of its best node.
        let (from, to) = (low, high);
        low = (place - cell).max(from);
        high = (place + cell).min(to);
        if low >= high {
            break;
        }
    }
    best
}

/// A fitted curve, in natural logarithms over decimal years.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Curve {
    Line { at: f64, a: f64, g: f64 },
    Kink { when: f64, a: f64, before: f64, after: f64 },
    Jump { when: f64, at: f64, a: f64, g: f64, jump: f64 },
    Hyperbolic { when: f64, a: f64, k: f64 },
    Logistic { middle: f64, rate: f64, a: f64 },
}

impl Curve {
    /// The natural logarithm at a date; infinite from a singularity on.
    pub(super) fn level(&self, t: f64) -> f64 {
        match *self {
            Self::Line { at, a, g } => a + g * (t - at),
            Self::Kink { when, a, before, after } => {
                a + before * (t - when).min(0.0) + after * (t - when).max(0.0)
            }
            Self::Jump { when, at, a, g, jump } => {
                a + g * (t - at) + if t >= when { jump } else { 0.0 }
            }
            Self::Hyperbolic { when, a, k } => {
                if t < when {
                    a - k * (when - t).ln()
                } else {
                    k.signum() * f64::INFINITY
                }
            }
            Self::Logistic { middle, rate, a } => a - softplus(-rate * (t - middle)),
        }
    }

    /// The growth at a date, a log-rate per year.
    pub(super) fn growth(&self, t: f64) -> f64 {
        match *self {
            Self::Line { g, .. } | Self::Jump { g, .. } => g,
            Self::Kink { when, before, after, .. } => {
                if t < when {
                    before
                } else {
                    after
                }
            }
            Self::Hyperbolic { when, k, .. } => {
                if t < when {
                    k / (when - t)
                } else {
                    k.signum() * f64::INFINITY
                }
            }
            Self::Logistic { middle, rate, .. } => rate / (1.0 + (rate * (t - middle)).exp()),
        }
    }

    pub(super) fn break_date(&self) -> Option<f64> {
        match *self {
            Self::Line { .. } => None,
            Self::Kink { when, .. } | Self::Jump { when, .. } | Self::Hyperbolic { when, .. } => {
                Some(when)
            }
            Self::Logistic { middle, .. } => Some(middle),
        }
    }
}
