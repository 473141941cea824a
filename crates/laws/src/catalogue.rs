//! The catalogue of published laws: data, one file a law, no code.
//!
//! ```text
//!  catalogue/laws/*.toml ──build.rs──▶ embedded texts ──toml──▶ Law: formula, names, bounds
//!                                                                │
//!                          published constants, each with ◀──────┴──────▶ figures: numbers that
//!                          source, intervals, what is unsure               the constants must give
//! ```
//!
//! The format is described in the book's chapter "Laws".

use diagnostic::Diagnostic;

use crate::Law;

mod constants;
mod figures;
mod file;
mod records;
#[cfg(test)]
mod tests;
mod toml_parts;

pub use constants::Published;
pub use figures::{Figure, Recomputed};

/// Name and text of every file of the catalogue, by name.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/laws.rs"));

/// The names of the laws, in alphabetical order.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// The law called `name`.
///
/// ```
/// let law = laws::catalogue::find("chinchilla")?;
/// assert_eq!(law.parameter_names(), ["E", "A", "B", "alpha", "beta"]);
/// assert!(laws::catalogue::find("chinchila").unwrap_err().to_string().contains("chinchilla"));
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
///
/// # Errors
/// A name that no law of the catalogue has.
pub fn find(name: &str) -> Result<Law, Diagnostic> {
    if let Some((name, text)) = FILES.iter().find(|(known, _)| *known == name) {
        return Law::from_toml(&format!("catalogue/laws/{name}.toml"), text);
    }
    let problem = Diagnostic::error(format!("the catalogue has no law `{name}`"));
    for law in all()? {
        if law.published(name).is_some() {
            let law = law.name;
            return Err(problem.help(format!("`{name}` are constants of the law `{law}`")));
        }
    }
    Err(match diagnostic::nearest(name, names()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("`isoflop list laws` prints all of them"),
    })
}

/// Every law of the catalogue, in alphabetical order.
///
/// # Errors
/// A file that is not a law; the tests rule that out for the catalogue as it is shipped.
pub fn all() -> Result<Vec<Law>, Diagnostic> {
    names().map(find).collect()
}

/// A number as short as it can be written: `0.34`, `5.76e23`.
pub(crate) fn plain(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || (1e-3..1e5).contains(&magnitude) {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}
