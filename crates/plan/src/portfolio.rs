//! Several runs out of one budget: a family of models, small bets before a large run, runs that
//! teach the law.
//!
//! ```text
//!                      ┌─▶ family   sizes between two ends, at one ratio or each at its best
//!  budget, law, draws ─┼─▶ bets     k ideas tried at scale s, the best one taken to the large run
//!                      └─▶ learn    runs that narrow the law, worth the waste that they prevent
//! ```

mod bets;
mod family;
mod frontier;
mod learn;
mod odds;
mod prior;

pub use bets::{Bet, Bets, BetsAnswer, Effect};
pub use family::{Family, Member, Ratio};
pub use learn::{Learn, Learned};
pub use odds::Odds;
pub use prior::Prior;
