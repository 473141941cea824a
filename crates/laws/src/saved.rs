//! A fit as a file: JSON with a version, read back to the last bit.

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

use crate::Fit;

/// The version of the file that this library writes, and the only one it reads.
pub const SCHEMA_VERSION: u32 = 2;

const FORMAT: &str = "isoflop fit";

#[derive(Serialize)]
struct Out<'a> {
    format: &'static str,
    schema_version: u32,
    isoflop_version: &'static str,
    compute_convention: &'static str,
    #[serde(flatten)]
    fit: &'a Fit,
}

#[derive(Deserialize)]
struct Head {
    format: Option<String>,
    schema_version: Option<u32>,
}

impl Fit {
    /// The fit as JSON, draws included, in one object whose `schema_version` says how to read it.
    ///
    /// # Panics
    /// Never: a fit holds finite numbers and strings only.
    pub fn to_json(&self) -> String {
        let out = Out {
            format: FORMAT,
            schema_version: SCHEMA_VERSION,
            isoflop_version: env!("CARGO_PKG_VERSION"),
            compute_convention: "C = 6 N D",
            fit: self,
        };
        serde_json::to_string(&out).expect("numbers and strings are always valid JSON") + "\n"
    }

    /// Reads what [`to_json`](Self::to_json) wrote; `origin` names it in messages.
    ///
    /// # Errors
    /// Text that is not such a file, one of another version, and values that no fit has.
    pub fn from_json(origin: &str, text: &str) -> Result<Self, Diagnostic> {
        let not_json = |problem: serde_json::Error| {
            Diagnostic::error(format!("`{origin}` is not a saved fit: {problem}"))
        };
        let remake = "make it again with `isoflop fit RUNS.csv --out FIT.json`";
        let head: Head =
            serde_json::from_str(text).map_err(|problem| not_json(problem).help(remake))?;
        if head.format.as_deref() != Some(FORMAT) {
            return Err(
                Diagnostic::error(format!("`{origin}` is JSON but not a saved fit")).help(remake)
            );
        }
        if head.schema_version != Some(SCHEMA_VERSION) {
            return Err(Diagnostic::error(format!(
                "`{origin}` was saved with schema version {}; this program reads version \
                 {SCHEMA_VERSION}",
                head.schema_version.map_or("none".to_owned(), |version| version.to_string()),
            ))
            .help(remake));
        }
        let fit: Self =
            serde_json::from_str(text).map_err(|problem| not_json(problem).help(remake))?;
        let sound = fit.estimates.iter().all(|estimate| estimate.value.is_finite())
            && fit.estimates.iter().map(|estimate| &estimate.name).eq(fit.draws.names())
            && fit.draws.is_valid()
            && fit.residuals.iter().all(|r| r.is_finite());
        if !sound {
            return Err(Diagnostic::error(format!(
                "`{origin}` holds values that no fit has (not finite, or columns of draws of \
                 different length)"
            ))
            .help(remake));
        }
        Ok(fit)
    }
}
