//! A corpus as tokens: made once, kept in a file, mapped into memory by every run.
//!
//! ```text
//!                      cache folder
//! CorpusSource ──▶ NAME-FINGERPRINT.tokens ──▶ TokenFile ──▶ BatchSampler: where each window starts
//!   corpus.rs   build.rs, place.rs:            (mapped)      validation_windows: the same for all
//!              lock, write, rename                           windows.rs
//! ```
//!
//! A token is a byte: the models of this lab have 10^4 to 10^6 parameters, and a larger vocabulary
//! would be most of the model. Token 0, a byte that text does not hold, ends every document. The
//! file format allows tokens of two bytes, for larger vocabularies.
//!
//! ```
//! use lab::corpus::{CorpusSource, Split};
//! use lab::tokens::{BatchSampler, open_or_build};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let text: String = (0..50_000_u64).map(|i| format!("{i} squared is {}\n", i * i % 997)).collect();
//! std::fs::write(folder.path().join("squares.txt"), text)?;
//!
//! let source = CorpusSource::Paths(vec![folder.path().join("squares.txt")]);
//! let tokens = open_or_build(&source, &folder.path().join("cache"), &mut |_| {})?;
//! println!("{}", tokens.summary());
//!
//! let sampler = BatchSampler::new(tokens.len(Split::Train) as u64, 128, 16, 1)?;
//! let mut window = [0_u32; 129];
//! for start in sampler.batch(0) {
//!     tokens.copy_to(Split::Train, start, &mut window);
//! }
//! assert!(window.iter().all(|&token| token < tokens.vocabulary()));
//! # Ok(())
//! # }
//! ```

mod build;
mod header;
mod permutation;
mod place;
mod windows;

use std::env;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use diagnostic::Diagnostic;
use memmap2::Mmap;

pub use build::{Progress, open_or_build};
pub use windows::{BatchSampler, validation_windows};

use crate::corpus::{CorpusSummary, Split};
use header::Header;

/// The token that ends every document.
pub const END_OF_DOCUMENT: u32 = 0;

/// A corpus as tokens, mapped into memory: opening it costs the same whatever its size, and all
/// runs on a machine share its pages.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    map: Mmap,
    header: Header,
    summary: CorpusSummary,
}

/// Why a file cannot be used as the tokens of a corpus.
#[derive(Debug)]
enum Unusable {
    /// There is none.
    Absent,
    /// It is there, but cannot be read.
    Unreadable(io::Error),
    /// It is torn, altered or of another version; the text says which.
    Damaged(String),
}

impl TokenFile {
    /// Maps the file at `path`, whose corpus has the given `fingerprint` and `name`.
    fn open(path: &Path, fingerprint: &blake3::Hash, name: String) -> Result<Self, Unusable> {
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Unusable::Absent,
            _ => Unusable::Unreadable(error),
        };
        let file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let header = Header::read(&file, length).map_err(unreadable)?.map_err(Unusable::Damaged)?;
        if header.fingerprint != *fingerprint.as_bytes() {
            return Err(Unusable::Damaged("it belongs to another corpus".to_owned()));
        }
        #[expect(
            unsafe_code,
            reason = "a mapped file must not change or shrink: this crate writes token files \
                      aside and renames them, so the file mapped here is never written again"
        )]
        // SAFETY: see the reason above; nothing else has business in the cache folder.
        let map = unsafe { Mmap::map(&file) }.map_err(unreadable)?;
        let summary = CorpusSummary {
            name,
            documents: header.documents,
            bytes: header.bytes,
            files_left_out: header.files_left_out,
            train_tokens: header.train,
            validation_tokens: header.validation,
            hash: blake3::Hash::from_bytes(header.corpus).to_hex().to_string(),
        };
        Ok(Self { path: path.to_owned(), map, header, summary })
    }

    /// The corpus in numbers.
    pub fn summary(&self) -> &CorpusSummary {
        &self.summary
    }

    /// Where the tokens are kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many different tokens there are: every token is smaller.
    pub fn vocabulary(&self) -> u32 {
        self.header.vocabulary
    }

    /// How many tokens `split` has.
    pub fn len(&self, split: Split) -> usize {
        // The whole file is in memory, so its parts fit.
        match split {
            Split::Train => self.header.train as usize,
            Split::Validation => self.header.validation as usize,
        }
    }

    /// Copies the tokens of `split` from number `start` on into `out`, as many as it holds.
    ///
    /// # Panics
    ///
    /// When `start + out.len()` lies beyond the end of the split, as indexing a slice does.
    pub fn copy_to(&self, split: Split, start: usize, out: &mut [u32]) {
        let length = self.len(split);
        let end = start.checked_add(out.len()).filter(|&end| end <= length);
        assert!(
            end.is_some(),
            "{} tokens from {start} on lie beyond the {length} {split} tokens",
            out.len()
        );
        let width = self.header.width as usize;
        let before = if split == Split::Train { 0 } else { self.len(Split::Train) };
        let from = header::LENGTH + (before + start) * width;
        let bytes = &self.map[from..from + out.len() * width];
        if width == 1 {
            for (token, &byte) in out.iter_mut().zip(bytes) {
                *token = u32::from(byte);
            }
        } else {
            for (token, pair) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                *token = u32::from(u16::from_le_bytes(*pair));
            }
        }
    }

    /// Reads all tokens and compares them with the checksum made when they were written.
    pub fn verify(&self) -> Result<(), Diagnostic> {
        if blake3::hash(&self.map[header::LENGTH..]).as_bytes() == &self.header.payload {
            return Ok(());
        }
        Err(Diagnostic::error(format!(
            "the tokens in `{}` are not those that were written",
            self.path.display()
        ))
        .help("delete the file: the next run makes it anew"))
    }
}

/// The folder for token files: `chosen` (the option `--cache`), else `$ISOFLOP_CACHE`, else
/// `$XDG_CACHE_HOME/isoflop`, else `~/.cache/isoflop`.
///
/// # Errors
///
/// When none of them is set and there is no home directory.
pub fn cache_folder(chosen: Option<&Path>) -> Result<PathBuf, Diagnostic> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    find_cache(chosen, &variable, env::home_dir()).ok_or_else(|| {
        Diagnostic::error("no folder to keep the tokens of the corpus in")
            .note("neither ISOFLOP_CACHE, XDG_CACHE_HOME nor a home directory is set")
            .help("name one with `--cache FOLDER`")
    })
}

fn find_cache(
    chosen: Option<&Path>,
    variable: &dyn Fn(&'static str) -> Option<PathBuf>,
    home: Option<PathBuf>,
) -> Option<PathBuf> {
    chosen
        .map(Path::to_owned)
        .or_else(|| variable("ISOFLOP_CACHE"))
        // The XDG specification has relative paths ignored.
        .or_else(|| Some(variable("XDG_CACHE_HOME").filter(|p| p.is_absolute())?.join("isoflop")))
        .or_else(|| Some(home?.join(".cache").join("isoflop")))
}

#[cfg(test)]
mod tests;
