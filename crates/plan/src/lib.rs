//! What to train with a budget: where loss, machine and money meet.

mod advice;
mod believed;
mod budget;
mod date;
mod drawn;
mod fleet;
mod flop_count;
mod means;
mod shape;
mod written;

pub use advice::{Advice, Advised, AdvisedRun, advice};
pub use believed::Believed;
pub use budget::{Budget, BudgetKind, PowerKind};
pub use date::Date;
pub use drawn::{Drawn, Quantity};
pub use fleet::Fleet;
pub use flop_count::{Attended, FlopModel};
pub use means::{Assumption, DeviceTime, Funded, Means, MeansRequest, Simulated, hourly_price};
pub use shape::{Configuration, Counted, FamilyExperts, ShapeFamily, shape_families, shape_family};
