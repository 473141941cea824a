//! lab
pub mod corpus;
pub mod engine;
mod kernels;
pub mod optimiser;
pub mod parameters;
pub mod shape;
mod threads;
pub mod tokens;
mod transformer;
pub use threads::Threads;
pub use transformer::Sequences;
