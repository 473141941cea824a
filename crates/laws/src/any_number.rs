//! Numbers in files that may be infinite or NaN, which JSON does not have: `"inf"`, `"-inf"` and
//! `"NaN"` stand for them.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Spelt {
    Number(f64),
    Word(String),
}

/// A number of either kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Any(pub(crate) f64);

impl Serialize for Any {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let spelt = if self.0.is_finite() {
            Spelt::Number(self.0)
        } else {
            Spelt::Word(self.0.to_string())
        };
        spelt.serialize(to)
    }
}

impl<'a> Deserialize<'a> for Any {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        match Spelt::deserialize(from)? {
            Spelt::Number(number) => Ok(Self(number)),
            Spelt::Word(word) => match word.as_str() {
                "inf" => Ok(Self(f64::INFINITY)),
                "-inf" => Ok(Self(f64::NEG_INFINITY)),
                "NaN" => Ok(Self(f64::NAN)),
                _ => Err(de::Error::custom(format!("`{word}` is not a number"))),
            },
        }
    }
}

/// One number.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
pub(crate) fn serialize<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
    Any(*number).serialize(to)
}

/// One number.
pub(crate) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<f64, D::Error> {
    Any::deserialize(from).map(|Any(number)| number)
}

/// A pair of numbers.
pub(crate) mod pair {
    use super::{Any, Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(pair: &(f64, f64), to: S) -> Result<S::Ok, S::Error> {
        (Any(pair.0), Any(pair.1)).serialize(to)
    }

    pub(crate) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<(f64, f64), D::Error> {
        <(Any, Any)>::deserialize(from).map(|(Any(low), Any(high))| (low, high))
    }
}

/// Several numbers.
pub(crate) mod list {
    use super::{Any, Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(numbers: &[f64], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(numbers.iter().map(|number| Any(*number)))
    }

    pub(crate) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Vec<f64>, D::Error> {
        let numbers = Vec::<Any>::deserialize(from)?;
        Ok(numbers.into_iter().map(|Any(number)| number).collect())
    }
}

/// A number for each of several names.
pub(crate) mod named {
    use super::{Any, Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        numbers: &[(String, f64)],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(numbers.iter().map(|(name, number)| (name, Any(*number))))
    }

    pub(crate) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Vec<(String, f64)>, D::Error> {
        let numbers = Vec::<(String, Any)>::deserialize(from)?;
        Ok(numbers.into_iter().map(|(name, Any(number))| (name, number)).collect())
    }
}

/// A pair of numbers for each of several names.
pub(crate) mod named_pairs {
    use super::{Any, Deserialize, Deserializer, Serializer};

    type Pairs = Vec<(String, (f64, f64))>;

    pub(crate) fn serialize<S: Serializer>(
        pairs: &[(String, (f64, f64))],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(pairs.iter().map(|(name, (low, high))| (name, (Any(*low), Any(*high)))))
    }

    pub(crate) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Pairs, D::Error> {
        let pairs = Vec::<(String, (Any, Any))>::deserialize(from)?;
        Ok(pairs.into_iter().map(|(name, (Any(low), Any(high)))| (name, (low, high))).collect())
    }
}
