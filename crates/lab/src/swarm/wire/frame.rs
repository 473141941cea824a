//! A packet with its header.

use diagnostic::Diagnostic;

use super::signer::verify;
use super::{PIECE, Packet, PeerId, RunId, Signer};

/// Bytes before the payload.
pub const HEADER: usize = 60;
const HASHED: usize = 28;
/// Where the length stands.
const LENGTH: usize = 24;
const MAGIC: [u8; 4] = *b"ISFL";
const VERSION: u8 = 2;
/// Key, counter and signature after the payload of an announcement.
const TRAILER: usize = 32 + 8 + 64;
/// What signatures of this format are about; no other protocol signs the same bytes.
const DOMAIN: &[u8] = b"isoflop swarm frame 1";

/// A packet on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The run that it belongs to.
    pub run: RunId,
    /// Who says so. Certain with a signature; else the transport knows who is connected.
    pub sender: PeerId,
    /// Whom it is for.
    pub receiver: PeerId,
    /// What is said.
    pub packet: Packet,
}

/// A packet that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The packet.
    pub frame: Frame,
    /// Who signed it, if it is an announcement.
    pub signed: Option<Signed>,
}

/// A signature that was found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// The public key; who holds it is for the receiver to know.
    pub key: [u8; 32],
    /// Rises with every signature of the key; see [`super::ReplayGuard`].
    pub counter: u64,
}

/// How much a peer may send at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a packet.
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
        let room = match &self.packet {
            Packet::Piece(piece) => piece.bytes.len() + 128,
            _ => 256,
        };
        let mut bytes = Vec::with_capacity(HEADER + room + TRAILER);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[VERSION, u8::from(signed), 0, 0]);
        bytes.extend_from_slice(&self.run.0.to_le_bytes());
        bytes.extend_from_slice(&self.sender.0.to_le_bytes());
        bytes.extend_from_slice(&self.receiver.0.to_le_bytes());
        bytes.resize(HEADER, 0);
        // Writing to memory cannot fail; the type says it can.
        let mut bytes = postcard::to_extend(&self.packet, bytes).unwrap_or_default();
        let length = bytes.len().saturating_sub(HEADER) as u32;
        if let Some(place) = bytes.get_mut(LENGTH..HASHED) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        bytes
    }

    /// Reads a frame. Allocates no more than the packet holds, which `limits` bound.
    ///
    /// # Errors
    /// If it is not a whole frame of this version within `limits`, was changed on the way, holds
    /// no packet, or announces something without a right signature.
    pub fn from_bytes(bytes: &[u8], limits: &Limits) -> Result<Received, Diagnostic> {
        read(bytes, *limits)
            .map_err(|why| Diagnostic::error(format!("a frame from the network is refused: {why}")))
    }
}

/// Size of the whole frame whose header this is, and nothing else of it.
///
/// # Errors
/// If it is not a header of this version, or of more than `limits` allow.
pub fn frame_len(header: &[u8; HEADER], limits: &Limits) -> Result<usize, String> {
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
    let length = word(header, LENGTH) as usize;
    if length > limits.payload {
        return Err(format!("its packet has {length} bytes, at most {}", limits.payload));
    }
    Ok(HEADER + length + if signed { TRAILER } else { 0 })
}

/// Run, sender and receiver of a frame, without looking into it: enough to pass it on.
pub fn route(bytes: &[u8]) -> Option<(RunId, PeerId, PeerId)> {
    let header = bytes.first_chunk::<HEADER>()?;
    let run = header[8..].first_chunk().map_or(0, |bytes: &[u8; 8]| u64::from_le_bytes(*bytes));
    Some((RunId(run), PeerId(word(header, 16)), PeerId(word(header, 20))))
}

fn word(header: &[u8; HEADER], at: usize) -> u32 {
    header[at..].first_chunk().map_or(0, |bytes: &[u8; 4]| u32::from_le_bytes(*bytes))
}

fn read(bytes: &[u8], limits: Limits) -> Result<Received, String> {
    let header: &[u8; HEADER] =
        bytes.first_chunk().ok_or_else(|| format!("it has {} bytes", bytes.len()))?;
    let expected = frame_len(header, &limits)?;
    if bytes.len() != expected {
        return Err(format!("it has {} bytes, its header says {expected}", bytes.len()));
    }
    if hash(bytes).as_bytes()[..] != bytes[HASHED..HEADER] {
        return Err("it was changed on the way".to_owned());
    }
    let (payload, trailer) = bytes[HEADER..].split_at(word(header, LENGTH) as usize);
    let packet = Packet::from_bytes(payload)?;
    let signed = !trailer.is_empty();
    if packet.announces() != signed {
        return Err(
            if signed { "only announcements are signed" } else { "it is not signed" }.to_owned()
        );
    }
    let signed = signed.then(|| open_trailer(bytes, trailer)).transpose()?;
    let (run, sender, receiver) = route(bytes).unwrap_or_default();
    Ok(Received { frame: Frame { run, sender, receiver, packet }, signed })
}

fn open_trailer(bytes: &[u8], trailer: &[u8]) -> Result<Signed, String> {
    let broken = || "its signature is broken".to_owned();
    let (key, rest) = trailer.split_first_chunk::<32>().ok_or_else(broken)?;
    let (counter, rest) = rest.split_first_chunk::<8>().ok_or_else(broken)?;
    let signature: &[u8; 64] = rest.first_chunk().ok_or_else(broken)?;
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
