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
mod allocation;
mod believed;
mod counting;
pub mod design;
pub mod dimensions;
mod drawn;
mod means;
pub mod portfolio;
mod reaching;
pub mod swarm;
mod words;

pub use advice::{Advice, Advised, AdvisedRun, advice};
pub use allocation::frontier::{Allocation, Elasticities, Frontier};
pub use allocation::limits::Limits;
pub use allocation::long_run::{LongRun, Stretch};
pub use allocation::mistake::Mistake;
pub use allocation::question::{Binding, Constraint, Plan, Question};
pub use allocation::repetition::Repetition;
pub use allocation::rule::Rule;
pub use allocation::scarcity;
pub use allocation::serving::{Served, Serving};
pub use believed::Believed;
pub use counting::flop_count::{Attended, FlopModel};
pub use counting::flop_text::{FlopCurve, FlopText, PerToken};
pub use counting::shape::{
    Configuration, Counted, FamilyExperts, ShapeFamily, shape_families, shape_family,
};
pub use drawn::{Drawn, Quantity};
pub use means::{
    Assumption, DeviceTime, Funded, Means, MeansRequest, Simulated, energy_price, hourly_price,
};
pub use reaching::{loss_of, tokens_to};
pub use words::amount;
pub use words::budget::{Budget, BudgetKind, PowerKind};
pub use words::date::Date;
pub use words::fleet::Fleet;
