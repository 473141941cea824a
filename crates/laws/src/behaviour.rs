//! How what is measured behaves along the scale, before any law is believed.

use serde::{Deserialize, Serialize};

use crate::Law;
use crate::rows::Rows;
use crate::trend::{Axis, Better, Category, Noise, Series, classify};

/// How a metric behaves along the one variable of its law.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Behaviour {
    /// The category.
    pub category: Category,
    /// Why, in words, with the evidence.
    pub because: String,
}

impl Behaviour {
    /// Whether a law fitted to such a metric can be extrapolated.
    pub fn speaks_against_a_law(&self) -> bool {
        matches!(
            self.category,
            Category::Trendless
                | Category::Inverse
                | Category::Noisy
                | Category::NonMonotone
                | Category::Breakthrough
        )
    }
}

/// The behaviour of the rows of a law of one variable; `None` for other laws, of which no single
/// scale tells more, and where the metric's name does not say which way it improves.
pub(crate) fn behaviour(law: &Law, rows: &Rows) -> Option<Behaviour> {
    let [variable] = law.variables.as_slice() else { return None };
    let (_, x) = rows.variables.first()?;
    let names = |words: &[&str], name: &str| {
        let name = name.to_lowercase();
        words.iter().any(|word| name.contains(word))
    };
    let target = &law.target.name;
    let better = if names(&["loss", "err", "bpb", "perplexity", "nll", "xent", "fail"], target) {
        Better::Lower
    } else if names(&["acc", "pass", "score", "coverage", "reward", "rate", "core"], target) {
        Better::Higher
    } else {
        return None;
    };
    let axis = if names(&["loss", "bpb", "nll"], &variable.name) { Axis::Loss } else { Axis::Size };
    let series = Series {
        x,
        y: &rows.measured,
        axis,
        better,
        chance: None,
        noise: Noise::Unknown,
        target: None,
    };
    let trend = classify(&series).ok()?;
    Some(Behaviour { category: trend.category, because: trend.to_string() })
}
