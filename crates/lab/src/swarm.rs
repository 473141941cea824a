//! One model trained by many machines over slow links: what crosses the wire, and how.
//!
//! ```text
//! values ──▶ codec ──▶ wire ──▶ transport ──▶ wire ──▶ codec ──▶ aggregate
//! f32        bytes     frames   links: a law of time, or TCP     one vector for all
//! ```
//!
//! Everything here is deterministic: bytes and sums depend on the values alone, never on threads
//! or on the machine, and time enters only as [`Time`], which a driver counts or reads.

pub mod codec;
pub mod time;
pub mod transport;
pub mod wire;

pub use time::Time;
