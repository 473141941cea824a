//! When it happens: the probability of a date by each year, with never.

use diagnostic::Diagnostic;
use draws::Estimate;
use formula::Form;

use crate::run::OutputRun;

/// Seconds in a year of 365.25 days.
const YEAR: f64 = 31_557_600.0;

/// The distribution of a date.
#[derive(Debug, Clone, PartialEq)]
pub struct DateTable {
    /// The years, as decimal years.
    pub years: Vec<f64>,
    /// The probability that it has happened by the beginning of each year.
    pub by: Vec<Estimate>,
    /// The probability that it never happens, as far as the scenario looks.
    pub never: Estimate,
}

impl OutputRun {
    /// The probability that the date has come by each of `years` (decimal years).
    ///
    /// # Errors
    /// An output that is not a date.
    pub fn date_table(&self, years: &[f64]) -> Result<DateTable, Diagnostic> {
        if self.value.form() != Form::Instant || self.columns.len() != 1 {
            let what = if self.times.is_some() { "a path" } else { self.value.description() };
            return Err(Diagnostic::error(format!("`{}` is {what}, not a date", self.name))
                .help("ask for the date of an event: `first(x >= limit)`"));
        }
        let by = years
            .iter()
            // A date is a sum of rounded numbers: a millisecond decides nothing.
            .map(|year| self.probability(0, |date| date <= year * YEAR + 1e-3))
            .collect::<Result<_, _>>()?;
        let never = self.probability(0, |date| date == f64::INFINITY)?;
        Ok(DateTable { years: years.to_vec(), by, never })
    }

    /// The whole years between which the date comes where it comes at all: from the first percentile
    /// of those draws to the ninety-ninth, at most a century. `None` where it never comes.
    ///
    /// # Errors
    /// As [`OutputRun::date_table`].
    pub fn date_reach(&self) -> Result<Option<(f64, f64)>, Diagnostic> {
        self.date_table(&[])?;
        let come: Vec<f64> = match &self.columns[0] {
            crate::run::Column::Drawn(dates) => dates.clone(),
            crate::run::Column::Exact(date) => vec![*date],
            crate::run::Column::OfDraws(date) => vec![date.value],
        };
        let come: Vec<f64> = come.into_iter().filter(|date| date.is_finite()).collect();
        if come.is_empty() {
            return Ok(None);
        }
        let ends = draws::select::quantiles(&come, &[0.01, 0.99]);
        let first = (ends[0] / YEAR).floor();
        Ok(Some((first, (ends[1] / YEAR).ceil().clamp(first + 1.0, first + 100.0))))
    }

    /// The years in which the date may come: from its first draw to its last that is not never.
    ///
    /// # Errors
    /// As [`OutputRun::date_table`].
    pub fn date_years(&self) -> Result<Vec<f64>, Diagnostic> {
        self.date_table(&[])?;
        let found = self.quantiles(0, &[0.01, 0.99])?;
        let first = (found[0].value / YEAR).floor();
        let last = match found[1].value {
            last if last.is_finite() => last,
            _ => self.last_finite(),
        };
        let last = (last / YEAR).ceil().min(first + 100.0);
        if !first.is_finite() || last.is_nan() {
            return Ok(Vec::new());
        }
        let count = (last - first).max(0.0) as usize + 1;
        // At most some twenty rows can be read.
        let step = count.div_ceil(20);
        Ok((0..count).step_by(step).map(|year| first + year as f64).collect())
    }

    fn last_finite(&self) -> f64 {
        match &self.columns[0] {
            crate::run::Column::Drawn(values) => {
                values.iter().copied().filter(|value| value.is_finite()).fold(f64::NAN, f64::max)
            }
            crate::run::Column::Exact(value) => *value,
            crate::run::Column::OfDraws(estimate) => estimate.value,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Model, Scenario};

    #[test]
    fn a_date_is_told_by_year_and_never_is_counted() {
        let text = "[inputs]\nwhen = \"mix(0.75: uniform(2030-01-01, 2034-01-01), 0.25: never)\"\n\
            [outputs]\ndate = \"when\"\nspan = \"when - 2025-01-01\"";
        let scenario = Scenario::from_toml("x.toml", text).unwrap();
        let run = Model::new(&scenario).unwrap().run().unwrap();
        let date = run.cases[0].output("date").unwrap();
        let table = date.date_table(&[2030.0, 2032.0, 2034.0]).unwrap();
        for (found, expected) in table.by.iter().zip([0.0, 0.375, 0.75]) {
            assert!((found.value - expected).abs() < 0.005, "{found:?} {expected}");
        }
        assert!((table.never.value - 0.25).abs() < 0.005);
        assert_eq!(date.date_years().unwrap(), [2030.0, 2031.0, 2032.0, 2033.0, 2034.0]);
        assert_eq!(date.date_reach().unwrap(), Some((2030.0, 2034.0)));
        let span = run.cases[0].output("span").unwrap();
        assert!(span.date_table(&[2030.0]).unwrap_err().to_string().contains("not a date"));
    }
}
