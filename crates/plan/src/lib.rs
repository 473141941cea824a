//! What to train with a budget: where loss, machine and money meet.

mod drawn;

pub use drawn::{Drawn, Quantity};
