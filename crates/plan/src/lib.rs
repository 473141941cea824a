//! What to train with a budget: where loss, machine and money meet.

mod believed;
mod drawn;
mod flop_text;
mod frontier;
mod limits;
mod long_run;
mod mistake;
mod question;
mod repetition;
mod rule;
pub mod scarcity;
mod serving;

pub use believed::Believed;
pub use drawn::{Drawn, Quantity};
pub use flop_text::{Counted, FlopCurve, FlopText};
pub use frontier::{Allocation, Elasticities, Frontier};
pub use limits::Limits;
pub use long_run::{LongRun, Stretch};
pub use mistake::Mistake;
pub use question::{Binding, Constraint, Plan, Question};
pub use repetition::Repetition;
pub use rule::Rule;
pub use serving::{Served, Serving};
