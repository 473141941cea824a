//! Reads TOML whose quantities are written with their units: `bandwidth = "3.35 TB/s"`.

use std::ops::Range;

use diagnostic::Diagnostic;
use formula::{Columns, Environment, Program, Source};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

/// A quantity as a file writes it: text in the language, with its place.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Written(Spanned<String>);

/// The text of a file and what it is called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) origin: &'a str,
    pub(crate) text: &'a str,
}

impl Text<'_> {
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Diagnostic> {
        toml::from_str(self.text).map_err(|problem| {
            let message = problem.message().lines().next().unwrap_or("not TOML").to_owned();
            self.error(message, problem.span().unwrap_or(0..0), "here")
        })
    }

    pub(crate) fn error(
        &self,
        message: impl Into<String>,
        span: Range<usize>,
        label: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::error(message).at(self.origin, self.text, span, label)
    }

    /// The value of `written` in `unit`; it must be above zero and finite.
    pub(crate) fn positive(&self, written: &Written, unit: &str) -> Result<f64, Diagnostic> {
        let value = self.value(written, unit)?;
        if value > 0.0 && value.is_finite() {
            return Ok(value);
        }
        let message = format!("expected more than zero, found `{}`", written.0.get_ref());
        Err(self.error(message, written.0.span(), "must be above zero and finite"))
    }

    /// The value of `written` in `unit`; it must be zero or more and finite.
    pub(crate) fn not_negative(&self, written: &Written, unit: &str) -> Result<f64, Diagnostic> {
        let value = self.value(written, unit)?;
        if value >= 0.0 && value.is_finite() {
            return Ok(value);
        }
        let message = format!("expected zero or more, found `{}`", written.0.get_ref());
        Err(self.error(message, written.0.span(), "must not be negative"))
    }

    /// The value of `written` in `unit`, both in the language of formulas.
    fn value(&self, written: &Written, unit: &str) -> Result<f64, Diagnostic> {
        let (text, span) = (written.0.get_ref(), written.0.span());
        self.measure(self.source(text, span.clone()), span, unit)
    }

    fn measure(&self, source: Source, span: Range<usize>, unit: &str) -> Result<f64, Diagnostic> {
        let mut program = Program::new();
        program.define("value", source)?;
        program.define("one", Source::new("unit", format!("1 {unit}")))?;
        let checked = program.check(&Environment::new())?;
        if checked.dimension_of("value")? != checked.dimension_of("one")? {
            let found = checked.dimension_of("value")?;
            let found =
                if found.is_empty() { "a bare number".to_owned() } else { format!("`{found}`") };
            return Err(self
                .error(format!("expected a quantity in {unit}, found {found}"), span, "this")
                .help(format!("write a number with a unit such as `{unit}`")));
        }
        let answer = checked.compile(&["value", "one"])?.evaluate(&Columns::new(1))?;
        let first = |name: &str| answer.get(name).and_then(|column| column.first().copied());
        Ok(first("value").unwrap_or(f64::NAN) / first("one").unwrap_or(f64::NAN))
    }

    /// The formula that the TOML string at `span` holds, so that errors point into the file.
    fn source(&self, value: &str, span: Range<usize>) -> Source {
        Source::quoted(self.origin, self.text, span, value)
    }
}

/// The value of `text`, such as `50 Mbit/s`, in `unit`; `origin` says where it was written.
///
/// ```
/// assert_eq!(machines::quantity("--restart", "10 min", "s")?, 600.0);
/// let problem = machines::quantity("--restart", "10 GB", "s").unwrap_err();
/// assert!(problem.to_string().contains("expected a quantity in s"));
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
///
/// # Errors
/// Text that the language of formulas does not know, another unit, and values that are not finite.
pub fn quantity(origin: &str, text: &str, unit: &str) -> Result<f64, Diagnostic> {
    let whole = Text { origin, text };
    let value = whole.measure(Source::new(origin, text), 0..text.len(), unit)?;
    if value.is_finite() {
        return Ok(value);
    }
    Err(whole.error("expected one finite quantity", 0..text.len(), "this is not"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct One {
        x: Written,
    }

    fn value(text: &str, unit: &str) -> Result<f64, Diagnostic> {
        let text = Text { origin: "x.toml", text };
        let one: One = text.read()?;
        text.positive(&one.x, unit)
    }

    #[test]
    fn quantities_come_in_the_unit_asked_for() {
        assert_eq!(value("x = \"3.35 TB/s\"", "B/s").unwrap(), 3.35e12);
        assert_eq!(value("x = \"400 Gbit/s\"", "B/s").unwrap(), 50e9);
        assert_eq!(value("x = \"700 W[chip]\"", "W[chip]").unwrap(), 700.0);
    }

    #[test]
    fn a_wrong_unit_zero_and_nonsense_point_at_their_place() {
        for (text, expected) in [
            ("x = \"3 GB\"", "expected a quantity in B/s, found `bit`"),
            ("x = \"3\"", "found a bare number"),
            ("x = \"0 B/s\"", "expected more than zero"),
            ("x = \"3 GB/\"", "x.toml:1"),
            ("x = 3", "x.toml:1:5"),
        ] {
            let problem = value(text, "B/s").unwrap_err().to_string();
            assert!(problem.contains(expected), "{problem}");
            assert!(problem.contains("x.toml:1:"), "{problem}");
        }
        let kind = value("x = \"700 W[it]\"", "W[chip]").unwrap_err().to_string();
        assert!(kind.contains("W[it]"), "{kind}");
    }
}
