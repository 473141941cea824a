//! Making a token file, once, whatever else happens meanwhile.
//!
//! The file is written aside, synced, and renamed into place while a lock is held. So a reader
//! finds a whole file or none; a writer that is killed, or runs out of disk space, leaves an
//! earlier file as it was; and of several processes that want the same file one makes it and the
//! others wait.

use std::fs;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use diagnostic::Diagnostic;

use super::header::{self, Header};
use super::place::{Place, cannot_write};
use super::{END_OF_DOCUMENT, TokenFile, Unusable};
use crate::corpus::{CorpusSource, FileList, Intake, Split, read_documents};

/// Tokens are bytes.
const VOCABULARY: u32 = 256;

/// What [`open_or_build`] is doing; nothing is reported when the tokens are there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Another process is making the same tokens.
    Waiting,
    /// Text is being read.
    Reading {
        /// Bytes of files dealt with.
        bytes: u64,
        /// Bytes of all files.
        total: u64,
    },
    /// Something that deserves a second look; the work goes on.
    Warning(Diagnostic),
}

/// The tokens of `source`: those kept in the folder `cache`, or else made now and kept there.
///
/// # Errors
///
/// When the text cannot be read, is not UTF-8, or is too little to leave both a training and a
/// validation split; when the cache folder cannot be written. Token files made earlier stay
/// whole.
pub fn open_or_build(
    source: &CorpusSource,
    cache: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<TokenFile, Diagnostic> {
    let fingerprint = source.fingerprint()?;
    let place = Place::new(source, cache, &fingerprint);
    let open = || TokenFile::open(&place.tokens, &fingerprint, source.name());
    if let Ok(tokens) = open() {
        return Ok(tokens);
    }
    fs::create_dir_all(cache).map_err(|error| cannot_write(cache, &error))?;
    let lock = place.lock(&mut || progress(Progress::Waiting));
    let lock = lock.map_err(|error| cannot_write(&place.lock, &error))?;
    match open() {
        Ok(tokens) => return Ok(tokens),
        Err(Unusable::Absent) => {}
        Err(Unusable::Unreadable(error)) => {
            return Err(cannot_use(&place.tokens, &error.to_string()));
        }
        Err(Unusable::Damaged(reason)) => progress(Progress::Warning(
            Diagnostic::warning(format!(
                "the tokens kept in `{}` are made anew",
                place.tokens.display()
            ))
            .note(reason),
        )),
    }
    if lock.is_some() {
        place.remove_leftovers();
    }
    let files = source.files()?;
    place.replace(|out, aside| {
        write_tokens(&files, &fingerprint, out, aside, progress)
            .map_err(|failure| failure.explain(&place.tokens))
    })?;
    drop(lock);
    open().map_err(|problem| match problem {
        Unusable::Absent => cannot_use(&place.tokens, "it was removed as soon as it was made"),
        Unusable::Unreadable(error) => cannot_use(&place.tokens, &error.to_string()),
        Unusable::Damaged(reason) => cannot_use(&place.tokens, &reason),
    })
}

/// Why tokens could not be written.
#[derive(Debug)]
enum Failure {
    /// The disk is full, or the like.
    Write(io::Error),
    /// The text is at fault.
    Corpus(Diagnostic),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl Failure {
    fn explain(self, path: &Path) -> Diagnostic {
        match self {
            Self::Write(error) => cannot_write(path, &error),
            Self::Corpus(problem) => problem,
        }
    }
}

/// Writes the tokens of `files` to `out`, keeping the validation split in `aside` until the
/// training split is complete.
fn write_tokens(
    files: &FileList,
    fingerprint: &blake3::Hash,
    out: &mut (impl Write + Seek),
    aside: &mut (impl Read + Write + Seek),
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Failure> {
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let mut payload = blake3::Hasher::new();
    let mut intake = Intake::new();
    let (mut train, mut validation) = (0, 0);
    let end = [END_OF_DOCUMENT as u8];
    let total = files.bytes();

    out.write_all(&[0; header::LENGTH])?;
    let left_out = {
        let mut aside = BufWriter::with_capacity(1 << 20, &mut *aside);
        let mut write_failure = None;
        let mut take = |document: &[u8]| -> io::Result<()> {
            let tokens = document.len() as u64 + 1;
            match intake.admit(document) {
                Some(Split::Train) => {
                    train += tokens;
                    payload.update(document).update(&end);
                    out.write_all(document)?;
                    out.write_all(&end)
                }
                Some(Split::Validation) => {
                    validation += tokens;
                    aside.write_all(document)?;
                    aside.write_all(&end)
                }
                None => Ok(()),
            }
        };
        let mut reported = 0;
        let read = read_documents(
            files,
            &mut |document| {
                take(document).map_err(|error| {
                    let problem = Diagnostic::error(error.to_string());
                    write_failure = Some(error);
                    problem
                })
            },
            &mut |bytes| {
                if bytes >= reported + (1 << 20) || bytes >= total {
                    reported = bytes;
                    progress(Progress::Reading { bytes, total });
                }
            },
        );
        if let Some(error) = write_failure {
            return Err(Failure::Write(error));
        }
        aside.flush()?;
        read.map_err(Failure::Corpus)?
    };
    if !left_out.is_empty() {
        progress(Progress::Warning(list_left_out(&left_out)));
    }
    check_splits(&intake, left_out.len(), train, validation).map_err(Failure::Corpus)?;

    aside.seek(SeekFrom::Start(0))?;
    let mut held_out = BufReader::new(aside);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = held_out.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        payload.update(&buffer[..read]);
        out.write_all(&buffer[..read])?;
    }
    let header = Header {
        width: 1,
        vocabulary: VOCABULARY,
        train,
        validation,
        documents: intake.documents,
        bytes: intake.bytes,
        files_left_out: left_out.len() as u64,
        corpus: *intake.hash().as_bytes(),
        fingerprint: *fingerprint.as_bytes(),
        payload: *payload.finalize().as_bytes(),
    };
    out.seek(SeekFrom::Start(0))?;
    out.write_all(&header.to_bytes())?;
    out.flush()?;
    Ok(())
}

fn list_left_out(left_out: &[(PathBuf, String)]) -> Diagnostic {
    let count = left_out.len();
    let shown = 5;
    let mut warning = Diagnostic::warning(if count == 1 {
        "1 file was left out of the corpus".to_owned()
    } else {
        format!("{count} files were left out of the corpus")
    });
    for (path, reason) in left_out.iter().take(shown) {
        warning = warning.note(format!("`{}`: {reason}", path.display()));
    }
    if count > shown {
        warning = warning.note(format!("and {} more", count - shown));
    }
    warning
}

fn check_splits(
    intake: &Intake,
    left_out: usize,
    train: u64,
    validation: u64,
) -> Result<(), Diagnostic> {
    if intake.documents == 0 {
        let problem = Diagnostic::error("the corpus holds no text")
            .help("name UTF-8 text files that are not empty, or a folder that holds some");
        return Err(match left_out {
            0 => problem,
            n => problem.note(format!("left out as unreadable or not text: {n}")),
        });
    }
    for (split, tokens) in [(Split::Train, train), (Split::Validation, validation)] {
        if tokens == 0 {
            return Err(Diagnostic::error(format!(
                "the corpus is too small to split: none of its {} documents falls into the \
                 {split} split",
                intake.documents
            ))
            .note(
                "a document is a file, or 16 KiB of a file larger than 64 KiB, and its hash holds \
                 out one in twenty",
            )
            .help("give more text, a hundred documents or so; many small files can be joined"));
        }
    }
    Ok(())
}

fn cannot_use(path: &Path, reason: &str) -> Diagnostic {
    Diagnostic::error(format!("cannot use the tokens in `{}`: {reason}", path.display()))
        .help("delete the file, or keep the tokens elsewhere with `--cache FOLDER`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// Takes so many bytes, then says that the disk is full.
    struct Small<W> {
        inner: W,
        room: usize,
    }

    impl<W: Write> Write for Small<W> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if bytes.len() > self.room {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= bytes.len();
            self.inner.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.inner.flush()
        }
    }

    impl<W: Seek> Seek for Small<W> {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.inner.seek(to)
        }
    }

    impl<W: Read> Read for Small<W> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.inner.read(buffer)
        }
    }

    #[test]
    fn a_full_disk_leaves_the_earlier_tokens_whole_and_nothing_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text");
        fs::create_dir(&text).unwrap();
        for i in 0..200 {
            fs::write(text.join(i.to_string()), format!("text {i} ").repeat(900)).unwrap();
        }
        let source = CorpusSource::Paths(vec![text]);
        let cache = folder.path().join("cache");
        let tokens = open_or_build(&source, &cache, &mut |_| {}).unwrap();
        let before = fs::read(tokens.path()).unwrap();
        let listing = || {
            let mut names: Vec<_> =
                fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let names = listing();
        assert_eq!(names.len(), 2, "{names:?}");

        let fingerprint = source.fingerprint().unwrap();
        let place = Place::new(&source, &cache, &fingerprint);
        let files = source.files().unwrap();
        // too little for the header, the training tokens, the validation tokens; enough for all
        for (room, aside_room) in
            [(100, 1 << 30), (700_000, 1 << 30), (before.len() - 9, 1 << 30), (1 << 30, 2_000)]
        {
            let problem = place
                .replace(|out, aside| {
                    let mut out = Small { inner: out, room };
                    let mut aside = Small { inner: aside, room: aside_room };
                    write_tokens(&files, &fingerprint, &mut out, &mut aside, &mut |_| {})
                        .map_err(|failure| failure.explain(&place.tokens))
                })
                .unwrap_err();
            assert!(problem.to_string().contains("free some space"), "{problem}");
            assert!(problem.message().contains(".tokens`"), "{problem}");
            assert_eq!(fs::read(&place.tokens).unwrap(), before);
            assert_eq!(listing(), names);
        }
        tokens.verify().unwrap();
    }

    #[test]
    fn the_same_files_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        for i in 0..100 {
            fs::write(folder.path().join(format!("{i}")), format!("text {i}")).unwrap();
        }
        let files = FileList::of_paths(&[folder.path().to_owned()]).unwrap();
        let write = || {
            let mut out = Cursor::new(Vec::new());
            let mut aside = Cursor::new(Vec::new());
            write_tokens(&files, &files.fingerprint(), &mut out, &mut aside, &mut |_| {}).unwrap();
            out.into_inner()
        };
        assert_eq!(write(), write());
    }
}
