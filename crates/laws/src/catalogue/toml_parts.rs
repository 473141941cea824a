//! Values of a law's file that TOML's own types do not cover: tables that keep their order,
//! numbers that may be written as expressions, bounds.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use formula::Source;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IntoDeserializer, SeqAccess, Visitor};
use toml::Spanned;

/// A table in the order in which it is written; TOML's own tables have none.
#[derive(Debug, Deserialize)]
#[serde(from = "BTreeMap<Spanned<String>, T>", bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct Ordered<T>(pub(super) Vec<(Spanned<String>, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Ordered<T> {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Spanned<String>, &T)> {
        self.0.iter().map(|(name, value)| (name, value))
    }
}

impl<T> From<BTreeMap<Spanned<String>, T>> for Ordered<T> {
    fn from(entries: BTreeMap<Spanned<String>, T>) -> Self {
        let mut entries: Vec<(Spanned<String>, T)> = entries.into_iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        Self(entries)
    }
}

/// A number, or an expression that gives one: `exp(0.5267228)`.
#[derive(Debug, Clone)]
pub(super) enum Amount {
    Number(f64),
    Expression(String),
}

/// One value, or a list of values; numbers keep their digits, for their precision.
#[derive(Debug, Clone)]
pub(super) enum Several<T> {
    One(T),
    List(Vec<Spanned<T>>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Several<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrList<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrList<T> {
            type Value = Several<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value, or a list of values")
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
                T::deserialize(value.into_deserializer()).map(Several::One)
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
                T::deserialize(value.into_deserializer()).map(Several::One)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(text.into_deserializer()).map(Several::One)
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Self::Value, S::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Several::List(values))
            }
        }
        deserializer.deserialize_any(OneOrList(PhantomData))
    }
}

impl<T: Clone> Several<T> {
    /// The value of number `index` with its place, and the same value for every index if it is
    /// the only one; `span` is the place of the whole.
    pub(super) fn get(&self, index: usize, span: &Range<usize>) -> Option<(T, Range<usize>)> {
        match self {
            Self::One(value) => Some((value.clone(), span.clone())),
            Self::List(values) => {
                values.get(index).map(|value| (value.get_ref().clone(), value.span()))
            }
        }
    }

    /// How many values a list has.
    pub(super) fn length(&self) -> Option<usize> {
        match self {
            Self::One(_) => None,
            Self::List(values) => Some(values.len()),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or an expression in quotes")
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Amount, E> {
                Ok(Amount::Number(value))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Amount, E> {
                Ok(Amount::Number(value as f64))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Amount, E> {
                Ok(Amount::Expression(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Which of several names something holds for: `true` for all, or a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected true, or a list of names")]
pub(super) enum Which {
    All(bool),
    Names(Vec<String>),
}

impl Which {
    /// The names, out of `all`.
    pub(super) fn of(self, all: &[(String, f64)]) -> Vec<String> {
        match self {
            Self::All(true) => all.iter().map(|(name, _)| name.clone()).collect(),
            Self::All(false) => Vec::new(),
            Self::Names(names) => names,
        }
    }
}

/// The text of a file and what it is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct File<'a> {
    pub(super) origin: &'a str,
    pub(super) text: &'a str,
}

impl File<'_> {
    /// The formula that the TOML string at `span` holds, so that errors point into the file.
    pub(super) fn formula(&self, value: &str, span: Range<usize>) -> Source {
        Source::quoted(self.origin, self.text, span, value)
    }
}
