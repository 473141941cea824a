//! The law to plan with: published constants, a saved fit, or runs that are fitted first.

use std::path::Path;

use clap::Args;
use diagnostic::Diagnostic;
use laws::{Fit, FitOptions, Setting, catalogue, fit_with_progress};
use plan::Believed;
use runs::{Asked, Observations, Request, RunTable};

use super::file;
use crate::commands::fit::{amount, refusal};
use crate::progress;

/// The law, and its variables beside N and D.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The law")]
pub(crate) struct LawArgs {
    /// Published constants (`isoflop list laws`), a fit saved as .json, or a run table, which is
    /// fitted first
    #[arg(long, value_name = "ID|FIT|RUNS", default_value = "besiroglu-2024")]
    law: String,
    /// The law of this group of runs, where groups have laws of their own
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// A variable of the law beside N and D, as in `width=1024`
    #[arg(long, value_name = "NAME=VALUE")]
    given: Vec<String>,
}

/// A law with where it came from.
pub(crate) struct Source {
    pub(crate) believed: Believed,
    /// The fit, where there is one.
    pub(crate) fit: Option<Fit>,
}

impl LawArgs {
    pub(super) fn source(&self, level: f64, seed: u64) -> Result<Source, Diagnostic> {
        named(&self.law, self.group.as_deref(), level, seed)
    }

    /// Values of the law's other variables.
    pub(super) fn setting(&self) -> Result<Setting, Diagnostic> {
        let mut setting = Setting::new();
        for text in &self.given {
            let (name, value) = amount::named(text, "--given")?;
            setting = setting.with(name, amount::positive(value, "--given")?);
        }
        Ok(setting)
    }
}

/// The law called `name`.
pub(crate) fn named(
    name: &str,
    group: Option<&str>,
    level: f64,
    seed: u64,
) -> Result<Source, Diagnostic> {
    let Some(path) = file(name) else {
        // The name of a law whose constants are known by one name only.
        if let Ok(law) = catalogue::find(name) {
            let ids: Vec<&str> = law.published.iter().map(|one| one.id.as_str()).collect();
            let message = format!("`{name}` is a law without numbers");
            return Err(Diagnostic::error(message)
                .help(format!("name constants of it: {}", ids.join(", "))));
        }
        let believed = Believed::published(name)?;
        if ["optimal-model-size", "optimal-tokens"].contains(&believed.law.name.as_str()) {
            let message = format!("`{name}` says how to split a budget, but nothing of loss");
            return Err(Diagnostic::error(message)
                .help(format!("hold it against the plan of another law: --rule {name}")));
        }
        return Ok(Source { believed, fit: None });
    };
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    let fit = if is_json { saved(&path)? } else { fitted(&path, level, seed)? };
    let groups: Vec<String> = fit.groups().into_iter().flatten().collect();
    match group {
        None if !groups.is_empty() => {
            return Err(Diagnostic::error("groups of these runs have laws of their own")
                .help(format!("say whose with --group: {}", groups.join(", "))));
        }
        Some(asked) if !groups.iter().any(|known| known == asked) => {
            let problem = Diagnostic::error(format!("the fit has no group `{asked}`"));
            return Err(if groups.is_empty() {
                problem
                    .note("its runs share one law")
                    .help("leave out --group; laws by group: `isoflop fit --group COLUMN --out`")
            } else {
                problem.help(format!("its groups are {}", groups.join(", ")))
            });
        }
        _ => {}
    }
    let name = path.file_name().map_or(name.into(), |file| file.to_string_lossy());
    Ok(Source { believed: Believed::fitted(&name, &fit, group), fit: Some(fit) })
}

fn saved(path: &Path) -> Result<Fit, Diagnostic> {
    let text = std::fs::read_to_string(path).map_err(|problem| {
        Diagnostic::error(format!("cannot read `{}`: {problem}", path.display()))
            .help("name a fit saved with `isoflop fit RUNS --out FIT.json`, or published constants")
    })?;
    Fit::from_json(&path.display().to_string(), &text)
}

/// Chinchilla's law of a run table, as `isoflop fit` fits it without options.
fn fitted(path: &Path, level: f64, seed: u64) -> Result<Fit, Diagnostic> {
    let law = catalogue::find("chinchilla")?;
    let table = RunTable::read_all(&[path])?;
    let variables = law.variables.iter().map(|variable| Asked::positive(&variable.name));
    let request = Request::new(Asked::positive(&law.target.name), variables);
    let observations = Observations::from_table(&table, &request)?;
    let options = FitOptions { level, seed, ..FitOptions::default() };
    let what = format!("fitting {} rows", observations.len());
    let ticks = progress::Work::new(what, Some(options.bootstrap), false);
    fit_with_progress(&law, &observations, &options, &|| ticks.tick())
        .map_err(|problem| refusal(&problem, &observations))
}
