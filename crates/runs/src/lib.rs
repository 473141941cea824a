//! Run tables: one row per training run, read with its columns and conventions.
//!
//! ```text
//!  CSV, TSV, stdin ──▶ RunTable ──▶ Observations ──▶ a law is fitted to this
//!                      every cell,   N, D, loss, run;
//!                      with its      which column, which convention,
//!                      line          and every row left out with its reason
//! ```
//!
//! Nothing is dropped or guessed in silence: the column taken for each role, the convention it
//! follows and every excluded row can be asked for, and every error names file, line and column.
//!
//! ```
//! use runs::{Columns, Observations, RunTable};
//!
//! let text = "run,status,params,tokens,loss\n\
//!             a,done,1e6,2e7,4.1\n\
//!             b,diverged,1e6,4e7,\n\
//!             c,done,2e6,4e7,3.7\n";
//! let table = RunTable::from_bytes("sweep.csv", text.as_bytes())?;
//! let observations = Observations::from_table(&table, &Columns::default(), &[])?;
//! assert_eq!(observations.len(), 2);
//! assert_eq!(observations.loss()[1].get(), 3.7);
//! assert_eq!(observations.exclusions()[0].to_string(), "1 row with status `diverged`: line 3");
//! # Ok::<(), diagnostic::Diagnostic>(())
//! ```

mod columns;
mod exclusion;
mod filter;
mod observations;
mod quantity;
mod table;
mod write;

pub use columns::{ColumnChoice, Columns, Role};
pub use exclusion::{Exclusion, Reason};
pub use filter::{Comparison, Filter};
pub use observations::{Observation, Observations};
pub use quantity::{BitsPerByte, Flop, NatsPerToken, Parameters, Seconds, Tokens, flop_6nd};
pub use table::RunTable;
pub use write::write_atomically;
