//! A pipeline's coordinator as bytes.

use diagnostic::Diagnostic;

use super::conductor::{Book, Conductor};
use super::model::Model;
use crate::swarm::sealed::{seal, unseal};
use crate::swarm::settings::Settings;

const MAGIC: &[u8] = b"ISOFLOP-PIPELINE 2\n";

impl<M: Model> Conductor<M> {
    /// All that a coordinator needs to go on from its last copy: the settings as a line of JSON, the
    /// book in postcard's format, and a BLAKE3 hash over both.
    pub fn save(&self) -> Vec<u8> {
        // Structs of numbers and names always serialise.
        seal(MAGIC, &self.settings, &postcard::to_allocvec(&self.book).unwrap_or_default())
    }

    /// From [`Self::save`].
    ///
    /// # Errors
    /// When the bytes are torn or belong to other settings.
    pub fn restore(settings: Settings, model: M, bytes: &[u8]) -> Result<Self, Diagnostic> {
        let torn = || Diagnostic::error("the coordinator's file is torn, or not one of a pipeline");
        let (saved, book): (Settings, _) = unseal(MAGIC, bytes).ok_or_else(torn)?;
        settings.must_be(&saved)?;
        let book: Book = postcard::from_bytes(book).map_err(|_| torn())?;
        Ok(Self::with_book(settings, model, book))
    }
}
