//! Whether to trust a fit, in one word.

use serde::{Deserialize, Serialize};

use crate::{Fit, Warning};

/// Whether to trust a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing speaks against it.
    Sound,
    /// Something does: read the warnings.
    Caution,
    /// The runs cannot tell the terms of the law apart; its parameters mean nothing.
    NotIdentified,
}

impl Fit {
    /// Whether to trust the fit, from its warnings.
    pub fn verdict(&self) -> Verdict {
        let any = |is: fn(&Warning) -> bool| self.warnings.iter().any(is);
        if any(Warning::is_about_identification) {
            Verdict::NotIdentified
        } else if any(|warning| warning.is_serious() || matches!(warning, Warning::FewRuns { .. }))
        {
            Verdict::Caution
        } else {
            Verdict::Sound
        }
    }
}
