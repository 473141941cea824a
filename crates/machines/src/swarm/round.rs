//! One outer step of a swarm in closed form: computing, traffic and waiting.

use diagnostic::Diagnostic;
use runs::{Parameters, Seconds, Tokens};

pub use super::exchange::Exchange;
use super::exchange::{Member, Toll};
use super::link::Congestion;
use crate::{Bytes, Cluster, FlopPerSecond};

/// How often, and what runs meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rhythm {
    /// After every inner step, nothing meanwhile: data parallelism.
    EveryStep,
    /// After so many inner steps, nothing meanwhile (`DiLoCo`, arXiv:2311.08105).
    Every {
        /// Inner steps, H.
        steps: u32,
    },
    /// In fragments spread over the inner steps, each with some steps to arrive (Streaming
    /// `DiLoCo`, arXiv:2501.18512).
    Streaming {
        /// Inner steps, H.
        steps: u32,
        /// Fragments of the model.
        fragments: u32,
        /// Inner steps that a fragment may take to arrive.
        overlap: u32,
    },
}

impl Rhythm {
    /// Inner steps of one round.
    pub const fn steps(self) -> u32 {
        match self {
            Self::EveryStep => 1,
            Self::Every { steps } | Self::Streaming { steps, .. } => steps,
        }
    }

    /// Sums of one round, each of as large a part of the model.
    pub fn sums(self) -> f64 {
        match self {
            Self::EveryStep | Self::Every { .. } => 1.0,
            Self::Streaming { fragments, .. } => f64::from(fragments.max(1)),
        }
    }
}

/// A way to train on a swarm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Design {
    /// How updates travel.
    pub exchange: Exchange,
    /// How often.
    pub rhythm: Rhythm,
    /// Bytes per parameter of an update on the wire: 4 for fp32, 1 for int8, 0.5 for fp4,
    /// [`Design::SPARSE_LOCO`].
    pub update: f64,
    /// Tokens of one inner step over all peers.
    pub batch: Tokens,
    /// Share of its dense bf16 peak that a peer reaches between exchanges.
    pub utilisation: f64,
    /// Bytes per parameter that a peer has to hold: 16 for mixed precision, 4 more for outer
    /// momentum.
    pub held: f64,
    /// Congestion control.
    pub congestion: Congestion,
    /// Connections per peer.
    pub streams: u32,
}

impl Design {
    /// `SparseLoCo` (Covenant-72B): 64 of each 4,096 values, 12 bits of place and 2 of value, 112
    /// bytes per 4,096 parameters.
    pub const SPARSE_LOCO: f64 = 112.0 / 4096.0;
}

/// One round: the time from one outer step to the next.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    /// Peers that are there, on average, and can hold the model.
    pub peers: f64,
    /// Peers that are too small.
    pub too_small: u32,
    /// Computing.
    pub compute: Seconds,
    /// Exchange, hidden or not.
    pub exchange: Seconds,
    /// What of it nothing hides.
    pub waiting: Seconds,
    /// Sent by each peer.
    pub sent: Bytes,
    /// Received by each peer.
    pub received: Bytes,
    /// Tokens of the round.
    pub tokens: Tokens,
    /// FLOP a second of all peers together, waiting included, under 6ND.
    pub rate: FlopPerSecond,
    /// The line that bounds the exchange.
    pub bound_by: String,
}

impl Round {
    /// The whole round.
    pub fn time(&self) -> Seconds {
        self.compute + self.waiting
    }

    /// Share of the round spent computing.
    pub fn utilisation(&self) -> f64 {
        self.compute / self.time()
    }

    /// How many times a campus of `rate` is ahead.
    pub fn behind(&self, rate: FlopPerSecond) -> f64 {
        rate / self.rate
    }
}

