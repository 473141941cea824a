//! The best run of a budget under every draw of a law, and what stands beside it.
//!
//! ```text
//!  Believed ─┐
//!  FlopText ─┼─▶ Frontier ─▶ Question ─▶ Plan ─▶ Mistake, Rule, LongRun
//!  Serving ──┤       ▲
//!  Repetition┘       Limits                     Scarcity
//! ```

pub(crate) mod frontier;
pub(crate) mod limits;
pub(crate) mod long_run;
pub(crate) mod mistake;
pub(crate) mod question;
pub(crate) mod repetition;
pub(crate) mod rule;
pub mod scarcity;
pub(crate) mod serving;
