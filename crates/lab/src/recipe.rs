//! The recipe: from one dial and a horizon to every setting of a run.

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

use crate::optimiser::{Method, OptimiserSettings};
use crate::schedule::Schedule;
use crate::shape::{Head, Mlp, Shape};

/// Everything that decides a run's result, besides the text it reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunConfig {
    /// Dimensions of the model.
    pub shape: Shape,
    /// Training steps.
    pub steps: u64,
    /// Tokens a step.
    pub batch_tokens: usize,
    /// The optimiser and its peak learning rates.
    pub optimiser: OptimiserSettings,
    /// The learning rate over the run.
    pub schedule: Schedule,
    /// Decides initial parameters and the order of the text.
    pub seed: u64,
    /// Tokens of the validation text that the loss is measured on; all of it if there is less.
    pub validation_tokens: usize,
}

impl RunConfig {
    /// Training tokens D.
    pub fn tokens(&self) -> u64 {
        self.steps * self.batch_tokens as u64
    }

    /// Training compute C in FLOP, with causal attention, exact.
    pub fn compute(&self) -> f64 {
        self.shape.flop_per_token() * self.tokens() as f64
    }

    /// Training compute C in FLOP by the convention 6ND, N the parameters with head.
    pub fn compute_6nd(&self) -> f64 {
        self.shape.matmul_flop_per_token() * self.tokens() as f64
    }

    /// Sixteen hexadecimal digits that stand for every setting.
    pub fn hash(&self) -> String {
        // A struct of numbers and names always serialises.
        let text = serde_json::to_string(self).unwrap_or_default();
        blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
    }
}

/// How runs are made from a depth and a horizon. Every field can be set in a sweep file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// Tokens a sequence.
    pub context: usize,
    /// The feed-forward layer.
    pub mlp: Mlp,
    /// The output projection.
    pub head: Head,
    /// The optimiser of the matrices inside blocks.
    pub method: Method,
    /// Peak learning rate of the matrices inside blocks at a batch of [`BATCH_REFERENCE`] tokens;
    /// `None` takes the tuned one. Embedding and head keep their ratio to it.
    pub learning_rate: Option<f64>,
    /// Weight decay of the matrices inside blocks.
    pub weight_decay: f32,
    /// The gradient's norm is clipped to this; 0 leaves it alone.
    pub clip: f32,
    /// The learning rate over the run.
    pub schedule: Schedule,
    /// Tokens a step; `None` follows the horizon, see [`batch_tokens`].
    pub batch_tokens: Option<usize>,
    /// Tokens of validation text; all of it if there is less.
    pub validation_tokens: usize,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            context: 128,
            mlp: Mlp::default(),
            head: Head::default(),
            method: Method::default(),
            learning_rate: None,
            weight_decay: 0.1,
            clip: 1.0,
            schedule: Schedule::default(),
            batch_tokens: None,
            validation_tokens: 262_144,
        }
    }
}

/// The batch, in tokens, at which [`Recipe::learning_rate`] is given.
pub const BATCH_REFERENCE: f64 = 1024.0;

/// Batch in tokens for a horizon of `tokens`: 1024 at a million tokens and growing as D^0.383
/// (Bergsma et al. 2025, "Power Lines", arXiv:2505.13738). Not rounded to a power of two: that
/// would put steps into the losses of a sweep.
pub fn batch_tokens(tokens: f64) -> f64 {
    (BATCH_REFERENCE * (tokens / 1e6).powf(0.383)).clamp(1.0, 1e6)
}

/// The peak learning rate that was best in our own sweeps, at the reference batch: 0.02 for Muon
/// at width 64 and a million tokens, falling as `width^-1/2` and `D^-1/3`. `examples/miniseries/learning_rate.csv` holds the rule
/// against half and twice of it at two sizes.
fn tuned(method: Method, shape: &Shape, tokens: f64) -> f64 {
    let at_reference = match method {
        Method::Muon => 0.02,
        Method::AdamW => 0.004,
    };
    at_reference * (shape.width as f64 / 64.0).powf(-0.5) * (tokens / 1e6).powf(-1.0 / 3.0)
}

impl Recipe {
    /// The run of the one-dial model of `depth` over about `tokens` tokens.
    pub fn run(&self, depth: usize, vocab: usize, tokens: f64, seed: u64) -> RunConfig {
        let shape = Shape {
            mlp: self.mlp,
            head: self.head,
            ..Shape::from_depth(depth, self.context, vocab)
        };
        self.run_with_shape(shape, tokens, seed)
    }

