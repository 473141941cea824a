//! A pipeline over peers: each holds a stage, activations travel between homes.
//!
//! Peers that hold the same stage share its work (SWARM, arXiv:2301.11913): every stage gets peers
//! of the same speed in sum, and what one cannot send another does. Compression sends activations
//! and their gradients in a subspace of the width (Pluralis, arXiv:2506.01260: up to 100 times
//! smaller), so that a line of 80 Mbit/s serves where 8 Gbit/s would be needed.

use runs::{Parameters, Seconds, Tokens};

use super::exchange::Member;
use super::link::{Congestion, Line};
use crate::{Bytes, FlopPerSecond};

/// A model cut into stages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PeerPipeline {
    /// Parameters of the whole model.
    pub parameters: Parameters,
    /// Width of what travels.
    pub hidden: f64,
    /// Stages.
    pub stages: u32,
    /// Tokens of one micro-batch.
    pub micro_batch: Tokens,
    /// Bytes per number of an activation before compression.
    pub bytes: f64,
    /// How many times smaller activations and their gradients travel.
    pub compression: f64,
}

/// What a pipeline over peers delivers.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// Tokens a second with every stage busy.
    pub tokens: f64,
    /// The same if no line bound any peer.
    pub unbound: f64,
    /// Sent by a peer of a middle stage for one token: an activation on, a gradient back.
    pub sent: Bytes,
    /// Computing and sending of one micro-batch by a stage of one pipeline, forward and backward.
    pub busy: Seconds,
    /// Micro-batches of one pipeline in flight that keep every stage busy.
    pub in_flight: f64,
    /// The line that bounds the most work; empty where computing bounds all.
    pub bound_by: String,
}

impl PeerPipeline {
    /// Bytes that a middle stage sends for one token: `2 h b / compression`, and as many arrive.
    pub fn token_bytes(&self) -> Bytes {
        Bytes(2.0 * self.hidden * self.bytes / self.compression)
    }

    /// What `members` deliver, spread over the stages so that all stages are equally quick.
    ///
    /// A peer is bound by its computing, 6 P / S FLOP a token, or by its line, whichever is
    /// slower; both go on at once.
    pub fn flow(&self, members: &[Member<'_>], congestion: Congestion, streams: u32) -> Flow {
        let stages = f64::from(self.stages.max(1));
        let work = 6.0 * self.parameters.get() / stages;
        let bytes = if self.stages > 1 { self.token_bytes().get() } else { 0.0 };
        let (mut tokens, mut unbound, mut lost, mut bound_by) = (0.0, 0.0, 0.0, String::new());
        let (mut peers, mut delay) = (0.0, 0.0_f64);
        for Member { class, present, rate } in members {
            let line = |bandwidth| {
                Line { bandwidth, round_trip: class.round_trip, loss: class.loss }
                    .throughput(congestion, streams)
                    .get()
            };
            let computes = rate.get() / work;
            let (up, down) = (line(class.up), line(class.down));
            let carries = if bytes > 0.0 { up.min(down) / bytes } else { f64::INFINITY };
            unbound += present * computes;
            tokens += present * computes.min(carries);
            let missing = present * (computes - carries);
            if missing > lost {
                lost = missing;
                bound_by = format!("{} of {}", if up <= down { "up" } else { "down" }, class.name);
            }
            peers += present;
            delay = delay.max(class.round_trip.get());
        }
        let (tokens, unbound) = (tokens / stages, unbound / stages);
        // One pipeline has one peer a stage: peers / stages of them work side by side.
        let busy = self.micro_batch.get() * (peers / stages) / tokens;
        let in_flight = if self.stages > 1 { stages * (busy + delay) / busy } else { 1.0 };
        Flow { tokens, unbound, sent: Bytes(bytes), busy: Seconds(busy), in_flight, bound_by }
    }
}

impl Flow {
    /// The share of a step of `micro_batches` that a pipeline of so many in flight is busy: filling
    /// and draining take what keeps the stages busy, less one.
    pub fn filled(&self, micro_batches: f64) -> f64 {
        micro_batches / (micro_batches + self.in_flight - 1.0)
    }

    /// FLOP a second under 6 N D.
    pub fn rate(&self, parameters: Parameters) -> FlopPerSecond {
        FlopPerSecond(6.0 * parameters.get() * self.tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::super::messages::{Work, finish};
    use super::*;
    use crate::BytesPerSecond;

    fn flow(mbit: f64, compression: f64, stages: u32) -> Flow {
        let mut swarm = crate::cluster("covenant").unwrap();
        let class = &mut swarm.peers[0];
        (class.up, class.down) = (BytesPerSecond(mbit * 1e6 / 8.0), BytesPerSecond(1e12));
        class.round_trip = Seconds(0.05);
        // An 8B model of width 4096 over 32 stages of a 40 % used RTX 4090 each.
        let member = Member { class, present: 32.0, rate: FlopPerSecond(0.4 * 165.2e12) };
        PeerPipeline {
            parameters: Parameters(8e9),
            hidden: 4096.0,
            stages,
            micro_batch: Tokens(4096.0),
            bytes: 2.0,
            compression,
        }
        .flow(&[member], Congestion::Bbr, 8)
    }

    #[test]
    fn eighty_megabits_do_for_a_pipeline_only_when_activations_are_a_hundred_times_smaller() {
        let (plain, compressed) = (flow(80.0, 1.0, 32), flow(80.0, 100.0, 32));
        assert!(plain.tokens < 0.02 * plain.unbound, "{plain:?}");
        assert!(plain.bound_by.starts_with("up"));
        assert_eq!(compressed.tokens, compressed.unbound);
        assert!(compressed.bound_by.is_empty());
        // As quick as uncompressed at 100 Gbit/s (Pluralis' claim).
        assert!((compressed.tokens / flow(1e5, 1.0, 32).tokens - 1.0).abs() < 1e-12);
    }

    #[test]
    fn closed_form_and_messages_agree_on_a_step() {
        // One pipeline of 8 stages and 24 micro-batches: forward through all stages, and back.
        let (stages, count, half, delay) = (8_usize, 24_usize, 0.1, 0.15);
        let mut work = Vec::new();
        let id = |micro: usize, at: usize| micro * 2 * stages + at;
        for micro in 0..count {
            for at in 0..2 * stages {
                let stage = if at < stages { at } else { 2 * stages - 1 - at };
                let after = if at == 0 { vec![] } else { vec![id(micro, at - 1)] };
                // Between the last stage's forward and backward nothing travels.
                let then = if at == stages - 1 { 0.0 } else { delay };
                work.push(Work { on: vec![stage], takes: half, then, after });
            }
        }
        let simulated = finish(&work).unwrap();
        let flow = Flow {
            tokens: 1.0,
            unbound: 1.0,
            sent: Bytes(0.0),
            busy: Seconds(2.0 * half),
            in_flight: stages as f64 * (2.0 * half + 2.0 * delay) / (2.0 * half),
            bound_by: String::new(),
        };
        let closed = count as f64 * 2.0 * half / flow.filled(count as f64);
        assert!((simulated / closed - 1.0).abs() < 0.05, "{simulated} {closed}");
    }

    #[test]
    fn one_stage_is_a_replica() {
        let whole = flow(1.0, 1.0, 1);
        assert_eq!((whole.in_flight, whole.sent), (1.0, Bytes(0.0)));
        assert!((whole.tokens - 32.0 * 0.4 * 165.2e12 / (6.0 * 8e9)).abs() < 1e-6 * whole.tokens);
    }
}
