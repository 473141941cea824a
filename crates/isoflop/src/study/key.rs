//! When an answer is still true: hashes of everything that it was computed from.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

use super::step::Step;

/// A file that an answer was computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Input {
    /// As the study names it.
    pub(crate) path: String,
    /// BLAKE3 of its content.
    pub(crate) hash: String,
}

/// More files than this are no input but a mistake.
const MOST_FILES: usize = 100_000;

/// The files that a step names, with hashes.
pub(super) fn inputs(step: &Step, folder: &Path) -> Result<Vec<Input>, Diagnostic> {
    let hashed = |path: PathBuf| {
        let hash = hash_file(&folder.join(&path))?;
        Ok(Input { path: path.display().to_string(), hash })
    };
    files(step, folder)?.into_iter().map(hashed).collect()
}

/// The files that a step names, as seen from the study's `folder`; folders by the files in them,
/// and files that those files name in turn.
pub(super) fn files(step: &Step, folder: &Path) -> Result<BTreeSet<PathBuf>, Diagnostic> {
    let mut found = BTreeSet::new();
    for word in &step.arguments {
        let value = word.strip_prefix("--").and_then(|word| word.split_once('='));
        let values: Vec<&str> = match value {
            Some((_, value)) => std::iter::once(value).chain(value.split(',')).collect(),
            None if word.starts_with("--") => continue,
            None => vec![word],
        };
        for value in values {
            add(folder, Path::new(value), &mut found, 0)?;
        }
    }
    Ok(found)
}

fn add(
    folder: &Path,
    path: &Path,
    found: &mut BTreeSet<PathBuf>,
    depth: usize,
) -> Result<(), Diagnostic> {
    let whole = folder.join(path);
    if path.as_os_str().is_empty() || depth > 16 || found.len() > MOST_FILES {
        return Ok(());
    }
    if whole.is_dir() {
        // `.` and `..` stand for nothing that a step reads.
        if path.components().all(|part| !matches!(part, std::path::Component::Normal(_))) {
            return Ok(());
        }
        let entries = std::fs::read_dir(&whole).map_err(|problem| unreadable(&whole, &problem))?;
        for entry in entries {
            let entry = entry.map_err(|problem| unreadable(&whole, &problem))?;
            add(folder, &path.join(entry.file_name()), found, depth + 1)?;
        }
        return Ok(());
    }
    if !whole.is_file() || !found.insert(path.to_owned()) {
        return Ok(());
    }
    if path.extension().is_some_and(|extension| extension == "toml")
        && let Ok(text) = std::fs::read_to_string(&whole)
        && let Ok(table) = text.parse::<toml::Table>()
    {
        let beside = path.parent().unwrap_or(Path::new(""));
        for text in strings(&toml::Value::Table(table)) {
            add(folder, &beside.join(text), found, depth + 1)?;
        }
    }
    Ok(())
}

fn strings(value: &toml::Value) -> Vec<String> {
    match value {
        // Words with blanks are prose and formulas.
        toml::Value::String(text) if !text.is_empty() && !text.contains(char::is_whitespace) => {
            vec![text.clone()]
        }
        toml::Value::Array(all) => all.iter().flat_map(strings).collect(),
        toml::Value::Table(table) => table.iter().flat_map(|(_, value)| strings(value)).collect(),
        _ => Vec::new(),
    }
}

/// The hash of a file's content.
pub(super) fn hash_file(path: &Path) -> Result<String, Diagnostic> {
    hash_of(path).map_err(|problem| unreadable(path, &problem))
}

fn hash_of(path: &Path) -> std::io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(std::fs::File::open(path)?)?;
    Ok(short(&hasher.finalize()))
}

/// The hash of the running program: one that was built anew may answer otherwise. Empty where a
/// program may not read itself, and the version must do.
pub(super) fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        // Linux shows the file that runs even where another was built in its place.
        let running = hash_of(Path::new("/proc/self/exe"));
        running.or_else(|_| hash_of(&std::env::current_exe()?)).unwrap_or_default()
    })
}

/// The hash of text.
pub(super) fn hash_text(text: &str) -> String {
    short(&blake3::hash(text.as_bytes()))
}

fn short(hash: &blake3::Hash) -> String {
    hash.to_hex()[..32].to_owned()
}

fn unreadable(path: &Path, problem: &std::io::Error) -> Diagnostic {
    Diagnostic::error(format!("cannot read `{}`: {problem}", path.display()))
        .help("check that it exists and may be read")
}

/// Everything that an answer hangs on, in one hash.
pub(super) fn key(step: &Step, inputs: &[Input], used: &[String], rows: usize) -> String {
    let mut text = format!(
        "format {}\nversion {}\nprogram {}\ncommand {}\nlive draws {rows}\n",
        super::results::FORMAT,
        env!("CARGO_PKG_VERSION"),
        program(),
        step.kind.name()
    );
    for word in &step.arguments {
        let _ = writeln!(text, "argument {word:?}");
    }
    for input in inputs {
        let _ = writeln!(text, "input {:?} {}", input.path, input.hash);
    }
    for key in used {
        let _ = writeln!(text, "step {key}");
    }
    hash_text(&text)
}
