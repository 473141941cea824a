//! lab
mod checkpoint;
pub mod corpus;
pub mod engine;
mod kernels;
pub mod machine;
pub mod optimiser;
pub mod parameters;
pub mod recipe;
pub mod schedule;
pub mod shape;
pub mod sweep;
mod threads;
pub mod tokens;
pub mod train;
mod transformer;
pub use threads::Threads;
pub use transformer::Sequences;
