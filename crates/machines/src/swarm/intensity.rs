//! FLOP per byte that a unit sends, by scheme: the square-cube law and where it does not hold.
//!
//! Training hides its traffic where `rate / intensity <= bandwidth`. "Compute grows faster than
//! traffic" is true of pipeline stages that keep their number of layers, and of tensor parallelism;
//! for data parallelism the model's size cancels, and at fixed memory per device a pipeline stage
//! loses intensity as the model widens. Notation: P parameters that compute, h width, s sequence,
//! B tokens of one replica between exchanges, n replicas, b bytes per number on the wire.

use crate::{BytesPerSecond, FlopPerSecond};

/// FLOP per byte sent.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Intensity(pub f64);

impl Intensity {
    /// The rate at which a unit that computes at `rate` has to send for nothing to wait.
    pub fn bandwidth(self, rate: FlopPerSecond) -> BytesPerSecond {
        BytesPerSecond(rate.get() / self.0)
    }

    /// A mixture computes with `active` of its `total` parameters but exchanges all: schemes that
    /// exchange parameters or gradients lose that factor.
    #[must_use]
    pub fn of_mixture(self, active: f64, total: f64) -> Self {
        Self(self.0 * active / total)
    }
}

/// Data parallel by ring all-reduce: 6PB FLOP for 2(n-1)/n P b bytes, so `3 B / b * n/(n-1)`. The
/// model's size cancels; `steps` inner steps between exchanges (`DiLoCo`'s H) and `compression`
/// multiply.
pub fn data_parallel(
    tokens: f64,
    bytes: f64,
    replicas: f64,
    steps: f64,
    compression: f64,
) -> Intensity {
    Intensity(3.0 * tokens * steps * compression / bytes * replicas / (replicas - 1.0))
}

/// Parameters spread over the replicas (ZeRO-3): each micro-batch of `tokens` fetches them forward
/// and backward and hands the gradients on, `2 B / b * n/(n-1)`.
pub fn sharded(tokens: f64, bytes: f64, replicas: f64) -> Intensity {
    Intensity(2.0 * tokens / bytes * replicas / (replicas - 1.0))
}

/// Everybody sends a compressed update of `bytes_per_parameter` to everybody: intensity of what
/// is sent, and of what arrives, which grows with the replicas until nothing helps.
pub fn all_gather(
    tokens: f64,
    steps: f64,
    bytes_per_parameter: f64,
    replicas: f64,
) -> (Intensity, Intensity) {
    let sent = 6.0 * tokens * steps / bytes_per_parameter;
    (Intensity(sent), Intensity(sent / (replicas - 1.0)))
}

/// A middle pipeline stage of `layers` layers of width `hidden` with k h² parameters each (k = 12
/// for GPT): 6 k h² l FLOP per token for 2 h b bytes, and causal attention's 6 h s l:
/// `3 k h l / b + 3 s l / b`. Grows with the width at fixed layers per stage.
pub fn pipeline(k: f64, hidden: f64, layers: f64, sequence: f64, bytes: f64) -> Intensity {
    Intensity((3.0 * k * hidden + 3.0 * sequence) * layers / bytes)
}

/// The same stage when its memory, not its layers, is fixed: with `parameters` on each device,
/// `3 parameters / (h b)`, which falls as the width grows.
pub fn pipeline_at_fixed_memory(parameters: f64, hidden: f64, bytes: f64) -> Intensity {
    Intensity(3.0 * parameters / (hidden * bytes))
}

/// Tensor parallel over `ranks` (Megatron: four sums of activations a layer): `9 h / ((t-1) b)`.
pub fn tensor_parallel(hidden: f64, ranks: f64, bytes: f64) -> Intensity {
    Intensity(9.0 * hidden / ((ranks - 1.0) * bytes))
}

