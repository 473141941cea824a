//! Marks: what is drawn in a panel.

use serde::{Deserialize, Serialize};

/// A mark: columns of a frame drawn in one way.
///
/// | Kind | Columns it draws | What it is for |
/// |---|---|---|
/// | `Points` | `x`, `y`, (`low`, `high`), (`colour`), (`text`) | runs, optima with whiskers |
/// | `Line` | `x`, `y`, (`by`) | laws, frontiers; one line for each word of `by` |
/// | `Band` | `x`, `low`, `high` | intervals along a line |
/// | `Bars` | `x`, `y`, (`low`, `high`), (`by`) | densities, breakdowns; stacked by `by` if `stacked` |
/// | `Span` | `y`, `low`, `high`, (`x`) | a tornado, ranges of claims; `x` is a dot in the range |
/// | `Cells` | `x`, `y`, `colour`, (`text`) | surfaces on a regular grid, 2×2 tables |
/// | `Rule` | `x` or `y`, (`text`) | a budget, a target, a date |
/// | `Region` | `low`, `high` along x, (`text`) | where a law extrapolates |
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// How it is drawn.
    pub kind: Kind,
    /// The frame it draws.
    pub frame: String,
    /// Its entry in the legend; it names an interval's level. Empty for no entry.
    #[serde(default)]
    pub name: String,
    /// Column along the horizontal axis.
    #[serde(default)]
    pub x: Option<String>,
    /// Column along the vertical axis.
    #[serde(default)]
    pub y: Option<String>,
    /// Column of lower ends.
    #[serde(default)]
    pub low: Option<String>,
    /// Column of upper ends.
    #[serde(default)]
    pub high: Option<String>,
    /// Column of words: one series for each, in order of appearance.
    #[serde(default)]
    pub by: Option<String>,
    /// Column of numbers shown by colour, with a scale beside the panel.
    #[serde(default)]
    pub colour: Option<String>,
    /// Whether the colour follows the logarithm.
    #[serde(default)]
    pub colour_log: bool,
    /// Column of words written at the marks, or shown when one is pointed at (`Points`).
    #[serde(default)]
    pub text: Option<String>,
    /// Its colour.
    #[serde(default)]
    pub hue: Hue,
    /// Its line.
    #[serde(default)]
    pub stroke: Stroke,
    /// Bars lie, from left to right, and the vertical axis holds the words.
    #[serde(default)]
    pub lying: bool,
    /// Bars of one place stand on each other rather than side by side.
    #[serde(default)]
    pub stacked: bool,
}

/// How a mark is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Dots.
    #[default]
    Points,
    /// Lines.
    Line,
    /// Filled between two lines.
    Band,
    /// Bars from zero.
    Bars,
    /// Bars from `low` to `high`.
    Span,
    /// Filled rectangles.
    Cells,
    /// Straight lines across the panel.
    Rule,
    /// Shaded parts of the horizontal axis.
    Region,
}

/// A colour by its meaning; colours keep apart for readers who see fewer of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hue {
    /// The next free one.
    #[default]
    Next,
    /// The n-th of the palette of Okabe and Ito, from 0.
    Nth(usize),
    /// What was measured: the colour of the text.
    Ink,
    /// What stands back: grey.
    Quiet,
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stroke {
    /// Within the data.
    #[default]
    Solid,
    /// Beyond the data: extrapolated.
    Dashed,
    /// A reference.
    Dotted,
}

impl Mark {
    fn of(kind: Kind, frame: &str) -> Self {
        Self { kind, frame: frame.to_owned(), ..Self::default() }
    }

    /// Dots at (`x`, `y`).
    pub fn points(frame: &str, x: &str, y: &str) -> Self {
        Self { x: Some(x.into()), y: Some(y.into()), ..Self::of(Kind::Points, frame) }
    }

    /// A line through (`x`, `y`), in the order of the rows.
    pub fn line(frame: &str, x: &str, y: &str) -> Self {
        Self { x: Some(x.into()), y: Some(y.into()), ..Self::of(Kind::Line, frame) }
    }

    /// The area between `low` and `high` along `x`.
    pub fn band(frame: &str, x: &str, low: &str, high: &str) -> Self {
        Self { x: Some(x.into()), ..Self::of(Kind::Band, frame) }.ends(low, high)
    }

    /// Bars of length `y` at `x`.
    pub fn bars(frame: &str, x: &str, y: &str) -> Self {
        Self { x: Some(x.into()), y: Some(y.into()), ..Self::of(Kind::Bars, frame) }
    }

    /// Lying bars of length `x` at the words of `y`.
    pub fn lying_bars(frame: &str, x: &str, y: &str) -> Self {
        Self { lying: true, ..Self::bars(frame, x, y) }
    }

    /// Lying bars from `low` to `high` at the words of `y`.
    pub fn span(frame: &str, y: &str, low: &str, high: &str) -> Self {
        Self { y: Some(y.into()), lying: true, ..Self::of(Kind::Span, frame) }.ends(low, high)
    }

    /// Rectangles around (`x`, `y`) coloured by `colour`.
    pub fn cells(frame: &str, x: &str, y: &str, colour: &str) -> Self {
        Self { x: Some(x.into()), y: Some(y.into()), ..Self::of(Kind::Cells, frame) }.colour(colour)
    }

    /// Upright lines at `x`.
    pub fn rule_x(frame: &str, x: &str) -> Self {
        Self { x: Some(x.into()), ..Self::of(Kind::Rule, frame) }
    }

    /// Level lines at `y`.
    pub fn rule_y(frame: &str, y: &str) -> Self {
        Self { y: Some(y.into()), ..Self::of(Kind::Rule, frame) }
    }

    /// Shades the horizontal axis from `low` to `high`.
    pub fn region(frame: &str, low: &str, high: &str) -> Self {
        Self::of(Kind::Region, frame).ends(low, high)
    }

    /// Sets the entry in the legend.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the columns of ends: whiskers on points and bars.
    #[must_use]
    pub fn ends(mut self, low: &str, high: &str) -> Self {
        (self.low, self.high) = (Some(low.into()), Some(high.into()));
        self
    }

    /// Makes one series for each word of a column.
    #[must_use]
    pub fn by(mut self, column: &str) -> Self {
        self.by = Some(column.into());
        self
    }

    /// Shows a column by colour.
    #[must_use]
    pub fn colour(mut self, column: &str) -> Self {
        self.colour = Some(column.into());
        self
    }

    /// Has the colour follow the logarithm.
    #[must_use]
    pub fn colour_log(mut self) -> Self {
        self.colour_log = true;
        self
    }

    /// Writes or shows a column of words.
    #[must_use]
    pub fn text(mut self, column: &str) -> Self {
        self.text = Some(column.into());
        self
    }

    /// Sets the colour.
    #[must_use]
    pub fn hue(mut self, hue: Hue) -> Self {
        self.hue = hue;
        self
    }

    /// Sets the line.
    #[must_use]
    pub fn stroke(mut self, stroke: Stroke) -> Self {
        self.stroke = stroke;
        self
    }

    /// Stacks the bars of one place.
    #[must_use]
    pub fn stacked(mut self) -> Self {
        self.stacked = true;
        self
    }

    /// The columns it names.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        [&self.x, &self.y, &self.low, &self.high, &self.by, &self.colour, &self.text]
            .into_iter()
            .flatten()
            .map(String::as_str)
    }
}
