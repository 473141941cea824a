//! Quantities of machines, each a number with its unit in the type.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Div, Mul, Sub};

/// A newtype over `f64` with the arithmetic of a one-dimensional quantity.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
        #[repr(transparent)]
        pub struct $name(pub f64);

        impl $name {
            /// The unit of the bare number.
            pub const UNIT: &'static str = $unit;

            /// The bare number, in the unit of the type.
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            /// Three significant digits with an SI prefix, and the unit.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_si(f, self.0, $unit)
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl Mul<f64> for $name {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }

        impl Div<f64> for $name {
            type Output = Self;
            fn div(self, divisor: f64) -> Self {
                Self(self.0 / divisor)
            }
        }

        impl Div for $name {
            type Output = f64;
            fn div(self, other: Self) -> f64 {
                self.0 / other.0
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
                Self(values.map(Self::get).sum())
            }
        }
    };
}

quantity!(
    /// Storage or traffic in bytes (a kilobyte is 1,000).
    Bytes,
    "B"
);
quantity!(
    /// A rate of transfer, one way.
    BytesPerSecond,
    "B/s"
);
quantity!(
    /// A rate of arithmetic. Peaks are dense.
    FlopPerSecond,
    "FLOP/s"
);
quantity!(
    /// Power. Which kind (chip, IT, facility) is stated where it stands.
    Watts,
    "W"
);
quantity!(
    /// Energy.
    Joules,
    "J"
);
quantity!(
    /// Money in United States dollars of the year that stands beside it.
    Usd,
    "USD"
);

/// Writes `value` with three significant digits and an SI prefix.
fn write_si(f: &mut fmt::Formatter<'_>, value: f64, unit: &str) -> fmt::Result {
    const PREFIXES: [(f64, &str); 8] = [
        (1e18, "E"),
        (1e15, "P"),
        (1e12, "T"),
        (1e9, "G"),
        (1e6, "M"),
        (1e3, "k"),
        (1.0, ""),
        (1e-3, "m"),
    ];
    if value == 0.0 || !value.is_finite() {
        return write!(f, "{value} {unit}");
    }
    // Rounding to three digits first keeps 999.9 from becoming `1000`.
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    let (scale, prefix) =
        (PREFIXES.into_iter()).find(|(scale, _)| rounded.abs() >= *scale).unwrap_or((1.0, ""));
    let scaled = rounded / scale;
    if !(1e-3..1e3).contains(&scaled.abs()) {
        return write!(f, "{value:.2e} {unit}");
    }
    let digits = match scaled.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    write!(f, "{scaled:.digits$} {prefix}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_shown_with_three_digits_prefix_and_unit() {
        assert_eq!(Bytes(80e9).to_string(), "80.0 GB");
        assert_eq!(FlopPerSecond(989.4e12).to_string(), "989 TFLOP/s");
        assert_eq!(Bytes(999_960.0).to_string(), "1.00 MB");
        assert_eq!(Watts(0.0).to_string(), "0 W");
        assert_eq!(Usd(f64::NAN).to_string(), "NaN USD");
        assert_eq!(Joules(1e30).to_string(), "1.00e30 J");
    }
}
