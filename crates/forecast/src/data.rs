//! Observed series: dates and values, from a table or listed in the scenario.

use diagnostic::Diagnostic;
use runs::{Filter, RunTable};

use crate::number;
use crate::written::Written;

/// One observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When, in decimal years.
    pub date: f64,
    /// How much, in the unit of the series.
    pub value: f64,
    /// The interval of the observation itself, where it has one.
    pub range: Option<(f64, f64)>,
}

/// A series of observations, in the order of their dates.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSpec {
    /// Its name.
    pub name: Written,
    /// The unit of its values; empty for plain numbers.
    pub unit: String,
    /// Where it comes from.
    pub source: String,
    /// What to know about it.
    pub note: String,
    /// The output that these are observations of, if any.
    pub output: Option<Written>,
    /// The observations.
    pub points: Vec<Point>,
}

/// The columns of a table of observations, and the rows to keep.
#[derive(Debug, Clone, Default)]
pub struct DataColumns<'a> {
    /// The column of dates; `date` where none is named.
    pub date: Option<&'a str>,
    /// The column of values and, after a space, their unit.
    pub value: &'a str,
    /// The lower end of each observation's own range.
    pub low: Option<&'a str>,
    /// The upper end.
    pub high: Option<&'a str>,
    /// Conditions on rows, `company == 'x' and year > 2020`.
    pub filter: Option<&'a str>,
}

/// How the observations are written.
pub(crate) enum Points {
    Listed(Vec<(Written, f64)>),
    Table(Box<Table>),
}

/// A table with the columns to read.
pub(crate) struct Table {
    pub(crate) origin: String,
    pub(crate) text: String,
    pub(crate) date: Option<Written>,
    /// Column and, after a space, unit.
    pub(crate) value: Written,
    pub(crate) low: Option<Written>,
    pub(crate) high: Option<Written>,
    pub(crate) filter: Option<Written>,
}

impl DataSpec {
    pub(crate) fn new(
        name: Written,
        points: Points,
        unit: &str,
        source: String,
        note: String,
    ) -> Result<Self, Diagnostic> {
        let mut unit = unit.to_owned();
        let mut points = match points {
            Points::Listed(points) => listed(&points)?,
            Points::Table(table) => {
                if let Some((_, written)) = table.value.text().split_once(char::is_whitespace) {
                    written.trim().clone_into(&mut unit);
                }
                table.points()?
            }
        };
        if points.is_empty() {
            return Err(name.error("this series has no observations", "empty"));
        }
        points.sort_by(|a, b| a.date.total_cmp(&b.date));
        Ok(Self { name, unit, source, note, output: None, points })
    }

    /// The observations of a table (CSV, TSV or JSON lines) that came from `origin`.
    ///
    /// ```
    /// use forecast::{DataColumns, DataSpec};
    ///
    /// let text = "date,power\n2023,1.5\n2024,3.1\n2025,\n";
    /// let columns = DataColumns { value: "power GW", ..DataColumns::default() };
    /// let data = DataSpec::of_table("power.csv", text, &columns)?;
    /// assert_eq!((data.points.len(), data.unit.as_str()), (2, "GW"));
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// A column that is not there, a date or condition that cannot be read, and no observation.
    pub fn of_table(
        origin: &str,
        text: &str,
        columns: &DataColumns<'_>,
    ) -> Result<Self, Diagnostic> {
        let written = |what: &str, text: &str| Written::new(what, text);
        let asked = |what: &str, text: Option<&str>| text.map(|text| written(what, text));
        let table = Table {
            origin: origin.to_owned(),
            text: text.to_owned(),
            date: asked("--date", columns.date),
            value: written("--value", columns.value),
            low: asked("--low", columns.low),
            high: asked("--high", columns.high),
            filter: asked("--where", columns.filter),
        };
        let points = Points::Table(Box::new(table));
        Self::new(written("--value", columns.value), points, "", origin.to_owned(), String::new())
    }

    /// The first and the last date.
    pub fn window(&self) -> (f64, f64) {
        let first = self.points.first().map_or(f64::NAN, |point| point.date);
        (first, self.points.last().map_or(f64::NAN, |point| point.date))
    }
}

fn listed(points: &[(Written, f64)]) -> Result<Vec<Point>, Diagnostic> {
    points
        .iter()
        .map(|(date, value)| {
            let when = number::date(date.text()).ok_or_else(|| {
                date.error("expected a date", "not a date").help("write `2025-07-01` or `2025`")
            })?;
            if !value.is_finite() {
                return Err(date.error("the value of this date is not finite", "this date"));
            }
            Ok(Point { date: when, value: *value, range: None })
        })
        .collect()
}

impl Table {
    /// The rows that have a date and a value and meet the filter.
    fn points(&self) -> Result<Vec<Point>, Diagnostic> {
        let table = RunTable::from_bytes(self.origin.as_str(), self.text.as_bytes())?;
        let mut keep = vec![true; table.len()];
        if let Some(filter) = &self.filter {
            for condition in filter.text().split(" and ") {
                let parsed: Filter = condition
                    .replace(['\'', '"'], "")
                    .parse()
                    .map_err(|e: Diagnostic| filter.point(e, "in this condition"))?;
                let holds =
                    parsed.keeps(&table).map_err(|e| filter.point(e, "in this condition"))?;
                keep.iter_mut().zip(holds).for_each(|(keep, holds)| *keep &= holds);
            }
        }
        let column_of = |written: &Written| {
            written.text().split_whitespace().next().unwrap_or_default().to_owned()
        };
        let numbers = |written: &Written| {
            table.numbers(&column_of(written)).map_err(|e| written.point(e, "this column"))
        };
        let date_column = self.date.as_ref().map_or_else(|| "date".to_owned(), column_of);
        let dates = table
            .text(&date_column)
            .map_err(|e| self.date.as_ref().unwrap_or(&self.value).point(e, "this column"))?;
        let values = numbers(&self.value)?;
        let ends = match (&self.low, &self.high) {
            (Some(low), Some(high)) => Some((numbers(low)?, numbers(high)?)),
            _ => None,
        };
        let mut points = Vec::new();
        for row in 0..table.len() {
            if !keep[row] || !values[row].is_finite() || dates[row].is_empty() {
                continue;
            }
            let Some(date) = number::date(dates[row]) else {
                let message = format!("`{}` is not a date", dates[row]);
                return Err(Diagnostic::error(message)
                    .note(format!("in {}, line {}", self.origin, table.line_number(row)))
                    .help("write `2025-07-01` or `2025`"));
            };
            let range = ends.as_ref().map(|(low, high)| (low[row], high[row]));
            let range = range.filter(|(low, high)| low <= high);
            points.push(Point { date, value: values[row], range });
        }
        Ok(points)
    }
}
