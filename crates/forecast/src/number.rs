//! Small readings of text: shares, numbers, dates.

/// `90%` or `0.9`.
pub(crate) fn share(text: &str) -> Option<f64> {
    match text.trim().strip_suffix('%') {
        Some(percent) => percent.trim_end().parse::<f64>().ok().map(|percent| percent / 100.0),
        None => text.trim().parse().ok(),
    }
    .filter(|share| share.is_finite())
}

/// `100_000`, `100k`, `1e6`, `2M`.
pub(crate) fn plain(text: &str) -> Option<f64> {
    let plain = text.trim().replace('_', "");
    let (number, factor) = match plain.strip_suffix(['k', 'M']) {
        Some(number) if plain.ends_with('k') => (number, 1e3),
        Some(number) => (number, 1e6),
        None => (plain.as_str(), 1.0),
    };
    number.parse::<f64>().ok().map(|number| number * factor).filter(|number| number.is_finite())
}

/// A date as decimal years: `2025`, `2025-07`, `2025-07-01` or `2025.5`; `None` for other text.
///
/// A date lies as far into its year as its day, as the formula language has it.
///
/// ```
/// assert_eq!(forecast::date("2025-07"), Some(2025.0 + 181.0 / 365.0));
/// ```
pub fn date(text: &str) -> Option<f64> {
    let text = text.trim();
    let text = text.split(['T', ' ']).next().unwrap_or(text);
    let mut parts = text.split('-');
    let year = parts.next()?;
    let Some(month) = parts.next() else {
        return year.parse::<f64>().ok().filter(|year| (0.0..100_000.0).contains(year));
    };
    let year: u16 = year.parse().ok()?;
    let month: usize = month.parse().ok().filter(|month| (1..=12).contains(month))?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let february = if leap { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let day: u16 = match parts.next() {
        Some(day) => day.parse().ok().filter(|day| (1..=months[month - 1]).contains(day))?,
        None => 1,
    };
    if parts.next().is_some() {
        return None;
    }
    let before: u16 = months[..month - 1].iter().sum();
    Some(f64::from(year) + f64::from(before + day - 1) / if leap { 366.0 } else { 365.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_lie_as_far_into_their_year_as_their_day() {
        assert_eq!(date("2025"), Some(2025.0));
        assert_eq!(date("2025.5"), Some(2025.5));
        assert_eq!(date("2025-01-01"), Some(2025.0));
        assert_eq!(date("2024-12-31"), Some(2024.0 + 365.0 / 366.0));
        assert_eq!(date("2025-02"), Some(2025.0 + 31.0 / 365.0));
        for bad in ["", "soon", "2025-13-01", "2025-02-29", "2025-01-01-01", "nan", "-5"] {
            assert_eq!(date(bad), None, "{bad}");
        }
    }

    #[test]
    fn counts_and_shares_are_read_as_people_write_them() {
        assert_eq!((plain("200_000"), plain("100k"), plain("x")), (Some(2e5), Some(1e5), None));
        assert_eq!((share("90%"), share("0.5"), share("inf")), (Some(0.9), Some(0.5), None));
    }
}
