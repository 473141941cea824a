//! Does a downstream metric scale? One of eight answers, with the evidence.
//!
//! ```text
//!  x (size or loss), y, ──▶ order, signs, ──▶ turn? trend? error? direction? ──▶ Trend
//!  error of y, chance       common scale      scatter? start? end? held out?      category, reason,
//!                                             │                                   evidence, advice
//!                           seven curves ─────┘ Akaike, largest fifth foretold
//! ```
//!
//! Most downstream metrics do not follow a law: of the 46 tasks of Gadre et al. 2024
//! (arXiv:2403.08540), Lourie, Hu and Cho 2025 (arXiv:2507.00885) call 18 predictable. A fitter
//! fits the others as willingly, so this asks first whether there is something to fit.
//!
//! The curves here are small and their own: the question is whether *some* simple form foretells
//! the largest scales. For the law itself, fit one.
//!
//! ```
//! use laws::trend::{Axis, Better, Category, Noise, Series, classify};
//!
//! let compute: Vec<f64> = (0..20).map(|i| 10_f64.powf(18.0 + 0.2 * f64::from(i))).collect();
//! let error: Vec<f64> = compute.iter().map(|c| 0.2 + 0.5 * (c / 1e18).powf(-0.15)).collect();
//! let series = Series {
//!     x: &compute,
//!     y: &error,
//!     axis: Axis::Size,
//!     better: Better::Lower,
//!     chance: Some(0.75),
//!     noise: Noise::Questions(1000.0),
//!     target: Some(1e23),
//! };
//! let trend = classify(&series)?;
//! assert_eq!(trend.category, Category::Predictable);
//! assert!(trend.to_string().contains("the target lies 1.20 decades beyond the points"));
//! # Ok::<(), diagnostic::Diagnostic>(())
//! ```

mod classify;
mod evidence;
mod form;
mod held_out;
mod monotone;
mod rank;
mod series;
#[cfg(test)]
mod tests;
mod words;

pub use classify::classify;
pub use evidence::{
    Category, Distance, Evidence, FormScore, LastThird, RangeEvidence, Reason, Trend,
};
pub use form::Form;
pub use held_out::HeldOut;
pub use monotone::Turn;
pub use rank::{RankTest, RunsTest};
pub use series::{Axis, Better, Noise, Series};
