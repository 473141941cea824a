//! The law of the family, and what it predicts.

use std::path::PathBuf;
use std::time::SystemTime;

use diagnostic::Diagnostic;
use lab::recipe::RunConfig;
use lab::sweep::{PlannedRun, Row};
use laws::{Fit, FitError, FitOptions, Prediction, Setting, catalogue, fit};
use runs::{NatsPerToken, Observation, Observations, Parameters, Tokens, write_atomically};
use serde_json::{Value, json};

use super::QuickstartArgs;
use super::json::law_values;

pub(super) fn fit_options(args: &QuickstartArgs) -> FitOptions {
    let (bootstrap, level, seed) = (args.bootstrap, args.level, args.seed);
    FitOptions { bootstrap, level, seed, ..FitOptions::default() }
}

pub(super) fn fit_family(
    args: &QuickstartArgs,
    rows: &[Row],
) -> Result<(Fit, Observations), Diagnostic> {
    let observations = Observations::new(rows.iter().filter_map(|row| {
        Some(Observation {
            run: row.run.clone(),
            parameters: Parameters(row.params_with_head as f64),
            tokens: Tokens(row.tokens as f64),
            loss: NatsPerToken(row.loss?),
        })
    }));
    let law = catalogue::find("chinchilla")?;
    let fit = fit(&law, &observations, &fit_options(args)).map_err(|problem| {
        Diagnostic::error(format!("no law can be fitted to these runs: {problem}"))
            .note(format!("they are the rows of {}", args.out.join("runs.csv").display()))
    })?;
    Ok((fit, observations))
}

pub(super) fn setting(run: &RunConfig) -> Setting {
    let parameters = Parameters(run.shape.parameters_with_head() as f64);
    Setting::run(parameters, Tokens(run.tokens() as f64))
}

pub(super) fn unpredicted(problem: &FitError) -> Diagnostic {
    Diagnostic::error(format!("the law predicts nothing: {problem}"))
}

pub(super) fn predict(
    fit: &Fit,
    run: &RunConfig,
    args: &QuickstartArgs,
) -> Result<Prediction, Diagnostic> {
    let found = fit
        .predict(&setting(run), args.level, args.seed)
        .map_err(|problem| unpredicted(&problem))?;
    found.into_iter().next().ok_or_else(|| Diagnostic::error("the law predicts nothing"))
}

/// The best value of a parameter of the law.
pub(super) fn value(fit: &Fit, name: &str) -> f64 {
    fit.value_of(name).unwrap_or(f64::NAN)
}

/// Writes the prediction before its run exists; one that says the same keeps its date.
pub(super) fn save_prediction(
    args: &QuickstartArgs,
    fit: &Fit,
    target: &PlannedRun,
    prediction: &Prediction,
) -> Result<PathBuf, Diagnostic> {
    let path = args.out.join("prediction.json");
    let mut saved = json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "law": law_values(fit),
        "objective": fit.objective.to_string(),
        "parameters": "with head: the blocks and the output projection",
        "fitted_runs": fit.data.rows,
        "run": target.config,
        "run_hash": target.config.hash(),
        "prediction": prediction,
    });
    let earlier: Option<Value> =
        std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let date = match earlier {
        Some(mut earlier) => {
            let date = earlier.as_object_mut().and_then(|fields| fields.remove("made"));
            date.filter(|_| earlier == saved)
        }
        None => None,
    };
    let now = || humantime::format_rfc3339_seconds(SystemTime::now()).to_string().into();
    saved["made"] = date.unwrap_or_else(now);
    write_atomically(&path, format!("{saved:#}\n").as_bytes())
        .and_then(|()| write_atomically(args.out.join("fit.json"), fit.to_json().as_bytes()))
        .map_err(|error| {
            Diagnostic::error(format!("{} cannot be written: {error}", path.display()))
        })?;
    Ok(path)
}
