//! What is said in a pipeline. Messages of an earlier attempt are not listened to.

use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::optimiser::RunningNorm;
use crate::swarm::message::PeerId;

/// The order of variants is part of the format: add at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Say {
    /// Coordinator: wait until you are needed.
    Wait,
    /// Coordinator: train these blocks from here on.
    Begin(Post),
    /// To the next stage: the residual stream of a micro-batch, packed.
    Activations(Micro),
    /// To the stage before: the gradient of the residual stream, packed.
    Gradients(Micro),
    /// To the next stage: the norm of the gradient of all stages so far.
    Norm {
        /// The attempt.
        attempt: u32,
        /// The step.
        step: u64,
        /// The sum of squares so far.
        norm: RunningNorm,
    },
    /// The last stage to all others: the norm of the whole gradient.
    Total {
        /// The attempt.
        attempt: u32,
        /// The step.
        step: u64,
        /// The norm.
        norm: f64,
    },
    /// To the coordinator: a step is done.
    Done {
        /// The attempt.
        attempt: u32,
        /// The step.
        step: u64,
        /// Mean loss of the step from the last stage, nats per token; 0 from the others.
        loss: f64,
        /// Time spent computing.
        busy: Duration,
        /// Bytes sent to other stages since the step before, with frames.
        sent: Vec<(PeerId, u64)>,
    },
    /// To the coordinator: a part after so many steps.
    Kept {
        /// The attempt.
        attempt: u32,
        /// Steps done.
        step: u64,
        /// Its parameters, then the optimiser's memory.
        state: Vec<f32>,
    },
    /// Coordinator: are you there?
    Check {
        /// The attempt.
        attempt: u32,
    },
    /// To the coordinator: yes, and so much is computed.
    Here {
        /// The attempt.
        attempt: u32,
        /// Micro-batches forward or back since the attempt began.
        done: u64,
    },
    /// To the coordinator: what came cannot be read.
    Broken {
        /// The attempt.
        attempt: u32,
        /// The step.
        step: u64,
        /// What is wrong.
        why: String,
    },
    /// Coordinator: the run is over.
    Over,
}

/// A stage's work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Post {
    /// Rises whenever the run goes back to an earlier state.
    pub attempt: u32,
    /// Which stage.
    pub stage: u32,
    /// Its blocks.
    pub blocks: Range<u32>,
    /// Who has which stage.
    pub peers: Vec<PeerId>,
    /// Steps done.
    pub step: u64,
    /// The part after them; empty at the start.
    pub state: Vec<f32>,
}

/// A packed vector of one micro-batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Micro {
    /// The attempt.
    pub attempt: u32,
    /// The step.
    pub step: u64,
    /// Which micro-batch of the step.
    pub micro: u32,
    /// What the codec made of it.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
}

impl Say {
    /// A word for logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Begin(_) => "begin",
            Self::Activations(_) => "activations",
            Self::Gradients(_) => "gradients",
            Self::Norm { .. } => "norm",
            Self::Total { .. } => "total",
            Self::Done { .. } => "done",
            Self::Kept { .. } => "kept",
            Self::Check { .. } => "check",
            Self::Here { .. } => "here",
            Self::Broken { .. } => "broken",
            Self::Over => "over",
        }
    }
}
