//! Quantities of a training run, each a number with its unit in the type.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Div, Mul, Sub};

use serde::{Deserialize, Serialize};

/// A newtype over `f64` with the arithmetic of a one-dimensional quantity: sums and differences
/// of its own kind, scaling by a number, and the ratio of two, which is a number.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        #[repr(transparent)]
        pub struct $name(pub f64);

        impl $name {
            /// The bare number, in the unit of the type.
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            /// Three significant digits, or as many as the precision asks for, and the unit.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_number(f, self.0)?;
                f.write_str(concat!(" ", $unit))
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
    /// Model parameters, N. Which ones count (total, non-embedding, with the output head) is a
    /// convention that has to be stated beside the number.
    Parameters,
    "parameters"
);
quantity!(
    /// Training tokens, D.
    Tokens,
    "tokens"
);
quantity!(
    /// Training compute, C, in floating point operations (not operations per second).
    Flop,
    "FLOP"
);
quantity!(
    /// Cross-entropy loss in nats per token.
    NatsPerToken,
    "nats/token"
);
quantity!(
    /// Cross-entropy in bits per byte of text, comparable between tokenizers.
    BitsPerByte,
    "bits/byte"
);
quantity!(
    /// A duration in seconds.
    Seconds,
    "s"
);

impl Div<Parameters> for Tokens {
    /// Tokens per parameter.
    type Output = f64;
    fn div(self, parameters: Parameters) -> f64 {
        self.0 / parameters.0
    }
}

impl NatsPerToken {
    /// The same loss per byte of text, given how many bytes a token stands for on average.
    #[must_use]
    pub fn bits_per_byte(self, bytes_per_token: f64) -> BitsPerByte {
        BitsPerByte(self.0 / (std::f64::consts::LN_2 * bytes_per_token))
    }
}

/// Training compute under the convention C = 6 N D, which counts two FLOP forward and four
/// backward per parameter and token and leaves attention out (Kaplan et al. 2020, section 2.1).
pub fn flop_6nd(parameters: Parameters, tokens: Tokens) -> Flop {
    Flop(6.0 * parameters.0 * tokens.0)
}

/// Writes `value` with the significant digits that the formatter's precision asks for (default
/// three): plainly from 0.001 to 10,000, in powers of ten outside.
fn write_number(f: &mut fmt::Formatter<'_>, value: f64) -> fmt::Result {
    let digits: usize = f.precision().unwrap_or(3).clamp(1, 17);
    if value == 0.0 || !value.is_finite() {
        return write!(f, "{value}");
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let exponent: i32 =
        scientific.split_once('e').and_then(|(_, tail)| tail.parse().ok()).unwrap_or(0);
    if (-3..4).contains(&exponent) {
        let decimals = (digits - 1).saturating_add_signed(-exponent as isize);
        write!(f, "{value:.decimals$}")
    } else {
        f.write_str(&scientific)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_with_three_digits_and_their_unit() {
        assert_eq!(Flop(1.2345e12).to_string(), "1.23e12 FLOP");
        assert_eq!(Tokens(999_960.0).to_string(), "1.00e6 tokens");
        assert_eq!(NatsPerToken(3.14567).to_string(), "3.15 nats/token");
        assert_eq!(Seconds(812.4).to_string(), "812 s");
        assert_eq!(Seconds(9999.9).to_string(), "1.00e4 s");
        assert_eq!(format!("{:.5}", NatsPerToken(3.14567)), "3.1457 nats/token");
        assert_eq!(Parameters(0.0).to_string(), "0 parameters");
        assert_eq!(Parameters(f64::NAN).to_string(), "NaN parameters");
    }

    #[test]
    fn compute_under_6nd_and_tokens_per_parameter() {
        let (n, d) = (Parameters(70e9), Tokens(1.4e12));
        assert!((flop_6nd(n, d) / Flop(5.88e23) - 1.0).abs() < 1e-12);
        assert!((d / n - 20.0).abs() < 1e-12);
    }

    #[test]
    fn a_byte_level_loss_of_ln_2_is_one_bit_per_byte() {
        let loss = NatsPerToken(std::f64::consts::LN_2);
        assert!((loss.bits_per_byte(1.0).get() - 1.0).abs() < 1e-15);
    }

    #[test]
    fn quantities_are_plain_numbers_in_json_terms() {
        let total: Flop = [Flop(1e3), Flop(2e3)].into_iter().sum();
        assert_eq!(total * 2.0 - Flop(1e3), Flop(5e3));
    }
}
