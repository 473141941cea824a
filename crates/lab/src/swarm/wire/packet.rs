//! What transports say to each other.

use serde::{Deserialize, Serialize};

use super::PeerId;

/// Bytes of a message in one piece; the last piece of a message may have fewer.
pub const PIECE: usize = 256 * 1024;

/// What a frame holds. The order of variants is part of the format: add at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Packet {
    /// Who is at this end of the connection. Signed.
    Hello(Hello),
    /// The connection is not wanted. Signed.
    Refuse {
        /// Why, for the peer's owner.
        reason: String,
    },
    /// The coordinator says who takes part. Signed.
    Members(Vec<Member>),
    /// A part of a message.
    Piece(Piece),
    /// What arrived of a peer's messages.
    Acknowledge(Acknowledge),
    /// Nothing; keeps routers from forgetting a connection.
    Ping,
}

/// Who is at this end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The random number that the other end began with: a greeting counts once.
    pub challenge: [u8; 32],
    /// A name for people.
    pub name: String,
    /// Where others can reach this peer, if they can: `host:port`, or `:port` for the host that
    /// the other end sees.
    pub address: Option<String>,
    /// From the coordinator: the number of the peer at the other end.
    pub you: Option<PeerId>,
    /// Stands for the name of its site, if it is in one.
    pub site: Option<u32>,
}

/// One who takes part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its number in the run.
    pub peer: PeerId,
    /// Its public key.
    pub key: [u8; 32],
    /// A name for people.
    pub name: String,
    /// Where it can be reached, if it can: `host:port`.
    pub address: Option<String>,
    /// Stands for the name of its site, if it is in one.
    pub site: Option<u32>,
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The stream that it belongs to: rises when its sender starts again.
    pub epoch: u64,
    /// Which message of the stream.
    pub number: u64,
    /// Size of the whole message in bytes.
    pub total: u64,
    /// Where this part starts.
    pub offset: u64,
    /// The part.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

/// What arrived of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledge {
    /// The stream.
    pub epoch: u64,
    /// Messages that arrived whole: the number of the next one.
    pub number: u64,
    /// Bytes that arrived of that one.
    pub offset: u64,
    /// Whether something between is missing and must come again.
    pub again: bool,
}

impl Packet {
    /// Reads the payload of a frame.
    ///
    /// # Errors
    /// If it is no packet, or more than one.
    pub fn from_bytes(payload: &[u8]) -> Result<Self, String> {
        let (packet, rest) =
            postcard::take_from_bytes(payload).map_err(|why| format!("no packet: {why}"))?;
        if rest.is_empty() {
            Ok(packet)
        } else {
            Err(format!("{} bytes follow its packet", rest.len()))
        }
    }

    /// Whether it says who somebody is, and so must be signed.
    pub fn announces(&self) -> bool {
        matches!(self, Self::Hello(_) | Self::Refuse { .. } | Self::Members(_))
    }
}
