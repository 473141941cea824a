//! Scaling laws: fitting, intervals and predictions.
//!
//! ```text
//!  Observations ──▶ grid over (alpha, beta),      ──▶ Newton on Huber's  ──▶ Fit
//!   N, D, loss      E, A, B solved for on it          objective, from        law, certificate,
//!                   (variable projection)             every part of it       draws, warnings
//!                                                           ▲                  │
//!                          runs resampled, refitted ────────┘                  ├─▶ predict(N, D)
//!                          (bootstrap by run)                                  └─▶ optimum(C)
//! ```
//!
//! The law is Chinchilla's, L = E + A / N^alpha + B / D^beta, N in parameters, D in tokens, L in
//! nats per token. The objective is the sum over rows of Huber's loss of ln L - ln law, as in
//! Hoffmann et al. 2022 (arXiv:2203.15556, section 3.3) and Besiroglu et al. 2024
//! (arXiv:2404.10102). The problem is linear in E, A and B, so a grid over the two exponents sees
//! every valley; from there second derivatives make short work of the rest, and the minimum is
//! certified by the gradient and by how many starts agree.
//!
//! ```
//! use laws::{Chinchilla, FitOptions, fit};
//! use runs::{Flop, Observation, Observations, Parameters, Tokens};
//!
//! let truth = Chinchilla { e: 1.69, a: 406.4, b: 410.7, alpha: 0.34, beta: 0.28 };
//! let rows = [1e6, 3e6, 1e7, 3e7, 1e8].into_iter().flat_map(|n| {
//!     [5.0, 20.0, 80.0].map(|ratio| {
//!         let (parameters, tokens) = (Parameters(n), Tokens(ratio * n));
//!         let loss = truth.loss(parameters, tokens);
//!         Observation { run: format!("{n:e}/{ratio}"), parameters, tokens, loss }
//!     })
//! });
//! let options = FitOptions { bootstrap: 100, ..FitOptions::default() };
//! let fit = fit(&Observations::new(rows), &options)?;
//! assert!((fit.law.alpha - 0.34).abs() < 1e-6);
//!
//! let best = fit.optimum(Flop(1e21), 0.9).expect("both terms are there").best;
//! assert!((best.tokens_per_parameter() - 50.1).abs() < 0.1);
//! # Ok::<(), laws::FitError>(())
//! ```

mod backtest;
mod bootstrap;
mod candidates;
pub mod catalogue;
mod certificate;
mod chinchilla;
mod dense;
mod doubts;
mod draws;
mod fit;
mod input;
mod law;
mod likelihood;
mod model;
mod newton;
mod objective;
mod optimum;
mod pareto;
mod posterior;
mod predict;
mod problem;
mod profile;
mod projection;
mod residuals;
mod rows;
mod sandwich;
mod saved;
mod scatter;
mod search;
mod tangent;
mod warning;

pub use backtest::{Backtest, Cut};
pub use bootstrap::Resampling;
pub use certificate::Certificate;
pub use chinchilla::Chinchilla;
pub use draws::{Draws, Interval};
pub use fit::{Bootstrap, Estimate, Fit, FitError, FitOptions, fit, fit_with_progress};
pub use input::Data;
pub use likelihood::{Comparison, Distance, Likelihood};
pub use law::{Derived, Law, Parameter, Quantity, ResidualScale};
pub use objective::{FIELD_DELTA, Loss, Objective};
pub use optimum::{Allocation, Optimum, optimal};
pub use predict::{Prediction, Setting};
pub use profile::{End, Profile, Profiled};
pub use saved::SCHEMA_VERSION;
pub use warning::{Side, Warning};
