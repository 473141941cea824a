//! Which law to fit: of the catalogue, of a file, of a saved fit, or typed.

use std::path::Path;

use clap::Args;
use diagnostic::Diagnostic;
use laws::{Fit, Law, ResidualScale, catalogue};
use runs::RunTable;

use super::amount::{named, number};

/// The law and what is known of its parameters.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The law")]
pub(crate) struct LawArgs {
    /// A law of the catalogue (`isoflop list laws`), a law's .toml, or a fit saved as .json
    /// [default: chinchilla]
    #[arg(long, value_name = "NAME|FILE", conflicts_with = "formula")]
    law: Option<String>,
    /// A formula: names that the table can give are variables, the others parameters
    #[arg(long, value_name = "FORMULA")]
    formula: Option<String>,
    /// Where a parameter may lie, as in `alpha=0..2`; an end may be left out
    #[arg(long, value_name = "NAME=LOW..HIGH")]
    bound: Vec<String>,
    /// Hold a parameter at a value, as in `E=1.7`
    #[arg(long, value_name = "NAME=VALUE")]
    hold: Vec<String>,
    /// Search for a parameter that the law holds
    #[arg(long, value_name = "NAME")]
    free: Vec<String>,
}

/// What the options say about parameters.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct AboutParameters {
    pub(crate) bounds: Vec<(String, (f64, f64))>,
    /// NaN for those that are freed.
    pub(crate) held: Vec<(String, f64)>,
}

impl LawArgs {
    /// What is said about parameters.
    pub(crate) fn parameters(&self) -> Result<AboutParameters, Diagnostic> {
        let mut about = AboutParameters::default();
        for text in &self.bound {
            about.bounds.push(bound(text)?);
        }
        for text in &self.hold {
            let (name, value) = named(text, "--hold")?;
            let Some(value) = number(value) else {
                return Err(Diagnostic::error(format!("`--hold {text}`: `{value}` is no number")));
            };
            about.held.push((name.to_owned(), value));
        }
        about.held.extend(self.free.iter().map(|name| (name.trim().to_owned(), f64::NAN)));
        for (place, (name, _)) in about.held.iter().enumerate() {
            if about.held[..place].iter().any(|(known, _)| known == name) {
                return Err(Diagnostic::error(format!(
                    "`{name}` is to be held or freed twice: --hold and --free name it more than once"
                ))
                .help("say once what to do with it"));
            }
        }
        Ok(about)
    }

    /// The law. Names in `parameters` are parameters of a typed formula, whatever the table holds.
    pub(crate) fn law(
        &self,
        table: &RunTable,
        columns: &[(String, String)],
        parameters: &[&str],
    ) -> Result<Law, Diagnostic> {
        match &self.formula {
            None => find(self.law.as_deref().unwrap_or("chinchilla")),
            Some(formula) => {
                typed(formula, |name| !parameters.contains(&name) && table.provides(name, columns))
            }
        }
    }

    /// The name that was given for the law, if one was.
    pub(crate) fn name(&self) -> Option<&str> {
        self.law.as_deref()
    }

    /// Whether the law was typed.
    pub(crate) fn is_typed(&self) -> bool {
        self.formula.is_some()
    }
}

/// The law called `name`, of the file `name`, or of the fit saved there.
pub(crate) fn find(name: &str) -> Result<Law, Diagnostic> {
    let path = Path::new(name);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Law::read(path),
        Some("json") => {
            let text = std::fs::read_to_string(path).map_err(|problem| {
                Diagnostic::error(format!("cannot read `{name}`: {problem}"))
                    .help("name a fit saved with `isoflop fit RUNS --out FIT.json`")
            })?;
            let law = Fit::from_json(name, &text)?.law;
            // A saved law is without its published constants; the catalogue has them.
            Ok(match catalogue::find(&law.name) {
                Ok(mut known) if known.formula == law.formula => {
                    known.parameters = law.parameters;
                    known
                }
                _ => law,
            })
        }
        _ => catalogue::find(name),
    }
}

/// The law of a formula typed by hand, whose variables are the names that `is_column` knows.
pub(crate) fn typed(formula: &str, is_column: impl Fn(&str) -> bool) -> Result<Law, Diagnostic> {
    let mut law = Law::typed(formula, is_column)?;
    if law.variables.is_empty() {
        let names = law.parameter_names().join(", ");
        return Err(Diagnostic::error("the formula uses no column of the table")
            .note(format!("its names {names} are all taken for parameters"))
            .help("use the names of columns, or say what a name is: --column N=COLUMN"));
    }
    // A share may be zero, which has no logarithm.
    if ["accuracy", "error"].contains(&law.target.name.as_str()) {
        law.target.within = (0.0, 1.0);
        law.residuals = ResidualScale::Linear;
    }
    for variable in &mut law.variables {
        if !runs::is_standard_name(&variable.name) {
            variable.within = (f64::NEG_INFINITY, f64::INFINITY);
        }
    }
    Ok(law)
}

/// `alpha=0..2`, `E=0..` or `L=..1`.
pub(crate) fn bound(text: &str) -> Result<(String, (f64, f64)), Diagnostic> {
    let refuse = || {
        Diagnostic::error(format!("`--bound {text}` is not a name and a range"))
            .help("write --bound NAME=LOW..HIGH, as in --bound alpha=0..2; an end may be left out")
    };
    let (name, range) = named(text, "--bound").map_err(|_| refuse())?;
    let (low, high) = range.split_once("..").ok_or_else(refuse)?;
    let end = |text: &str, open: f64| match text.trim() {
        "" => Ok(open),
        text => number(text).ok_or_else(refuse),
    };
    let bounds = (end(low, f64::NEG_INFINITY)?, end(high, f64::INFINITY)?);
    if bounds.0 >= bounds.1 {
        return Err(refuse().note("the lower end has to lie below the upper end"));
    }
    Ok((name.to_owned(), bounds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_may_be_open() {
        assert_eq!(bound("alpha=0..2").unwrap(), ("alpha".to_owned(), (0.0, 2.0)));
        assert_eq!(bound("E=0..").unwrap().1, (0.0, f64::INFINITY));
        assert_eq!(bound("b=..-1e3").unwrap().1, (f64::NEG_INFINITY, -1e3));
        for text in ["alpha", "alpha=1", "alpha=2..1", "alpha=a..b", "=0..1"] {
            assert!(bound(text).unwrap_err().to_string().contains("LOW..HIGH"), "{text}");
        }
    }
}
