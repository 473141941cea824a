//! Pre-training, reinforcement learning and inference together: the split of a budget.
//!
//! ```text
//!  catalogue/capabilities/*.toml ──▶ Capability ──▶ Question ──▶ columns of draws ──▶ one optimum
//!   capability = f(N, D, C_rl, k, T)   laws of         budget,      exact gradients      a draw, with
//!   and what each of them costs        your own        limits       and Hessians         certificate
//! ```
//!
//! A capability is a formula over the choices that cost compute: N parameters and D tokens of
//! pre-training, `C_rl` FLOP of reinforcement learning, k samples and T tokens of thought a query.
//! The optimum is sought in the logarithms of the choices, once for each draw of everything
//! uncertain, so that all that follows from it has an interval.

mod assemble;
mod barrier;
mod capability;
mod catalogue;
mod curve;
mod dense;
mod file;
mod functions;
mod limits;
mod polish;
mod question;
mod search;
mod split;
mod stated;
mod task;
#[cfg(test)]
mod tests;
mod trade;

pub use capability::{Amount, Capability, Choice, Dimension, Slot};
pub use catalogue::{capabilities, capability};
pub use curve::{Curve, CurvePoint};
pub use limits::{Limit, LimitKind, Machine};
pub use question::{Aim, Question};
pub use split::{Certainty, Part, Price, Split, Through};
pub use trade::{exchange_rate, snell_multiplier};
