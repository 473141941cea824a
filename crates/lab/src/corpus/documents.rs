//! Cutting files into documents, holding no more than one document in memory.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use diagnostic::Diagnostic;

use super::files::{FileList, SourceFile, unreadable};

/// A file up to this size is one document.
const WHOLE_FILE: usize = 64 << 10;
/// A larger file is cut into documents of at most this size.
const PIECE: usize = 16 << 10;

/// Why a file is no part of the corpus.
enum Problem {
    Io(io::Error),
    NotText {
        at: u64,
        what: &'static str,
    },
    /// The receiver of the documents failed: the work cannot go on.
    Receiver(Diagnostic),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Problem {
    fn reason(&self) -> String {
        match self {
            Self::Io(error) => error.to_string(),
            Self::NotText { at, what } => format!("not UTF-8 text: {what} at byte {at}"),
            Self::Receiver(problem) => problem.message().to_owned(),
        }
    }
}

/// Hands every document of `files` to `each`, in order.
///
/// `progress` hears the number of bytes of files dealt with so far. Files found in a folder that
/// are not text, or cannot be read, are left out and returned with the reason; a named one is an
/// error.
pub(crate) fn read_documents(
    files: &FileList,
    each: &mut dyn FnMut(&[u8]) -> Result<(), Diagnostic>,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<(PathBuf, String)>, Diagnostic> {
    let mut left_out = files.left_out.clone();
    let mut done = 0;
    for file in &files.files {
        match read_file(file, each, &mut |within| progress(done + within)) {
            Ok(()) => {}
            Err(Problem::Receiver(problem)) => return Err(problem),
            Err(problem) if !file.named => left_out.push((file.path.clone(), problem.reason())),
            Err(Problem::Io(error)) => return Err(unreadable(&file.path, &error)),
            Err(problem @ Problem::NotText { .. }) => {
                return Err(not_text(&file.path, &problem.reason()));
            }
        }
        done += file.bytes;
        progress(done);
    }
    Ok(left_out)
}

fn not_text(path: &Path, reason: &str) -> Diagnostic {
    Diagnostic::error(format!("corpus `{}` is {reason}", path.display()))
        .help("`--corpus` takes plain UTF-8 text; convert or unpack the file first")
}

fn read_file(
    file: &SourceFile,
    each: &mut dyn FnMut(&[u8]) -> Result<(), Diagnostic>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Problem> {
    let mut reader = File::open(&file.path)?;
    let mut buffer = Vec::new();
    reader.by_ref().take(WHOLE_FILE as u64 + 1).read_to_end(&mut buffer)?;
    if buffer.len() <= WHOLE_FILE {
        check(&buffer, 0, true)?;
        return if buffer.is_empty() { Ok(()) } else { each(&buffer).map_err(Problem::Receiver) };
    }
    // First the whole file is checked, so that none of it is used when its end is not text.
    reader.rewind()?;
    pieces(&mut reader, &mut buffer, |_, _| Ok(()))?;
    reader.rewind()?;
    pieces(&mut reader, &mut buffer, |piece, at| {
        progress(at);
        each(piece).map_err(Problem::Receiver)
    })
}

/// Cuts `reader` into pieces and hands each to `each` with its place in the file.
fn pieces(
    reader: &mut impl Read,
    buffer: &mut Vec<u8>,
    mut each: impl FnMut(&[u8], u64) -> Result<(), Problem>,
) -> Result<(), Problem> {
    buffer.clear();
    let mut at = 0;
    loop {
        let wanted = PIECE - buffer.len();
        let last = reader.by_ref().take(wanted as u64).read_to_end(buffer)? < wanted;
        let whole_characters = check(buffer, at, last)?;
        let newline = buffer[..whole_characters].iter().rposition(|&byte| byte == b'\n');
        let end = if last { buffer.len() } else { newline.map_or(whole_characters, |n| n + 1) };
        if end > 0 {
            each(&buffer[..end], at)?;
        }
        if last {
            return Ok(());
        }
        buffer.drain(..end);
        at += end as u64;
    }
}

/// How much of `bytes`, found at `at` in a file, is whole characters; an error unless it is text.
///
/// Only what is not the `last` of a file may end within a character.
fn check(bytes: &[u8], at: u64, last: bool) -> Result<usize, Problem> {
    if let Some(nul) = bytes.iter().position(|&byte| byte == 0) {
        return Err(Problem::NotText { at: at + nul as u64, what: "a NUL byte" });
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => Ok(bytes.len()),
        Err(error) if error.error_len().is_none() && !last => Ok(error.valid_up_to()),
        Err(error) => Err(Problem::NotText {
            at: at + error.valid_up_to() as u64,
            what: "an invalid character",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn documents(paths: &[&Path]) -> Result<(Vec<Vec<u8>>, Vec<String>), Diagnostic> {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        let files = FileList::of_paths(&paths)?;
        let mut documents = Vec::new();
        let mut steps = vec![0];
        let left_out = read_documents(
            &files,
            &mut |document| {
                documents.push(document.to_vec());
                Ok(())
            },
            &mut |done| steps.push(done),
        )?;
        assert!(steps.is_sorted());
        assert_eq!(*steps.last().unwrap(), files.bytes());
        Ok((documents, left_out.into_iter().map(|(_, reason)| reason).collect()))
    }

    #[test]
    fn a_large_file_is_cut_after_newlines_and_between_characters_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        let lines = (0..9_000).map(|line| format!("line {line}\n"));
        let unbroken = "€".repeat(40_000); // three bytes each
        let text: String = lines.chain([unbroken]).collect();
        fs::write(&path, &text).unwrap();
        let (documents, _) = documents(&[&path]).unwrap();
        assert_eq!(documents.concat(), text.as_bytes());
        assert!(documents.len() > 10);
        assert!(documents.iter().all(|piece| piece.len() <= PIECE));
        assert!(documents.iter().all(|piece| std::str::from_utf8(piece).is_ok()));
        assert!(documents[..5].iter().all(|piece| piece.ends_with(b"\n")));
        assert!(documents[10].len() > PIECE - 3);
    }

    #[test]
    fn a_file_at_the_limit_is_one_document_and_an_empty_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("at"), "x".repeat(WHOLE_FILE)).unwrap();
        fs::write(folder.path().join("empty"), "").unwrap();
        fs::write(folder.path().join("over"), "y".repeat(WHOLE_FILE + 1)).unwrap();
        let (documents, left_out) = documents(&[folder.path()]).unwrap();
        let lengths: Vec<usize> = documents.iter().map(Vec::len).collect();
        assert_eq!(lengths, [WHOLE_FILE, PIECE, PIECE, PIECE, PIECE, 1]);
        assert!(left_out.is_empty());
    }

    #[test]
    fn binary_files_are_left_out_of_folders_and_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        let nul = write("a-nul", b"ab\0cd");
        let latin = write("b-latin1", b"caf\xe9 au lait");
        let cut = write("c-cut", "naï".as_bytes().split_last().unwrap().1);
        let late = write("d-late", &[vec![b'x'; 3 * WHOLE_FILE], vec![0]].concat());
        write("e-good", b"good");
        let (kept, left_out) = documents(&[folder.path()]).unwrap();
        // the start of the large file is not used either
        assert_eq!(kept, [b"good"]);
        assert_eq!(
            left_out,
            [
                "not UTF-8 text: a NUL byte at byte 2",
                "not UTF-8 text: an invalid character at byte 3",
                "not UTF-8 text: an invalid character at byte 2",
                "not UTF-8 text: a NUL byte at byte 196608",
            ]
        );
        for path in [nul, latin, cut, late] {
            let problem = documents(&[&path]).unwrap_err();
            assert!(problem.message().contains("is not UTF-8 text"), "{problem}");
            assert!(problem.message().contains(path.to_str().unwrap()), "{problem}");
        }
    }
}
