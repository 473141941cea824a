//! Numbers and tables for people: as many digits as an interval supports, and no more.

use anstyle::Style;
use laws::Interval;

pub(crate) fn bold(text: &str) -> String {
    let style = Style::new().bold();
    format!("{style}{text}{style:#}")
}

/// `90 %`, from 0.9.
pub(crate) fn level(share: f64) -> String {
    format!("{} %", (share * 1e4).round() / 100.0)
}

/// A share in per cent, with two digits of what is missing: nearly all is not all.
pub(crate) fn percent(share: f64) -> String {
    let missing = 1.0 - share;
    let decimals =
        if missing < 1e-8 { 0 } else { (-missing.log10()).floor().max(1.0) as usize - 1 };
    format!("{:.decimals$}", 100.0 * share.max(0.0))
}

pub(crate) fn two_digits(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}

/// The power of ten of the last digit that an interval supports: two digits of its width.
fn last_digit(interval: Option<Interval>) -> Option<i32> {
    let width = interval.map(|interval| interval.high - interval.low)?;
    (width > 0.0 && width.is_finite()).then(|| width.log10().floor() as i32 - 1)
}

/// A value to the last digit that its interval supports, six significant digits at most; four
/// without one.
pub(crate) fn rounded(value: f64, interval: Option<Interval>) -> String {
    let size = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    let last = last_digit(interval).unwrap_or(size - 3).clamp(size - 5, size);
    if (-4..6).contains(&size) {
        let unit = 10_f64.powi(last.max(0));
        let value = if last > 0 { (value / unit).round() * unit } else { value };
        return format!("{value:.*}", (-last).max(0) as usize);
    }
    format!("{:.*e}", (size - last).clamp(0, 15) as usize, value)
}

pub(crate) fn range(interval: Option<Interval>) -> String {
    interval.map_or(String::new(), |ends| {
        format!("{} to {}", rounded(ends.low, interval), rounded(ends.high, interval))
    })
}

/// `value (low to high)`.
pub(crate) fn with_range(value: f64, interval: Option<Interval>) -> String {
    let shown = rounded(value, interval);
    if interval.is_some() { format!("{shown} ({})", range(interval)) } else { shown }
}

/// `12x outside`, when it is worth a word.
pub(crate) fn outside(decades: f64) -> Option<String> {
    (decades > 0.05).then(|| {
        let factor = 10_f64.powf(decades);
        if factor < 9.95 {
            format!("{factor:.1}x outside")
        } else if factor < 1e5 {
            format!("{factor:.0}x outside")
        } else {
            format!("{factor:.0e}x outside")
        }
    })
}

/// A unit as people say it: `nats per token`.
pub(crate) fn unit_in_words(unit: &str) -> &str {
    match unit {
        "nat/token" => "nats per token",
        "bit/B" => "bits per byte",
        "param" => "parameters",
        "token" => "tokens",
        // The number alone says it.
        "share" | "1" => "",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_to_the_digit_their_interval_supports() {
        let interval = |low, high| Some(Interval { low, high, level: 0.9 });
        for (value, ends, expected) in [
            (477.83, interval(310.0, 690.0), "480"),
            (1.817_218, interval(1.765, 1.873), "1.82"),
            (2143.4, interval(1100.0, 5700.0), "2100"),
            (7.2163e10, interval(6.1e10, 9.3e10), "7.2e10"),
            (0.0, interval(0.0, 0.3), "0.00"),
            (3.5, interval(0.0, 4e5), "4"),
            (3.456_78, None, "3.457"),
        ] {
            assert_eq!(rounded(value, ends), expected, "{value}");
        }
        let shown = [0.5, 0.9912, 0.99974, 0.999_999_7, 1.0, -0.2].map(percent);
        assert_eq!(shown, ["50", "99.1", "99.97", "99.99997", "100", "0"]);
    }
}
