//! What peers say to each other.

use serde::{Deserialize, Serialize};

use super::PeerId;

/// What one peer says to another. The order of variants is part of the format: add at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Message {
    /// A peer wants to take part. Signed.
    Join(Join),
    /// The coordinator lets it, and says where things stand. Signed.
    Welcome(Welcome),
    /// The coordinator does not let it. Signed.
    Refuse {
        /// Why, for the peer's owner.
        reason: String,
    },
    /// A peer goes. Signed.
    Leave {
        /// Why, for the others' logs.
        reason: String,
    },
    /// What to do until the next outer step.
    Work(Work),
    /// Where a peer stands.
    Heartbeat(Heartbeat),
    /// A part of something large.
    Piece(Piece),
    /// Please send the bytes `offset..offset + length` of an object.
    Request {
        /// Of what.
        object: Object,
        /// First byte.
        offset: u64,
        /// Bytes.
        length: u64,
    },
    /// Please do an inner step again and say what came out.
    Audit(Audit),
    /// What came out: the hash of the parameters after the step.
    AuditAnswer {
        /// Which step.
        audit: Audit,
        /// BLAKE3 of the parameters, little-endian.
        parameters: [u8; 32],
    },
    /// Who takes part from this round on.
    Members(Vec<Member>),
}

/// A peer that wants to take part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Join {
    /// A name for people.
    pub name: String,
    /// Speed that it measured, in tokens per second.
    pub tokens_per_second: f64,
    /// Where others can reach it, if they can: `host:port`.
    pub address: Option<String>,
    /// The last round whose parameters it holds, if it was here before.
    pub holds: Option<u64>,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The run's configuration, as JSON.
    pub configuration: String,
    /// The round that the newcomer enters.
    pub enters: u64,
    /// BLAKE3 of the checkpoint that it needs.
    pub checkpoint: [u8; 32],
    /// Size of the checkpoint in bytes.
    pub checkpoint_bytes: u64,
    /// Who takes part, and may have shards of it.
    pub members: Vec<Member>,
}

/// One who takes part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The peer.
    pub peer: PeerId,
    /// A name for people.
    pub name: String,
    /// Where it can be reached, if it can.
    pub address: Option<String>,
}

/// What a peer does until the next outer step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Inner steps.
    pub inner_steps: u32,
    /// Sequences in each.
    pub sequences: u32,
    /// Position in the run's order of training windows.
    pub first_sequence: u64,
    /// When the contribution is due, in nanoseconds from now.
    pub due: u64,
}

/// Where a peer stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Inner steps done in this round.
    pub inner_step: u32,
    /// Tokens processed in this round.
    pub tokens: u64,
    /// Loss of the last inner step, in nats per token.
    pub loss: f64,
}

/// Which inner step is audited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// The peer whose step it is.
    pub peer: PeerId,
    /// The round.
    pub round: u64,
    /// The inner step.
    pub inner_step: u32,
}

/// Something larger than a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Object {
    /// A peer's pseudo-gradient of a fragment of the model, and the tokens behind it.
    Contribution {
        /// Which fragment.
        fragment: u32,
        /// Tokens really processed: the weight in the average.
        tokens: u64,
    },
    /// The average of a fragment.
    Average {
        /// Which fragment.
        fragment: u32,
    },
    /// A shard of parameters and optimiser state.
    Checkpoint {
        /// Which shard.
        shard: u32,
    },
    /// Activations from one pipeline stage to the next.
    Activations {
        /// Which micro-batch.
        micro_batch: u32,
    },
    /// Gradients of activations, the other way.
    Gradients {
        /// Which micro-batch.
        micro_batch: u32,
    },
}

/// A part of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Of what.
    pub object: Object,
    /// BLAKE3 of the whole object.
    pub hash: [u8; 32],
    /// Size of the whole object in bytes.
    pub total: u64,
    /// Where this part starts.
    pub offset: u64,
    /// The part.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

impl Message {
    /// Whether it changes who takes part, and so must be signed.
    pub fn announces(&self) -> bool {
        matches!(self, Self::Join(_) | Self::Welcome(_) | Self::Refuse { .. } | Self::Leave { .. })
    }

    /// Whether every number in it is one.
    pub(super) fn is_finite(&self) -> bool {
        match self {
            Self::Join(join) => join.tokens_per_second.is_finite() && join.tokens_per_second >= 0.0,
            Self::Heartbeat(heartbeat) => heartbeat.loss.is_finite(),
            _ => true,
        }
    }
}
