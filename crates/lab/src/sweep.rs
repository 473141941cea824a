//! Sweeps: many runs from one file, packed onto the cores, one row each in `runs.csv`.
//!
//! ```text
//! SWEEP.toml ──▶ Sweep ──▶ plan: RunConfig * n ──▶ run_sweep ──▶ FOLDER/runs.csv
//!                spec.rs                           execute.rs    FOLDER/curves/RUN.csv
//! ```

mod execute;
mod row;
mod spec;

pub use execute::{Event, Observer, Settings, Summary, run_sweep};
pub use row::{Row, Status};
pub use spec::{PlannedRun, Sweep};
