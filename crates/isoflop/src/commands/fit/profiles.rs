//! `--approach 1` and `2`: the compute-optimal split without fitting a law of the loss.

use std::fmt::Write as _;

use clap::ValueEnum;
use diagnostic::Diagnostic;
use formula::{Columns, Compiled, Environment, Program};
use laws::isoflop::{
    Approach1Options, Approach2Options, Bias, Frontier, Reading, Refusal, Row, Sweep, approach1,
    approach2, bias,
};
use laws::{Fit, FitOptions, Law, fit};
use runs::{Flop, Observations, Parameters, Tokens};
use serde_json::{Value, json};

use super::approach::{approach1_for_people, approach2_for_people, profiles_plot};
use super::words::{bold, outside, with_range};
use crate::commands::amounts::{COUNT, with_ends};
use crate::table::table;

/// Which of the three approaches of Hoffmann et al. 2022.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Approach {
    /// The envelope of all loss curves, and a line through it
    #[value(name = "1")]
    Envelope,
    /// IsoFLOP profiles: a parabola per budget, and a line through the vertices
    #[value(name = "2")]
    Profiles,
    /// A law of the loss
    #[value(name = "3")]
    Law,
}

/// What the analysis says, as text of `width` characters, with a plot where one is wanted, or JSON.
pub(super) fn respond(
    approach: Approach,
    law: &Law,
    observations: &Observations,
    options: &FitOptions,
    budgets: &[Flop],
    (json, plot): (bool, bool),
    width: usize,
) -> Result<String, Diagnostic> {
    let sweep = sweep(law, observations)?;
    let refused = |problem: Refusal| Diagnostic::error(problem.to_string());
    let FitOptions { level, seed, bootstrap: resamples, .. } = *options;
    let mut text = String::new();
    if approach == Approach::Envelope {
        let options = Approach1Options { resamples, level, seed, ..Approach1Options::default() };
        let answer = approach1(&sweep, &options).map_err(refused)?;
        if json {
            return Ok(whole(
                1,
                observations,
                &json!(answer),
                &Value::Null,
                answer.frontier.as_ref(),
                budgets,
            ));
        }
        text.push_str(&approach1_for_people(&answer, width));
        about_budgets(&mut text, answer.frontier.as_ref(), budgets, width);
        return Ok(text);
    }
    let options2 = Approach2Options { resamples, level, seed, ..Approach2Options::default() };
    let answer = approach2(&sweep, &options2).map_err(refused)?;
    // Without a law that fits these rows there is nothing to measure the parabolas against.
    let point = FitOptions { bootstrap: 0, ..options.clone() };
    let known: Option<Bias> = fit(law, observations, &point).ok().and_then(|fit| {
        let surface = Surface::new(&fit)?;
        bias(&answer, &sweep, &|n, d| surface.at(n, d), budgets).ok()
    });
    if json {
        let off = json!({ "law": law.name, "bias": known });
        return Ok(whole(2, observations, &json!(answer), &off, answer.frontier.as_ref(), budgets));
    }
    let name = format!("the law {} fitted to these rows", law.name);
    text.push_str(&approach2_for_people(
        &answer,
        known.as_ref().map(|bias| (bias, name.as_str())),
        width,
    ));
    about_budgets(&mut text, answer.frontier.as_ref(), budgets, width);
    if plot {
        text.push('\n');
        text.push_str(&profiles_plot(&answer).render(width, 18));
    }
    Ok(text)
}

/// The rows with the compute that the table counts.
pub(super) fn sweep(law: &Law, observations: &Observations) -> Result<Sweep, Diagnostic> {
    if !law.splits_compute() || law.variables.len() != 2 {
        return Err(Diagnostic::error(format!(
            "approaches 1 and 2 take the loss from N and D alone, but the law `{}` takes {}",
            law.name,
            law.variables.iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join(", ")
        ))
        .help("leave --approach out, or take a law of N and D"));
    }
    let rows = observations
        .parameters()
        .zip(observations.tokens())
        .zip(observations.compute())
        .zip(observations.target())
        .zip(observations.run_index())
        .map(|((((parameters, tokens), &compute), &loss), &run)| Row {
            parameters,
            tokens,
            compute,
            loss,
            run,
        });
    Sweep::new(rows).map_err(|problem| Diagnostic::error(problem.to_string()))
}

/// The best law as a function of N and D.
pub(super) struct Surface {
    compiled: Compiled,
    parameters: Columns,
    target: String,
}

impl Surface {
    pub(super) fn new(fit: &Fit) -> Option<Self> {
        let target = fit.law.target.name.clone();
        let environment =
            fit.law.parameters.iter().fold(
                Environment::new().input("N", "").input("D", ""),
                |environment, parameter| environment.input(&parameter.name, ""),
            );
        let program = Program::parse(&fit.law.name, &fit.law.formula).ok()?;
        let compiled = program.check(&environment).ok()?.compile(&[&target]).ok()?;
        let mut parameters = Columns::new(1);
        for name in fit.law.parameter_names() {
            parameters.set(name, vec![fit.value_of(name)?]);
        }
        Some(Self { compiled, parameters, target })
    }

    pub(super) fn at(&self, n: Parameters, d: Tokens) -> f64 {
        let columns = self.parameters.clone().with("N", vec![n.get()]).with("D", vec![d.get()]);
        let out = self.compiled.evaluate(&columns).ok();
        out.and_then(|out| out.get(&self.target)?.first().copied()).unwrap_or(f64::NAN)
    }
}

fn readings(frontier: Option<&Frontier>, budgets: &[Flop]) -> Vec<Reading> {
    let Some(frontier) = frontier else { return Vec::new() };
    budgets.iter().filter_map(|&budget| frontier.at(budget)).collect()
}

fn about_budgets(text: &mut String, frontier: Option<&Frontier>, budgets: &[Flop], width: usize) {
    let readings = readings(frontier, budgets);
    if readings.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{} read off the lines", bold("asked for"));
    let mut rows = vec![["C, FLOP", "N*", "D*", "D*/N*", ""].map(str::to_owned)];
    for reading in readings {
        rows.push([
            format!("{:.2e}", reading.compute.get()),
            with_ends(reading.parameters.get(), reading.parameters_interval, COUNT),
            with_ends(reading.tokens.get(), reading.tokens_interval, COUNT),
            with_range(reading.tokens / reading.parameters, reading.ratio_interval),
            outside(reading.decades_outside).unwrap_or_default(),
        ]);
    }
    table(text, &rows, width);
}

fn whole(
    approach: u8,
    observations: &Observations,
    answer: &Value,
    bias: &Value,
    frontier: Option<&Frontier>,
    budgets: &[Flop],
) -> String {
    let answer = json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "command": "fit",
        "approach": approach,
        "origin": observations.origin(),
        "compute_convention": observations.compute_convention(),
        "columns": observations.columns(),
        "exclusions": observations.exclusions(),
        "analysis": answer,
        "bias": bias,
        "predictions": readings(frontier, budgets),
    });
    format!("{answer:#}\n")
}