/// One round of `design` for a model of `parameters` on the peers of `swarm`.
///
/// Tokens go to peers by what they compute, so that all finish together. Availability counts as
/// fewer peers; what churn does beyond that needs [`super::events`].
///
/// # Errors
/// A swarm without peers, peers without a published peak or memory, none that holds the model,
/// and designs out of range.
pub fn round(
    swarm: &Cluster,
    parameters: Parameters,
    design: &Design,
) -> Result<Round, Diagnostic> {
    check(parameters, design)?;
    if swarm.peers.is_empty() {
        return Err(Diagnostic::error(format!("{} has no peers", swarm.title))
            .help("give a cluster with [[peers]]"));
    }
    let needed = parameters.get() * design.held;
    let mut able: Vec<Member<'_>> = Vec::new();
    let (mut too_small, mut largest) = (0, 0.0_f64);
    for class in &swarm.peers {
        let device = &class.accelerator;
        let lacking = |what: &str| Diagnostic::error(format!("{} has no {what}", device.title));
        let peak = device.peak.bf16.ok_or_else(|| lacking("dense bf16 peak"))?;
        let memory = device.memory.ok_or_else(|| lacking("memory size"))?;
        let devices = f64::from(class.devices);
        let there = memory.get() * devices;
        largest = largest.max(there);
        if there < needed {
            too_small += class.count;
            continue;
        }
        let present = f64::from(class.count) * class.availability;
        able.push(Member { class, present, rate: peak * devices * design.utilisation });
    }
    let peers: f64 = able.iter().map(|member| member.present).sum();
    if able.is_empty() {
        return Err(Diagnostic::error(format!(
            "no peer holds the model: it needs {}, the largest has {}",
            Bytes(needed),
            Bytes(largest)
        ))
        .help("a smaller model, or a pipeline over peers"));
    }
    let rate: f64 = able.iter().map(|member| member.present * member.rate.get()).sum();
    let steps = f64::from(design.rhythm.steps());
    let tokens = design.batch.get() * steps;
    let step_time = 6.0 * parameters.get() * design.batch.get() / rate;
    let compute = step_time * steps;

    let size = Bytes(parameters.get() * design.update);
    let toll = Toll::new(design.exchange, &able, design.congestion, design.streams);
    let exchange = toll.time(size).get();
    let waiting = match design.rhythm {
        _ if peers <= 1.0 => 0.0,
        Rhythm::EveryStep | Rhythm::Every { .. } => exchange,
        Rhythm::Streaming { fragments, overlap, .. } => {
            let fragments = f64::from(fragments);
            fragments * (exchange / fragments - f64::from(overlap) * step_time).max(0.0)
        }
    };
    Ok(Round {
        peers,
        too_small,
        compute: Seconds(compute),
        exchange: Seconds(exchange),
        waiting: Seconds(waiting),
        sent: size * toll.sent,
        received: size * toll.received,
        tokens: Tokens(tokens),
        rate: FlopPerSecond(6.0 * parameters.get() * tokens / (compute + waiting)),
        bound_by: toll.bound_by,
    })
}

