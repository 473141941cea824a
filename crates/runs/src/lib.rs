//! Run tables: one row per training run, read with its columns and conventions.
//!
//! ```text
//!  CSV, JSON lines, Parquet,
//!  W&B, TensorBoard, MLflow, ──▶ RunTable ──▶ Observations ──▶ a law is fitted to this
//!  trackio, Trainer states,      every cell,  target and variables, by column: which column
//!  nanochat logs, stdin          with its     or formula was taken, under which convention;
//!                                place        every row left out, with its reason; findings
//!                                             that deserve a second look
//! ```
//!
//! A [`Format`] is told from a file's first bytes and its name. Parquet needs the feature
//! `parquet` (with `zstd` for files that Polars compressed), the databases of MLflow and trackio
//! the feature `sqlite`; a build without them says so when it meets such a file.
//!
//! Nothing is dropped or guessed in silence: the column taken for each role, the convention it
//! follows and every excluded row can be asked for, and every error names file, line and column.
//! What a [`Request`] names is found by standard name or synonym (`catalogue/columns.toml` holds
//! them as data), by the column or expression that was given for it, or derived from others.
//! A [`Finding`] drops nothing; [`Rules`] drop valid rows, and only where asked.
//!
//! ```
//! use runs::{Observations, Request, RunTable};
//!
//! let text = "run,status,params,tokens,loss\n\
//!             a,done,1e6,2e7,4.1\n\
//!             b,diverged,1e6,4e7,\n\
//!             c,done,2e6,4e7,3.7\n";
//! let table = RunTable::from_bytes("sweep.csv", text.as_bytes())?;
//! let observations = Observations::from_table(&table, &Request::default())?;
//! assert_eq!(observations.len(), 2);
//! assert_eq!(observations.target()[1], 3.7);
//! assert_eq!(observations.exclusions()[0].to_string(), "1 row with status `diverged`: line 3");
//! # Ok::<(), diagnostic::Diagnostic>(())
//! ```

mod builder;
mod checks;
mod columns;
mod draft;
mod exclusion;
mod filter;
mod finder;
mod finding;
mod format;
mod membership;
mod observations;
mod place;
mod quantity;
mod read;
mod request;
mod select;
mod standard;
mod table;
mod write;

pub use columns::{ColumnChoice, Taken};
pub use exclusion::{Exclusion, Reason};
pub use filter::{Comparison, Filter};
pub use finder::is_standard_name;
pub use finding::Finding;
pub use format::Format;
pub use observations::{InMemory, Observation, Observations};
pub use place::{Place, Unit};
pub use quantity::{BitsPerByte, Flop, NatsPerToken, Parameters, Seconds, Tokens, flop_6nd};
pub use request::{Asked, Domain, Request, Rules};
pub use table::RunTable;
pub use write::write_atomically;
