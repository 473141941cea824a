//! Quantities as people say them.

/// Three significant digits.
pub(super) fn three(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    match rounded.abs() {
        size if !(1e-3..1e6).contains(&size) => format!("{value:.2e}"),
        size => {
            let decimals = (2 - size.log10().floor() as i32).clamp(0, 5) as usize;
            format!("{rounded:.decimals$}")
        }
    }
}

fn scaled(value: f64, steps: &[(f64, &str)]) -> String {
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    let fits = steps.iter().rev().find(|(size, _)| rounded.abs() >= *size);
    let (size, unit) = fits.or(steps.first()).copied().unwrap_or((1.0, ""));
    format!("{} {unit}", three(value / size)).trim_end().to_owned()
}

/// `40.3 s`, `12.1 min`, `4.2 days`: at least two of a unit longer than seconds.
pub(super) fn time(seconds: f64) -> String {
    const STEPS: [(f64, f64, &str); 6] = [
        (63_115_200.0, 31_557_600.0, "years"),
        (172_800.0, 86_400.0, "days"),
        (7_200.0, 3_600.0, "h"),
        (120.0, 60.0, "min"),
        (1.0, 1.0, "s"),
        (1e-3, 1e-3, "ms"),
    ];
    let fits = STEPS.iter().find(|(least, ..)| seconds.abs() >= *least);
    let (_, size, unit) = fits.copied().unwrap_or((0.0, 1e-6, "us"));
    format!("{} {unit}", three(seconds / size))
}

/// `4.19 M`, `15.0 T`.
pub(super) fn count(value: f64) -> String {
    scaled(value, &[(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "B"), (1e12, "T"), (1e15, "P")])
}

/// `$1.23 M`.
pub(super) fn money(dollars: f64) -> String {
    if dollars < 1.0 {
        return format!("${}", three(dollars));
    }
    format!("${}", scaled(dollars, &[(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "bn"), (1e12, "tn")]))
}

/// `45.2 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// `8,192`.
pub(super) fn whole(number: u32) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Parts rounded to so many decimals so that they add up to their rounded sum.
pub(super) fn adding_up(parts: &[f64], decimals: u8) -> Vec<f64> {
    let unit = 10_f64.powi(i32::from(decimals));
    let (mut sum, mut shown) = (0.0, 0.0);
    parts
        .iter()
        .map(|part| {
            sum += part;
            let next = (sum * unit).round();
            let rounded = (next - shown) / unit;
            shown = next;
            rounded
        })
        .collect()
}

/// A bar of eighths of a character.
pub(super) fn bar(share: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_as_people_say_them() {
        for (seconds, expected) in [
            (0.0123, "12.3 ms"),
            (40.26, "40.3 s"),
            (119.0, "119 s"),
            (600.0, "10.0 min"),
            (86_400.0, "24.0 h"),
            (864_000.0, "10.0 days"),
            (3.156e8, "10.0 years"),
        ] {
            assert_eq!(time(seconds), expected);
        }
        assert_eq!((count(4_194_304.0), count(999_999.0)), ("4.19 M".into(), "1.00 M".into()));
        assert_eq!((money(0.0123), money(1.5e6)), ("$0.0123".into(), "$1.50 M".into()));
        assert_eq!((whole(8192), whole(512)), ("8,192".into(), "512".into()));
        assert_eq!(bar(0.5, 4), "██");
        assert_eq!(three(0.0), "0");
    }

    #[test]
    fn rounded_parts_add_up_to_the_rounded_sum() {
        let parts = [0.333_33, 0.333_33, 0.333_34];
        let shown = adding_up(&parts, 1);
        assert!((shown.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{shown:?}");
    }
}
