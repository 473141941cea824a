//! What a value is: its form, dimension, nature, and whether it runs along a path.

use crate::dimension::Dimension;
use crate::units::{Atom, Units};

/// Whether a value is an amount, a moment, or a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// An amount with a dimension, a plain number included.
    Quantity,
    /// A moment. Its numeric value is seconds since the year 0, a year being 31,557,600 s.
    Instant,
    /// True or false; 1 or 0 in columns.
    Truth,
}

/// What kind of number a quantity is, beyond its dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nature {
    /// A number or quantity like any other.
    Plain,
    /// Written in percent: a share, or with a time a plain rate (`6 %/yr`).
    Share,
    /// A difference of shares, in percentage points.
    Points,
    /// A log-rate: `20x/yr`, `doubles in 7 mo`, `+30 %/yr`.
    Growth,
}

/// The type of a node of the graph.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Type {
    pub(crate) form: Form,
    pub(crate) dimension: Dimension,
    pub(crate) nature: Nature,
    /// Has a value at every step of the time axis.
    pub(crate) path: bool,
}

impl Type {
    pub(crate) fn quantity(dimension: Dimension) -> Self {
        Self { form: Form::Quantity, dimension, nature: Nature::Plain, path: false }
    }

    pub(crate) fn number() -> Self {
        Self::quantity(Dimension::none())
    }

    pub(crate) fn truth() -> Self {
        Self { form: Form::Truth, ..Self::number() }
    }

    pub(crate) fn instant(time: Dimension) -> Self {
        Self { form: Form::Instant, ..Self::quantity(time) }
    }

    pub(crate) fn with(self, nature: Nature) -> Self {
        Self { nature, ..self }
    }

    pub(crate) fn along(self, path: bool) -> Self {
        Self { path, ..self }
    }

    pub(crate) fn is_instant(&self) -> bool {
        self.form == Form::Instant
    }

    pub(crate) fn is_plain_number(&self) -> bool {
        self.form == Form::Quantity && self.dimension.is_none()
    }

    /// The type for a person: `power (W)`, `a date`, `growth`.
    pub(crate) fn describe(&self, units: &mut Units) -> String {
        match (self.form, self.nature) {
            (Form::Instant, _) => "a date".to_owned(),
            (Form::Truth, _) => "a condition".to_owned(),
            (_, Nature::Growth) => "growth, a log-rate".to_owned(),
            (_, Nature::Points) => "percentage points".to_owned(),
            (_, Nature::Share) if !self.dimension.is_none() => {
                format!("a percent rate ({})", units.spell(&self.dimension))
            }
            _ => units.describe(&self.dimension),
        }
    }
}

/// The unit a result is best shown in, carried along from the literals: `USD/GW` times `GW` is
/// `USD`. Empty where nothing is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Hint(pub(crate) Vec<Atom>);

/// Hints longer than this come from long products; their unit would not be read by anyone.
const LONGEST_HINT: usize = 8;

impl Hint {
    pub(crate) fn of(name: &str, exponent: i32) -> Self {
        Self(vec![Atom { name: name.to_owned(), exponent, kind: Vec::new() }])
    }

    /// The hint of a product (`sign` 1) or a quotient (`sign` -1).
    pub(crate) fn combine(&self, other: &Self, sign: i32) -> Self {
        if self.0.len() + other.0.len() > LONGEST_HINT {
            return Self::default();
        }
        let mut out = self.0.clone();
        for atom in &other.0 {
            let exponent = sign.saturating_mul(atom.exponent);
            match out.iter_mut().find(|a| a.name == atom.name && a.kind == atom.kind) {
                Some(same) => same.exponent = same.exponent.saturating_add(exponent),
                None => out.push(Atom { exponent, ..atom.clone() }),
            }
        }
        out.retain(|atom| atom.exponent != 0);
        Self(out)
    }
}
