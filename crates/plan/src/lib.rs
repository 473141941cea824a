//! What to train with a budget: where loss, machine and money meet.

pub mod amount;
mod believed;
mod budget;
mod date;
mod drawn;
mod fleet;
mod flop_text;
mod frontier;
mod limits;
mod long_run;
mod means;
mod mistake;
mod question;
mod repetition;
mod rule;
pub mod scarcity;
mod serving;
mod written;

pub use believed::Believed;
pub use budget::{Budget, BudgetKind, PowerKind};
pub use date::Date;
pub use drawn::{Drawn, Quantity};
pub use fleet::Fleet;
pub use flop_text::{Counted, FlopCurve, FlopText};
pub use frontier::{Allocation, Elasticities, Frontier};
pub use limits::Limits;
pub use long_run::{LongRun, Stretch};
pub use means::{Assumption, DeviceTime, Funded, Means, MeansRequest, Simulated};
pub use mistake::Mistake;
pub use question::{Binding, Constraint, Plan, Question};
pub use repetition::Repetition;
pub use rule::Rule;
pub use serving::{Served, Serving};
