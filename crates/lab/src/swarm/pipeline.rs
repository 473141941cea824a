//! Pipeline stages across peers: each trains some blocks of one model.
//!
//! ```text
//!            activations ──▶          activations ──▶
//!   stage 0                 stage 1                 stage 2: losses
//!            ◀── gradients            ◀── gradients
//!   at the end of a step: norm ─▶ norm ─▶ total to all, and each applies its part
//! ```
//!
//! A step's text is cut into micro-batches that flow forward and back. A stage takes a gradient
//! before it takes the next activations, so in a full pipeline forward and backward alternate
//! (1F1B, Narayanan et al. 2021, arXiv:2104.04473), and a step ends with an empty pipeline.
//! Micro-batches are taken and added in order, so the result depends on no clock: with `fp32` it
//! is that of plain training bit for bit, if a micro-batch is what the engine's cores work on at once.

mod conductor;
mod cut;
mod engine;
#[cfg(test)]
mod malice;
mod message;
mod model;
mod save;
mod stage;
#[cfg(test)]
mod tests;
mod transcript;
mod work;

use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use conductor::Conductor;
pub use engine::EngineModel;
pub use engine::EnginePart;
pub use message::{Evidence, Micro, Post, Report, Say, Side};
pub use model::{DummyModel, DummyPart, Model, Part};
pub use stage::Stage;

use super::codec::Codec;
use super::settings::{Method, Settings};
use crate::engine::leaf_sequences;
use crate::recipe::RunConfig;
use crate::shape::Head;

/// How a model is trained in stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    /// Peers with a part of the model each.
    pub stages: u32,
    /// Windows of a micro-batch.
    pub micro_windows: u32,
    /// Steps between copies of all parts that the coordinator keeps; 0 keeps none.
    pub checkpoint_every: u64,
}

impl Pipeline {
    /// Of `stages`, for `run`; a micro-batch is what a core of plain training works on at once.
    pub fn new(stages: u32, run: &RunConfig) -> Self {
        let micro_windows = leaf_sequences(&run.shape) as u32;
        Self { stages, micro_windows, checkpoint_every: 64 }
    }

    /// That of `settings`; of one stage where they have none.
    pub(super) fn of(settings: &Settings) -> Self {
        match settings.method {
            Method::Pipeline(pipeline) => pipeline,
            _ => Self::new(1, &settings.run),
        }
    }

    /// Whether a copy of all parts is kept after `step` of `steps`.
    fn keeps(self, step: u64, steps: u64) -> bool {
        let every = self.checkpoint_every;
        step == steps || every > 0 && step.is_multiple_of(every)
    }

    /// Micro-batches of a step, as windows.
    pub(super) fn micro_batches(self, settings: &Settings, step: u64) -> Vec<Range<u64>> {
        let (all, each) = (settings.step_windows(), u64::from(self.micro_windows.max(1)));
        let from = step * all;
        (0..all.div_ceil(each))
            .map(|i| from + i * each..from + (i * each + each).min(all))
            .collect()
    }

    /// Numbers of the residual stream of a micro-batch.
    pub(super) fn stream(self, settings: &Settings) -> usize {
        self.micro_windows as usize * settings.context() * settings.run.shape.width
    }

    /// Bytes of all that a stage reads from others in a step: what an audit shows beside its state.
    pub(super) fn evidence(self, settings: &Settings) -> usize {
        let micros = settings.step_windows().div_ceil(u64::from(self.micro_windows.max(1)));
        let stream = self.stream(settings);
        let each = settings.up.bytes(stream).saturating_add(settings.down.bytes(stream));
        each.saturating_mul(micros as usize)
    }

    /// What no pipeline can have, if anything.
    pub(super) fn problem(&self, settings: &Settings) -> Option<String> {
        let shape = &settings.run.shape;
        if self.stages == 0 || self.micro_windows == 0 {
            return Some("a pipeline has at least 1 stage, and a micro-batch 1 window".to_owned());
        }
        if self.stages as usize > shape.depth {
            return Some(format!(
                "{} stages need a depth of {}, not {}: a model is cut between its blocks",
                self.stages, self.stages, shape.depth
            ));
        }
        if self.stages > settings.peers {
            return Some(format!(
                "{} stages need as many peers at the start, not {}",
                self.stages, settings.peers
            ));
        }
        if shape.head == Head::Tied && self.stages > 1 {
            return Some(
                "a tied head cannot be cut from its embedding; set recipe.head to `untied`"
                    .to_owned(),
            );
        }
        let keeps = |codec: &Codec| codec.feedback().is_some();
        [("up", settings.up), ("down", settings.down)].iter().find(|(_, codec)| keeps(codec)).map(
            |(key, codec)| {
                format!(
                    "wire.{key} `{codec}` keeps what it lost for the next vector, which is of other \
                     text in a pipeline; write it with `feedback 0`"
                )
            },
        )
    }
}
