//! What the catalogue assumes where the user states nothing.

use std::sync::OnceLock;

use diagnostic::Diagnostic;
use runs::RunTable;
use serde::Deserialize;

/// What the catalogue assumes.
#[derive(Debug, Clone)]
pub(crate) struct Defaults {
    /// The accelerator of budgets that name none.
    pub(crate) accelerator: String,
    /// Other names of accelerators, and theirs in the catalogue.
    pub(crate) aliases: Vec<(String, String)>,
    rents: Vec<Rent>,
    /// What stands around an accelerator, over its price.
    pub(crate) around: Prior,
    priors: Vec<(String, Prior)>,
}

/// Something assumed, in the formula language, and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prior {
    pub(crate) text: String,
    pub(crate) source: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rent {
    accelerator: String,
    price: String,
    date: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    default_accelerator: String,
    aliases: toml::Table,
    rent: Vec<Rent>,
    owned: Owned,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Owned {
    around: String,
    source: String,
}

const MEANS: &str = include_str!("../../../../catalogue/means.toml");
const ECONOMICS: &str = include_str!("../../../../catalogue/priors/economics.csv");

/// What the catalogue assumes.
///
/// # Errors
/// Files of the catalogue that cannot be read; the tests rule that out for those shipped.
pub(crate) fn defaults() -> Result<&'static Defaults, Diagnostic> {
    static READ: OnceLock<Result<Defaults, Diagnostic>> = OnceLock::new();
    READ.get_or_init(|| read(MEANS, ECONOMICS)).as_ref().map_err(Clone::clone)
}

fn read(means: &str, economics: &str) -> Result<Defaults, Diagnostic> {
    let origin = "catalogue/means.toml";
    let file: File = toml::from_str(means).map_err(|problem| {
        let message = problem.message().lines().next().unwrap_or("not TOML").to_owned();
        Diagnostic::error(message).at(origin, means, problem.span().unwrap_or(0..0), "here")
    })?;
    let mut aliases = Vec::new();
    for (alias, name) in file.aliases {
        let Some(name) = name.as_str() else {
            return Err(Diagnostic::error(format!("{origin}: the alias `{alias}` has no name")));
        };
        aliases.push((alias, name.to_owned()));
    }
    Ok(Defaults {
        accelerator: file.default_accelerator,
        aliases,
        rents: file.rent,
        around: Prior { text: file.owned.around, source: file.owned.source },
        priors: priors(economics)?,
    })
}

/// The rows of a table of priors by quantiles, as formulas.
fn priors(text: &str) -> Result<Vec<(String, Prior)>, Diagnostic> {
    let table = RunTable::from_bytes("catalogue/priors/economics.csv", text.as_bytes())?;
    let [ids, names, units] = [table.text("id")?, table.text("parameter")?, table.text("unit")?];
    let quantiles = [table.text("p5")?, table.text("p50")?, table.text("p95")?];
    let sources = table.text("source")?;
    let prior = |row: usize| {
        let unit = match units[row].trim() {
            "ratio" | "share" => "",
            unit => unit,
        };
        let [low, middle, high] = quantiles.each_ref().map(|column| column[row].trim());
        Prior {
            text: format!("q(5%: {low} {unit}, 50%: {middle} {unit}, 95%: {high} {unit})"),
            source: format!("{}: {}", names[row].trim(), sources[row].trim()),
        }
    };
    Ok((0..table.len()).map(|row| (ids[row].trim().to_owned(), prior(row))).collect())
}

impl Defaults {
    /// The rent of an accelerator, in USD/h.
    pub(crate) fn rent(&self, accelerator: &str) -> Option<Prior> {
        let rent = self.rents.iter().find(|rent| rent.accelerator == accelerator)?;
        let source = format!("rent of {}; {}", rent.date, rent.source);
        Some(Prior { text: rent.price.clone(), source })
    }

    /// A row of the table of priors.
    pub(crate) fn prior(&self, id: &str) -> Result<&Prior, Diagnostic> {
        let found = self.priors.iter().find(|(known, _)| known == id);
        found.map(|(_, prior)| prior).ok_or_else(|| {
            Diagnostic::error(format!("catalogue/priors/economics.csv has no row `{id}`"))
        })
    }
}

#[cfg(test)]
mod tests {
    use formula::Source;

    use super::*;
    use crate::words::written::Written;

    #[test]
    fn every_default_reads_in_its_unit_and_is_above_zero() {
        let defaults = defaults().unwrap_or_else(|problem| panic!("{problem}"));
        let check = |prior: &Prior, unit: &str| {
            let read = Written::read("x", Source::new("x", prior.text.as_str()), &[unit]);
            let (written, _) = read.unwrap().unwrap_or_else(|found| panic!("{found}: {prior:?}"));
            let (low, high) = written.ends().unwrap_or((written.best(), written.best()));
            assert!(0.0 < low && low <= written.best() && written.best() <= high, "{prior:?}");
            assert!(!prior.source.is_empty());
        };
        for rent in &defaults.rents {
            machines::accelerator(&rent.accelerator).unwrap_or_else(|problem| panic!("{problem}"));
            check(&defaults.rent(&rent.accelerator).unwrap(), "USD/h");
            assert!(crate::Date::parse("date", &rent.date).is_ok(), "{}", rent.date);
        }
        check(&defaults.around, "%");
        for id in ["mfu", "goodput", "pue"] {
            check(defaults.prior(id).unwrap(), "%");
        }
        check(defaults.prior("energy_price").unwrap(), "USD/J");
        check(defaults.prior("life_it").unwrap(), "s");
        machines::accelerator(&defaults.accelerator).unwrap();
    }

    #[test]
    fn a_broken_file_is_named() {
        let problem = read("default_accelerator = 3", ECONOMICS).unwrap_err().to_string();
        assert!(problem.contains("catalogue/means.toml"), "{problem}");
        assert!(read(MEANS, "id,unit\n").is_err());
    }
}
