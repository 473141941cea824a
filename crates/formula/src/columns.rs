//! Named columns: what goes into an evaluation and what comes out.

use diagnostic::Diagnostic;

/// Columns of equal length and single numbers, by name, in the order they were added.
///
/// ```
/// use formula::Columns;
///
/// let table = Columns::new(2).with("N", vec![1e8, 1e9]).with_number("E", 1.7);
/// assert_eq!(table.get("N"), Some(&[1e8, 1e9][..]));
/// assert_eq!(table.number("E"), Some(1.7));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    rows: usize,
    series: Vec<(String, Vec<f64>)>,
    numbers: Vec<(String, f64)>,
}

impl Columns {
    /// No columns yet, of `rows` rows.
    pub fn new(rows: usize) -> Self {
        Self { rows, ..Self::default() }
    }

    /// Adds or replaces a column. Its length is checked when the columns are used.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, values: Vec<f64>) -> Self {
        self.set(name, values);
        self
    }

    /// Adds or replaces a single number: a parameter, or a data column of equal values.
    #[must_use]
    pub fn with_number(mut self, name: impl Into<String>, value: f64) -> Self {
        self.set_number(name, value);
        self
    }

    /// Adds or replaces a column.
    pub fn set(&mut self, name: impl Into<String>, values: Vec<f64>) {
        let name = name.into();
        match self.series.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = values,
            None => self.series.push((name, values)),
        }
    }

    /// Adds or replaces a single number.
    pub fn set_number(&mut self, name: impl Into<String>, value: f64) {
        let name = name.into();
        match self.numbers.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.numbers.push((name, value)),
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A column by name.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        self.series.iter().find(|(known, _)| known == name).map(|(_, values)| values.as_slice())
    }

    /// A single number by name.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.numbers.iter().find(|(known, _)| known == name).map(|&(_, value)| value)
    }

    /// Names of all columns, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.series.iter().map(|(name, _)| name.as_str())
    }

    /// The columns with their names, in order.
    pub fn into_columns(self) -> Vec<(String, Vec<f64>)> {
        self.series
    }

    /// The column `name`, or what is wrong with it.
    pub(crate) fn column(&self, name: &str) -> Result<std::borrow::Cow<'_, [f64]>, Diagnostic> {
        if let Some(column) = self.get(name) {
            if column.len() == self.rows {
                return Ok(column.into());
            }
            return Err(Diagnostic::error(format!(
                "column `{name}` has {} rows, the table has {}",
                column.len(),
                self.rows
            )));
        }
        match self.number(name) {
            Some(value) => Ok(vec![value; self.rows].into()),
            None => Err(self.missing("column", name)),
        }
    }

    /// The parameter `name`, or what is wrong with it.
    pub(crate) fn parameter(&self, name: &str) -> Result<f64, Diagnostic> {
        match self.number(name) {
            Some(value) => Ok(value),
            None if self.get(name).is_some() => {
                Err(Diagnostic::error(format!("`{name}` is a parameter: one number, not a column"))
                    .help("declare it as an input to give each row its own value"))
            }
            None => Err(self.missing("parameter", name)),
        }
    }

    fn missing(&self, what: &str, name: &str) -> Diagnostic {
        let problem = Diagnostic::error(format!("the formula needs {what} `{name}`"));
        let known = self.names().chain(self.numbers.iter().map(|(name, _)| name.as_str()));
        match diagnostic::nearest(name, known) {
            Some(near) => problem.help(format!("there is `{near}`; is that the same?")),
            None => problem,
        }
    }
}
