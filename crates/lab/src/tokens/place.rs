//! Where the tokens of one corpus are kept, and how that place changes hands: under a lock, by a
//! rename of a file that is complete and synced.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use diagnostic::Diagnostic;
use tempfile::NamedTempFile;

use crate::corpus::CorpusSource;

/// The files that belong to one corpus in the cache folder.
pub(super) struct Place {
    cache: PathBuf,
    pub(super) tokens: PathBuf,
    pub(super) lock: PathBuf,
    /// What the names of files being written start with.
    aside: String,
}

impl Place {
    pub(super) fn new(source: &CorpusSource, cache: &Path, fingerprint: &blake3::Hash) -> Self {
        let kind = match source {
            CorpusSource::RustDependencies => "rust-dependencies",
            CorpusSource::Paths(_) => "text",
        };
        let stem = format!("{kind}-{}", &fingerprint.to_hex()[..16]);
        Self {
            cache: cache.to_owned(),
            tokens: cache.join(format!("{stem}.tokens")),
            lock: cache.join(format!("{stem}.lock")),
            aside: format!(".{stem}.part-"),
        }
    }

    /// Waits until no other process makes these tokens; `None` where the file system has no
    /// locks, and the work may be done twice, without harm.
    pub(super) fn lock(&self, waiting: &mut dyn FnMut()) -> io::Result<Option<File>> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&self.lock)?;
        let locked = match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock()
            }
            Err(TryLockError::Error(error)) => Err(error),
            Ok(()) => Ok(()),
        };
        match locked {
            Ok(()) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes what writers left behind that were killed; the lock says that none is at work.
    pub(super) fn remove_leftovers(&self) {
        for entry in fs::read_dir(&self.cache).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&self.aside) {
                // A leftover that cannot be deleted takes space and does no other harm.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Has `write` fill a new file (with a second one to use on the way), and puts it in the
    /// place of the old one only when all of it is on disk.
    pub(super) fn replace(
        &self,
        write: impl FnOnce(&mut File, &mut File) -> Result<(), Diagnostic>,
    ) -> Result<(), Diagnostic> {
        let failed = |error: &io::Error| cannot_write(&self.tokens, error);
        let mut out = self.file_aside().map_err(|error| failed(&error))?;
        let mut aside = self.file_aside().map_err(|error| failed(&error))?;
        write(out.as_file_mut(), aside.as_file_mut())?;
        out.as_file().sync_all().map_err(|error| failed(&error))?;
        out.persist(&self.tokens).map_err(|error| failed(&error.error))?;
        // Makes the rename itself durable, on systems where a folder can be opened and synced.
        let _ = File::open(&self.cache).and_then(|folder| folder.sync_all());
        Ok(())
    }

    fn file_aside(&self) -> io::Result<NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(&self.aside);
        #[cfg(unix)]
        {
            // As any new file, so that people who share a cache folder can read it.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        builder.tempfile_in(&self.cache)
    }
}

/// The disk is full, the folder is read-only, or the like.
pub(super) fn cannot_write(path: &Path, error: &io::Error) -> Diagnostic {
    let problem =
        Diagnostic::error(format!("cannot write the tokens to `{}`: {error}", path.display()))
            .note("tokens made earlier are as they were");
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            problem.help("free some space, or keep the tokens elsewhere with `--cache FOLDER`")
        }
        _ => problem.help("keep the tokens in a folder that you can write with `--cache FOLDER`"),
    }
}
