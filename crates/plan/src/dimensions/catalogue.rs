//! The capabilities that come with the program.

use diagnostic::Diagnostic;

use super::capability::Capability;

/// Name and text of every file of the catalogue, by name.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/capabilities.rs"));

/// The names of the capabilities, in alphabetical order.
pub fn capabilities() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// The capability called `name`.
///
/// # Errors
/// A name that no capability of the catalogue has.
pub fn capability(name: &str) -> Result<Capability, Diagnostic> {
    if let Some((name, text)) = FILES.iter().find(|(known, _)| *known == name) {
        return Capability::from_toml(&format!("catalogue/capabilities/{name}.toml"), text);
    }
    let problem = Diagnostic::error(format!("the catalogue has no capability `{name}`"));
    Err(match diagnostic::nearest(name, capabilities()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("`isoflop list capabilities` prints all of them"),
    })
}
