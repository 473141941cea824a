//! A number to be read by people: value, interval, unit, and how it is written.

use serde::{Deserialize, Serialize};

use crate::format;
use crate::live::Source;
use crate::words::Tone;

/// A number with its label, unit and interval.
///
/// ```
/// use report::{Notation, Number};
///
/// let tokens = Number::new("Tokens", 1.3e12).interval(0.9, 1.1e12, 1.62e12).unit("token")
///     .notation(Notation::Short);
/// assert_eq!(tokens.to_string(), "1.3 T token");
/// assert_eq!(tokens.with_interval(), "1.3 T token (90% interval 1.1 T to 1.62 T)");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// What it is, plain text.
    #[serde(default)]
    pub label: String,
    /// The point value or the median; NaN is written as a dash, infinity as `never`.
    #[serde(with = "crate::frame::number")]
    pub value: f64,
    /// Its interval.
    #[serde(default)]
    pub interval: Option<Interval>,
    /// Written after the number; empty for a plain number.
    #[serde(default)]
    pub unit: String,
    /// How it is written.
    #[serde(default)]
    pub notation: Notation,
    /// A sentence under the number: objective, convention, what it is not.
    #[serde(default)]
    pub note: String,
    /// Shown by a colour and a mark.
    #[serde(default)]
    pub tone: Tone,
    /// Where the page gets the value from; the interval's ends are quantiles of the same output.
    #[serde(default)]
    pub live: Option<Source>,
}

/// An interval and the share of draws inside it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Between 0 and 1: 0.9 for a 90% interval, whose ends are the 5% and 95% quantiles.
    pub level: f64,
    /// Lower end, in the number's unit.
    #[serde(with = "crate::frame::number")]
    pub low: f64,
    /// Upper end, in the number's unit.
    #[serde(with = "crate::frame::number")]
    pub high: f64,
}

/// How a number is written. Three significant digits, more where a number says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notation {
    /// `0.034`, `12.3`, `4,560`; powers of ten outside 0.001 to 1,000,000.
    #[default]
    Plain,
    /// Four decimals: losses and exponents.
    Fine,
    /// With a short scale: `1.3 T`, `70.4 B`, `4.2 M`, `12 k`.
    Short,
    /// As a power of ten: `2.1e24`, written `2.1×10²⁴`.
    Power,
    /// A share, as per cent: 0.42 is `42%`.
    Percent,
    /// US dollars with a short scale: `$4.2 M`.
    Dollars,
    /// A decimal year as a month: 2028.21 is `Mar 2028`.
    Date,
    /// A whole number with thousands separated.
    Whole,
}

impl Number {
    /// A number without unit and interval.
    pub fn new(label: impl Into<String>, value: f64) -> Self {
        Self { label: label.into(), value, ..Self::default() }
    }

    /// Sets the interval that holds a share `level` of the draws.
    #[must_use]
    pub fn interval(mut self, level: f64, low: f64, high: f64) -> Self {
        self.interval = Some(Interval { level, low, high });
        self
    }

    /// Sets the unit.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = unit.into();
        self
    }

    /// Sets how it is written.
    #[must_use]
    pub fn notation(mut self, notation: Notation) -> Self {
        self.notation = notation;
        self
    }

    /// Sets the sentence under the number.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Sets its tone.
    #[must_use]
    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    /// Has the page compute it anew from `source`.
    #[must_use]
    pub fn live(mut self, source: Source) -> Self {
        self.live = Some(source);
        self
    }

    /// Value, unit, and the interval with its level.
    pub fn with_interval(&self) -> String {
        let shown = self.to_string();
        match &self.interval {
            Some(interval) => format!("{shown} ({})", self.interval_words(interval)),
            None => shown,
        }
    }

    /// `90% interval 1.1 T to 1.62 T`.
    pub(crate) fn interval_words(&self, interval: &Interval) -> String {
        let (low, high) = (interval.low, interval.high);
        let level = format::number(interval.level, Notation::Percent);
        let (low, high) = (format::number(low, self.notation), format::number(high, self.notation));
        format!("{level} interval {low} to {high}")
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&format::with_unit(self.value, self.notation, &self.unit))
    }
}
