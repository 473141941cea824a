//! What stands still when a slider moves that would change it: said in the page, never silently.

use serde::{Deserialize, Serialize};

/// That a part of the page shows the study's inputs when others are set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Still {
    /// Names of the sliders that would change it.
    pub sliders: Vec<String>,
    /// Why the page does not compute it anew, as the rest of a sentence; plain text.
    pub why: String,
}

impl Still {
    /// It would change with these sliders.
    pub fn new<S: Into<String>>(
        sliders: impl IntoIterator<Item = S>,
        why: impl Into<String>,
    ) -> Self {
        Self { sliders: sliders.into_iter().map(Into::into).collect(), why: why.into() }
    }
}
