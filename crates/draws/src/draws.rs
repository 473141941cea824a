//! Named columns of draws that belong together, row by row.

use std::fmt;

use diagnostic::nearest;

use crate::estimate::Moments;
use crate::{Design, Error, Estimate, Histogram, Interval, Level, Scale, estimate};

/// Named columns of draws: row `i` of every column is the same imagined world.
///
/// That is why results may be added, subtracted and divided row by row, and why the columns are
/// kept instead of their percentiles, which may not.
///
/// ```
/// use draws::{Design, Draws, Level};
///
/// let mut draws = Draws::new(Design::Plain);
/// draws.push("cost", vec![8.0, 9.0, 11.0, 12.0])?;
/// draws.push("value", vec![10.0, 8.5, 14.0, 12.5])?;
/// let earns: Vec<f64> =
///     draws.column("value")?.iter().zip(draws.column("cost")?).map(|(v, c)| v - c).collect();
/// draws.push("surplus", earns)?;
/// assert_eq!(draws.probability("surplus", |s| s > 0.0)?.value, 0.75);
/// # Ok::<(), draws::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Draws {
    names: Vec<String>,
    /// The unit of each column's numbers, empty where none is stated.
    units: Vec<String>,
    columns: Vec<Vec<f64>>,
    design: Design,
    seed: Option<u64>,
    source: String,
    level: Level,
}

impl Draws {
    /// No columns yet, for rows laid out by `design`: [`Design::Plain`] for independent rows.
    pub fn new(design: Design) -> Self {
        let (source, level) = (String::new(), Level::default());
        let (names, units, columns) = (Vec::new(), Vec::new(), Vec::new());
        Self { names, units, columns, design, seed: None, source, level }
    }

    /// States the seed that the rows came from.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// States where the draws come from: a fit, a scenario.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = source.into();
        self
    }

    /// States the level of the intervals reported from these draws (90% unless set).
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Adds a column, which must have as many rows as the others.
    pub fn push(&mut self, name: impl Into<String>, values: Vec<f64>) -> Result<(), Error> {
        let name = name.into();
        if self.names.contains(&name) {
            return Err(Error::Duplicate(name));
        }
        if let Some(first) = self.columns.first()
            && first.len() != values.len()
        {
            let expected = format!("{}, as in the other columns,", first.len());
            let what = format!("column `{name}`");
            return Err(Error::Rows { what, given: values.len(), expected });
        }
        self.insert(name, values);
        Ok(())
    }

    /// Adds a column whose numbers are in a unit: `GW`, `decimal year`, `x/yr`.
    ///
    /// ```
    /// use draws::{Design, Draws};
    ///
    /// let mut draws = Draws::new(Design::Plain);
    /// draws.push_in("power", "GW", vec![8.0, 9.0])?;
    /// assert_eq!(draws.unit("power")?, "GW");
    /// # Ok::<(), draws::Error>(())
    /// ```
    pub fn push_in(
        &mut self,
        name: impl Into<String>,
        unit: impl Into<String>,
        values: Vec<f64>,
    ) -> Result<(), Error> {
        self.push(name, values)?;
        if let Some(last) = self.units.last_mut() {
            *last = unit.into();
        }
        Ok(())
    }

    /// The first rows, as independent ones: a part of a design is none.
    #[must_use]
    pub fn head(&self, rows: usize) -> Self {
        let part = |column: &Vec<f64>| column.iter().take(rows).copied().collect();
        let columns = self.columns.iter().map(part).collect();
        let design = if rows < self.rows() { Design::Plain } else { self.design };
        let (names, units) = (self.names.clone(), self.units.clone());
        Self { names, units, columns, design, source: self.source.clone(), ..*self }
    }

    /// Adds a column that is known to fit.
    pub(crate) fn insert(&mut self, name: String, values: Vec<f64>) {
        self.names.push(name);
        self.units.push(String::new());
        self.columns.push(values);
    }

    /// The columns' names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    /// How the rows are laid out.
    pub fn design(&self) -> Design {
        self.design
    }

    /// The seed that the rows came from, when it is known.
    pub fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// Where the draws come from; empty when not stated.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The level of intervals reported from these draws.
    pub fn level(&self) -> Level {
        self.level
    }

    /// A column's values.
    pub fn column(&self, name: &str) -> Result<&[f64], Error> {
        Ok(&self.columns[self.place(name)?])
    }

    /// The unit of a column's numbers; empty for plain numbers, and where none is stated.
    pub fn unit(&self, name: &str) -> Result<&str, Error> {
        Ok(&self.units[self.place(name)?])
    }

    fn place(&self, name: &str) -> Result<usize, Error> {
        let place = self.names.iter().position(|other| other == name);
        place.ok_or_else(|| Error::Unknown {
            what: "column",
            name: name.into(),
            nearest: nearest(name, self.names.iter().map(String::as_str)).map(Into::into),
        })
    }

    #[cfg(feature = "parquet")]
    pub(crate) fn unit_at(&self, place: usize) -> &str {
        &self.units[place]
    }

    pub(crate) fn column_at(&self, place: usize) -> &[f64] {
        &self.columns[place]
    }

    /// A column's mean.
    pub fn mean(&self, name: &str) -> Result<Estimate, Error> {
        Ok(estimate::mean(self.column(name)?, self.design))
    }

    /// A column's quantile at probability `p`.
    pub fn quantile(&self, name: &str, p: f64) -> Result<Estimate, Error> {
        Ok(self.quantiles(name, &[p])?[0])
    }

    /// A column's quantiles at several probabilities, found together.
    pub fn quantiles(&self, name: &str, probabilities: &[f64]) -> Result<Vec<Estimate>, Error> {
        if let Some(&bad) = probabilities.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            return Err(Error::Probability(bad));
        }
        Ok(estimate::quantiles(self.column(name)?, self.design, probabilities))
    }

    /// The share of a column's defined values for which `event` holds.
    pub fn probability(&self, name: &str, event: impl Fn(f64) -> bool) -> Result<Estimate, Error> {
        Ok(estimate::probability(self.column(name)?, self.design, event))
    }

    /// A column's central interval at a level.
    pub fn interval(&self, name: &str, level: Level) -> Result<Interval, Error> {
        let ends = self.quantiles(name, &[level.lower(), level.upper()])?;
        Ok(Interval { level, low: ends[0], high: ends[1] })
    }

    /// What there is to say of a column in one line, with intervals at [`Draws::level`].
    pub fn summary(&self, name: &str) -> Result<Summary, Error> {
        let values = self.column(name)?;
        let defined = values.iter().filter(|value| !value.is_nan()).count();
        let never = values.iter().filter(|value| **value == f64::INFINITY).count();
        let finite = values.iter().filter(|value| value.is_finite()).count();
        let moments = Moments::of(values.iter().copied());
        let found = self.quantiles(name, &[self.level.lower(), 0.5, self.level.upper()])?;
        let all_finite = finite == defined && defined > 0;
        Ok(Summary {
            rows: values.len(),
            undefined: values.len() - defined,
            never: (never > 0)
                .then(|| estimate::probability(values, self.design, |v| v == f64::INFINITY)),
            mean: all_finite.then(|| estimate::mean(values, self.design)),
            standard_deviation: all_finite.then(|| moments.variance.sqrt()),
            median: found[1],
            interval: Interval { level: self.level, low: found[0], high: found[2] },
        })
    }

    /// A column's histogram (see [`Histogram::of`]).
    pub fn histogram(&self, name: &str, scale: Scale) -> Result<Histogram, Error> {
        Ok(Histogram::of(self.column(name)?, scale))
    }
}

