//! A day of the calendar, for starts and finishes of runs.

use std::fmt;

use diagnostic::Diagnostic;
use formula::Source;

use crate::Quantity;
use crate::words::written::Written;

/// A moment, in days since the beginning of 1970-01-01. The library never asks a clock: whoever
/// calls says what day it is.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Date(pub f64);

/// Seconds in a year of the formula language, whose dates lie as far into their year as their day.
const YEAR: f64 = 31_557_600.0;

impl Date {
    /// The moment so many seconds after 1970-01-01, as clocks of computers tell it.
    pub fn from_unix(seconds: f64) -> Self {
        Self(seconds / 86_400.0)
    }

    /// A date as the formula language writes it: `2027-03-01`, `2027-03` or `2027-03-01 + 2 week`.
    ///
    /// ```
    /// let start = plan::Date::parse("--start", "2026-12-01")?;
    /// assert_eq!(start.after(runs::Seconds(90.0 * 86_400.0)).to_string(), "2027-03-01");
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// Text that is not one certain date.
    pub fn parse(origin: &str, text: &str) -> Result<Self, Diagnostic> {
        // To formulas these are a number and a difference.
        let digits: String =
            text.trim().chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        let written = match digits.as_str() {
            "0000" => format!("{}-01-01", text.trim()),
            "0000-00" => format!("{}-01", text.trim()),
            _ => text.to_owned(),
        };
        let date = Written::date("date", Source::new(origin, written))?;
        let best = Self::of_instant(date.best());
        if date.is_certain() && best.0.is_finite() {
            return Ok(best);
        }
        Err(Diagnostic::error(format!("{origin} needs one certain date, found `{text}`"))
            .help("for example `2026-12-01`"))
    }

    /// The moment `time` later.
    #[must_use]
    pub fn after(self, time: runs::Seconds) -> Self {
        Self(self.0 + time.get() / 86_400.0)
    }

    /// The time from `start` to this; negative where it lies before.
    pub fn since(self, start: Self) -> runs::Seconds {
        runs::Seconds((self.0 - start.0) * 86_400.0)
    }

    /// From the formula language's seconds since the year 0, in which all years are equally long.
    pub(crate) fn of_instant(seconds: f64) -> Self {
        // A date is a sum of rounded numbers: 1231-12-31.9999999 is the next year.
        let year = (seconds / YEAR + 1e-9).floor();
        if !(0.0..100_000.0).contains(&year) {
            return Self(if seconds.is_nan() { f64::NAN } else { f64::INFINITY });
        }
        let start = days_before(year as i64);
        let length = (days_before(year as i64 + 1) - start) as f64;
        let into = (seconds / YEAR - year) * length;
        // Midnights are whole; the language keeps about a microsecond of them.
        let day = if (into - into.round()).abs() < 1e-5 { into.round() } else { into };
        Self(start as f64 + day)
    }

    /// Year, month and day.
    pub fn civil(self) -> Option<(i64, u8, u8)> {
        if self.0.is_nan() || self.0.abs() > 3e7 {
            return None;
        }
        let day = (self.0 + 1e-9).floor() as i64;
        // At or before the year of the day, on either side of 1970.
        let mut year = 1970 + day.div_euclid(if day < 0 { 365 } else { 366 }) - 1;
        while days_before(year + 1) <= day {
            year += 1;
        }
        let mut rest = day - days_before(year);
        for (month, length) in (1..).zip(months(year)) {
            if rest < length {
                return Some((year, month, (rest + 1) as u8));
            }
            rest -= length;
        }
        None
    }
}

/// Days from 1970-01-01 to the beginning of `year`.
fn days_before(year: i64) -> i64 {
    let leap_days = |year: i64| {
        let before = year - 1;
        before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400)
    };
    365 * (year - 1970) + leap_days(year) - leap_days(1970)
}

fn months(year: i64) -> [i64; 12] {
    let february = days_before(year + 1) - days_before(year) - 337;
    [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

impl fmt::Display for Date {
    /// `2027-03-01`; `never` where it does not come.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.civil() {
            Some((year, month, day)) => write!(f, "{year:04}-{month:02}-{day:02}"),
            None if self.0 == f64::INFINITY => f.write_str("never"),
            None if self.0.is_nan() => f.write_str("undefined"),
            None => write!(f, "year {:.3e}", 1970.0 + self.0 / 365.2425),
        }
    }
}

impl Quantity for Date {
    fn number(self) -> f64 {
        self.0
    }
    fn of(number: f64) -> Self {
        Self(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_shown_to_the_day() {
        for text in
            ["1970-01-01", "1969-12-31", "2024-02-29", "2024-12-31", "2027-03-01", "2000-01-01"]
        {
            assert_eq!(Date::parse("--start", text).unwrap().to_string(), text);
        }
        assert_eq!(Date::parse("--start", "2027").unwrap().to_string(), "2027-01-01");
        assert_eq!(Date::parse("--start", "2027-02").unwrap().to_string(), "2027-02-01");
        assert_eq!(Date::from_unix(1_764_547_200.0).to_string(), "2025-12-01");
    }

    #[test]
    fn every_day_of_two_centuries_is_the_day_after_the_one_before() {
        let first = Date::parse("x", "1900-01-01").unwrap();
        let mut last = (0, 0, 0);
        for day in 0..73_000 {
            let date = Date(first.0 + f64::from(day)).civil().unwrap();
            assert!(date > last, "{date:?} {last:?}");
            last = date;
        }
        assert_eq!(last, (2099, 11, 12));
    }

    #[test]
    fn a_span_of_days_is_exact_across_years_of_different_length() {
        let [start, end] = ["2023-12-01", "2024-03-01"].map(|d| Date::parse("x", d).unwrap());
        assert_eq!(end.since(start).get(), 91.0 * 86_400.0);
    }

    #[test]
    fn odd_dates_do_not_panic() {
        for days in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, -8e5, 2.9e7] {
            assert!(!Date(days).to_string().is_empty());
        }
        for text in ["", "soon", "12 day", "2026-13-01", "2027-01-01 to 2027-03-01", "never"] {
            assert!(Date::parse("--start", text).is_err(), "{text}");
        }
    }
}
