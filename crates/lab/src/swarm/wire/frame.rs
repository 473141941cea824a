//! A message with its header.

use diagnostic::Diagnostic;

use super::signer::verify;
use super::{Message, PIECE, PeerId, RunId, Signer};

/// Bytes before the payload.
pub const HEADER: usize = 68;
const HASHED: usize = 36;
const MAGIC: [u8; 4] = *b"ISFL";
const VERSION: u8 = 1;
/// Key, counter and signature after the payload of an announcement.
const TRAILER: usize = 32 + 8 + 64;
/// What signatures of this format are about; no other protocol signs the same bytes.
const DOMAIN: &[u8] = b"isoflop swarm frame 1";

/// A message on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The run that it belongs to.
    pub run: RunId,
    /// The outer step that it is about.
    pub round: u64,
    /// Who sends it. Certain for announcements; for others, the transport knows who is connected.
    pub sender: PeerId,
    /// What is said.
    pub message: Message,
}

/// A message that arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The message.
    pub frame: Frame,
    /// Who signed it, if it is an announcement.
    pub signed: Option<Signed>,
}

/// A signature that was found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// The public key, whose hash is the sender.
    pub key: [u8; 32],
    /// Rises with every signature of the key; see [`super::ReplayGuard`].
    pub counter: u64,
}

/// How much a peer may send at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message.
    pub payload: usize,
}

impl Default for Limits {
    /// One piece and what describes it.
    fn default() -> Self {
        Self { payload: PIECE + 1024 }
    }
}

impl Limits {
    /// Bytes of a whole frame.
    pub fn frame(&self) -> usize {
        HEADER + self.payload + TRAILER
    }
}

impl Frame {
    /// The bytes of the frame, not signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.unsealed(false);
        seal(&mut bytes);
        bytes
    }

    /// The bytes of the frame, signed at `now`: nanoseconds of any clock that all peers share.
    pub fn signed(&self, signer: &mut Signer, now: u64) -> Vec<u8> {
        let mut bytes = self.unsealed(true);
        bytes.extend_from_slice(&signer.key());
        bytes.extend_from_slice(&signer.count(now).to_le_bytes());
        let signature = signer.sign(&statement(&bytes[..HASHED], &bytes[HEADER..]));
        bytes.extend_from_slice(&signature);
        seal(&mut bytes);
        bytes
    }

    /// Header with an empty hash, and payload.
    fn unsealed(&self, signed: bool) -> Vec<u8> {
        let room = match &self.message {
            Message::Piece(piece) => piece.bytes.len() + 128,
            _ => 256,
        };
        let mut bytes = Vec::with_capacity(HEADER + room + TRAILER);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[VERSION, u8::from(signed), 0, 0]);
        for number in [self.run.0, self.round, self.sender.0] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.resize(HEADER, 0);
        // Writing to memory cannot fail; the type says it can.
        let mut bytes = postcard::to_extend(&self.message, bytes).unwrap_or_default();
        let length = bytes.len().saturating_sub(HEADER) as u32;
        if let Some(place) = bytes.get_mut(32..36) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        bytes
    }

    /// Reads a frame. Allocates no more than the message holds, which `limits` bound.
    ///
    /// # Errors
    /// If it is not a whole frame of this version within `limits`, was changed on the way, holds
    /// no message or a number that is none, or announces something without a right signature.
    pub fn from_bytes(bytes: &[u8], limits: &Limits) -> Result<Received, Diagnostic> {
        read(bytes, limits)
            .map_err(|why| Diagnostic::error(format!("a frame from the network is refused: {why}")))
    }
}

fn read(bytes: &[u8], limits: &Limits) -> Result<Received, String> {
    let header: &[u8; HEADER] =
        bytes.first_chunk().ok_or_else(|| format!("it has {} bytes", bytes.len()))?;
    if header[..4] != MAGIC {
        return Err("it is not from a swarm of Isoflop".to_owned());
    }
    if header[4] != VERSION {
        return Err(format!("it has version {}, this is version {VERSION}", header[4]));
    }
    let signed = match header[5..8] {
        [flag @ (0 | 1), 0, 0] => flag == 1,
        _ => return Err("its header has unknown flags".to_owned()),
    };
    let number = |at: usize| {
        header[at..].first_chunk().map_or(0, |bytes: &[u8; 8]| u64::from_le_bytes(*bytes))
    };
    let length = (number(32) & 0xFFFF_FFFF) as usize;
    if length > limits.payload {
        return Err(format!("its message has {length} bytes, at most {}", limits.payload));
    }
    let expected = HEADER + length + if signed { TRAILER } else { 0 };
    if bytes.len() != expected {
        return Err(format!("it has {} bytes, its header says {expected}", bytes.len()));
    }
    if hash(bytes).as_bytes()[..] != bytes[HASHED..HEADER] {
        return Err("it was changed on the way".to_owned());
    }
    let (payload, trailer) = bytes[HEADER..].split_at(length);
    let (message, rest): (Message, _) =
        postcard::take_from_bytes(payload).map_err(|why| format!("no message: {why}"))?;
    if !rest.is_empty() {
        return Err(format!("{} bytes follow its message", rest.len()));
    }
    if !message.is_finite() {
        return Err("a number in its message is none".to_owned());
    }
    if message.announces() != signed {
        return Err(
            if signed { "only announcements are signed" } else { "it is not signed" }.to_owned()
        );
    }
    let sender = PeerId(number(24));
    let signed = signed.then(|| open_trailer(bytes, trailer, sender)).transpose()?;
    let frame = Frame { run: RunId(number(8)), round: number(16), sender, message };
    Ok(Received { frame, signed })
}

fn open_trailer(bytes: &[u8], trailer: &[u8], sender: PeerId) -> Result<Signed, String> {
    let broken = || "its signature is broken".to_owned();
    let (key, rest) = trailer.split_first_chunk::<32>().ok_or_else(broken)?;
    let (counter, rest) = rest.split_first_chunk::<8>().ok_or_else(broken)?;
    let signature: &[u8; 64] = rest.first_chunk().ok_or_else(broken)?;
    if PeerId::of_key(key) != sender {
        return Err("it is signed by another than its sender".to_owned());
    }
    let said = &bytes[HEADER..bytes.len() - signature.len()];
    if !verify(key, &statement(&bytes[..HASHED], said), signature) {
        return Err("its signature is wrong".to_owned());
    }
    Ok(Signed { key: *key, counter: u64::from_le_bytes(*counter) })
}

/// What is signed: a hash of what this is, the header without its hash, and what follows.
fn statement(header: &[u8], said: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(DOMAIN).update(header).update(said);
    *hasher.finalize().as_bytes()
}

fn hash(bytes: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[..HASHED]).update(&bytes[HEADER..]);
    hasher.finalize()
}

pub(super) fn seal(bytes: &mut [u8]) {
    let hash = hash(bytes);
    bytes[HASHED..HEADER].copy_from_slice(hash.as_bytes());
}
