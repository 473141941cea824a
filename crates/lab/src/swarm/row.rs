//! A swarm's run as a row of `runs.csv`, and a grid of them.

use serde::{Deserialize, Serialize};

use super::rehearsal::Account;
use super::settings::{Method, Settings};

/// One run of a swarm. The first columns are those of the lab's other tables, so that
/// `isoflop fit` reads both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SwarmRow {
    /// Unique name.
    pub run: String,
    /// `synchronous`, `diloco` or `pipeline`.
    pub group: String,
    /// `done`, or `diverged` with empty losses.
    pub status: String,
    /// Decides initial parameters and the order of the text.
    pub seed: u64,
    /// Blocks.
    pub depth: usize,
    /// Features of the residual stream.
    pub width: usize,
    /// Tokens a sequence.
    pub context: usize,
    /// N, every stored number.
    pub params_total: u64,
    /// N, the blocks alone.
    pub params_non_embedding: u64,
    /// N, the blocks and the output projection.
    pub params_with_head: u64,
    /// D, training tokens of all peers.
    pub tokens: u64,
    /// C in FLOP: 6 N D, N with head.
    pub compute_6nd: f64,
    /// C in FLOP: matrix products and causal attention, exact.
    pub compute: f64,
    /// Tokens a step of all peers together.
    pub batch_tokens: usize,
    /// Peak learning rate of the matrices inside blocks.
    pub learning_rate: f32,
    /// Validation loss, nats per token.
    pub loss: Option<f64>,
    /// Its standard error over the text.
    pub loss_se: Option<f64>,
    /// Peers at the start.
    pub peers: u32,
    /// H; 1 for runs without.
    pub inner_steps: u32,
    /// Parts averaged one after another.
    pub fragments: u32,
    /// Inner steps that go on while an average is on its way.
    pub overlap: u32,
    /// Rate of the outer step; 0 for runs without.
    pub outer_learning_rate: f32,
    /// Momentum of the outer step; 0 for runs without, and in tables of earlier versions.
    #[serde(default)]
    pub outer_momentum: f32,
    /// Codec of updates, or of activations.
    pub up: String,
    /// Codec of averages, or of gradients on their way back.
    pub down: String,
    /// Bytes over all lines, with frames.
    pub bytes: u64,
    /// Bytes over all lines for each training token.
    pub bytes_per_token: f64,
    /// Seconds, virtual or real.
    pub seconds: f64,
    /// Stands for every setting of the run but the peers' lines and speeds.
    pub config_hash: String,
    /// Stands for every byte of the text.
    pub corpus_hash: String,
    /// Isoflop's version.
    pub version: String,
}

impl SwarmRow {
    /// The row of a run.
    pub fn new(name: &str, settings: &Settings, account: &Account) -> Self {
        let (run, shape) = (&settings.run, &settings.run.shape);
        let (group, diloco) = match settings.method {
            Method::Synchronous => ("synchronous", None),
            Method::Diloco(diloco) => ("diloco", Some(diloco)),
            Method::Pipeline(_) => ("pipeline", None),
        };
        let per_token = shape.flop_per_token();
        Self {
            run: name.to_owned(),
            group: group.to_owned(),
            status: if account.loss.is_some() { "done" } else { "diverged" }.to_owned(),
            seed: run.seed,
            depth: shape.depth,
            width: shape.width,
            context: shape.context,
            params_total: shape.total_parameters(),
            params_non_embedding: shape.non_embedding_parameters(),
            params_with_head: shape.parameters_with_head(),
            tokens: account.tokens,
            compute_6nd: shape.matmul_flop_per_token() * account.tokens as f64,
            compute: per_token * account.tokens as f64,
            batch_tokens: run.batch_tokens,
            learning_rate: run.optimiser.matrix_learning_rate,
            loss: account.loss,
            loss_se: account.loss_se,
            peers: settings.peers,
            inner_steps: diloco.map_or(1, |diloco| diloco.inner_steps),
            fragments: diloco.map_or(1, |diloco| diloco.fragments),
            overlap: diloco.map_or(0, |diloco| diloco.overlap),
            outer_learning_rate: diloco.map_or(0.0, |diloco| diloco.outer_learning_rate),
            outer_momentum: diloco.map_or(0.0, |diloco| diloco.outer_momentum),
            up: settings.up.to_string(),
            down: settings.down.to_string(),
            bytes: account.bytes,
            bytes_per_token: account.bytes_per_token(),
            seconds: account.seconds,
            config_hash: config_hash(settings),
            corpus_hash: settings.corpus.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// Sixteen hexadecimal digits that stand for `settings`.
pub fn config_hash(settings: &Settings) -> String {
    // A struct of numbers and names always serialises.
    let text = serde_json::to_string(settings).unwrap_or_default();
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}
