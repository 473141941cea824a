//! Numbers computed from draws, with the Monte Carlo error that they carry.

use std::fmt;

use crate::{Design, Level, select};

/// A number computed from a finite set of draws, and its standard error.
///
/// The standard error says how much the number would change with another seed. It says nothing of
/// whether the distributions are right. Printing shows as many digits as it supports.
///
/// ```
/// use draws::Estimate;
/// let shaky = Estimate { value: 4.98123, standard_error: 0.03 };
/// assert_eq!(shaky.to_string(), "5.0");
/// let firm = Estimate { value: 4.98123, standard_error: 0.0004 };
/// assert_eq!(firm.to_string(), "4.981");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The number. `+inf` is `never`, NaN is undefined.
    pub value: f64,
    /// Its standard error; infinite when the draws are too few, or too near `never`, to tell.
    pub standard_error: f64,
}

impl Estimate {
    /// The number of significant digits worth showing: the standard error is at most one unit of
    /// the last one. 0 when not even the first digit is known; at most 15.
    pub fn digits(&self) -> usize {
        if !self.value.is_finite() || self.value == 0.0 || self.standard_error.is_nan() {
            return 0;
        }
        if self.standard_error <= 0.0 {
            return 15;
        }
        let first = self.value.abs().log10().floor();
        let last = self.standard_error.log10().ceil();
        (first - last + 1.0).clamp(0.0, 15.0) as usize
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.value.is_nan() {
            return f.write_str("undefined");
        }
        if self.value.is_infinite() {
            return f.write_str(if self.value > 0.0 { "never" } else { "-inf" });
        }
        if self.value == 0.0 && self.standard_error > 0.0 {
            return write!(f, "~0");
        }
        let digits = self.digits();
        if digits == 0 {
            f.write_str("~")?;
        }
        f.write_str(&significant(self.value, digits.max(1)))
    }
}

/// A number with this many significant digits, in powers of ten when very large or small.
fn significant(value: f64, digits: usize) -> String {
    let scientific = format!("{:.*e}", digits - 1, value);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        return format!("{}e{exponent}", trim(mantissa, digits == 15));
    }
    let places = exponent.unsigned_abs() as usize;
    let decimals =
        if exponent < 0 { digits - 1 + places } else { (digits - 1).saturating_sub(places) };
    // Parsing back rounds 12,345 to 12,300 at three digits.
    let rounded: f64 = scientific.parse().unwrap_or(value);
    trim(&format!("{rounded:.decimals$}"), digits == 15).to_string()
}

/// Drops zeros after the point from a number that is exact, where they tell nothing.
fn trim(number: &str, exact: bool) -> &str {
    if exact && number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    }
}

/// A central interval of the draws.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The share of the draws inside.
    pub level: Level,
    /// Its lower end.
    pub low: Estimate,
    /// Its upper end.
    pub high: Estimate,
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { level, low, high } = self;
        write!(f, "{low} to {high}, {level}")
    }
}

/// The mean of a column; NaN values take no part, an infinite one makes the mean infinite.
pub fn mean(values: &[f64], design: Design) -> Estimate {
    let whole = Moments::of(values.iter().copied());
    let standard_error = match design.replicates() {
        None => whole.standard_error(),
        Some(replicates) => {
            let means = (0..replicates)
                .map(|r| Moments::of(values.iter().copied().skip(r).step_by(replicates)).mean);
            spread(means, whole.mean)
        }
    };
    Estimate { value: whole.mean, standard_error }
}

