//! The facade: everything of Isoflop that a program needs, under one name.
//!
//! ```text
//! lab ──▶ runs ──▶ laws          isoflop::prelude holds the types of all three
//! make    a table  fit, predict
//! ```
//!
//! ```
//! use isoflop::prelude::*;
//!
//! let truth = Chinchilla { e: 1.7, a: 400.0, b: 1200.0, alpha: 0.34, beta: 0.36 };
//! let sizes = [1e7, 3e7, 1e8, 3e8, 1e9];
//! let runs = Observations::new(sizes.iter().flat_map(|&n| {
//!     [10.0, 40.0].map(|ratio| Observation {
//!         run: format!("{n}-{ratio}"),
//!         parameters: Parameters(n),
//!         tokens: Tokens(ratio * n),
//!         loss: truth.loss(Parameters(n), Tokens(ratio * n)),
//!     })
//! }));
//! let law = catalogue::find("chinchilla")?;
//! let fit = fit(&law, &runs, &FitOptions { bootstrap: 0, ..FitOptions::default() })?;
//! assert!((fit.value_of("alpha").unwrap() - 0.34).abs() < 1e-3);
//! # Ok::<(), FitError>(())
//! ```

pub use diagnostic;
pub use lab;
pub use laws;
pub use runs;

/// The types that most programs use.
pub mod prelude {
    pub use diagnostic::Diagnostic;
    pub use lab::corpus::CorpusSource;
    pub use lab::recipe::{Recipe, RunConfig};
    pub use lab::sweep::Sweep;
    pub use laws::{
        Allocation, Backtest, Chinchilla, Cut, Estimate, Fit, FitError, FitOptions, Interval, Law,
        Loss, Objective, Optimum, Parameter, Prediction, Quantity, Resampling, ResidualScale,
        Setting, Side, Verdict, Warning, catalogue, fit, fit_with_progress, optimal,
    };
    pub use runs::{
        Asked, BitsPerByte, Domain, Filter, Finding, Flop, InMemory, NatsPerToken, Observation,
        Observations, Parameters, Request, Rules, RunTable, Seconds, Tokens,
    };
}
