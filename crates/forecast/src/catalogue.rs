//! What is shipped: scenarios, claims and sets of priors, as data.

use diagnostic::Diagnostic;

use crate::Scenario;

/// Name and text of every scenario, by name.
const SCENARIOS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

/// Name and text of every set of priors, by name.
const PRIORS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/priors.rs"));

/// Name and text of every file of claims, by name.
const CLAIMS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/claims.rs"));

/// Every file of claims, as scenarios that only check.
///
/// # Errors
/// A file that is not one; the tests rule that out for the catalogue as it is shipped.
pub fn claims() -> Result<Vec<Scenario>, Diagnostic> {
    let read = |(name, text): &(&str, &str)| {
        Scenario::from_toml(&format!("catalogue/claims/{name}.toml"), text)
    };
    CLAIMS.iter().map(read).collect()
}

/// The names of the scenarios, in alphabetical order.
pub fn names() -> impl Iterator<Item = &'static str> {
    SCENARIOS.iter().map(|(name, _)| *name)
}

/// The scenario called `name`.
///
/// ```
/// let scenario = forecast::catalogue::find("gap")?;
/// assert!(!scenario.outputs.is_empty());
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
///
/// # Errors
/// A name that no scenario of the catalogue has.
pub fn find(name: &str) -> Result<Scenario, Diagnostic> {
    if let Some((name, text)) = SCENARIOS.iter().find(|(known, _)| *known == name) {
        let origin = format!("catalogue/scenarios/{name}.toml");
        return Scenario::from_toml_with(&origin, text, &beside);
    }
    let problem = Diagnostic::error(format!("the catalogue has no scenario `{name}`"));
    Err(match diagnostic::nearest(name, names()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help(format!("there are: {}", names().collect::<Vec<_>>().join(", "))),
    })
}

/// Another scenario of the catalogue, for one that is based on it.
pub(crate) fn beside(_: &str, wanted: &str) -> std::io::Result<(String, String)> {
    let stem = wanted.strip_suffix(".toml").unwrap_or(wanted);
    match SCENARIOS.iter().find(|(name, _)| *name == stem) {
        Some((name, text)) => Ok((format!("catalogue/scenarios/{name}.toml"), (*text).to_owned())),
        None => Err(std::io::ErrorKind::NotFound.into()),
    }
}

/// The sets of priors: name and table.
pub(crate) fn priors() -> &'static [(&'static str, &'static str)] {
    PRIORS
}
