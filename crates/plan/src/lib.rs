//! What to train with a budget: where loss, machine and money meet.

mod believed;
pub mod design;
mod drawn;

pub use believed::Believed;
pub use drawn::{Drawn, Quantity};
