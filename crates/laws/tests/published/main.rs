//! Published fits, repeated from the published runs: one file a subject. Needs the tables:
//! `ISOFLOP_REFERENCE` names the folder they are in.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../reference/mod.rs"]
mod reference;

mod broken_power;
mod curves;
mod data_constrained;
mod downstream;
mod experts;
mod hyperparameters;
mod isoflops;
mod overtraining;
mod reinforcement;
mod test_time;
mod width_depth;
