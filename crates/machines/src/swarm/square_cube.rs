//! FLOP per byte sent against the size of the model, by scheme: who profits when models grow.
//!
//! The "square-cube law" says that computing grows faster than what has to be sent. It holds for
//! pipelines whose stages keep their layers or their number (arXiv:2301.11913); it does not for
//! data parallelism, where the parameters cancel, and it turns round where the memory of a stage
//! is fixed. Shapes follow one rule: `P = k L h²` with `L = h / aspect`.
//!
//! [`Scheme::intensity`] is the law itself; [`Scheme::utilisation`] what a peer with its line makes
//! of it, the factor that a forecast of training over the internet multiplies its compute with:
//!
//! ```
//! use machines::swarm::square_cube::{Peer, Scheme, Setting};
//! use machines::{BytesPerSecond, FlopPerSecond};
//! use runs::Parameters;
//!
//! let home = Peer { rate: FlopPerSecond(66e12), line: BytesPerSecond(10e6 / 8.0) };
//! let scheme = Scheme::named("pipeline-layers")?;
//! let at = |p| scheme.utilisation(Parameters(p), &Setting::default(), home);
//! assert!(at(1e12) > at(1e10));
//! # Ok::<(), diagnostic::Diagnostic>(())
//! ```

use diagnostic::Diagnostic;
use runs::Parameters;

use super::intensity::{self, Intensity};
use crate::{BytesPerSecond, FlopPerSecond};

/// A way to train over slow lines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scheme {
    /// Gradients summed after every step, the same tokens per replica at every size.
    DataParallel,
    /// The same with tokens per replica that grow as the critical batch, with the square root of
    /// D = 20 P (Bergsma et al. 2025), from [`Setting::tokens`] at 1e9 parameters.
    DataParallelAtCriticalBatch,
    /// Updates summed every so many steps, each smaller by `compression`.
    DiLoCo {
        /// Inner steps, H.
        steps: f64,
        /// Factor on bytes.
        compression: f64,
    },
    /// The same in fragments that travel beside computing: as many bytes, but nothing waits for
    /// them while the line keeps up (Streaming `DiLoCo`).
    Streaming {
        /// Inner steps, H.
        steps: f64,
        /// Factor on bytes.
        compression: f64,
    },
    /// Parameters spread over the replicas and fetched for every micro-batch (ZeRO-3, FSDP).
    Sharded {
        /// Micro-batches of a replica's step.
        micro_batches: f64,
    },
    /// Everybody fetches everybody's update: what comes down a line.
    AllGather {
        /// Inner steps.
        steps: f64,
        /// Bytes of an update per parameter.
        update: f64,
    },
    /// A pipeline whose stages keep their number of layers; activations smaller by `compression`.
    PipelineOfLayers {
        /// Layers of a stage.
        layers: f64,
        /// Factor on bytes.
        compression: f64,
    },
    /// A pipeline of so many stages, whose layers grow with the model.
    PipelineOfStages {
        /// Stages.
        stages: f64,
        /// Factor on bytes.
        compression: f64,
    },
    /// A pipeline whose stages keep their parameters, as a device's memory does.
    PipelineOfMemory {
        /// Parameters of a stage.
        parameters: f64,
        /// Factor on bytes.
        compression: f64,
    },
    /// Each layer cut over so many ranks (Megatron).
    TensorParallel {
        /// Ranks.
        ranks: f64,
    },
    /// The sequence cut over so many ranks (ring attention), K and V as wide as the layer.
    ContextParallel {
        /// Ranks.
        ranks: f64,
    },
    /// Tokens sent to experts and back.
    ExpertParallel {
        /// Width of an expert over that of the layer.
        width: f64,
    },
}

/// A peer: what it computes and what its line carries, each way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peer {
    /// FLOP a second while nothing waits.
    pub rate: FlopPerSecond,
    /// Its line, one way: the one up; for an all-gather the one down.
    pub line: BytesPerSecond,
}

