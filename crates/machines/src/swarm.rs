//! Training over slow links: what crosses them, how long it takes, and what a swarm delivers.
//!
//! ```text
//!  bandwidth: what a share of computing needs between two sites
//!  intensity: FLOP per byte sent, by scheme    (does it grow with the model?)
//!  link:      what TCP makes of a lossy line
//!  shares:    who should own which part of a sum
//!  round:     compute, traffic and waiting of one outer step, in closed form
//!  events:    the same with peers that come, go and are late, in virtual time
//! ```

pub mod bandwidth;
pub mod events;
pub mod intensity;
pub mod link;
pub mod round;
pub mod shares;