    /// The run of any shape over about `tokens` tokens (a whole number of steps, at least one).
    pub fn run_with_shape(&self, shape: Shape, tokens: f64, seed: u64) -> RunConfig {
        let wanted = self.batch_tokens.map_or_else(|| batch_tokens(tokens), |wanted| wanted as f64);
        let sequences = (wanted / shape.context as f64).round().max(1.0) as usize;
        let batch_tokens = sequences * shape.context;
        let steps = (tokens / batch_tokens as f64).round().max(1.0) as u64;
        // Noise of the gradient falls as the square root of the batch; so may the step rise.
        let batch_factor = (batch_tokens as f64 / BATCH_REFERENCE).sqrt();
        let base = self.learning_rate.unwrap_or_else(|| tuned(self.method, &shape, tokens));
        let matrix = base * batch_factor;
        let (embedding, head) = match self.method {
            Method::Muon => (5.0 * matrix, 0.2 * matrix),
            Method::AdamW => (10.0 * matrix, matrix),
        };
        RunConfig {
            shape,
            steps,
            batch_tokens,
            optimiser: OptimiserSettings {
                method: self.method,
                matrix_learning_rate: matrix as f32,
                embedding_learning_rate: embedding as f32,
                head_learning_rate: head as f32,
                weight_decay: self.weight_decay,
                clip: self.clip,
            },
            schedule: self.schedule,
            seed,
            validation_tokens: self.validation_tokens,
        }
    }

    /// The one-dial run of `depth` whose compute (with attention) is `compute` FLOP.
    pub fn run_at_compute(&self, depth: usize, vocab: usize, compute: f64, seed: u64) -> RunConfig {
        let flop_per_token = Shape {
            mlp: self.mlp,
            head: self.head,
            ..Shape::from_depth(depth, self.context, vocab)
        }
        .flop_per_token();
        self.run(depth, vocab, compute / flop_per_token, seed)
    }

    /// Says what is wrong with settings that no run can have.
    pub fn check(&self) -> Result<(), Diagnostic> {
        let positive = |name: &str, value: f64| {
            (!(value.is_finite() && value >= 0.0))
                .then(|| format!("recipe.{name} must be a number from 0 up, not {value}"))
        };
        let problem = self
            .schedule
            .problem()
            .or_else(|| positive("weight_decay", f64::from(self.weight_decay)))
            .or_else(|| positive("clip", f64::from(self.clip)))
            .or_else(|| positive("learning_rate", self.learning_rate.unwrap_or(0.0)))
            .or_else(|| {
                (self.validation_tokens < self.context).then(|| {
                    format!(
                        "recipe.validation_tokens {} is less than one context of {}",
                        self.validation_tokens, self.context
                    )
                })
            });
        problem.map_or(Ok(()), |message| Err(Diagnostic::error(message)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_at_a_compute_budget_spends_it_to_within_half_a_step() {
        let recipe = Recipe::default();
        for depth in 1..=6 {
            for compute in [1e11, 1e12, 1e13] {
                let run = recipe.run_at_compute(depth, 256, compute, 0);
                let step = run.shape.flop_per_token() * run.batch_tokens as f64;
                assert!((run.compute() - compute).abs() <= 0.51 * step, "depth {depth}");
            }
        }
    }

    #[test]
    fn the_batch_grows_with_the_horizon_in_whole_sequences() {
        let recipe = Recipe::default();
        let batches = [1e5, 1e6, 1e7, 1e8].map(|d| recipe.run(2, 256, d, 0).batch_tokens);
        assert_eq!(batches, [3 * 128, 8 * 128, 19 * 128, 47 * 128]);
    }

    #[test]
    fn the_hash_changes_with_every_setting_and_only_then() {
        let run = Recipe::default().run(2, 256, 1e6, 0);
        assert_eq!(run.hash(), run.clone().hash());
        assert_ne!(run.hash(), RunConfig { seed: 1, ..run.clone() }.hash());
        assert_ne!(run.hash(), RunConfig { steps: run.steps + 1, ..run }.hash());
    }

    #[test]
    fn shares_outside_zero_to_one_and_nan_rates_are_refused() {
        let schedule = Schedule { warmup: 1.5, ..Schedule::default() };
        assert!(Recipe { schedule, ..Recipe::default() }.check().is_err());
        assert!(Recipe { learning_rate: Some(f64::NAN), ..Recipe::default() }.check().is_err());
        assert!(Recipe::default().check().is_ok());
    }
}