fn check(parameters: Parameters, design: &Design) -> Result<(), Diagnostic> {
    let positive = [
        ("the number of parameters", parameters.get()),
        ("the batch", design.batch.get()),
        ("the update's bytes per parameter", design.update),
        ("the held bytes per parameter", design.held),
        ("the utilisation", design.utilisation),
        ("the number of inner steps", f64::from(design.rhythm.steps())),
    ];
    for (what, value) in positive {
        if !(value.is_finite() && value > 0.0) {
            return Err(Diagnostic::error(format!("{what} must be above zero, found {value}")));
        }
    }
    if design.utilisation > 1.0 {
        return Err(Diagnostic::error("a utilisation above one"));
    }
    if let Rhythm::Streaming { steps, fragments, overlap } = design.rhythm
        && (fragments == 0 || overlap > steps)
    {
        return Err(Diagnostic::error(
            "streaming needs a fragment and an overlap within the round",
        )
        .note(format!("{fragments} fragments, {overlap} of {steps} inner steps")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BytesPerSecond;

    const DESIGN: Design = Design {
        exchange: Exchange::AllGather,
        rhythm: Rhythm::Every { steps: 30 },
        update: Design::SPARSE_LOCO,
        batch: Tokens(8e6),
        utilisation: 0.4,
        held: 12.0,
        congestion: Congestion::Bbr,
        streams: 8,
    };

    #[test]
    fn covenants_round_does_not_close_on_its_stated_lines() {
        let mut swarm = crate::cluster("covenant").unwrap();
        swarm.peers[0].availability = 1.0;
        swarm.peers[0].round_trip = Seconds(0.0);
        let round = round(&swarm, Parameters(72.7e9), &DESIGN).unwrap();
        // 1.99 GB a peer: 145 s up at 110 Mbit/s, 604 s for 19 others' at 500 Mbit/s down; 70 s
        // are reported.
        assert!((round.sent.get() / 1.988e9 - 1.0).abs() < 1e-3, "{}", round.sent);
        assert!((round.exchange.get() - 604.0).abs() < 1.0, "{}", round.exchange);
        assert!(round.bound_by.starts_with("down"));
        let up = round.sent.get() / swarm.peers[0].up.get();
        assert!((up - 144.6).abs() < 0.5 && up > 70.0);
        // An aggregator would still need the upload.
        let summed = Design { exchange: Exchange::Aggregator, ..DESIGN };
        let summed = super::round(&swarm, Parameters(72.7e9), &summed).unwrap();
        assert!(summed.exchange.get() > 70.0, "{}", summed.exchange);
    }

    #[test]
    fn intellect_ones_rings_take_what_was_measured() {
        // Realised bandwidths of 1.47 (United States) and 0.32 Gbit/s (global); 103 and 469 s.
        for (gbit, seconds) in [(1.47, 103.0), (0.32, 469.0)] {
            let mut swarm = crate::cluster("covenant").unwrap();
            let class = &mut swarm.peers[0];
            let rate = BytesPerSecond(gbit * 1e9 / 8.0);
            (class.count, class.up, class.down, class.availability) = (14, rate, rate, 1.0);
            class.round_trip = Seconds(0.0);
            let design = Design {
                exchange: Exchange::Ring,
                rhythm: Rhythm::Every { steps: 100 },
                update: 1.0,
                ..DESIGN
            };
            let found = round(&swarm, Parameters(10.2e9), &design).unwrap();
            assert!((found.exchange.get() / seconds - 1.0).abs() < 0.02, "{}", found.exchange);
        }
    }

    #[test]
    fn streaming_hides_what_fits_under_its_steps() {
        let swarm = crate::cluster("covenant").unwrap();
        let plain = round(&swarm, Parameters(72.7e9), &DESIGN).unwrap();
        let rhythm = Rhythm::Streaming { steps: 30, fragments: 10, overlap: 5 };
        let streaming = Design { rhythm, ..DESIGN };
        let streaming = round(&swarm, Parameters(72.7e9), &streaming).unwrap();
        assert_eq!(plain.waiting, plain.exchange);
        assert!(streaming.waiting < plain.waiting);
        assert!(streaming.utilisation() > plain.utilisation());
    }

    #[test]
    fn small_peers_stay_out_and_none_at_all_is_an_error() {
        let homes = crate::cluster("homes-1000").unwrap();
        let shares = Design { exchange: Exchange::Shares, ..DESIGN };
        let small = round(&homes, Parameters(1e9), &shares).unwrap();
        assert_eq!(small.too_small, 0);
        let large = round(&homes, Parameters(4e9), &shares).unwrap();
        // 48 GB: only two cards of 32 GB hold it.
        assert_eq!(large.too_small, 900);
        let problem = round(&homes, Parameters(70e9), &shares).unwrap_err().to_string();
        assert!(problem.contains("no peer holds the model"), "{problem}");
        let site = crate::cluster("dgx-h100").unwrap();
        let problem = round(&site, Parameters(1e9), &shares).unwrap_err().to_string();
        assert!(problem.contains("has no peers"), "{problem}");
        for bad in [
            Design { update: 0.0, ..DESIGN },
            Design { batch: Tokens(f64::NAN), ..DESIGN },
            Design { utilisation: 1.5, ..DESIGN },
            Design { rhythm: Rhythm::Every { steps: 0 }, ..DESIGN },
            Design { rhythm: Rhythm::Streaming { steps: 2, fragments: 0, overlap: 1 }, ..DESIGN },
        ] {
            assert!(round(&homes, Parameters(1e9), &bad).is_err());
        }
    }
}
