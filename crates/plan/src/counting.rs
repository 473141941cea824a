//! How parameters and FLOP are counted, on real shapes where that matters.

pub(crate) mod flop_count;
pub(crate) mod flop_text;
pub(crate) mod shape;
