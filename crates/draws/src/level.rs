//! How much of the probability an interval holds.

use std::fmt;

use crate::Error;

/// The share of probability inside a central interval: 0.9 for p5 to p95.
///
/// An interval means nothing without its level, so every interval in this crate carries one and
/// prints it.
///
/// ```
/// use draws::Level;
/// let level = Level::new(0.8)?;
/// assert_eq!(level.to_string(), "80% (p10 to p90)");
/// # Ok::<(), draws::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Level(f64);

impl Level {
    /// p10 to p90.
    pub const P80: Self = Self(0.8);
    /// p5 to p95, the level of `a to b` unless another is declared.
    pub const P90: Self = Self(0.9);
    /// p2.5 to p97.5.
    pub const P95: Self = Self(0.95);

    /// A level strictly between 0 and 1.
    pub fn new(share: f64) -> Result<Self, Error> {
        if share > 0.0 && share < 1.0 { Ok(Self(share)) } else { Err(Error::Level(share)) }
    }

    /// The share of probability inside.
    pub fn share(self) -> f64 {
        self.0
    }

    /// The probability below the interval's lower end: 0.05 for 90%.
    pub fn lower(self) -> f64 {
        // Rounding away the last bits turns 0.050000000000000044 into 0.05.
        ((0.5 - self.0 / 2.0) * 1e15).round() / 1e15
    }

    /// The probability below the interval's upper end: 0.95 for 90%.
    pub fn upper(self) -> f64 {
        1.0 - self.lower()
    }
}

impl Default for Level {
    fn default() -> Self {
        Self::P90
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = (percentile(self.lower()), percentile(self.upper()));
        write!(f, "{}% ({low} to {high})", round_percent(self.0))
    }
}

/// `p5` for 0.05.
pub(crate) fn percentile(probability: f64) -> String {
    format!("p{}", round_percent(probability))
}

fn round_percent(share: f64) -> f64 {
    (share * 1e12).round() / 1e10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_outside_zero_to_one_are_refused() {
        for bad in [0.0, 1.0, -0.5, 90.0, f64::NAN, f64::INFINITY] {
            assert!(Level::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ninety_percent_is_p5_to_p95_exactly() {
        assert!((Level::P90.lower() - 0.05).abs() < 1e-17);
        assert_eq!(Level::P90.to_string(), "90% (p5 to p95)");
        assert_eq!(Level::P95.to_string(), "95% (p2.5 to p97.5)");
    }
}
