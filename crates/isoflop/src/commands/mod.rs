//! The commands, one module each.

pub(crate) mod amounts;
pub(crate) mod claims;
pub(crate) mod compare;
pub(crate) mod diff;
pub(crate) mod eval;
pub(crate) mod fit;
pub(crate) mod forecast;
pub(crate) mod lab;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod named_text;
pub(crate) mod new;
pub(crate) mod next;
pub(crate) mod open;
pub(crate) mod pass_at_k;
pub(crate) mod plan;
pub(crate) mod portfolio;
pub(crate) mod quantity;
pub(crate) mod quickstart;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod shares;
pub(crate) mod simulate;
pub(crate) mod split;
pub(crate) mod text_source;
pub(crate) mod trend;
pub(crate) mod watch;

/// How a command ended, when it ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what was asked.
    Done,
    /// It was asked a question, and the answer is no.
    No,
    /// It was interrupted; what was done so far is kept.
    Interrupted,
}
