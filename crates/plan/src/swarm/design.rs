//! One way to train on a swarm.

use machines::swarm::exchange::Server;
use machines::swarm::round::{Exchange, Rhythm};
use machines::{Bytes, BytesPerSecond};
use runs::{Parameters, Tokens};

use super::facts::Compression;

/// Designs of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Gradients summed after every step.
    DataParallel,
    /// Updates summed every H steps (arXiv:2311.08105).
    DiLoCo,
    /// The same in fragments that travel while others compute (arXiv:2501.18512).
    Streaming,
    /// Sparse updates that everybody fetches from everybody (arXiv:2508.15706).
    Sparse,
    /// Pipelines through several peers, compressed activations between them; those that hold the
    /// same stage sum seldom.
    Pipeline,
}

impl Family {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] =
        [Self::DataParallel, Self::DiLoCo, Self::Streaming, Self::Sparse, Self::Pipeline];

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DataParallel => "data parallel",
            Self::DiLoCo => "DiLoCo",
            Self::Streaming => "streaming DiLoCo",
            Self::Sparse => "SparseLoCo",
            Self::Pipeline => "pipelines",
        }
    }

    /// Numbers of stages that are tried, or the one that is asked for where it suits.
    pub(super) fn stages(self, asked: Option<u32>) -> Vec<u32> {
        let tried: &[u32] = match self {
            Self::Pipeline => &[2, 4, 8, 16, 32, 64],
            _ => &[1],
        };
        match asked {
            None => tried.to_vec(),
            Some(stages) if (stages > 1) == (self == Self::Pipeline) => vec![stages],
            Some(_) => Vec::new(),
        }
    }

    /// Rhythms that are tried, or those of the inner steps that are asked for.
    pub(super) fn rhythms(self, asked: Option<u32>) -> Vec<Rhythm> {
        const STEPS: [u32; 7] = [10, 30, 50, 100, 200, 500, 1000];
        let steps = asked.map_or(STEPS.to_vec(), |steps| vec![steps]);
        let every = || {
            let seldom = steps.iter().filter(|steps| **steps > 1);
            seldom.map(|&steps| Rhythm::Every { steps })
        };
        let each = asked.is_none_or(|steps| steps == 1).then_some(Rhythm::EveryStep);
        match self {
            Self::DataParallel => each.into_iter().collect(),
            Self::DiLoCo | Self::Sparse => every().collect(),
            Self::Streaming => steps.into_iter().filter_map(streaming).collect(),
            Self::Pipeline => each.into_iter().chain(every()).collect(),
        }
    }

    pub(super) fn suits(self, compression: &Compression) -> bool {
        match self {
            Self::DataParallel => compression.every_step,
            Self::Sparse => !compression.sums && !compression.every_step,
            Self::DiLoCo | Self::Streaming | Self::Pipeline => compression.sums,
        }
    }

    /// Ways in which updates so compressed can travel, an aggregator where there is one: sums on
    /// their way only where they stay as small.
    pub(super) fn exchanges(
        compression: &Compression,
        aggregator: bool,
    ) -> impl Iterator<Item = Exchange> + '_ {
        const ORDER: [Exchange; 5] = [
            Exchange::Shares,
            Exchange::Ring,
            Exchange::Butterfly,
            Exchange::AllGather,
            Exchange::Aggregator,
        ];
        ORDER.into_iter().filter(move |exchange| match exchange {
            Exchange::Aggregator => aggregator,
            exchange => compression.sums || !exchange.adds_up(),
        })
    }
}

/// Eight fragments, each with up to five steps to arrive: more delay was measured to cost loss.
fn streaming(steps: u32) -> Option<Rhythm> {
    const FRAGMENTS: u32 = 8;
    let overlap = (steps / FRAGMENTS).min(5);
    (overlap > 0).then_some(Rhythm::Streaming { steps, fragments: FRAGMENTS, overlap })
}

/// One way to train.
#[derive(Debug, Clone, PartialEq)]
pub struct SwarmDesign {
    /// Its kind.
    pub family: Family,
    /// The share of each class of peers that takes part, in the swarm's order.
    pub members: Vec<f64>,
    /// Peers that a model is spread over: 1 where each holds all of it.
    pub stages: u32,
    /// Whether the peers of a place sum every inner step within it and send as one.
    pub united: bool,
    /// How updates travel.
    pub exchange: Exchange,
    /// The line of the aggregator, where there is one.
    pub aggregator: Option<BytesPerSecond>,
    /// How often.
    pub rhythm: Rhythm,
    /// The compression, by its place in the catalogue.
    pub(super) compression_at: usize,
    /// How updates are made smaller.
    pub compression: Compression,
    /// Tokens of an inner step over all peers.
    pub batch: Tokens,
    /// Model size.
    pub parameters: Parameters,
}

impl SwarmDesign {
    /// What one that holds a stage sends into a sum.
    pub(super) fn update(&self) -> Bytes {
        Bytes(self.parameters.get() / f64::from(self.stages) * self.compression.bytes)
    }

    /// The aggregator for updates of so many; one that nobody has is as wide as need be.
    pub(super) fn server(&self, updates: f64) -> Server {
        server(self.aggregator, &self.compression, updates)
    }
}

/// Sparse updates have different places: their sum is as many times larger, up to all parameters in
/// a byte each.
pub(super) fn server(
    line: Option<BytesPerSecond>,
    compression: &Compression,
    updates: f64,
) -> Server {
    let all = (1.0 / compression.bytes).max(1.0);
    let growth = if compression.sums { 1.0 } else { updates.clamp(1.0, all) };
    Server { line: line.unwrap_or(Server::WIDE.line), growth }
}
