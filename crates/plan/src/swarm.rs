//! A swarm's way to a loss: which design, how long, how much traffic, money and energy, and how
//! far behind one campus that is.
//!
//! ```text
//!  Cluster with peers ─▶ Peers ──┐                     ┌─▶ time, traffic, cost, energy
//!  catalogue/swarm ────▶ World ──┼─▶ Delivered ─▶ search ─▶ SwarmDesign, by scheme and by size
//!  Believed ───────────▶ Curve ──┘  (one design)       └─▶ Campus at the same loss
//! ```
//!
//! Loss is that of the law times the replica tax and the penalty of compression; tokens grow with
//! the batch over the critical one. What nobody has measured stands beside every number of the
//! catalogue that it concerns.

mod answer;
mod asked;
mod campus;
mod curve;
mod delivered;
mod design;
mod facts;
mod in_worlds;
mod peers;
mod question;
mod search;
#[cfg(test)]
mod tests;
mod world;

pub use answer::{BySize, Scheme, SwarmPlan, Way};
pub use asked::{bandwidth, time};
pub use campus::Campus;
pub(crate) use curve::Curve;
pub use delivered::Delivered;
pub use design::{Family, SwarmDesign};
pub use facts::{Compression, Fact};
pub use peers::Peers;
pub use question::{Goal, SwarmQuestion};
pub use search::{Counts, Space};
pub use world::{Tax, World};
