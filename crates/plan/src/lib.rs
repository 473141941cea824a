//! What to train with a budget: where loss, machine and money meet.
//!
//! ```text
//!  fit, or published constants ──▶ Believed ──┐
//!  6 N D, attention, experts ────▶ FlopText ──┼─▶ Frontier ──┐   the best run of each draw
//!  served tokens, scarce text ────────────────┘              ├─▶ Question ──▶ Plan
//!  "30 day on 512 H100" ──▶ Budget ─▶ Means ─▶ FLOP ─────────┘    │          Mistake: what a wrong
//!                                     money, days, energy ◀───────┘          choice would waste
//! ```
//!
//! Everything is computed for every draw of the law, of MFU, goodput and price, so every answer is
//! a [`Drawn`] quantity with an interval. The best run is found along a path of formulas
//! ([`laws::Along`]), by closed form where there is one, and certified by a change of sign of the
//! slope where there is none.
//!
//! ```
//! use laws::Setting;
//! use plan::{Believed, Drawn, FlopText, Frontier, Limits, Question, Rule};
//! use runs::Flop;
//!
//! let law = Believed::published("besiroglu-2024")?;
//! let flop = FlopText::default();
//! let frontier = Frontier::new(law, &flop, &Setting::new(), None, None)?;
//! let budget = Drawn::certain(Flop(1e24), 0);
//! let question = Question { frontier: &frontier, flop: &flop, budget, limits: Limits::default() };
//! let plan = question.answer()?;
//! assert!((plan.size.get() / 9.59e10 - 1.0).abs() < 0.01);
//!
//! // Eight tokens per parameter would waste a twentieth of the budget if this law is right.
//! let wasted = question.rules(&[Rule::Ratio(8.0)], &Setting::new())?;
//! assert!((wasted[0].share.best - 0.058).abs() < 0.001);
//! # Ok::<(), diagnostic::Diagnostic>(())
//! ```

mod advice;
pub mod amount;
mod believed;
mod budget;
mod date;
mod drawn;
mod fleet;
mod flop_count;
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
mod shape;
pub mod swarm;
mod written;

pub use advice::{Advice, Advised, AdvisedRun, advice};
pub use believed::Believed;
pub use budget::{Budget, BudgetKind, PowerKind};
pub use date::Date;
pub use drawn::{Drawn, Quantity};
pub use fleet::Fleet;
pub use flop_count::{Attended, FlopModel};
pub use flop_text::{FlopCurve, FlopText, PerToken};
pub use frontier::{Allocation, Elasticities, Frontier};
pub use limits::Limits;
pub use long_run::{LongRun, Stretch};
pub use means::{Assumption, DeviceTime, Funded, Means, MeansRequest, Simulated, hourly_price};
pub use mistake::Mistake;
pub use question::{Binding, Constraint, Plan, Question};
pub use repetition::Repetition;
pub use rule::Rule;
pub use serving::{Served, Serving};
pub use shape::{Configuration, Counted, FamilyExperts, ShapeFamily, shape_families, shape_family};
