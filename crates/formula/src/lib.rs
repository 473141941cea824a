//! A small, pure, checked expression language over columns.
//!
//! Laws, costs, scenarios and claims are all formulas. This crate reads them, checks names, units,
//! kinds and growth over the whole program before anything runs, evaluates them over columns of
//! data or samples, differentiates them exactly, and prints them as JavaScript. It knows nothing
//! of AI, of files, threads, clocks or random numbers.
//!
//! ```text
//!  text ──lex──▶ tokens ──parse──▶ ast ──check──▶ graph ──unroll──▶ dag ──schedule──▶ tape ──run──▶ columns
//!         bytes           flat list       names, units,     time steps     registers,
//!                                         kinds, growth     written out    vector kernels
//!                                            │                 │
//!                                       structure          differentiate (gradient, Hessian)
//!                                   (depends on, linear in)    │
//!                                                          javascript
//! ```
//!
//! ```
//! use formula::{Columns, Environment, Program};
//!
//! let program = Program::parse("law.toml", "loss = E + A / N^alpha")?;
//! let names = Environment::new()
//!     .data("N", "")
//!     .parameter("E", "nat")
//!     .free_parameter("A")
//!     .parameter("alpha", "");
//! let law = program.check(&names)?;
//! assert_eq!(law.dimension_of("loss")?, "bit");
//! assert_eq!(law.linear_names("loss", &["E", "A", "alpha"])?.names, ["E", "A"]);
//!
//! let gradient = law.compile(&["loss"])?.gradient(&["A"])?;
//! let table = Columns::new(2)
//!     .with("N", vec![1e8, 1e9])
//!     .with_number("E", 1.7)
//!     .with_number("A", 400.0)
//!     .with_number("alpha", 0.5);
//! let out = gradient.evaluate(&table)?;
//! assert!((out.get("d(loss)/d(A)").unwrap()[0] - 1e-4).abs() < 1e-16);
//! # Ok::<(), diagnostic::Diagnostic>(())
//! ```
//!
//! The language itself is described, with every construct shown by an example, in the book's
//! chapter "The language". Values go in and come out in the units in which names were declared or
//! asked for, and otherwise in base units: s, m, kg, K, bit, FLOP, token, param, GPU, USD. A date
//! is the number of seconds since the year 0, a year being 31,557,600 s; a condition is 1 or 0.

mod ast;
mod check;
mod checked;
mod columns;
mod compiled;
mod dimension;
mod environment;
mod functions;
mod graph;
mod javascript;
mod lex;
#[cfg(test)]
mod oracle;
mod parse;
mod print;
mod program;
mod quantity;
mod recipe;
mod show;
mod source;
mod structure;
mod tape;
mod types;
mod unit_table;
mod units;

pub use checked::Checked;
pub use columns::Columns;
pub use compiled::{Compiled, InputColumn, Output, Prepared, Workspace};
pub use environment::{Environment, Role};
pub use program::Program;
pub use recipe::{Recipe, RecipeArgument, RecipeLabel, RecipeValue};
pub use show::ValueType;
pub use source::Source;
pub use structure::{Input, Linear};
pub use tape::kernel;
pub use types::{Form, Nature};
pub use units::Unit;
