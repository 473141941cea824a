//! What a capability is: a formula, the laws it stands on, its assumptions and its costs.

use formula::Source;

/// Where compute can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// Size and data of the model.
    Pretraining,
    /// Reinforcement learning after it.
    Rl,
    /// Samples and tokens of thought, in every query.
    Inference,
}

impl Dimension {
    /// All of them, in the order of a model's life.
    pub const ALL: [Self; 3] = [Self::Pretraining, Self::Rl, Self::Inference];

    /// What it is called on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pretraining => "pre-training",
            Self::Rl => "RL",
            Self::Inference => "inference",
        }
    }
}

/// A number to choose: one of N, D, `C_rl`, k and T.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its name in formulas.
    pub name: String,
    /// Its unit; empty for a plain number.
    pub unit: String,
    /// What it is.
    pub meaning: String,
    /// Least and largest value, both above zero.
    pub within: (f64, f64),
}

impl Choice {
    /// The names that a choice may have, with where their compute goes.
    pub const NAMES: [(&'static str, Dimension); 5] = [
        ("N", Dimension::Pretraining),
        ("D", Dimension::Pretraining),
        ("C_rl", Dimension::Rl),
        ("k", Dimension::Inference),
        ("T", Dimension::Inference),
    ];

    /// Where its compute goes.
    pub fn dimension(&self) -> Dimension {
        let known = Self::NAMES.iter().find(|(name, _)| *name == self.name);
        known.map_or(Dimension::Inference, |&(_, dimension)| dimension)
    }
}

/// A number or an uncertain number as it is written, with its source.
#[derive(Debug, Clone)]
pub struct Amount {
    /// Its name in formulas.
    pub name: String,
    /// As written: `0.3`, `0.28 to 0.34`.
    pub value: String,
    /// Where it is written.
    pub place: Source,
    /// Its unit; empty for a plain number.
    pub unit: String,
    /// What it is.
    pub meaning: String,
    /// Where the value comes from.
    pub source: String,
}

/// A law inside a capability, which a fit of one's own may replace.
#[derive(Debug, Clone)]
pub struct Slot {
    /// What the law is for: `pretraining`, `rl`. Its parameters are called `rl_A` and so on.
    pub role: String,
    /// The published constants that are used unless others are asked for.
    pub constants: String,
    /// The name that its target has in the capability's formula.
    pub gives: String,
    /// Variables of the law as formulas over the choices and parameters.
    pub given: Vec<(String, Source)>,
    /// Values of parameters that the constants lack or state without an error.
    pub values: Vec<Amount>,
}

/// A capability as its file states it.
#[derive(Debug, Clone)]
pub struct Capability {
    /// The short name: `maths-rl-samples`.
    pub name: String,
    /// One line on what it describes.
    pub title: String,
    /// The papers it is composed from.
    pub source: String,
    /// What is assumed where pieces meet, and what nobody measured.
    pub notes: String,
    /// The definitions as text; one of them is `capability`.
    pub formula: String,
    /// The definitions with their place.
    pub place: Source,
    /// What `capability` is.
    pub meaning: String,
    /// Its least and largest value.
    pub within: (f64, f64),
    /// What can be chosen.
    pub choices: Vec<Choice>,
    /// The laws it stands on.
    pub slots: Vec<Slot>,
    /// All other numbers.
    pub parameters: Vec<Amount>,
    /// FLOP of pre-training.
    pub training: Source,
    /// FLOP of reinforcement learning, where there is any.
    pub rl: Option<Source>,
    /// FLOP of one query.
    pub query: Source,
    /// Queries over the model's life, unless asked otherwise.
    pub queries: Amount,
}

impl Capability {
    /// A choice by name.
    pub fn choice(&self, name: &str) -> Option<&Choice> {
        self.choices.iter().find(|choice| choice.name == name)
    }

    /// Whether `capability` is a share, from 0 to 1.
    pub fn is_share(&self) -> bool {
        self.within == (0.0, 1.0)
    }
}
