//! What is said in a pipeline. Messages of an earlier attempt are not listened to.

use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::optimiser::RunningNorm;
use crate::swarm::message::{Hash, PeerId};

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
        /// What an audit is compared with; nothing without audits.
        report: Option<Report>,
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
        /// Whose vector it is; nobody's when it is the stage's own.
        from: Option<Side>,
        /// What is wrong.
        why: String,
    },
    /// Coordinator: the run is over.
    Over,
    /// Coordinator: show what this step was made of.
    Challenge {
        /// The attempt.
        attempt: u32,
        /// The step.
        step: u64,
    },
    /// To the coordinator: that.
    Proof {
        /// The attempt.
        attempt: u32,
        /// The step.
        step: u64,
        /// All that the step was made of.
        evidence: Evidence,
    },
    /// Coordinator: no step before this one will be audited any more.
    Settled {
        /// The attempt.
        attempt: u32,
        /// The first step that may be.
        step: u64,
    },
}

/// A neighbour of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// The stage before.
    Before,
    /// The next one.
    Next,
}

/// A stage's account of one step, in hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Of its state after the step.
    pub state: Hash,
    /// Of what it read from the stage before and from the next one, in order.
    pub read: [Hash; 2],
    /// Of what it sent to the stage before and to the next one, in order.
    pub sent: [Hash; 2],
    /// The bits of the norm of the whole gradient; of 0 where none is needed.
    pub norm: u64,
}

/// All that a stage's step was made of.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// Its parameters before the step, then the optimiser's memory.
    pub state: Vec<f32>,
    /// What came from the stage before, one after another.
    #[serde(with = "serde_bytes")]
    pub activations: Vec<u8>,
    /// What came from the next one, one after another.
    #[serde(with = "serde_bytes")]
    pub gradients: Vec<u8>,
    /// The norm of all stages before.
    pub norm: Option<RunningNorm>,
    /// The norm of the whole gradient.
    pub total: Option<f64>,
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
            Self::Challenge { .. } => "challenge",
            Self::Proof { .. } => "proof",
            Self::Settled { .. } => "settled",
        }
    }

    /// Whether one of us can have written it.
    pub(in crate::swarm) fn is_possible(&self) -> bool {
        match self {
            Self::Norm { norm, .. } => norm.is_possible(),
            Self::Proof { evidence, .. } => {
                evidence.norm.as_ref().is_none_or(RunningNorm::is_possible)
            }
            _ => true,
        }
    }
}
