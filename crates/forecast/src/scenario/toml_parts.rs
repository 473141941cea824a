//! Values of a scenario's file that TOML's own types do not cover.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
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

impl<T> From<BTreeMap<Spanned<String>, T>> for Ordered<T> {
    fn from(entries: BTreeMap<Spanned<String>, T>) -> Self {
        let mut entries: Vec<(Spanned<String>, T)> = entries.into_iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        Self(entries)
    }
}

/// A formula in quotes, or a bare number.
#[derive(Debug, Clone)]
pub(super) struct Scalar(pub(super) String);

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a formula in quotes, or a number")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

/// A formula alone, or a table of fields with a formula among them.
#[derive(Debug)]
pub(super) enum Entry<T> {
    Alone(Scalar),
    Fields(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entry<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = Entry<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a formula in quotes, a number, or a table of fields")
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
                ScalarVisitor.visit_f64(value).map(Entry::Alone)
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
                ScalarVisitor.visit_i64(value).map(Entry::Alone)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                ScalarVisitor.visit_str(text).map(Entry::Alone)
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Entry::Fields)
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

/// One string, or a list of strings.
#[derive(Debug, Clone, Default)]
pub(super) struct Words(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrList;
        impl<'de> Visitor<'de> for OneOrList {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, or a list of strings")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Words, E> {
                Ok(Words(vec![text.to_owned()]))
            }

            fn visit_seq<S: serde::de::SeqAccess<'de>>(
                self,
                mut list: S,
            ) -> Result<Words, S::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element()? {
                    words.push(word);
                }
                Ok(Words(words))
            }
        }
        deserializer.deserialize_any(OneOrList)
    }
}
