//! A program whose every name, unit and kind is known to fit.

use crate::dimension::Dimension;
use crate::environment::Role;
use crate::graph::{Graph, Id};
use crate::recipe::Recipe;
use crate::source::Span;
use crate::units::{Unit, Units};

/// A value that comes from outside: a declared name, or a distribution in the program.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) recipe: Option<Recipe>,
    pub(crate) node: Id,
    /// The unit of its values, where one was declared; base units otherwise.
    pub(crate) unit: Option<Unit>,
    /// Whether its dimension was inferred.
    pub(crate) free: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) root: Id,
    /// The unit asked for with `in`.
    pub(crate) unit: Option<Unit>,
    pub(crate) at: Span,
}

#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) start: Id,
    pub(crate) next: Id,
    /// Its value at the current step.
    pub(crate) state: Id,
    /// When in a step it is updated: after the series whose new values it uses.
    pub(crate) place: usize,
    /// Series whose whole paths it looks at (`max(y)`, `at(y, 2030)`) have lower levels, and are
    /// written out to their end before it begins.
    pub(crate) level: usize,
}

/// The moments of a path, in seconds since the year 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Timeline {
    pub(crate) from: f64,
    pub(crate) step: f64,
    pub(crate) count: usize,
}

/// A checked program. Nothing in it can fail for reasons of names, units or kinds any more.
#[derive(Debug, Clone)]
pub struct Checked {
    pub(crate) graph: Graph,
    pub(crate) units: Units,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) definitions: Vec<Definition>,
    pub(crate) series: Vec<Series>,
    pub(crate) timeline: Option<Timeline>,
}

impl Checked {
    pub(crate) fn dimension(&self, id: Id) -> &Dimension {
        &self.graph.types[id].dimension
    }
}
