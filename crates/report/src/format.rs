//! Numbers as people read them. `page/format.js` writes the same; a test compares them.

use crate::number::Notation;

/// `value` in `notation`, without a unit.
pub(crate) fn number(value: f64, notation: Notation) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "never" } else { "−∞" }.to_owned();
    }
    let sign = if value < 0.0 { "−" } else { "" };
    let size = value.abs();
    let shown = match notation {
        Notation::Plain => plain(size),
        Notation::Fine if size == 0.0 || (1e-3..1e6).contains(&size) => fixed(size, 4),
        Notation::Short => short(size),
        Notation::Percent => percent(size),
        Notation::Dollars => return format!("{sign}${}", short(size)),
        Notation::Date => return date(value),
        Notation::Whole if size < 1e15 => grouped(&fixed(size, 0)),
        Notation::Fine | Notation::Power | Notation::Whole => power(size),
    };
    // Minus zero, and what rounds to zero, has no sign.
    if shown.chars().any(|c| c.is_ascii_digit() && c != '0') {
        format!("{sign}{shown}")
    } else {
        shown
    }
}

/// `value` in `notation` with its unit.
pub(crate) fn with_unit(value: f64, notation: Notation, unit: &str) -> String {
    let shown = number(value, notation);
    if unit.is_empty() || !value.is_finite() { shown } else { format!("{shown} {unit}") }
}

/// Three significant digits, thousands separated, powers of ten far from 1.
fn plain(size: f64) -> String {
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e6).contains(&size) {
        return power(size);
    }
    significant(size, 3)
}

/// With a short scale.
fn short(size: f64) -> String {
    if size == 0.0 || size < 1e-3 {
        return plain(size);
    }
    if size >= 999.5e12 {
        return power(size);
    }
    for (factor, letter) in [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")] {
        if size >= factor * 0.9995 {
            return format!("{} {letter}", significant(size / factor, 3));
        }
    }
    significant(size, 3)
}

fn percent(size: f64) -> String {
    let share = size * 100.0;
    if share == 0.0 {
        "0%".to_owned()
    } else if !(0.01..1e6).contains(&share) {
        format!("{}%", power(share))
    } else if (99.95..100.0).contains(&share) {
        // Nearly all is not all: two digits of what is missing.
        let missing = -(1.0 - size).log10();
        format!("{}%", fixed(share, (missing.floor().min(7.0) as usize).saturating_sub(1)))
    } else if share < 9.95 || (99.0..100.0).contains(&share) {
        format!("{}%", significant(share, if share < 9.95 { 2 } else { 3 }))
    } else {
        format!("{}%", grouped(&fixed(share, 0)))
    }
}

/// `2.1×10²⁴`.
fn power(size: f64) -> String {
    if size == 0.0 {
        return "0".to_owned();
    }
    let written = format!("{size:.2e}");
    let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let mantissa = trim(mantissa);
    let raised: String = exponent
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            digit => char::from_u32(u32::from(digit) - u32::from('0') + 0x2070).unwrap_or(digit),
        })
        .collect();
    if mantissa == "1" { format!("10{raised}") } else { format!("{mantissa}×10{raised}") }
}

/// `digits` significant digits, fewer where the rest are zeros, thousands separated.
fn significant(size: f64, digits: u8) -> String {
    let written = format!("{size:.*e}", usize::from(digits - 1));
    let exponent: i32 = written.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    let decimals = (i32::from(digits) - 1 - exponent).max(0) as usize;
    grouped(&trim(&fixed(size, decimals)))
}

fn fixed(size: f64, decimals: usize) -> String {
    format!("{size:.decimals$}")
}

/// Without zeros at the end of the decimals.
fn trim(written: &str) -> String {
    if written.contains('.') {
        written.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        written.to_owned()
    }
}

fn grouped(written: &str) -> String {
    let (whole, rest) = written.split_once('.').map_or((written, None), |(w, r)| (w, Some(r)));
    let mut out = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(rest) = rest {
        out.push('.');
        out.push_str(rest);
    }
    out
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A decimal year as a month.
fn date(year: f64) -> String {
    let months = (year * 12.0 + 1e-6).floor();
    let month = MONTHS[months.rem_euclid(12.0) as usize];
    format!("{month} {}", (months / 12.0).floor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (value, notation, shown) in [
            (0.0, Notation::Plain, "0"),
            (0.034_21, Notation::Plain, "0.0342"),
            (4567.8, Notation::Plain, "4,568"),
            (-12.34, Notation::Plain, "−12.3"),
            (2.0e7, Notation::Plain, "2×10⁷"),
            (1.0e-5, Notation::Plain, "10⁻⁵"),
            (-0.000_01, Notation::Whole, "0"),
            (1.8172, Notation::Fine, "1.8172"),
            (1.3e12, Notation::Short, "1.3 T"),
            (70.44e9, Notation::Short, "70.4 B"),
            (999_900.0, Notation::Short, "1 M"),
            (12_345.0, Notation::Short, "12.3 k"),
            (38.0, Notation::Short, "38"),
            (2.1e24, Notation::Short, "2.1×10²⁴"),
            (2.1e24, Notation::Power, "2.1×10²⁴"),
            (1e24, Notation::Power, "10²⁴"),
            (4.2e6, Notation::Dollars, "$4.2 M"),
            (-4.2e6, Notation::Dollars, "−$4.2 M"),
            (0.421, Notation::Percent, "42%"),
            (0.0012, Notation::Percent, "0.12%"),
            (0.0312, Notation::Percent, "3.1%"),
            (0.9987, Notation::Percent, "99.9%"),
            (0.9997, Notation::Percent, "99.97%"),
            (0.999_994_2, Notation::Percent, "99.9994%"),
            (1.0, Notation::Percent, "100%"),
            (2028.21, Notation::Date, "Mar 2028"),
            (2027.0, Notation::Date, "Jan 2027"),
            (1_234_567.0, Notation::Whole, "1,234,567"),
            (f64::NAN, Notation::Plain, "–"),
            (f64::INFINITY, Notation::Date, "never"),
        ] {
            assert_eq!(number(value, notation), shown, "{value} {notation:?}");
        }
        assert_eq!(with_unit(38.0, Notation::Plain, "day"), "38 day");
        assert_eq!(with_unit(f64::INFINITY, Notation::Date, "yr"), "never");
    }
}
