//! Named columns that marks are drawn from.

use serde::{Deserialize, Serialize};

use crate::live::Source;
use crate::number::Notation;

/// A small table of columns of equal length: what a figure shows, and what its download holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    /// Unique in its figure; lower case, digits and `-`.
    pub name: String,
    /// In the order of the download.
    pub columns: Vec<Column>,
    /// How many rows there were before a sample was taken; `None` if these are all.
    #[serde(default)]
    pub sampled_from: Option<usize>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Unique in its frame; what marks name.
    pub name: String,
    /// Empty for a plain number.
    #[serde(default)]
    pub unit: String,
    /// One value a row.
    pub values: Values,
    /// Where the page gets the values from when a slider moves: one source after the other gives
    /// the rows. Empty for a column that stands still.
    #[serde(default)]
    pub live: Vec<Source>,
    /// How the numbers of live words are written.
    #[serde(default)]
    pub written: Option<Written>,
}

/// How a number becomes words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// How it is written.
    pub notation: Notation,
    /// Written after it.
    pub unit: String,
}

/// The values of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// NaN where a value is missing: nothing is drawn there.
    Numbers(#[serde(with = "numbers")] Vec<f64>),
    /// Categories, series and labels.
    Words(Vec<String>),
}

impl Frame {
    /// A frame without columns.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a column of numbers in `unit` (empty: plain).
    #[must_use]
    pub fn numbers(self, name: &str, unit: &str, values: Vec<f64>) -> Self {
        self.push(name, unit, Values::Numbers(values))
    }

    /// Adds a column of words.
    #[must_use]
    pub fn words<S: Into<String>>(self, name: &str, values: impl IntoIterator<Item = S>) -> Self {
        let values = Values::Words(values.into_iter().map(Into::into).collect());
        self.push(name, "", values)
    }

    /// Has the page compute the last column anew from `source`; once more, its next rows.
    #[must_use]
    pub fn live(mut self, source: Source) -> Self {
        if let Some(column) = self.columns.last_mut() {
            column.live.push(source);
        }
        self
    }

    /// How the page writes the live numbers of the last column, which holds words.
    #[must_use]
    pub fn written(mut self, notation: Notation, unit: impl Into<String>) -> Self {
        if let Some(column) = self.columns.last_mut() {
            column.written = Some(Written { notation, unit: unit.into() });
        }
        self
    }

    fn push(mut self, name: &str, unit: &str, values: Values) -> Self {
        let (live, written) = (Vec::new(), None);
        self.columns.push(Column { name: name.into(), unit: unit.into(), values, live, written });
        self
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.values.len())
    }

    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// At most `most` rows, evenly spaced in the given order, with a note of how many there were.
    #[must_use]
    pub fn sample(mut self, most: usize) -> Self {
        let rows = self.rows();
        if rows <= most || most == 0 {
            return self;
        }
        let kept: Vec<usize> = (0..most).map(|number| number * rows / most).collect();
        for column in &mut self.columns {
            column.values = match &column.values {
                Values::Numbers(all) => {
                    Values::Numbers(kept.iter().filter_map(|&row| all.get(row).copied()).collect())
                }
                Values::Words(all) => {
                    Values::Words(kept.iter().filter_map(|&row| all.get(row).cloned()).collect())
                }
            };
        }
        self.sampled_from = Some(self.sampled_from.unwrap_or(rows));
        self
    }
}

impl Values {
    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Words(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A number in JSON: NaN is `null`, infinities are words.
pub(crate) mod number {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    pub(super) enum Written {
        Number(f64),
        Word(String),
        Nothing(()),
    }

    pub(super) fn write(value: f64) -> Written {
        if value.is_nan() {
            Written::Nothing(())
        } else if value.is_infinite() {
            Written::Word(if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned())
        } else {
            Written::Number(value)
        }
    }

    pub(super) fn read<E: serde::de::Error>(written: &Written) -> Result<f64, E> {
        match written {
            Written::Number(value) => Ok(*value),
            Written::Word(word) if word == "Infinity" => Ok(f64::INFINITY),
            Written::Word(word) if word == "-Infinity" => Ok(f64::NEG_INFINITY),
            Written::Word(word) => Err(E::custom(format!("`{word}` is not a number"))),
            Written::Nothing(()) => Ok(f64::NAN),
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(value: &f64, out: S) -> Result<S::Ok, S::Error> {
        write(*value).serialize(out)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        read(&Written::deserialize(from)?)
    }
}

/// A list of numbers in JSON.
pub(crate) mod numbers {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::number::{Written, read, write};

    pub(crate) fn serialize<S: Serializer>(values: &[f64], out: S) -> Result<S::Ok, S::Error> {
        values.iter().map(|value| write(*value)).collect::<Vec<Written>>().serialize(out)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
        Vec::<Written>::deserialize(from)?.iter().map(read).collect()
    }
}
