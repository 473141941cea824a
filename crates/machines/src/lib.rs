//! What accelerators, networks and layouts deliver: the time of a training step and where it
//! goes, memory, traffic, power and cost.
//!
//! ```text
//!  catalogue/accelerators ──▶ Accelerator ─┐
//!  catalogue/clusters ──────▶ Site, tiers ─┴─▶ Machine ─┐
//!  catalogue/models ────────▶ Model ────────────────────┼─▶ step ──▶ Step: time by part,
//!                             Batch, Layout, Stack ─────┘            memory by kind
//! ```
//!
//! Times are closed forms over one set of constants per accelerator ([`Sustained`]), never fitted
//! to a row; the parts of a step add up to its time. FLOP are counted under a named
//! [`FlopConvention`]. This crate knows nothing of loss.
//!
//! ```
//! use machines::{Batch, FlopConvention, Layout, Machine, Precision, Stack, Zero};
//!
//! let model = machines::model("llama3-8b")?;
//! let node = machines::cluster("dgx-h100")?;
//! let machine = Machine::of_site(&node.sites[0], Precision::Bf16)?;
//! let layout = Layout { dp: 8, zero: Zero::Parameters, ..Layout::default() };
//! let batch = Batch { sequences: 128, sequence: 8192 };
//! let step = machines::step(&machine, &model, batch, &layout, &Stack::MODERN)
//!     .map_err(|misfit| machines::explain(misfit, &layout, &machine, &model))?;
//! let mfu = step.mfu(&machine, &model, batch, FlopConvention::CausalAttention);
//! assert!((0.3..0.7).contains(&mfu), "{mfu}");
//! let parts: f64 = step.parts().map(|(_, time)| time.get()).sum();
//! assert_eq!(parts, step.time().get());
//! # Ok::<(), diagnostic::Diagnostic>(())
//! ```

mod accelerator;
mod batch;
mod bends;
mod catalogue;
mod cluster;
pub mod events;
mod fits;
mod goodput;
mod layer;
mod layout;
mod machine;
mod memory;
mod model;
mod network;
mod network_cost;
mod power;
mod precision;
mod quantity;
mod search;
mod sites;
mod stack;
mod step;
pub mod swarm;
mod traffic;

pub use accelerator::{Accelerator, Peaks, Price, ScaleUp, Sustained};
pub use batch::Batch;
pub use bends::Bends;
pub use catalogue::{accelerator, accelerators, cluster, clusters, model, models, quantity};
pub use cluster::{Cluster, PeerClass, Place, Site, Tier, Wan};
pub use fits::check_memory;
pub use goodput::{Failures, Reading, Stragglers};
pub use layout::{Layout, Misfit, Recompute, Schedule, Zero};
pub use machine::Machine;
pub use memory::Memory;
pub use model::{Attention, Experts, FlopConvention, Model, Norm};
pub use network::{Group, Link, Network};
pub use network_cost::NetworkCost;
pub use power::{Cost, Power, Prices};
pub use precision::Precision;
pub use quantity::{Bytes, BytesPerSecond, FlopPerSecond, Joules, Usd, Watts};
pub use search::{Binding, Found, Search, Settled, Space, search};
pub use sites::{BetweenSites, between_sites};
pub use stack::Stack;
pub use step::{Part, Step, explain, step};
pub use traffic::Traffic;
