//! Text to train on: which files, in which order, cut into which documents, in which split.
//!
//! ```text
//! CorpusSource ──▶ files, in a fixed order ──▶ documents ──▶ Intake: once each, train or validation
//!  Rust dependencies   files.rs                 documents.rs           │
//!  or --corpus PATH    rust_dependencies.rs                            ▼
//!                                                               crate::tokens
//! ```
//!
//! The rules, fixed by [`RULES`] so that everyone with the same files gets the same tokens:
//!
//! - Files come in bytewise order of their path, component by component. Text is UTF-8 without NUL.
//! - A *document* is a file; a file longer than 64 KiB is cut into pieces of at most 16 KiB, each
//!   cut after its last newline (or, without one, between two characters), each a document.
//! - A document whose content was seen before is dropped.
//! - A document is held out for validation when its BLAKE3 hash, first eight bytes as a
//!   little-endian number, is a multiple of 20: about 5 % of the bytes. So a document's split
//!   depends on nothing but its content.
//! - The corpus hash is the BLAKE3 hash of the rule version and the hashes of all documents kept,
//!   in order. Equal hash, equal tokens.

mod documents;
mod files;
mod rust_dependencies;

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

pub(crate) use documents::read_documents;
pub(crate) use files::FileList;

/// Version of the rules above; part of every corpus hash.
pub const RULES: u32 = 1;

/// One document in so many is held out for validation.
const ONE_IN: u64 = 20;

/// Where the text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorpusSource {
    /// The Rust source of the packages pinned by Isoflop's own `Cargo.lock`, as Cargo unpacked
    /// them: about 30 MB that every machine which built Isoflop already has.
    RustDependencies,
    /// UTF-8 text files, and folders that are searched for them (hidden files left out, links
    /// followed). The order in which they are named does not matter.
    Paths(Vec<PathBuf>),
}

impl CorpusSource {
    /// A short name for tables and file names: `rust-dependencies`, or the last components of
    /// the paths.
    pub fn name(&self) -> String {
        match self {
            Self::RustDependencies => "rust-dependencies".to_owned(),
            Self::Paths(paths) => {
                let mut names: Vec<String> = paths
                    .iter()
                    .map(|path| {
                        let last = path.file_name().unwrap_or(path.as_os_str());
                        last.to_string_lossy().into_owned()
                    })
                    .collect();
                names.sort_unstable();
                names.dedup();
                let rest = names.len().saturating_sub(3);
                names.truncate(3);
                let name = names.join("+");
                if rest > 0 { format!("{name}+{rest} more") } else { name }
            }
        }
    }

    /// What tells, without reading the text, whether tokens made earlier are still those of this
    /// source: the pinned checksums, or the paths with their sizes and modification times.
    pub(crate) fn fingerprint(&self) -> Result<blake3::Hash, Diagnostic> {
        match self {
            Self::RustDependencies => rust_dependencies::fingerprint(),
            Self::Paths(paths) => Ok(FileList::of_paths(paths)?.fingerprint()),
        }
    }

    /// The files to read, in order.
    pub(crate) fn files(&self) -> Result<FileList, Diagnostic> {
        match self {
            Self::RustDependencies => rust_dependencies::files(),
            Self::Paths(paths) => FileList::of_paths(paths),
        }
    }
}

/// What a document is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// To learn from.
    Train,
    /// Held out, to measure the loss on.
    Validation,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "training",
            Self::Validation => "validation",
        })
    }
}

/// A corpus in numbers; it goes into the record of every run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorpusSummary {
    /// [`CorpusSource::name`].
    pub name: String,
    /// Documents kept, each once.
    pub documents: u64,
    /// Bytes of text in them.
    pub bytes: u64,
    /// Files in the named folders that were left out: not text, or unreadable.
    pub files_left_out: u64,
    /// Tokens to train on, the ends of documents included.
    pub train_tokens: u64,
    /// Tokens held out, the ends of documents included.
    pub validation_tokens: u64,
    /// The corpus hash, 64 hexadecimal digits.
    pub hash: String,
}

impl fmt::Display for CorpusSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} documents, {} bytes; {} training and {} validation tokens; hash {}",
            self.name,
            grouped(self.documents),
            grouped(self.bytes),
            grouped(self.train_tokens),
            grouped(self.validation_tokens),
            self.hash.get(..16).unwrap_or(&self.hash),
        )?;
        match self.files_left_out {
            0 => Ok(()),
            1 => f.write_str("; 1 file left out"),
            n => write!(f, "; {} files left out", grouped(n)),
        }
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Takes documents in order: drops those seen before, gives the others their split, and keeps
/// count.
///
/// It remembers 16 bytes of hash per document, about a thousandth of the text.
pub(crate) struct Intake {
    seen: HashSet<[u8; 16]>,
    hasher: blake3::Hasher,
    pub(crate) documents: u64,
    pub(crate) bytes: u64,
}

impl Intake {
    pub(crate) fn new() -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"isoflop corpus rules ").update(&RULES.to_le_bytes());
        Self { seen: HashSet::new(), hasher, documents: 0, bytes: 0 }
    }

    /// The split of `document`, or `None` when it was seen before.
    pub(crate) fn admit(&mut self, document: &[u8]) -> Option<Split> {
        let hash = *blake3::hash(document).as_bytes();
        let (key, _) = hash.split_first_chunk::<16>()?;
        if !self.seen.insert(*key) {
            return None;
        }
        self.hasher.update(&hash);
        self.documents += 1;
        self.bytes += document.len() as u64;
        let (head, _) = hash.split_first_chunk::<8>()?;
        Some(match u64::from_le_bytes(*head) % ONE_IN {
            0 => Split::Validation,
            _ => Split::Train,
        })
    }

    /// The corpus hash of all documents kept so far.
    pub(crate) fn hash(&self) -> blake3::Hash {
        self.hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_one_document_in_twenty_is_held_out_and_repeats_are_dropped() {
        let mut intake = Intake::new();
        let held_out = (0..20_000)
            .filter(|i: &u32| intake.admit(&i.to_le_bytes()) == Some(Split::Validation))
            .count();
        // binomial(20000, 1/20): mean 1000, standard deviation 31
        assert!((880..1120).contains(&held_out), "{held_out}");
        let hash = intake.hash();
        assert_eq!(intake.admit(&7_u32.to_le_bytes()), None);
        assert_eq!((intake.documents, intake.bytes), (20_000, 80_000));
        assert_eq!(intake.hash(), hash);
    }

    #[test]
    fn the_summary_states_documents_bytes_tokens_and_hash() {
        let summary = CorpusSummary {
            name: "notes".into(),
            documents: 1_234,
            bytes: 5_678_901,
            files_left_out: 2,
            train_tokens: 5_400_000,
            validation_tokens: 280_135,
            hash: "0123456789abcdef".repeat(4),
        };
        assert_eq!(
            summary.to_string(),
            "notes: 1,234 documents, 5,678,901 bytes; 5,400,000 training and 280,135 validation \
             tokens; hash 0123456789abcdef; 2 files left out"
        );
    }

    #[test]
    fn a_name_is_short_and_does_not_depend_on_the_order_of_the_paths() {
        let name =
            |paths: &[&str]| CorpusSource::Paths(paths.iter().map(PathBuf::from).collect()).name();
        assert_eq!(name(&["/x/b.txt", "a"]), name(&["a", "/x/b.txt"]));
        assert_eq!(name(&["/x/b.txt", "a"]), "a+b.txt");
        assert_eq!(name(&["a", "b", "c", "d", "e"]), "a+b+c+2 more");
        assert_eq!(name(&[".."]), "..");
    }
}
