//! What to train with a budget: where loss, machine and money meet.

mod believed;
mod budget;
mod date;
mod drawn;
mod fleet;
mod means;
mod written;

pub use believed::Believed;
pub use budget::{Budget, BudgetKind, PowerKind};
pub use date::Date;
pub use drawn::{Drawn, Quantity};
pub use fleet::Fleet;
pub use means::{Assumption, DeviceTime, Funded, Means, MeansRequest, Simulated};
