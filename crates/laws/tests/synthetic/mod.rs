//! Runs made by a known law.

#![allow(dead_code, reason = "not every test file uses all of it")]

use laws::{Chinchilla, Fit, FitOptions, Objective, catalogue, fit};
use runs::{Observation, Observations, Parameters, Tokens};

/// The law as printed by Hoffmann et al. 2022.
pub(crate) const HOFFMANN: Chinchilla =
    Chinchilla { e: 1.69, a: 406.4, b: 410.7, alpha: 0.34, beta: 0.28 };

/// Huber's penalty of log residuals, without draws.
pub(crate) fn no_draws() -> FitOptions {
    FitOptions { objective: Some(Objective::huber(1e-3)), bootstrap: 0, ..FitOptions::default() }
}

/// One run of N parameters and D tokens whose loss is off the law by the factor `off`.
pub(crate) fn run(name: usize, law: &Chinchilla, n: f64, d: f64, off: f64) -> Observation {
    let (parameters, tokens) = (Parameters(n), Tokens(d));
    let loss = law.loss(parameters, tokens) * off;
    Observation { run: name.to_string(), parameters, tokens, loss }
}

/// The catalogue's Chinchilla law fitted to these runs.
///
/// # Panics
/// When it cannot be.
pub(crate) fn fitted(rows: impl IntoIterator<Item = Observation>, options: &FitOptions) -> Fit {
    let law = catalogue::find("chinchilla").expect("the catalogue has it");
    fit(&law, &Observations::new(rows), options).expect("the runs are enough")
}

/// E, A, B, alpha, beta.
///
/// # Panics
/// When the fit is of another law.
pub(crate) fn values(fit: &Fit) -> [f64; 5] {
    ["E", "A", "B", "alpha", "beta"].map(|name| fit.value_of(name).expect("a parameter of the law"))
}
