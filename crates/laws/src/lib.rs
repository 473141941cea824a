//! Scaling laws: fitting, intervals and predictions.
//!
//! ```text
//!  Law ─────────▶ candidates all over its        ──▶ Newton on exact        ──▶ Fit
//!   a formula,     nonlinear parameters, the          second derivatives,      estimates, certificate,
//!   from the       linear ones solved for             from the best of         draws, warnings
//!   catalogue      (variable projection)              every part of it          │
//!   or typed         ▲                                    ▲                     ├─▶ predict(setting)
//!  Observations ─────┘      draws in the tangent plane, ──┘                     ├─▶ optimum(C)
//!   its columns             or refits, or a posterior                           └─▶ judge(asked)
//! ```
//!
//! A law is a formula with the meaning and the bounds of its names. The objective is a sum over
//! rows of a penalty of ln measured - ln law, or of measured - law where a law of accuracies asks
//! for that; for losses it is Huber's with a turn at 0.001, as in Hoffmann et al. 2022
//! (arXiv:2203.15556, section 3.3) and Besiroglu et al. 2024 (arXiv:2404.10102). Parameters that
//! the law is linear in are found from the formula and solved for, so a search over the others
//! sees every valley; from there second derivatives make short work of the rest, and the minimum
//! is certified by the gradient and by how many starts agree.
//!
//! ```
//! use laws::{FitOptions, Setting, catalogue, fit, optimal};
//! use runs::{Flop, NatsPerToken, Observation, Observations, Parameters, Tokens};
//!
//! let law = catalogue::find("chinchilla")?;
//! let rows = [1e6, 3e6, 1e7, 3e7, 1e8].into_iter().flat_map(|n: f64| {
//!     [5.0, 20.0, 80.0].map(|ratio: f64| Observation {
//!         run: format!("{n:e}/{ratio}"),
//!         parameters: Parameters(n),
//!         tokens: Tokens(ratio * n),
//!         loss: NatsPerToken(1.69 + 406.4 / n.powf(0.34) + 410.7 / (ratio * n).powf(0.28)),
//!     })
//! });
//! let options = FitOptions { bootstrap: 100, ..FitOptions::default() };
//! let fit = fit(&law, &Observations::new(rows), &options)?;
//! assert!((fit.value_of("alpha").unwrap() - 0.34).abs() < 1e-6);
//! assert!(fit.certificate.converged);
//!
//! let best = fit.optimum(Flop(1e21), &Setting::new(), 0.9)?[0].best;
//! assert!((best.tokens_per_parameter() - 50.1).abs() < 0.1);
//!
//! // The same from published constants, in the order of the law's parameters.
//! let published = optimal(&law, &[1.69, 406.4, 410.7, 0.34, 0.28], Flop(1e21), &Setting::new())?;
//! assert!((published.unwrap().loss - best.loss).abs() < 1e-6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod accumulate;
mod along;
mod any_number;
mod backtest;
mod behaviour;
mod bootstrap;
mod candidates;
pub mod catalogue;
mod certificate;
mod chinchilla;
mod compare;
mod dense;
mod descent;
mod doubts;
mod draws;
mod error;
mod fit;
mod input;
pub mod isoflop;
mod law;
mod likelihood;
mod model;
mod newton;
mod objective;
mod optimum;
mod options;
mod pareto;
mod posterior;
mod predict;
mod problem;
mod profile;
mod projection;
mod residuals;
mod robust;
mod rows;
pub mod sampling;
mod sandwich;
mod saved;
mod scatter;
mod search;
mod sharing;
mod surface;
mod tangent;
mod tilt;
pub mod trend;
mod verdict;
mod warning;

pub use along::{Along, Reached};
pub use backtest::{Backtest, Cut};
pub use behaviour::Behaviour;
pub use bootstrap::Resampling;
pub use certificate::Certificate;
pub use chinchilla::Chinchilla;
pub use compare::{Comparison, Contender, Pair, Score, compare};
pub use descent::{Descent, descend_from};
pub use draws::{Draws, Interval};
pub use error::FitError;
pub use fit::{Bootstrap, Estimate, Fit, check_fittable, fit, fit_with_progress};
pub use input::Data;
pub use law::{Derived, Law, Parameter, Quantity, ResidualScale};
pub use likelihood::{Constants, Distance, Likelihood, Rival};
pub use objective::{FIELD_DELTA, Loss, Objective};
pub use optimum::{Allocation, Optimum, optimal};
pub use options::FitOptions;
pub use predict::{Prediction, Setting};
pub use profile::{End, Profile, Profiled};
pub use robust::{Follow, Variant, robustness};
pub use saved::SCHEMA_VERSION;
pub use sharing::{Sharing, test_sharing};
pub use surface::{Axis, Surface, surface};
pub use verdict::{Judgement, Verdict};
pub use warning::{Side, Warning};
