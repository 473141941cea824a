//! Figures: panels of marks over named columns.

use serde::{Deserialize, Serialize};

use crate::frame::Frame;
use crate::mark::Mark;
use crate::still::Still;

/// A figure: one or several panels under a title that says what they show.
///
/// ```text
///   title                  what was found, in words
///   subtitle               what is drawn: the interval's level, conventions
///   ┌ panel ────────┐ ┌ panel ────────┐
///   │ marks over    │ │               │
///   │ frames        │ │               │
///   └───────────────┘ └───────────────┘
///   source
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// Lower case, digits and `-`: the anchor, the name of the file, and what `--figure` takes.
    pub name: String,
    /// What was found, plain text: "Loss falls as C^-0.05 over four decades".
    pub title: String,
    /// What is drawn: the interval's level, the objective, conventions. Plain text.
    #[serde(default)]
    pub subtitle: String,
    /// Data and method, plain text.
    #[serde(default)]
    pub source: String,
    /// Drawn from left to right, `columns` in a row.
    pub panels: Vec<Panel>,
    /// Panels in a row on a wide page; 0 chooses.
    #[serde(default)]
    pub columns: usize,
    /// The tables that marks draw from.
    pub frames: Vec<Frame>,
    /// The title when sliders have moved what is shown: what it is, without what the study found.
    /// Empty where the title says no more than that.
    #[serde(default)]
    pub moved_title: String,
    /// What does not move with the sliders, though it would.
    #[serde(default)]
    pub still: Option<Still>,
}

/// One pair of axes with its marks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// Plain text; empty where the figure's title says it.
    #[serde(default)]
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// Drawn in this order, later ones above.
    pub marks: Vec<Mark>,
}

/// An axis.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// What it measures, plain text.
    pub label: String,
    /// Empty for a plain number.
    #[serde(default)]
    pub unit: String,
    /// How values become places.
    #[serde(default)]
    pub scale: Scale,
    /// Where it begins; `None` for the data's.
    #[serde(default)]
    pub from: Option<f64>,
    /// Where it ends; `None` for the data's.
    #[serde(default)]
    pub to: Option<f64>,
}

/// How values of an axis become places.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// In proportion.
    #[default]
    Linear,
    /// In proportion to the logarithm; values at and below zero are left out.
    Log,
    /// Decimal years, linear.
    Date,
    /// Shares, linear, written as per cent.
    Percent,
    /// These words, in this order: from left to right, or from top to bottom.
    Words(Vec<String>),
}

impl Figure {
    /// A figure without panels.
    pub fn new(name: impl Into<String>, title: impl Into<String>) -> Self {
        Self { name: name.into(), title: title.into(), ..Self::default() }
    }

    /// Sets the title: what was found.
    #[must_use]
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Sets the title when sliders have moved what is shown.
    #[must_use]
    pub fn moved_title(mut self, title: impl Into<String>) -> Self {
        self.moved_title = title.into();
        self
    }

    /// Says what stands still when sliders move.
    #[must_use]
    pub fn still(mut self, still: Still) -> Self {
        self.still = Some(still);
        self
    }

    /// Sets the name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets what is drawn.
    #[must_use]
    pub fn subtitle(mut self, subtitle: impl Into<String>) -> Self {
        self.subtitle = subtitle.into();
        self
    }

    /// Sets data and method.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = source.into();
        self
    }

    /// Sets how many panels stand in a row.
    #[must_use]
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = columns;
        self
    }

    /// Adds a table to draw from.
    #[must_use]
    pub fn frame(mut self, frame: Frame) -> Self {
        self.frames.push(frame);
        self
    }

    /// Adds a panel.
    #[must_use]
    pub fn panel(mut self, panel: Panel) -> Self {
        self.panels.push(panel);
        self
    }
}

impl Panel {
    /// A panel without marks.
    pub fn new(x: Axis, y: Axis) -> Self {
        Self { x, y, ..Self::default() }
    }

    /// Sets the title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Adds a mark above the others.
    #[must_use]
    pub fn mark(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }
}

impl Axis {
    /// A linear axis in `unit` (empty: a plain number).
    pub fn new(label: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { label: label.into(), unit: unit.into(), ..Self::default() }
    }

    /// A logarithmic axis in `unit`.
    pub fn log(label: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { scale: Scale::Log, ..Self::new(label, unit) }
    }

    /// An axis of decimal years.
    pub fn date(label: impl Into<String>) -> Self {
        Self { scale: Scale::Date, ..Self::new(label, "") }
    }

    /// An axis of shares between 0 and 1.
    pub fn percent(label: impl Into<String>) -> Self {
        Self { scale: Scale::Percent, ..Self::new(label, "") }
    }

    /// An axis of words.
    pub fn words<S: Into<String>>(
        label: impl Into<String>,
        words: impl IntoIterator<Item = S>,
    ) -> Self {
        let words = words.into_iter().map(Into::into).collect();
        Self { scale: Scale::Words(words), ..Self::new(label, "") }
    }

    /// Sets where it begins and ends.
    #[must_use]
    pub fn within(mut self, from: f64, to: f64) -> Self {
        (self.from, self.to) = (Some(from), Some(to));
        self
    }
}
