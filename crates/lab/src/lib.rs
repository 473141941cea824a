//! Real small pre-training experiments: text, model, optimisers, runs, sweeps.
//!
//! ```text
//! corpus ──▶ tokens ───────────────┐
//! text        one mapped file      │
//!                                  ▼
//! sweep ──▶ recipe ──▶ RunConfig ──▶ train ──▶ one row of runs.csv, one loss curve
//! TOML      one dial   every        │  ▲
//!           (depth)    setting      ▼  │
//!                                 engine: transformer + optimiser on `kernels`
//! ```
//!
//! A run is decided by its configuration and its text: the same seed gives the same numbers on any
//! number of threads and through any number of interruptions.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use std::time::Duration;
//! use lab::corpus::CorpusSource;
//! use lab::recipe::Recipe;
//! use lab::train::{Ended, Execution, train};
//!
//! # let folder = tempfile::tempdir()?;
//! # let text: String = (0..50_000_u64).map(|i| format!("{i} squared is {}\n", i * i % 997)).collect();
//! # let path = folder.path().join("squares.txt");
//! # std::fs::write(&path, text)?;
//! let source = CorpusSource::Paths(vec![path]);
//! let tokens = lab::tokens::open_or_build(&source, &folder.path().join("cache"), &mut |_| {})?;
//!
//! let recipe = Recipe { validation_tokens: 4096, ..Recipe::default() };
//! let config = recipe.run(1, 256, 30_000.0, 0); // depth 1, bytes, 30,000 tokens, seed 0
//! let execution = Execution {
//!     checkpoint: None,
//!     interval: Duration::from_secs(30),
//!     threads: lab::Threads::new(2),
//!     stop: &AtomicBool::new(false),
//! };
//! let run = train(&config, &tokens, &execution, &mut |_| {})?;
//! let Ended::Finished { validation, .. } = run.ended else { panic!("it was not stopped") };
//! assert!(validation.loss.get() < 4.0); // nats per byte; ln 256 = 5.5 at the start
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checkpoint;
pub mod corpus;
pub mod engine;
#[cfg(test)]
mod example_text;
mod kernels;
pub mod machine;
pub mod optimiser;
pub mod parameters;
pub mod recipe;
pub mod schedule;
pub mod shape;
pub mod swarm;
pub mod sweep;
pub mod table;
mod threads;
pub mod tokens;
pub mod train;
mod transformer;

pub use threads::Threads;
pub use transformer::Sequences;
