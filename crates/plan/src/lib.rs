//! What to train with a budget: where loss, machine and money meet.

mod believed;
pub mod dimensions;
mod drawn;
pub mod portfolio;

pub use believed::Believed;
pub use drawn::{Drawn, Quantity};
