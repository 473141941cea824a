//! Values of a TOML file, with their places for whoever wrote them.

use std::ops::Range;
use std::path::Path;

use diagnostic::{Diagnostic, nearest};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Keys with their places and values.
pub(super) type Table<'a> = Vec<(String, Range<usize>, &'a Spanned<DeValue<'a>>)>;

/// What a problem is pointed at with.
pub(super) struct Reader<'a> {
    pub(super) origin: String,
    pub(super) text: &'a str,
    pub(super) folder: &'a Path,
}

impl Reader<'_> {
    pub(super) fn error(
        &self,
        message: impl Into<String>,
        span: Range<usize>,
        label: &str,
    ) -> Diagnostic {
        Diagnostic::error(message).at(&self.origin, self.text, span, label)
    }

    pub(super) fn known(
        &self,
        table: &Table<'_>,
        keys: &[&str],
        what: &str,
    ) -> Result<(), Diagnostic> {
        let Some((name, place, _)) = table.iter().find(|(name, ..)| !keys.contains(&name.as_str()))
        else {
            return Ok(());
        };
        let problem =
            self.error(format!("unknown key `{name}`"), place.clone(), &format!("not {what}"));
        Err(match nearest(name, keys.iter().copied()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("there are: {}", keys.join(", "))),
        })
    }

    pub(super) fn string(&self, value: &Spanned<DeValue<'_>>) -> Result<String, Diagnostic> {
        value.get_ref().as_str().map(str::to_owned).ok_or_else(|| {
            self.error("expected text", value.span(), "not text").help("write it in quotes")
        })
    }

    pub(super) fn whole(
        &self,
        value: &Spanned<DeValue<'_>>,
        within: std::ops::RangeInclusive<i64>,
    ) -> Result<i64, Diagnostic> {
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok());
        number.filter(|number| within.contains(number)).ok_or_else(|| {
            let (from, to) = (within.start(), within.end());
            self.error("expected a whole number", value.span(), "not one in range")
                .help(format!("give one from {from} to {to}"))
        })
    }

    pub(super) fn level(&self, value: &Spanned<DeValue<'_>>) -> Result<f64, Diagnostic> {
        let number = value.get_ref().as_float().and_then(|number| number.as_str().parse().ok());
        number.filter(|level| (0.01..=0.999).contains(level)).ok_or_else(|| {
            self.error("a level is a share", value.span(), "not one")
                .help("give one from 0.01 to 0.999, as in 0.9")
        })
    }

    /// One table, or each of an array of tables.
    pub(super) fn tables<'a>(
        &self,
        value: &'a Spanned<DeValue<'a>>,
        key: &Range<usize>,
    ) -> Result<Vec<(Table<'a>, Range<usize>)>, Diagnostic> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(vec![(entries(table), key.clone())]),
            DeValue::Array(array) => array
                .iter()
                .map(|one| match one.get_ref() {
                    DeValue::Table(table) => Ok((entries(table), one.span())),
                    _ => Err(self.error("expected a table", one.span(), "not a table")),
                })
                .collect(),
            _ => Err(self
                .error("expected a table", value.span(), "not a table")
                .help("write `[name]` on a line of its own, and its keys below")),
        }
    }
}

/// The entries of a table in the order in which they are written.
pub(super) fn entries<'a>(table: &'a DeTable<'a>) -> Table<'a> {
    let mut entries: Table<'a> =
        table.iter().map(|(key, value)| (key.get_ref().to_string(), key.span(), value)).collect();
    entries.sort_by_key(|(_, place, _)| place.start);
    entries
}
