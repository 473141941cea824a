//! Which rows of a table to keep: `column=value`, `compute<1e13`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use diagnostic::Diagnostic;

use crate::RunTable;
use crate::finder::{Finder, Reading};

/// How a cell is compared with the value of a [`Filter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The same text, or the same number where both are numbers.
    Equal,
    /// Not equal.
    NotEqual,
    /// A smaller number.
    Less,
    /// A smaller or the same number.
    AtMost,
    /// A larger number.
    More,
    /// A larger or the same number.
    AtLeast,
}

impl Comparison {
    const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }

    const fn is_order(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }

    fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Self::Equal => a.partial_cmp(&b).is_some_and(Ordering::is_eq),
            Self::NotEqual => !Self::Equal.holds(a, b),
            Self::Less => a < b,
            Self::AtMost => a <= b,
            Self::More => a > b,
            Self::AtLeast => a >= b,
        }
    }
}

/// A condition on one column, or on an expression over columns, that a row must meet to be kept.
///
/// `D/N<100` compares an expression; a standard name such as `M` is found or derived.
///
/// ```
/// use runs::{Filter, RunTable};
///
/// let table = RunTable::from_bytes("x.csv", b"run,compute\na,1e12\nb,1e14\n")?;
/// let filter: Filter = "compute<1e13".parse()?;
/// assert_eq!(filter.keeps(&table)?, [true, false]);
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The column, standard name or expression that is looked at.
    pub column: String,
    /// How its cells are compared.
    pub comparison: Comparison,
    /// What they are compared with, as it was written.
    pub value: String,
}

impl Filter {
    /// For every row, whether it meets the condition; a missing number meets none but `!=`.
    ///
    /// # Errors
    /// A column that does not exist; for an order such as `<`, a cell that is not a number.
    pub fn keeps(&self, table: &RunTable) -> Result<Vec<bool>, Diagnostic> {
        self.keeps_of(&Finder::new(table, &[]), &vec![true; table.len()])
    }

    /// The same for the rows marked in `wanted`, whose cells alone have to be numbers.
    pub(crate) fn keeps_of(
        &self,
        finder: &Finder<'_>,
        wanted: &[bool],
    ) -> Result<Vec<bool>, Diagnostic> {
        let found = finder.find_filtered(&self.column)?;
        let value: Option<f64> = self.value.parse().ok();
        let text = if self.comparison.is_order() { None } else { finder.text(&found) };
        let Some(cells) = text else {
            let Some(value) = value else {
                return Err(Diagnostic::error(format!(
                    "the row filter `{self}` needs a number after `{}`",
                    self.comparison.symbol()
                )));
            };
            let numbers = finder.numbers(&found, Reading::Strict(wanted))?;
            return Ok(numbers.iter().map(|&x| self.comparison.holds(x, value)).collect());
        };
        Ok(cells
            .into_iter()
            .map(|cell| match (cell.parse(), value) {
                (Ok(number), Some(value)) => self.comparison.holds(number, value),
                _ => (cell == self.value) == (self.comparison == Comparison::Equal),
            })
            .collect())
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.column, self.comparison.symbol(), self.value)
    }
}

impl FromStr for Filter {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        let refuse = |message: String| {
            Diagnostic::error(message)
                .help("write `column=value`, `column!=value` or `column<number` (also <=, >, >=)")
        };
        let Some(at) = text.find(['=', '!', '<', '>']) else {
            return Err(refuse(format!("the row filter `{text}` has no comparison")));
        };
        let rest = &text[at..];
        // Longer symbols first, so that `<=` is not read as `<` and a value `=...`.
        let Some(comparison) = [
            Comparison::NotEqual,
            Comparison::AtMost,
            Comparison::AtLeast,
            Comparison::Less,
            Comparison::More,
            Comparison::Equal,
        ]
        .into_iter()
        .find(|comparison| rest.starts_with(comparison.symbol())) else {
            return Err(refuse(format!("the row filter `{text}` has no comparison")));
        };
        let column = text[..at].trim();
        let value = rest[comparison.symbol().len()..].trim_start_matches('=').trim();
        if column.is_empty() {
            return Err(refuse(format!("the row filter `{text}` names no column")));
        }
        if comparison.is_order() && value.parse::<f64>().map_or(true, f64::is_nan) {
            return Err(refuse(format!(
                "the row filter `{text}` needs a number after `{}`",
                comparison.symbol()
            )));
        }
        Ok(Self { column: column.to_owned(), comparison, value: value.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(filter: &str) -> Result<Vec<bool>, Diagnostic> {
        let table = RunTable::from_bytes(
            "x.csv",
            b"group,compute,note\nmain,1e12,a\nmain,,b\nablation,1e14,1.0\n",
        )?;
        filter.parse::<Filter>()?.keeps(&table)
    }

    #[test]
    fn rows_are_kept_by_text_and_by_number() {
        for (filter, expected) in [
            ("group=main", [true, true, false]),
            ("group==main", [true, true, false]),
            ("group != main", [false, false, true]),
            ("compute<1e13", [true, false, false]),
            ("compute >= 1e14", [false, false, true]),
            ("compute=1000000000000", [true, false, false]),
            ("compute=", [false, true, false]),
            ("note=1", [false, false, true]),
        ] {
            assert_eq!(kept(filter).unwrap(), expected, "{filter}");
        }
    }

    #[test]
    fn filters_that_make_no_sense_are_refused() {
        for (filter, expected) in [
            ("group", "no comparison"),
            ("=main", "names no column"),
            ("compute<big", "needs a number"),
            ("grup=main", "did you mean `group`?"),
            ("group<3", "not a number"),
            ("a!b", "no comparison"),
        ] {
            let shown = kept(filter).unwrap_err().to_string();
            assert!(shown.contains(expected), "{filter}: {shown}");
        }
    }

    #[test]
    fn a_filter_is_shown_as_it_is_written() {
        for text in ["a=b", "a!=b", "a<1", "a<=1", "a>1", "a>=1e3"] {
            assert_eq!(text.parse::<Filter>().unwrap().to_string(), text);
        }
    }
}
