//! One row of `runs.csv`: everything needed to use a run, and to make it again.

use serde::{Deserialize, Serialize};

use super::spec::PlannedRun;
use crate::corpus::CorpusSummary;
use crate::train::{Ended, TrainedRun};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All steps were done; the row's losses are final.
    Done,
    /// The loss stopped being a number; the row's losses are empty.
    Diverged,
}

/// One finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Unique name.
    pub run: String,
    /// Which part of the sweep it belongs to.
    pub group: String,
    /// How it ended.
    pub status: Status,
    /// Decides initial parameters and the order of the text.
    pub seed: u64,
    /// Blocks.
    pub depth: usize,
    /// Features of the residual stream.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Tokens a sequence.
    pub context: usize,
    /// Distinct tokens.
    pub vocab: usize,
    /// N, every stored number.
    pub params_total: u64,
    /// N, the blocks alone.
    pub params_non_embedding: u64,
    /// N, the blocks and the output projection: the parameters that multiply every token.
    pub params_with_head: u64,
    /// D, training tokens.
    pub tokens: u64,
    /// Tokens in the training text.
    pub unique_tokens: u64,
    /// D over unique tokens: above 1, text was seen again.
    pub epochs: f64,
    /// C in FLOP: 6 N D, N with head.
    pub compute_6nd: f64,
    /// C in FLOP: matrix products and causal attention, exact.
    pub compute: f64,
    /// Tokens a step.
    pub batch_tokens: usize,
    /// Training steps.
    pub steps: u64,
    /// Peak learning rate of the matrices inside blocks.
    pub learning_rate: f32,
    /// Mean training loss of the last 5 % of steps, nats per token.
    pub train_loss: Option<f64>,
    /// Validation loss, nats per token.
    pub loss: Option<f64>,
    /// Its standard error over the validation text.
    pub loss_se: Option<f64>,
    /// Validation loss in bits per byte of text.
    pub bits_per_byte: Option<f64>,
    /// Seconds by the clock.
    pub wall_s: f64,
    /// Seconds of processor time.
    pub cpu_s: f64,
    /// Stands for every setting of the run.
    pub config_hash: String,
    /// Stands for every byte of the text (the first 16 digits of its hash).
    pub corpus_hash: String,
    /// Isoflop's version.
    pub version: String,
}

impl Row {
    pub(super) fn new(planned: &PlannedRun, corpus: &CorpusSummary, run: &TrainedRun) -> Self {
        let (config, shape) = (&planned.config, &planned.config.shape);
        let (status, validation, train_loss) = match &run.ended {
            Ended::Finished { validation, train_loss } => {
                (Status::Done, Some(validation), Some(train_loss.get()))
            }
            Ended::Diverged { .. } | Ended::Interrupted => (Status::Diverged, None, None),
        };
        // Ends of documents are tokens but not bytes of text.
        let bytes_per_token =
            corpus.bytes as f64 / (corpus.train_tokens + corpus.validation_tokens) as f64;
        Self {
            run: planned.name.clone(),
            group: planned.group.clone(),
            status,
            seed: config.seed,
            depth: shape.depth,
            width: shape.width,
            heads: shape.heads,
            context: shape.context,
            vocab: shape.vocab,
            params_total: shape.total_parameters(),
            params_non_embedding: shape.non_embedding_parameters(),
            params_with_head: shape.parameters_with_head(),
            tokens: config.tokens(),
            unique_tokens: corpus.train_tokens,
            epochs: round(config.tokens() as f64 / corpus.train_tokens as f64, 4),
            compute_6nd: config.compute_6nd(),
            compute: config.compute(),
            batch_tokens: config.batch_tokens,
            steps: config.steps,
            learning_rate: config.optimiser.matrix_learning_rate,
            train_loss: train_loss.map(|loss| round(loss, 6)),
            loss: validation.map(|v| round(v.loss.get(), 6)),
            loss_se: validation.map(|v| round(v.standard_error.get(), 6)),
            bits_per_byte: validation
                .map(|v| round(v.loss.bits_per_byte(bytes_per_token).get(), 6)),
            wall_s: round(run.wall_s, 2),
            cpu_s: round(run.cpu_s, 2),
            config_hash: config.hash(),
            corpus_hash: corpus.hash[..16].to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

fn round(x: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (x * scale).round() / scale
}
