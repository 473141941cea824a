//! What to train with a budget: where loss, machine and money meet.

mod believed;
mod drawn;
mod frontier;
mod repetition;
mod serving;

pub use believed::Believed;
pub use drawn::{Drawn, Quantity};
pub use frontier::{Allocation, Elasticities, FlopText, Frontier};
pub use repetition::Repetition;
pub use serving::{Served, Serving};
