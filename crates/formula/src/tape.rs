//! Checked expressions as programs over blocks of columns.
//!
//! ```text
//!  graph ──unroll──▶ dag ──differentiate──▶ dag ──schedule──▶ stages ──run──▶ columns
//!        time steps       gradient, Hessian      registers,        vector
//!        written out      as more outputs        fused steps       kernels
//! ```

pub(crate) mod dag;
pub(crate) mod differentiate;
pub mod kernel;
pub(crate) mod run;
pub(crate) mod schedule;
pub(crate) mod unroll;

#[cfg(test)]
pub(crate) mod tests;