/// Ring attention over `ranks`: K and V forward, and again with their gradients backward.
pub fn context_parallel(
    hidden: f64,
    kv_width: f64,
    sequence: f64,
    ranks: f64,
    bytes: f64,
) -> Intensity {
    Intensity(hidden * (12.0 * hidden + sequence) / ((ranks - 1.0) * kv_width * bytes))
}

/// Tokens sent to experts of width `expert` and back: `4.5 f / b`, whatever else the model is.
pub fn expert_parallel(expert: f64, bytes: f64) -> Intensity {
    Intensity(4.5 * expert / bytes)
}

/// Micro-batches in flight that keep every one of `stages` busy when each takes `busy` seconds
/// forward and backward and a message takes `one_way` seconds.
pub fn micro_batches_in_flight(stages: f64, busy: f64, one_way: f64) -> f64 {
    (stages * (busy + 2.0 * one_way) / busy).ceil()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_one_layer_stage_of_a_4090_needs_gigabits() {
        // 40 % of an RTX 4090's dense bf16 peak, 16-bit activations, attention left out.
        let rate = FlopPerSecond(0.4 * 165.2e12);
        let needs =
            |hidden: f64| pipeline(12.0, hidden, 1.0, 0.0, 2.0).bandwidth(rate).get() * 8e-9;
        assert!((needs(4096.0) - 7.2).abs() < 0.05, "{}", needs(4096.0));
        assert!((needs(16_384.0) - 1.8).abs() < 0.02, "{}", needs(16_384.0));
    }

    #[test]
    fn a_node_on_a_gigabit_needs_seventeen_million_tokens_per_exchange() {
        let rate = FlopPerSecond(0.4 * 8.0 * 989e12);
        let per_token = data_parallel(1.0, 2.0, 1e9, 1.0, 1.0).0;
        let tokens = rate.get() / 125e6 / per_token;
        assert!((tokens / 17e6 - 1.0).abs() < 0.02, "{tokens}");
        // INTELLECT-1: 1.05 M tokens a step, a hundred steps, one byte a number.
        let outer = data_parallel(1.05e6, 1.0, 1e9, 100.0, 1.0);
        assert!((outer.0 / 3.1e8 - 1.0).abs() < 0.02, "{}", outer.0);
    }

    proptest! {
        #[test]
        fn square_cube_holds_at_fixed_layers_and_turns_round_at_fixed_memory(
            hidden in 256.0..32768.0f64, layers in 1.0..100.0f64, parameters in 1e8..1e11f64,
        ) {
            let stage = |h: f64| pipeline(12.0, h, layers, 0.0, 2.0).0;
            prop_assert!((stage(2.0 * hidden) / stage(hidden) - 2.0).abs() < 1e-9);
            let device = |h: f64| pipeline_at_fixed_memory(parameters, h, 2.0).0;
            prop_assert!((device(2.0 * hidden) / device(hidden) - 0.5).abs() < 1e-9);
            // The two are one formula: a stage of l layers holds 12 h² l parameters.
            let held = 12.0 * hidden * hidden * layers;
            let same = pipeline_at_fixed_memory(held, hidden, 2.0).0;
            prop_assert!((same / stage(hidden) - 1.0).abs() < 1e-9);
        }

        #[test]
        fn an_all_gather_fails_as_replicas_grow(n in 2.0..1e5f64) {
            let (sent, received) = all_gather(1e6, 30.0, 0.03, n);
            prop_assert!((sent.0 / received.0 - (n - 1.0)).abs() < 1e-6 * n);
        }
    }

    #[test]
    fn a_mixture_is_worse_by_what_sleeps() {
        let dense = data_parallel(1e6, 2.0, 8.0, 1.0, 1.0);
        assert!((dense.of_mixture(37e9, 671e9).0 / dense.0 - 37.0 / 671.0).abs() < 1e-12);
    }

    #[test]
    fn latency_asks_for_micro_batches_in_flight() {
        assert_eq!(micro_batches_in_flight(8.0, 0.1, 0.0), 8.0);
        assert_eq!(micro_batches_in_flight(8.0, 0.1, 0.05), 16.0);
    }
}
