//! Training over slow links: what crosses them, how long it takes, and what a swarm delivers.
//!
//! ```text
//!  intensity, square_cube   FLOP per byte sent, by scheme; against the model's size
//!  link ──▶ exchange        ring, shares, butterfly, all-gather, aggregator over unlike lines
//!           shares          who should own which part of a sum
//!           hierarchy       sites with quick lines inside and slow ones between
//!           ├─▶ round          compute, traffic and waiting of one outer step, in closed form
//!           ├─▶ peer_pipeline  stages at peers, activations compressed
//!           └─▶ bandwidth      what a share of computing needs between two sites
//!  events   ◀──▶ expected   peers that come, go, are late or hostile: played, and on average
//!  messages                 one exchange or pipeline step, message by message
//! ```

pub mod bandwidth;
pub mod events;
pub mod exchange;
pub mod expected;
pub mod hierarchy;
pub mod intensity;
pub mod link;
pub mod messages;
pub mod peer_pipeline;
pub mod round;
pub mod shares;
pub mod square_cube;
