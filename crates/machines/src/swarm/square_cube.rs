//! FLOP per byte sent against the size of the model, by scheme: who profits when models grow.
//!
//! The "square-cube law" says that computing grows faster than what has to be sent. It holds for
//! pipelines whose stages keep their layers or their number (arXiv:2301.11913); it does not for
//! data parallelism, where the parameters cancel, and it turns round where the memory of a stage
//! is fixed. Shapes follow one rule: `P = k L h²` with `L = h / aspect`.

use runs::Parameters;

use super::intensity::{self, Intensity};

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
        }
    }
}

impl Scheme {
    /// The exponent with which FLOP per byte grow in the model's size, attention left out.
    pub const fn exponent(self) -> f64 {
        match self {
            Self::DataParallel | Self::DiLoCo { .. } | Self::AllGather { .. } => 0.0,
            Self::DataParallelAtCriticalBatch => 0.5,
            Self::PipelineOfLayers { .. } => 1.0 / 3.0,
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
        let Setting { tokens, replicas, aspect, k, sequence, bytes } = *setting;
        let p = parameters.get();
        let hidden = (aspect * p / k).cbrt();
        match self {
            Self::DataParallel => intensity::data_parallel(tokens, bytes, replicas, 1.0, 1.0),
            Self::DataParallelAtCriticalBatch => {
                let grown = tokens * (p / 1e9).sqrt();
                intensity::data_parallel(grown, bytes, replicas, 1.0, 1.0)
            }
            Self::DiLoCo { steps, compression } => {
                intensity::data_parallel(tokens, bytes, replicas, steps, compression)
            }
            Self::AllGather { steps, update } => {
                intensity::all_gather(tokens, steps, update, replicas).1
            }
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

    const SCHEMES: [Scheme; 7] = [
        Scheme::DataParallel,
        Scheme::DataParallelAtCriticalBatch,
        Scheme::DiLoCo { steps: 100.0, compression: 4.0 },
        Scheme::AllGather { steps: 30.0, update: 0.03 },
        Scheme::PipelineOfLayers { layers: 1.0, compression: 100.0 },
        Scheme::PipelineOfStages { stages: 8.0, compression: 100.0 },
        Scheme::PipelineOfMemory { parameters: 1e9, compression: 100.0 },
    ];

    proptest! {
        #[test]
        fn curves_have_the_slopes_that_are_claimed(ln_p in 18.0..28.0f64, which in 0..7usize) {
            let (scheme, bare) = (SCHEMES[which], Setting { sequence: 0.0, ..Setting::default() });
            let at = |ln_p: f64| scheme.intensity(Parameters(ln_p.exp()), &bare).0.ln();
            let slope = (at(ln_p + 0.1) - at(ln_p)) / 0.1;
            prop_assert!((slope - scheme.exponent()).abs() < 1e-6, "{slope}");
        }
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
