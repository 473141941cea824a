//! What a swarm is told: the design, what it takes, and what stands beside it.

use diagnostic::Diagnostic;
use machines::swarm::events::{Outcome, Peer, Rules, simulate};
use machines::swarm::exchange::Exchange;
use machines::{Bytes, BytesPerSecond, Joules, Usd};
use runs::{Parameters, Seconds, Tokens};

use super::campus::Campus;
use super::delivered::Delivered;
use super::design::{Family, SwarmDesign};
use super::facts::Fact;
use super::search::Counts;
use crate::Drawn;

/// Peers that are played one by one at most.
const MOST_PLAYED: f64 = 1e6;

/// The best design of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Scheme {
    /// The kind.
    pub family: Family,
    /// The design with what it delivers and how long it takes, where one reaches the loss.
    pub best: Option<(SwarmDesign, Delivered, Seconds)>,
}

/// A design with another way of exchanging updates, all else the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    /// How updates travel.
    pub exchange: Exchange,
    /// Whether the peers of a place send as one.
    pub united: bool,
    /// One sum of the whole update.
    pub sum: Seconds,
    /// The share of the sums that come out right and in time.
    pub kept: f64,
    /// The line that bounds it.
    pub bound_by: String,
    /// How long the run takes so; `None` where it does not reach the loss.
    pub time: Option<Seconds>,
    /// The line of an aggregator that nobody has and this would need to be no slower than its peers
    /// allow.
    pub lacks: Option<BytesPerSecond>,
}

/// A size of model trained to the loss of its compute-optimal run, 20 tokens per parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct BySize {
    /// The size.
    pub parameters: Parameters,
    /// The loss.
    pub loss: f64,
    /// The swarm's quickest design for it and its time; `None` where none reaches it.
    pub swarm: Option<(SwarmDesign, Seconds)>,
    /// The campus's time.
    pub campus: Option<Seconds>,
    /// Whether the swarm's time is within the patience.
    pub practical: bool,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct SwarmPlan {
    /// The loss that is reached under the best values.
    pub loss: f64,
    /// Tokens of the critical batch there.
    pub critical_batch: Tokens,
    /// The design.
    pub design: SwarmDesign,
    /// What it delivers under the best values.
    pub delivered: Delivered,
    /// The same in every world; the first is the best guess.
    pub useful: Drawn<f64>,
    /// How long.
    pub time: Drawn<Seconds>,
    /// Tokens trained on, those that a batch above its critical size wastes included.
    pub tokens: Drawn<Tokens>,
    /// Rise of ln(loss) for replicas and compression.
    pub rise: Drawn<f64>,
    /// Compute that counts over that of one run without replicas, compression and large batch.
    pub compute_factor: Drawn<f64>,
    /// Sent by a peer in a day.
    pub sent_a_day: Bytes,
    /// Electricity of all owners.
    pub electricity: Drawn<Usd>,
    /// Devices written off over the run, where their prices are known.
    pub devices: Option<Drawn<Usd>>,
    /// At the walls of the homes.
    pub energy: Drawn<Joules>,
    /// The campus at the same loss.
    pub campus: Option<Campus>,
    /// How long the quickest design takes in which every peer takes part; `None` where none does.
    pub everybody: Option<Seconds>,
    /// The design with every way of exchanging updates, its own first.
    pub ways: Vec<Way>,
    /// The best of each kind.
    pub schemes: Vec<Scheme>,
    /// Sizes from 100M to 1T.
    pub sizes: Vec<BySize>,
    /// How much was searched.
    pub counts: Counts,
    /// What it rests on.
    pub facts: Vec<Fact>,
}

impl SwarmPlan {
    /// How many times slower than the campus, draw by draw.
    pub fn slower(&self) -> Option<Drawn<f64>> {
        let campus = self.campus.as_ref()?;
        Some(self.time.with(&campus.time, |swarm, campus| swarm / campus))
    }

    /// How many times dearer: electricity and devices written off over the campus's money.
    pub fn dearer(&self) -> Option<Drawn<f64>> {
        let money = self.campus.as_ref()?.money.as_ref()?;
        let devices = self.devices.as_ref()?;
        let all: Drawn<Usd> = self.electricity.with(devices, |a, b| a + b);
        Some(all.with(money, |swarm, campus| swarm / campus))
    }

    /// The largest of the sizes tried that is practical.
    pub fn largest_practical(&self) -> Option<&BySize> {
        self.sizes.iter().rev().find(|size| size.practical)
    }

    /// The design played by events with a seed: what its closed form is checked against.
    ///
    /// # Errors
    /// Peers and rules out of range, and more peers than can be played one by one.
    pub fn play(&self, rounds: u32, seed: u64) -> Result<Outcome, Diagnostic> {
        let (groups, rules) = &self.delivered.played;
        let all: f64 = groups.iter().map(|(_, count)| count).sum();
        if all > MOST_PLAYED {
            let message = format!("{all} peers are too many to play one by one");
            return Err(Diagnostic::error(message)
                .note(format!("at most {MOST_PLAYED}"))
                .help("leave out --events: the closed form says the same within some per cent"));
        }
        let each = groups.iter().map(|(peer, count)| std::iter::repeat_n(*peer, *count as usize));
        let peers: Vec<Peer> = each.flatten().collect();
        simulate(&peers, &Rules { rounds, seed, ..*rules })
    }
}
