//! wip
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
