//! Sentences that numbers write: they change with the page's sliders.

use serde::{Deserialize, Serialize};

use crate::live::Source;
use crate::number::Number;
use crate::still::Still;

/// A sentence of fixed words, numbers, and words that a number chooses.
///
/// ```
/// use report::{Number, Notation, Sentence, Tone};
///
/// let sentence = Sentence::new()
///     .text("The budget buys ")
///     .number(Number::new("model", 70.4e9).unit("param").notation(Notation::Short))
///     .text(", which ")
///     .choice(0.7, None, &[(0.5, "is below")], "reaches")
///     .text(" the target.")
///     .tone(Tone::Good);
/// assert_eq!(sentence.to_string(), "The budget buys 70.4 B param, which reaches the target.");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sentence {
    /// Joined without spaces.
    pub phrases: Vec<Phrase>,
    /// How it is shown.
    #[serde(default)]
    pub tone: Tone,
    /// That its words do not move with the sliders, though they would.
    #[serde(default)]
    pub still: Option<Still>,
}

/// A part of a sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phrase {
    /// Fixed words, plain text.
    Text(String),
    /// A number with its unit, and its interval if it has one. Its label is not shown.
    Number(Number),
    /// Words that a number chooses.
    Choice(Choice),
}

/// Words chosen by a number: the first case whose limit it is below, else `otherwise`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The number as computed by the study.
    #[serde(with = "crate::frame::number")]
    pub value: f64,
    /// Where the page gets it from.
    #[serde(default)]
    pub live: Option<Source>,
    /// Limits in rising order, each with its words.
    pub below: Vec<(f64, String)>,
    /// The words at and above the last limit, and where the number is not known.
    pub otherwise: String,
}

/// What a sentence or a number means to the reader, shown by a mark and a colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Plain text.
    #[default]
    Plain,
    /// The answer to the question: larger.
    Answer,
    /// A check that held.
    Good,
    /// A caveat.
    Caution,
    /// A check that failed.
    Bad,
}

impl Sentence {
    /// No words yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds fixed words; write the spaces around numbers.
    #[must_use]
    pub fn text(mut self, words: impl Into<String>) -> Self {
        self.phrases.push(Phrase::Text(words.into()));
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn number(mut self, number: Number) -> Self {
        self.phrases.push(Phrase::Number(number));
        self
    }

    /// Adds words chosen by `value`: those of the first limit it is below, else `otherwise`.
    #[must_use]
    pub fn choice(
        mut self,
        value: f64,
        live: Option<Source>,
        below: &[(f64, &str)],
        otherwise: impl Into<String>,
    ) -> Self {
        let below = below.iter().map(|(limit, words)| (*limit, (*words).to_owned())).collect();
        let choice = Choice { value, live, below, otherwise: otherwise.into() };
        self.phrases.push(Phrase::Choice(choice));
        self
    }

    /// Says that it stands still when sliders move.
    #[must_use]
    pub fn still(mut self, still: Still) -> Self {
        self.still = Some(still);
        self
    }

    /// Sets how it is shown.
    #[must_use]
    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

impl Choice {
    /// The words for its value.
    pub fn words(&self) -> &str {
        let chosen = self.below.iter().find(|(limit, _)| self.value < *limit);
        chosen.map_or(self.otherwise.as_str(), |(_, words)| words)
    }
}

impl std::fmt::Display for Sentence {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for phrase in &self.phrases {
            match phrase {
                Phrase::Text(words) => out.write_str(words)?,
                Phrase::Number(number) => out.write_str(&number.with_interval())?,
                Phrase::Choice(choice) => out.write_str(choice.words())?,
            }
        }
        Ok(())
    }
}
