//! Checkpoints: everything a run needs to go on bit for bit, in one file that is whole or absent.
//!
//! ```text
//! ISOFLOP-CHECKPOINT 1\n   {header as JSON}\n   f32 little-endian, in the engine's order   BLAKE3 of all before
//! ```

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::train::CurvePoint;

const MAGIC: &str = "ISOFLOP-CHECKPOINT 1\n";
const HASH_BYTES: usize = 32;

/// What a checkpoint knows besides the engine's numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) config_hash: String,
    pub(crate) corpus_hash: String,
    /// Steps done.
    pub(crate) step: u64,
    pub(crate) wall_s: f64,
    pub(crate) cpu_s: f64,
    pub(crate) curve: Vec<CurvePoint>,
    /// Losses since the curve's last point: their sum and number.
    pub(crate) pending: (f64, u64),
}

/// Replaces the checkpoint at `path`; a failure leaves the earlier one whole.
pub(crate) fn save(path: &Path, header: &Header, engine: &dyn Engine) -> Result<(), Diagnostic> {
    write(path, header, engine).map_err(|error| {
        Diagnostic::error(format!("the checkpoint {} cannot be written: {error}", path.display()))
            .note("the last checkpoint that was written is whole")
            .help("free some space and start the same command again: it goes on from there")
    })
}

fn write(path: &Path, header: &Header, engine: &dyn Engine) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = tempfile::Builder::new().prefix(".checkpoint-").tempfile_in(folder)?;
    let mut out = Hashing { inner: BufWriter::new(file), hasher: blake3::Hasher::new() };
    out.write_all(MAGIC.as_bytes())?;
    serde_json::to_writer(&mut out, header)?;
    out.write_all(b"\n")?;
    let mut bytes = Vec::with_capacity(4 * 4096);
    engine.save(&mut |numbers| {
        numbers.chunks(4096).try_for_each(|piece| {
            bytes.clear();
            bytes.extend(piece.iter().flat_map(|x| x.to_le_bytes()));
            out.write_all(&bytes)
        })
    })?;
    let hash = out.hasher.finalize();
    out.inner.write_all(hash.as_bytes())?;
    let file = out.inner.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|failure| failure.error)?;
    Ok(())
}

struct Hashing<W> {
    inner: W,
    hasher: blake3::Hasher,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Fills `engine` from the checkpoint at `path`, if there is a whole one of this configuration
/// and corpus; otherwise the engine is as it was and the run starts from the beginning.
pub(crate) fn load(
    path: &Path,
    config_hash: &str,
    corpus_hash: &str,
    engine: &mut dyn Engine,
) -> Option<Header> {
    // Whole before anything is touched: the hash is over the file's every byte.
    let length = whole_length(path)?;
    let mut file = BufReader::new(File::open(path).ok()?).take(length);
    let mut magic = String::new();
    file.read_line(&mut magic).ok()?;
    let mut line = String::new();
    file.read_line(&mut line).ok()?;
    let header: Header = serde_json::from_str(&line).ok()?;
    if magic != MAGIC || header.config_hash != config_hash || header.corpus_hash != corpus_hash {
        return None;
    }
    let mut bytes = vec![0; 4 * 4096];
    engine
        .restore(header.step, &mut |numbers| {
            for piece in numbers.chunks_mut(4096) {
                let bytes = &mut bytes[..4 * piece.len()];
                file.read_exact(bytes)?;
                for (x, raw) in piece.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *x = f32::from_le_bytes(*raw);
                }
            }
            Ok(())
        })
        .ok()?;
    Some(header)
}

/// The length of the file before its hash, if the hash is right.
fn whole_length(path: &Path) -> Option<u64> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len().checked_sub(HASH_BYTES as u64)?;
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut (&mut file).take(length), &mut hasher).ok()?;
    let mut hash = [0; HASH_BYTES];
    file.read_exact(&mut hash).ok()?;
    (hasher.finalize() == hash).then_some(length)
}