/// A column in one line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// How many rows there are.
    pub rows: usize,
    /// In how many of them the value is undefined (NaN); these take no part in the rest.
    pub undefined: usize,
    /// The probability of `never` (`+inf`), when there is any.
    pub never: Option<Estimate>,
    /// The mean; none when some values are infinite, for then there is none.
    pub mean: Option<Estimate>,
    /// The standard deviation; none when some values are infinite.
    pub standard_deviation: Option<f64>,
    /// The median, `never` when that is what most draws say.
    pub median: Estimate,
    /// The central interval.
    pub interval: Interval,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.median, self.interval)?;
        if let Some(never) = self.never {
            write!(f, ", never with probability {never}")?;
        }
        if self.undefined > 0 {
            write!(f, ", undefined in {} of {} draws", self.undefined, self.rows)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts_never_and_undefined_instead_of_hiding_them() {
        let mut draws = Draws::new(Design::Plain);
        let mut dates: Vec<f64> = (0..800).map(|i| 2026.0 + f64::from(i % 8)).collect();
        dates.extend([f64::INFINITY; 150]);
        dates.extend([f64::NAN; 50]);
        draws.push("closes", dates).unwrap();
        let summary = draws.summary("closes").unwrap();
        assert_eq!((summary.rows, summary.undefined, summary.mean), (1000, 50, None));
        assert!((summary.never.unwrap().value - 150.0 / 950.0).abs() < 1e-12);
        assert_eq!(summary.interval.high.value, f64::INFINITY);
        let shown = summary.to_string();
        assert!(shown.contains("to never, 90% (p5 to p95)"), "{shown}");
        assert!(shown.contains("undefined in 50 of 1000"), "{shown}");
    }

    #[test]
    fn columns_fit_or_are_refused() {
        let mut draws = Draws::new(Design::Plain);
        draws.push("a", vec![1.0, 2.0]).unwrap();
        let short = draws.push("b", vec![1.0]).unwrap_err().to_string();
        assert_eq!(short, "column `b` has 1 rows, but 2, as in the other columns, are needed");
        assert_eq!(draws.push("a", vec![1.0, 2.0]), Err(Error::Duplicate("a".into())));
        assert!(draws.column("c").is_err() && draws.unit("c").is_err());
        assert_eq!((draws.head(1).rows(), draws.head(9).rows()), (1, 2));
        assert!(draws.quantile("a", 1.5).is_err());
    }
}
