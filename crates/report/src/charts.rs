//! The figures of scaling studies: each function says which columns it draws.
//!
//! A function takes frames with columns of fixed names, and gives a [`Figure`](crate::Figure) with axes, marks and
//! legend, to which the caller adds what was found: `Figure { title, .. }` or the setters. Columns
//! may be live. Units stand with the columns; axes take theirs from there.
//!
//! ```
//! use report::{Frame, charts};
//!
//! let shown = Frame::new("coverage")
//!     .numbers("samples", "", vec![1.0, 10.0, 100.0])
//!     .numbers("coverage", "", vec![0.15, 0.42, 0.71])
//!     .words("series", ["8B", "8B", "8B"]);
//! let figure = charts::coverage(shown).subtitle("problems solved at least once");
//! figure.check()?;
//! # Ok::<(), diagnostic::Diagnostic>(())
//! ```

mod draws;
mod forecast;
mod machine;
mod plan;
mod runs;

pub use draws::{pairs, posteriors};
pub use forecast::{backtest, bets, claims, fan, probability_of_date, sobol, tornado};
pub use machine::{step_time, traffic};
pub use plan::{allocation, cost_of_being_wrong};
pub use runs::{
    coverage, extrapolation, frontier, isoflop_profiles, loss_surface, residuals, sigmoid,
};

use crate::figure::{Axis, Scale};
use crate::frame::{Frame, Values};

/// An axis in the unit of a frame's column.
fn axis(label: &str, frame: &Frame, column: &str, scale: Scale) -> Axis {
    let unit = frame.column(column).map_or("", |column| column.unit.as_str());
    Axis { scale, ..Axis::new(label, unit) }
}

/// An axis of the words of a column, in order of appearance.
fn words_axis(label: &str, frame: &Frame, column: &str) -> Axis {
    let mut words: Vec<String> = Vec::new();
    if let Some(Values::Words(all)) = frame.column(column).map(|column| &column.values) {
        for word in all {
            if !words.contains(word) {
                words.push(word.clone());
            }
        }
    }
    Axis::words(label, words)
}

/// `90% interval`.
fn interval_name(level: f64) -> String {
    format!("{} interval", crate::format::number(level, crate::Notation::Percent))
}

/// The smallest and the largest finite number of a column.
fn extent(frame: &Frame, column: &str) -> Option<(f64, f64)> {
    let Some(Values::Numbers(values)) = frame.column(column).map(|column| &column.values) else {
        return None;
    };
    let finite = values.iter().copied().filter(|value| value.is_finite());
    finite.fold(None, |ends: Option<(f64, f64)>, value| {
        let (low, high) = ends.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}
