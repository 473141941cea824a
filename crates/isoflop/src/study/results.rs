//! The folder of results.
//!
//! ```text
//!  manifest.json    written last: what is here, from what, and how to make it again
//!  report.html      the page
//!  report.json      the same as data
//!  answers/STEP.json   as `isoflop COMMAND --json` prints it
//!  draws/STEP.parquet  draws behind the intervals
//!  figures/FIGURE.svg
//!  fits/STEP.json      a fit that `isoflop plan --law` reads
//!  steps/STEP.json     what a later run needs to leave out the step
//! ```
//!
//! Every file is written beside its place and moved there, so none is ever cut short; a folder in
//! which something is missing or changed is found by the manifest's hashes and mended.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use diagnostic::Diagnostic;
use report::{Live, Section, Sentence};
use runs::write_atomically;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::key::{Input, hash_file, hash_text, program};
use crate::interrupt;

/// The version of the folder's files; a change of meaning raises it.
pub(super) const FORMAT: u32 = 2;

/// The file that is written last.
pub(crate) const MANIFEST: &str = "manifest.json";

/// Held by whoever writes.
const LOCK: &str = ".lock";

/// A folder of results.
#[derive(Debug, Clone)]
pub(crate) struct Results {
    pub(crate) folder: PathBuf,
}

/// A step as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(super) format: u32,
    pub(crate) version: String,
    /// The hash of the program that computed it.
    #[serde(default)]
    pub(super) program: String,
    pub(super) key: String,
    pub(crate) command: String,
    pub(crate) inputs: Vec<Input>,
    /// Other files that belong to it, with their hashes.
    pub(super) files: Vec<Input>,
    pub(super) headline: Vec<Sentence>,
    pub(super) sections: Vec<Section>,
    pub(super) live: Option<Live>,
    pub(super) sources: Vec<String>,
    pub(super) no: bool,
    pub(crate) seconds: f64,
}

/// What is in the folder, written when all of it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    pub(crate) version: String,
    /// The hash of the program that wrote it.
    #[serde(default)]
    pub(crate) program: String,
    pub(crate) title: String,
    /// The study, and the hash of its text.
    pub(crate) study: Input,
    /// Makes the folder again, ready to paste.
    pub(crate) reproduce: String,
    pub(crate) seed: u64,
    pub(crate) level: f64,
    pub(crate) steps: Vec<ManifestStep>,
    /// Every file, with its hash.
    pub(crate) files: Vec<Input>,
}

/// A step in the manifest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ManifestStep {
    pub(crate) name: String,
    pub(crate) command: String,
    pub(crate) key: String,
    pub(crate) inputs: Vec<Input>,
}

