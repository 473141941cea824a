//! A pipeline's coordinator as bytes.

use diagnostic::Diagnostic;

use super::conductor::{Book, Conductor};
use super::model::Model;
use crate::swarm::settings::Settings;

const MAGIC: &[u8] = b"ISOFLOP-PIPELINE 1\n";

impl<M: Model> Conductor<M> {
    /// All that a coordinator needs to go on from its last copy: the settings as a line of JSON, the
    /// book in postcard's format, and a BLAKE3 hash over both.
    pub fn save(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        // Structs of numbers and names always serialise.
        bytes.extend(serde_json::to_vec(&self.settings).unwrap_or_default());
        bytes.push(b'\n');
        bytes.extend(postcard::to_allocvec(&self.book).unwrap_or_default());
        let hash = blake3::hash(&bytes);
        bytes.extend(hash.as_bytes());
        bytes
    }

    /// From [`Self::save`].
    ///
    /// # Errors
    /// When the bytes are torn or belong to other settings.
    pub fn restore(settings: Settings, model: M, bytes: &[u8]) -> Result<Self, Diagnostic> {
        let torn = || Diagnostic::error("the coordinator's file is torn, or not one of a pipeline");
        let (bytes, hash) =
            bytes.split_at_checked(bytes.len().wrapping_sub(32)).ok_or_else(torn)?;
        if blake3::hash(bytes).as_bytes() != hash {
            return Err(torn());
        }
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(torn)?;
        let line = rest.iter().position(|byte| *byte == b'\n').ok_or_else(torn)?;
        let saved: Settings = serde_json::from_slice(&rest[..line]).map_err(|_| torn())?;
        if saved != settings {
            return Err(Diagnostic::error("the coordinator's file belongs to other settings")
                .help("use the settings it was started with, or another folder"));
        }
        let book: Book = postcard::from_bytes(&rest[line + 1..]).map_err(|_| torn())?;
        Ok(Self::with_book(settings, model, book))
    }
}
