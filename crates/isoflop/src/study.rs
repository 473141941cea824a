//! Studies: a question in one file, answered into a folder with one live page.
//!
//! ```text
//!  study.toml ──▶ Study ──▶ steps, each a command with its options ──▶ Part ──▶ Document ──▶ page
//!                             fit, plan, simulate, forecast, ...         │
//!                             only those whose inputs changed          stored with its key
//! ```
//!
//! A step's table in the file holds the options of the command of its name, so that a study says
//! nothing that the command line could not, and every part of a report can be asked for by itself.

mod assemble;
mod chinchilla;
mod file;
mod key;
mod part;
mod plot;
mod results;
mod run;
mod step;

pub(crate) use chinchilla::{Budget, FACTORS, LivePlan, Machine, OtherLaw};
pub(crate) use file::Study;
pub(crate) use key::Input;
pub(crate) use part::{Part, numbers_of};
pub(crate) use plot::figure;
pub(crate) use results::{MANIFEST, ManifestStep, Results};
pub(crate) use run::{Options, Outcome, Ran, State, run};