impl Results {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Holds the folder, made where it is missing, against a second run that would write to it.
    ///
    /// # Errors
    /// If another one is at work there, or nothing can be written there.
    pub(super) fn lock(&self) -> Result<File, Diagnostic> {
        let cannot = |problem: std::io::Error| unwritable(&self.folder, &problem);
        std::fs::create_dir_all(&self.folder).map_err(cannot)?;
        let lock = File::create(self.path(LOCK)).map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => {
                let message =
                    format!("another run writes the results in `{}`", self.folder.display());
                Err(Diagnostic::error(message).help(
                    "wait for it, stop its `isoflop watch`, or name another folder with --out",
                ))
            }
            Err(TryLockError::Error(problem)) => Err(cannot(problem)),
        }
    }

    /// From here to the next manifest the folder is not whole.
    pub(super) fn open(&self) -> Result<(), Diagnostic> {
        match std::fs::remove_file(self.path(MANIFEST)) {
            Err(problem) if problem.kind() != std::io::ErrorKind::NotFound => {
                let shown = self.folder.display();
                Err(Diagnostic::error(format!("cannot change the results in `{shown}`: {problem}"))
                    .help("name another folder with --out, or make this one writable"))
            }
            _ => Ok(()),
        }
    }

    /// Writes a file whole or not at all; its hash.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<Input, Diagnostic> {
        let path = self.path(name);
        let write = || -> std::io::Result<()> {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            write_atomically(&path, content)
        };
        interrupt::whole(write).map_err(|problem| unwritable(&path, &problem))?;
        Ok(Input { path: name.to_owned(), hash: hash_file(&path)? })
    }

    /// Keeps draws as a file of columns; nothing where this build cannot.
    #[cfg(feature = "parquet")]
    pub(super) fn write_draws(
        &self,
        name: &str,
        draws: &draws::Draws,
    ) -> Result<Option<Input>, Diagnostic> {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|problem| unwritable(&path, &problem))?;
        }
        interrupt::whole(|| draws.save(&path))?;
        Ok(Some(Input { path: name.to_owned(), hash: hash_file(&path)? }))
    }

    #[cfg(not(feature = "parquet"))]
    pub(super) fn write_draws(
        &self,
        _: &str,
        _: &draws::Draws,
    ) -> Result<Option<Input>, Diagnostic> {
        Ok(None)
    }

    /// The step as it was kept, if that still holds for `key`; else why not.
    pub(super) fn stored(&self, step: &str, key: &str) -> Result<Stored, &'static str> {
        let path = self.path(&format!("steps/{step}.json"));
        let Ok(text) = std::fs::read_to_string(path) else { return Err("new") };
        let value: Value = serde_json::from_str(&text).map_err(|_| "its file is broken")?;
        let version = value.get("version").and_then(Value::as_str).unwrap_or_default();
        let format = value.get("format").and_then(Value::as_u64);
        if format != Some(u64::from(FORMAT)) || version != env!("CARGO_PKG_VERSION") {
            return Err("made by another version");
        }
        let stored: Stored = serde_json::from_value(value).map_err(|_| "its file is broken")?;
        if stored.program != program() {
            return Err("Isoflop was built anew");
        }
        if stored.key != key {
            return Err("changed");
        }
        let whole =
            |file: &Input| hash_file(&self.path(&file.path)).is_ok_and(|hash| hash == file.hash);
        if !stored.files.iter().all(whole) {
            return Err("a file of it is missing or was changed");
        }
        Ok(stored)
    }

    /// The manifest of a folder that is whole.
    ///
    /// # Errors
    /// No results, results of another version, and results that are not whole; each says what to do.
    pub(crate) fn manifest(&self) -> Result<Manifest, Diagnostic> {
        let shown = self.folder.display();
        let text = std::fs::read_to_string(self.path(MANIFEST)).map_err(|problem| {
            if self.path("steps").exists() {
                Diagnostic::error(format!("the results in `{shown}` are half written"))
                    .note("a run that was stopped leaves no manifest.json")
                    .help("run the study again: it goes on from there")
            } else {
                Diagnostic::error(format!("there are no results in `{shown}`: {problem}"))
                    .help("name a folder that `isoflop run STUDY.toml` wrote, or the study")
            }
        })?;
        let origin = self.path(MANIFEST).display().to_string();
        let value: Value = serde_json::from_str(&text).map_err(|problem| {
            Diagnostic::error(format!("`{origin}` is broken: {problem}"))
                .help("run the study again")
        })?;
        let format = value.get("format").and_then(Value::as_u64);
        if format != Some(u64::from(FORMAT)) {
            let by = value.get("version").and_then(Value::as_str).unwrap_or("another version");
            return Err(Diagnostic::error(format!(
                "the results in `{shown}` were written by Isoflop {by}, in a form that this version does \
                 not read"
            ))
            .help("run the study again with this version"));
        }
        serde_json::from_value(value).map_err(|problem| {
            Diagnostic::error(format!("`{origin}` is broken: {problem}"))
                .help("run the study again")
        })
    }

    /// The files of the manifest that are missing or were changed since.
    pub(crate) fn damaged(&self, manifest: &Manifest) -> Vec<String> {
        let whole =
            |file: &&Input| !hash_file(&self.path(&file.path)).is_ok_and(|hash| hash == file.hash);
        manifest.files.iter().filter(whole).map(|file| file.path.clone()).collect()
    }

    /// What the report's top says of a step.
    pub(crate) fn headline(&self, step: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(&format!("steps/{step}.json")));
        let stored = text.ok().and_then(|text| serde_json::from_str::<Stored>(&text).ok());
        stored.map_or_else(Vec::new, |stored| {
            stored.headline.iter().map(ToString::to_string).collect()
        })
    }

    /// The answer of a step.
    pub(crate) fn answer(&self, step: &str) -> Result<Value, Diagnostic> {
        let path = self.path(&format!("answers/{step}.json"));
        let text = std::fs::read_to_string(&path).map_err(|problem| {
            Diagnostic::error(format!("cannot read `{}`: {problem}", path.display()))
                .help("run the study again")
        })?;
        serde_json::from_str(&text).map_err(|problem| {
            Diagnostic::error(format!("`{}` is broken: {problem}", path.display()))
                .help("run the study again")
        })
    }
}

impl Manifest {
    pub(super) fn new(title: &str, study: &Path, text: &str, reproduce: String) -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            program: program().to_owned(),
            title: title.to_owned(),
            study: Input { path: study.display().to_string(), hash: hash_text(text) },
            reproduce,
            seed: 0,
            level: 0.9,
            steps: Vec::new(),
            files: Vec::new(),
        }
    }
}

fn unwritable(path: &Path, problem: &std::io::Error) -> Diagnostic {
    Diagnostic::error(format!("cannot write `{}`: {problem}", path.display()))
        .help("name another folder with --out, or make this one writable")
}
