//! One model trained by many machines over slow links.
//!
//! ```text
//! coordinator ◀── message ──▶ worker      state machines: step(now, event) -> effects; no I/O
//!             ╲             ╱
//!         virtual time │ real time        drivers: the same machines in different worlds
//!                      │
//! values ──▶ codec ──▶ wire ──▶ transport ──▶ wire ──▶ codec ──▶ robust
//! f32        bytes     frames   links: a law of time, or TCP     one vector for all
//! ```
//!
//! Everything here is deterministic: bytes and sums depend on the values alone, never on threads
//! or on the machine, and time enters only as [`Time`], which a driver counts or reads.

pub mod checkpoint;
pub mod codec;
pub mod coordinator;
mod fetching;
pub mod habit;
pub mod learner;
pub mod ledger;
pub mod link;
pub mod log;
pub mod machine;
pub mod message;
pub mod outer;
pub mod patience;
pub mod pipeline;
pub mod real_time;
pub mod rehearsal;
pub mod ring;
pub mod robust;
pub mod roles;
pub mod row;
mod sealed;
pub mod settings;
pub mod site;
#[cfg(test)]
mod soak;
pub mod spec;
#[cfg(test)]
mod tests;
pub mod threads;
pub mod time;
#[cfg(test)]
mod toy;
pub mod transport;
pub mod virtual_time;
pub mod wire;
pub mod worker;

pub use time::Time;