/// The share of the defined (not NaN) values for which `event` holds.
pub fn probability(values: &[f64], design: Design, event: impl Fn(f64) -> bool) -> Estimate {
    let share = |column: &mut dyn Iterator<Item = f64>| {
        let (mut yes, mut all) = (0_u64, 0_u64);
        for value in column.filter(|value| !value.is_nan()) {
            yes += u64::from(event(value));
            all += 1;
        }
        (yes as f64 / all as f64, all as f64)
    };
    let (value, n) = share(&mut values.iter().copied());
    // Agresti and Coull (1998): two successes and two failures more, so that 0 of n is not
    // mistaken for certainty.
    let padded = (value * n + 2.0) / (n + 4.0);
    let independent = (padded * (1.0 - padded) / (n + 4.0)).sqrt();
    let standard_error = match design.replicates() {
        None => independent,
        Some(replicates) => {
            let shares = (0..replicates)
                .map(|r| share(&mut values.iter().copied().skip(r).step_by(replicates)).0);
            let error = spread(shares, value);
            // Replicates that all say the same cannot tell how rare the other is.
            if error > 0.0 { error } else { independent }
        }
    };
    Estimate { value, standard_error }
}

/// Quantiles of a column with their standard errors; NaN values take no part.
///
/// For independent rows half the distance between the order statistics one standard deviation of
/// their rank away on either side; for replicates the spread of the replicates' own quantiles.
pub fn quantiles(values: &[f64], design: Design, probabilities: &[f64]) -> Vec<Estimate> {
    match design.replicates() {
        None => {
            let n = values.iter().filter(|value| !value.is_nan()).count() as f64;
            let around: Vec<f64> = probabilities
                .iter()
                .flat_map(|&p| {
                    let reach = (p * (1.0 - p) / n).sqrt();
                    [p, p - reach, p + reach]
                })
                .collect();
            let found = select::quantiles(values, &around);
            // An end that would lie outside the column says that the draws are too few to tell.
            let outside = |p: f64| !(0.0..=1.0).contains(&p);
            found
                .chunks(3)
                .zip(around.chunks(3))
                .map(|(x, p)| {
                    let unknown = (outside(p[1]) || outside(p[2])) && x[1] < x[2];
                    let half = if x[1].to_bits() == x[2].to_bits() {
                        0.0
                    } else if unknown {
                        f64::INFINITY
                    } else {
                        (x[2] - x[1]) / 2.0
                    };
                    Estimate { value: x[0], standard_error: half }
                })
                .collect()
        }
        Some(replicates) => {
            let whole = select::quantiles(values, probabilities);
            let parts: Vec<Vec<f64>> = (0..replicates)
                .map(|r| {
                    let own: Vec<f64> =
                        values.iter().copied().skip(r).step_by(replicates).collect();
                    select::quantiles(&own, probabilities)
                })
                .collect();
            whole
                .iter()
                .enumerate()
                .map(|(i, &value)| Estimate {
                    value,
                    standard_error: spread(parts.iter().map(|part| part[i]), value),
                })
                .collect()
        }
    }
}

/// The standard error of a pooled value from independent replicates of it.
fn spread(replicates: impl ExactSizeIterator<Item = f64>, pooled: f64) -> f64 {
    let n = replicates.len() as f64;
    let off = |x: f64| if x.to_bits() == pooled.to_bits() { 0.0 } else { (x - pooled).abs() };
    let squares: f64 = replicates.map(|x| off(x) * off(x)).sum();
    let error = (squares / (n * (n - 1.0))).sqrt();
    if error.is_nan() { f64::INFINITY } else { error }
}

/// Count, mean and spread of the defined values, by a compensated running sum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moments {
    pub(crate) count: usize,
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

impl Moments {
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        // Welford (1962): one pass, no cancellation.
        let (mut count, mut mean, mut squares) = (0_usize, 0.0, 0.0);
        for value in values.filter(|value| !value.is_nan()) {
            count += 1;
            if value.is_finite() {
                let delta = value - mean;
                mean += delta / count as f64;
                squares += delta * (value - mean);
            } else {
                (mean, squares) = (mean + value, f64::INFINITY);
            }
        }
        if count == 0 {
            return Self { count, mean: f64::NAN, variance: f64::NAN };
        }
        let variance = if count > 1 { squares / (count - 1) as f64 } else { f64::INFINITY };
        Self { count, mean, variance }
    }

    fn standard_error(&self) -> f64 {
        let error = (self.variance / self.count as f64).sqrt();
        if error.is_nan() { f64::INFINITY } else { error }
    }
}

#[cfg(test)]
mod tests;