/// What the schemes are compared at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Tokens of one replica in one inner step.
    pub tokens: f64,
    /// Replicas.
    pub replicas: f64,
    /// Width over depth.
    pub aspect: f64,
    /// Parameters of a layer over its width squared: 12 for GPT.
    pub k: f64,
    /// Sequence length, for causal attention.
    pub sequence: f64,
    /// Bytes per number on the wire before compression.
    pub bytes: f64,
    /// Share of the parameters that compute for a token: one of a dense model, less of a mixture of
    /// experts. Sizes are of those that compute; what is exchanged, all of them.
    pub active: f64,
}

impl Default for Setting {
    /// Eight replicas of 262,144 tokens a step, GPT's layers, two bytes a number.
    fn default() -> Self {
        Self {
            tokens: 262_144.0,
            replicas: 8.0,
            aspect: 128.0,
            k: 12.0,
            sequence: 4096.0,
            bytes: 2.0,
            active: 1.0,
        }
    }
}

/// Names of schemes in files, with the numbers that they stand for.
const NAMED: [(&str, Scheme); 12] = [
    ("data-parallel", Scheme::DataParallel),
    ("data-parallel-critical", Scheme::DataParallelAtCriticalBatch),
    ("diloco", Scheme::DiLoCo { steps: 100.0, compression: 2.0 }),
    ("streaming-diloco", Scheme::Streaming { steps: 100.0, compression: 4.0 }),
    // 64 of 4,096 values in 14 bits each (SparseLoCo).
    ("sparse", Scheme::AllGather { steps: 30.0, update: 112.0 / 4096.0 }),
    ("sharded", Scheme::Sharded { micro_batches: 1.0 }),
    ("pipeline-layers", Scheme::PipelineOfLayers { layers: 1.0, compression: 100.0 }),
    ("pipeline-stages", Scheme::PipelineOfStages { stages: 32.0, compression: 100.0 }),
    ("pipeline-memory", Scheme::PipelineOfMemory { parameters: 1e9, compression: 100.0 }),
    ("tensor-parallel", Scheme::TensorParallel { ranks: 8.0 }),
    ("context-parallel", Scheme::ContextParallel { ranks: 8.0 }),
    ("expert-parallel", Scheme::ExpertParallel { width: 4.0 }),
];

