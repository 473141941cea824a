//! Quantities as people say them: `72 B`, `$1.2 M`, `38 days`.

use laws::Interval;

use super::fit::words::{range, rounded};

/// A unit with its size in base units.
pub(crate) type Step = (f64, &'static str);

/// Counts of parameters and tokens.
pub(crate) const COUNT: &[Step] = &[(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "B"), (1e12, "T")];
/// Bytes.
pub(crate) const BYTES: &[Step] =
    &[(1.0, "B"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB"), (1e12, "TB")];
/// Dollars.
pub(crate) const MONEY: &[Step] = &[(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "bn"), (1e12, "tn")];
/// Seconds.
pub(crate) const TIME: &[Step] =
    &[(1.0, "s"), (60.0, "min"), (3600.0, "hours"), (86_400.0, "days"), (31_557_600.0, "years")];
/// Joules.
pub(crate) const ENERGY: &[Step] =
    &[(3600.0, "Wh"), (3.6e6, "kWh"), (3.6e9, "MWh"), (3.6e12, "GWh"), (3.6e15, "TWh")];
/// Watts.
pub(crate) const POWER: &[Step] = &[(1.0, "W"), (1e3, "kW"), (1e6, "MW"), (1e9, "GW")];

/// The largest unit that `value` has at least `least` of.
pub(crate) fn step(value: f64, steps: &'static [Step], least: f64) -> Step {
    // What rounds to 1000 k is 1 M.
    let fits = steps.iter().rev().find(|(size, _)| value.abs() >= 0.9995 * least * size);
    fits.or(steps.first()).copied().unwrap_or((1.0, ""))
}

fn least(steps: &'static [Step]) -> f64 {
    // 38 days rather than 0.1 years, but 1.5 T rather than 1500 B.
    if steps == TIME { 2.0 } else { 1.0 }
}

/// `72 B`, to the digits that the interval supports.
pub(crate) fn amount(value: f64, interval: Option<Interval>, steps: &'static [Step]) -> String {
    let (size, unit) = step(value, steps, least(steps));
    let number = match interval {
        Some(ends) => rounded(value / size, Some(scaled(ends, size))),
        None => three_digits(value / size),
    };
    format!("{number} {unit}").trim_end().to_owned()
}

/// Three significant digits, which is what a number without an interval deserves.
pub(crate) fn three_digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    // Of what is shown, so that 0.9999 is 1.00.
    let value: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    let size = value.abs().log10().floor() as i32;
    if (-4..6).contains(&size) {
        let decimals = (2 - size).max(0) as usize;
        let unit = 10_f64.powi((size - 2).max(0));
        let rounded = if decimals == 0 { (value / unit).round() * unit } else { value };
        return format!("{rounded:.decimals$}");
    }
    format!("{value:.2e}")
}

/// `55 to 96 B`, in the unit of `value`.
fn ends(value: f64, interval: Interval, steps: &'static [Step]) -> String {
    let (size, unit) = step(value, steps, least(steps));
    format!("{} {unit}", range(Some(scaled(interval, size)))).trim_end().to_owned()
}

fn scaled(interval: Interval, size: f64) -> Interval {
    Interval { low: interval.low / size, high: interval.high / size, level: interval.level }
}

/// `72 B (55 to 96 B)`, in the unit of `value`.
pub(crate) fn with_ends(value: f64, interval: Option<Interval>, steps: &'static [Step]) -> String {
    let said = amount(value, interval, steps);
    match interval {
        Some(interval) => format!("{said} ({})", ends(value, interval, steps)),
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_say_them() {
        let interval = |low, high| Some(Interval { low, high, level: 0.9 });
        for (value, ends, steps, expected) in [
            (7.22e10, interval(5.5e10, 9.6e10), COUNT, "72 B"),
            (1.33e12, None, COUNT, "1.33 T"),
            (4.2e6, interval(3e6, 6e6), MONEY, "4.2 M"),
            (38.0 * 86_400.0, interval(30.0 * 86_400.0, 50.0 * 86_400.0), TIME, "38 days"),
            (0.9 * 3.6e12, None, ENERGY, "900 MWh"),
            (3.5e5, None, POWER, "350 kW"),
            (2.2225e9, None, BYTES, "2.22 GB"),
            (0.0, None, COUNT, "0"),
            (144_300_000.0, None, COUNT, "144 M"),
            (999_999.999, None, COUNT, "1.00 M"),
        ] {
            assert_eq!(amount(value, ends, steps), expected);
        }
        assert_eq!(
            with_ends(14_400.0, interval(13_400.0, 15_500.0), COUNT),
            "14.4 k (13.4 to 15.5 k)"
        );
    }
}
