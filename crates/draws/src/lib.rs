//! Uncertainty as named columns: distributions, correlated sampling, quantiles, sensitivity.
//!
//! ```text
//!  Dist          Inputs               Sampler              Draws                 what is asked
//!  a to b   ──▶  name = Dist     ──▶  seed, design    ──▶  named columns,   ──▶  Estimate, Interval,
//!  q(...)        correlations         (plain, Sobol)       row i = world i       Histogram, Summary
//!  data(...)     imported Draws            │                   ▲
//!                                          ▼                   │ your model, column by column
//!                                  model(&[&[f64]], &mut [f64])┴──▶ sensitivity: tornado, ranks,
//!                                                                   Sobol indices
//! ```
//!
//! It knows nothing of what the columns mean.
//!
//! ```
//! use draws::{Design, Dist, Inputs, Level};
//!
//! // When does a follower that grows 8 to 40 times a year close a gap of 300 to 3000 times?
//! let mut inputs = Inputs::new();
//! inputs.add("gap", Dist::interval(300.0, 3000.0, Level::P90)?)?;
//! inputs.add("fast", Dist::interval(8.0, 40.0, Level::P90)?)?;
//! inputs.add("slow", Dist::interval(3.6, 5.2, Level::P90)?)?;
//! inputs.correlate("fast", "slow", 0.3)?;
//!
//! let mut draws = inputs.sampler(7, Design::SOBOL)?.draw(1 << 16)?;
//! let (gap, fast, slow) = (draws.column("gap")?, draws.column("fast")?, draws.column("slow")?);
//! let years: Vec<f64> =
//!     (0..draws.rows()).map(|i| gap[i].ln() / (fast[i] / slow[i]).ln().max(0.0)).collect();
//! draws.push("years", years)?;
//!
//! let summary = draws.summary("years")?;
//! assert_eq!(
//!     summary.to_string(),
//!     "4.83 (3.01 to 10.6, 90% (p5 to p95)), never with probability 0.0011"
//! );
//! # Ok::<(), draws::Error>(())
//! ```
//!
//! # Never and undefined
//!
//! A date that does not come is `never`, stored as `+inf`: it is later than every date, sorts
//! last, and keeps every comparison meaningful. Quantiles count it (the p95 of a date that does
//! not come in one draw of ten is `never`), probabilities count it, and a column that holds it has
//! no mean. NaN is *undefined*: it takes no part in any number, and every [`Summary`] says how many
//! there were. Sensitivity of such outputs goes by rank or by the probability of `never`
//! ([`sensitivity::Aspect`]), or refuses.
//!
//! # Reproducible streams
//!
//! Each input has a random stream of its own, keyed by the seed and its name (`ChaCha8` keyed by
//! BLAKE3). Adding an input, reordering inputs, drawing more rows or using more threads changes no
//! draw of the others. Every value is a quantile of one uniform, so a changed distribution moves
//! its draws smoothly and two runs differ by the change and not by the dice.
//!
//! The quasi-random design ([`Design::Sobol`]) is a scrambled Sobol sequence of up to 1,000
//! inputs and 2^32 rows a replicate. There, a hash of the name chooses the dimension; of two inputs that
//! choose the same one (one chance in 512 a pair) the later one moves on to the next free dimension.

#![cfg_attr(test, expect(clippy::float_cmp, reason = "exact results are what these tests claim"))]

mod beta;
mod correlation;
mod dist;
mod draws;
mod error;
pub mod estimate;
pub mod evaluate;
mod histogram;
mod inputs;
mod level;
mod matrix;
mod normal;
#[cfg(feature = "parquet")]
mod parquet;
mod sampler;
pub mod select;
pub mod sensitivity;
mod sobol;
mod solve;
mod stream;
mod table;
pub mod uncertain;

pub use correlation::Moved;
pub use dist::Dist;
pub use draws::{Draws, Summary};
pub use error::Error;
pub use estimate::{Estimate, Interval};
pub use histogram::{Histogram, Scale};
pub use inputs::Inputs;
pub use level::Level;
pub use sampler::{Design, Sampler};