impl Scheme {
    /// The scheme of a name such as `diloco`, with the numbers that are usual: H = 100 in int8,
    /// streaming in fp4, `SparseLoCo` at H = 30, activations a hundred times smaller, stages of a
    /// layer, 32 of them, or of a billion parameters, eight ranks.
    ///
    /// # Errors
    /// A name that none has; the nearest is offered.
    pub fn named(name: &str) -> Result<Self, Diagnostic> {
        let found = NAMED.iter().find(|(known, _)| *known == name).map(|(_, scheme)| *scheme);
        found.ok_or_else(|| {
            let problem = Diagnostic::error(format!("no scheme of training is called `{name}`"));
            let all = || Self::names().collect::<Vec<_>>().join(", ");
            match diagnostic::nearest(name, Self::names()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("one of: {}", all())),
            }
        })
    }

    /// The names that [`Scheme::named`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, _)| *name)
    }

    /// Whether traffic runs beside computing, so that the longer of the two counts; the others
    /// compute, then send.
    pub const fn overlaps(self) -> bool {
        matches!(
            self,
            Self::Streaming { .. }
                | Self::PipelineOfLayers { .. }
                | Self::PipelineOfStages { .. }
                | Self::PipelineOfMemory { .. }
        )
    }

    /// The share of the time that `peer` computes with a model of `parameters`: with F its rate, w
    /// its line and I the intensity, `min(1, I w / F)` where traffic runs beside computing and
    /// `1 / (1 + F / (I w))` where it does not. Latency, churn and the loss side are not in it.
    pub fn utilisation(self, parameters: Parameters, setting: &Setting, peer: Peer) -> f64 {
        let carried = self.intensity(parameters, setting).0 * peer.line.get() / peer.rate.get();
        if self.overlaps() { carried.min(1.0) } else { carried / (1.0 + carried) }
    }

    /// The exponent with which FLOP per byte grow in the model's size, attention left out.
    pub const fn exponent(self) -> f64 {
        match self {
            Self::DataParallel
            | Self::DiLoCo { .. }
            | Self::Streaming { .. }
            | Self::Sharded { .. }
            | Self::AllGather { .. } => 0.0,
            Self::DataParallelAtCriticalBatch => 0.5,
            Self::PipelineOfLayers { .. }
            | Self::TensorParallel { .. }
            | Self::ContextParallel { .. }
            | Self::ExpertParallel { .. } => 1.0 / 3.0,
            Self::PipelineOfStages { .. } => 2.0 / 3.0,
            Self::PipelineOfMemory { .. } => -1.0 / 3.0,
        }
    }

    /// In words.
    pub fn name(self) -> String {
        match self {
            Self::DataParallel => "data parallel, every step".into(),
            Self::DataParallelAtCriticalBatch => "data parallel at the critical batch".into(),
            Self::DiLoCo { steps, compression } if compression > 1.0 => {
                format!("DiLoCo, H = {steps:.0}, {compression:.0}x smaller")
            }
            Self::DiLoCo { steps, .. } => format!("DiLoCo, H = {steps:.0}"),
            Self::Streaming { steps, compression } => {
                format!("streaming DiLoCo, H = {steps:.0}, {compression:.0}x smaller")
            }
            Self::Sharded { .. } => "parameters sharded (ZeRO-3)".into(),
            Self::TensorParallel { ranks } => format!("tensor parallel over {ranks:.0}"),
            Self::ContextParallel { ranks } => format!("context parallel over {ranks:.0}"),
            Self::ExpertParallel { .. } => "expert parallel".into(),
            Self::AllGather { steps, .. } => format!("all-gather, H = {steps:.0}"),
            Self::PipelineOfLayers { layers, compression } => {
                let layers =
                    if layers == 1.0 { "a layer".into() } else { format!("{layers} layers") };
                format!("pipeline, {layers} a stage, {compression:.0}x")
            }
            Self::PipelineOfStages { stages, compression } => {
                format!("pipeline, {stages:.0} stages, {compression:.0}x")
            }
            Self::PipelineOfMemory { parameters, compression } => {
                format!("pipeline, {:.1}B parameters a stage, {compression:.0}x", parameters / 1e9)
            }
        }
    }

    /// FLOP per byte that a unit sends (receives, for an all-gather) with a model of `parameters`.
    /// A pipeline of more stages than layers keeps parts of layers, which tensor parallelism would
    /// have to serve: the formula goes on, the design does not.
    pub fn intensity(self, parameters: Parameters, setting: &Setting) -> Intensity {
        let Setting { tokens, replicas, aspect, k, sequence, bytes, active } = *setting;
        let p = parameters.get();
        let hidden = (aspect * p / k).cbrt();
        match self {
            Self::DataParallel => {
                intensity::data_parallel(tokens, bytes, replicas, 1.0, 1.0).of_mixture(active, 1.0)
            }
            Self::DataParallelAtCriticalBatch => {
                let grown = tokens * (p / 1e9).sqrt();
                intensity::data_parallel(grown, bytes, replicas, 1.0, 1.0).of_mixture(active, 1.0)
            }
            Self::DiLoCo { steps, compression } | Self::Streaming { steps, compression } => {
                intensity::data_parallel(tokens, bytes, replicas, steps, compression)
                    .of_mixture(active, 1.0)
            }
            Self::Sharded { micro_batches } => {
                intensity::sharded(tokens / micro_batches, bytes, replicas).of_mixture(active, 1.0)
            }
            Self::AllGather { steps, update } => {
                intensity::all_gather(tokens, steps, update, replicas).1.of_mixture(active, 1.0)
            }
            Self::TensorParallel { ranks } => intensity::tensor_parallel(hidden, ranks, bytes),
            Self::ContextParallel { ranks } => {
                intensity::context_parallel(hidden, hidden, sequence, ranks, bytes)
            }
            Self::ExpertParallel { width } => intensity::expert_parallel(width * hidden, bytes),
            Self::PipelineOfLayers { layers, compression } => {
                intensity::pipeline(k, hidden, layers, sequence, bytes / compression)
            }
            Self::PipelineOfStages { stages, compression } => {
                let layers = hidden / aspect / stages;
                intensity::pipeline(k, hidden, layers, sequence, bytes / compression)
            }
            Self::PipelineOfMemory { parameters, compression } => {
                let layers = parameters / (k * hidden * hidden);
                intensity::pipeline(k, hidden, layers, sequence, bytes / compression)
            }
        }
    }

    /// The same at every size of `sizes`.
    pub fn curve(self, sizes: &[Parameters], setting: &Setting) -> Vec<(Parameters, Intensity)> {
        sizes.iter().map(|&size| (size, self.intensity(size, setting))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn curves_have_the_slopes_that_are_claimed(ln_p in 18.0..28.0f64, which in 0..NAMED.len()) {
            let (scheme, bare) = (NAMED[which].1, Setting { sequence: 0.0, ..Setting::default() });
            let at = |ln_p: f64| scheme.intensity(Parameters(ln_p.exp()), &bare).0.ln();
            let slope = (at(ln_p + 0.1) - at(ln_p)) / 0.1;
            prop_assert!((slope - scheme.exponent()).abs() < 1e-6, "{slope}");
        }

        #[test]
        fn a_peer_computes_more_of_the_time_on_a_better_line_and_less_when_it_is_quicker(
            ln_p in 18.0..28.0f64, which in 0..NAMED.len(), rate in 1e12..1e16f64, line in 1e5..1e10f64,
        ) {
            let (scheme, setting) = (NAMED[which].1, Setting::default());
            let of = |rate, line| {
                let peer = Peer { rate: FlopPerSecond(rate), line: BytesPerSecond(line) };
                scheme.utilisation(Parameters(ln_p.exp()), &setting, peer)
            };
            let now = of(rate, line);
            prop_assert!(now > 0.0 && now <= 1.0);
            prop_assert!(of(rate, 2.0 * line) >= now && of(2.0 * rate, line) <= now);
        }
    }

    #[test]
    fn names_are_found_and_others_are_offered() {
        for name in Scheme::names() {
            assert!(Scheme::named(name).is_ok(), "{name}");
        }
        let problem = Scheme::named("dilco").unwrap_err().to_string();
        assert!(problem.contains("did you mean `diloco`?"), "{problem}");
    }

    #[test]
    fn a_line_that_takes_as_long_as_computing_halves_what_waits_for_it_and_not_what_runs_beside() {
        let (setting, model) = (Setting::default(), Parameters(1e9));
        let of = |scheme: Scheme| {
            let rate = FlopPerSecond(1e14);
            let line = scheme.intensity(model, &setting).bandwidth(rate);
            scheme.utilisation(model, &setting, Peer { rate, line })
        };
        let (steps, compression) = (100.0, 2.0);
        assert!((of(Scheme::DiLoCo { steps, compression }) - 0.5).abs() < 1e-12);
        assert!((of(Scheme::Streaming { steps, compression }) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_mixture_of_experts_exchanges_what_sleeps() {
        let mixture = Setting { active: 37.0 / 671.0, ..Setting::default() };
        let dense = Setting::default();
        let of = |scheme: Scheme, setting| scheme.intensity(Parameters(37e9), setting).0;
        let diloco = Scheme::named("diloco").unwrap();
        let lost = of(diloco, &mixture) / of(diloco, &dense);
        assert!((lost - 37.0 / 671.0).abs() < 1e-12);
        // Activations travel for those that compute.
        let stages = Scheme::named("pipeline-layers").unwrap();
        assert_eq!(of(stages, &mixture), of(stages, &dense));
    }

    #[test]
    fn data_parallelism_does_not_have_the_square_cube_law() {
        let setting = Setting::default();
        let of = |scheme: Scheme, p| scheme.intensity(Parameters(p), &setting).0;
        assert_eq!(of(Scheme::DataParallel, 1e9), of(Scheme::DataParallel, 1e12));
        let pipeline = Scheme::PipelineOfLayers { layers: 1.0, compression: 1.0 };
        assert!(of(pipeline, 1e12) > 7.0 * of(pipeline, 1e9));
        let fixed = Scheme::PipelineOfMemory { parameters: 1e9, compression: 1.0 };
        assert!(of(fixed, 1e12) < 0.2 * of(fixed, 1e9));
        // H and compression multiply.
        let seldom = Scheme::DiLoCo { steps: 100.0, compression: 4.0 };
        assert!((of(seldom, 1e9) / of(Scheme::DataParallel, 1e9) - 400.0).abs() < 1e-9);
    }
}
