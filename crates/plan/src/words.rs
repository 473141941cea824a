//! What people write: budgets, machines, dates and amounts.

pub mod amount;
pub(crate) mod budget;
pub(crate) mod date;
pub(crate) mod fleet;
pub(crate) mod written;
