//! Folders: what they hold decides what is read.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use diagnostic::Diagnostic;

use super::{mlflow, shown, tensorboard};
use crate::builder::Builder;
use crate::format::Format;

/// Folders within each other, at most.
const DEPTH: usize = 32;
/// Files and folders that are looked at, at most.
const ENTRIES: usize = 200_000;

/// Visits what is under a folder in the order of its names, links to folders included, each
/// folder once. Whoever visits is told whether it is a folder.
pub(super) fn walk(root: &Path, visit: &mut dyn FnMut(&Path, bool)) -> Result<(), Diagnostic> {
    let mut seen = HashSet::new();
    let mut entries = 0;
    walk_within(root, visit, &mut seen, &mut entries, 0)
}

fn walk_within(
    folder: &Path,
    visit: &mut dyn FnMut(&Path, bool),
    seen: &mut HashSet<PathBuf>,
    entries: &mut usize,
    depth: usize,
) -> Result<(), Diagnostic> {
    let cannot = |problem: std::io::Error| {
        Diagnostic::error(format!("cannot read the folder `{}`: {problem}", folder.display()))
    };
    // A link may lead back to where we come from.
    if depth > DEPTH || !seen.insert(folder.canonicalize().map_err(cannot)?) {
        return Ok(());
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        *entries += 1;
        if *entries > ENTRIES {
            return Err(Diagnostic::error(format!(
                "the folder `{}` holds more than {ENTRIES} files",
                folder.display()
            ))
            .help("name the folder of the runs themselves"));
        }
        paths.push(entry.map_err(cannot)?.path());
    }
    paths.sort();
    for path in paths {
        let is_folder = path.is_dir();
        visit(&path, is_folder);
        if is_folder {
            walk_within(&path, visit, seen, entries, depth + 1)?;
        }
    }
    Ok(())
}

/// Reads what a folder holds: TensorBoard's event files, offline W&B runs, the states of a
/// `Trainer`, MLflow's store, or `runs.csv` of a sweep.
pub(super) fn read(path: &Path, builder: &mut Builder) -> Result<(), Diagnostic> {
    let mut found: BTreeMap<&str, Vec<PathBuf>> = BTreeMap::new();
    let mut seen = HashSet::new();
    walk(path, &mut |file, is_folder| {
        let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let kind = match name.as_ref() {
            "mlruns" if is_folder && mlflow::is_store(file) => "an MLflow store",
            _ if is_folder => return,
            "trainer_state.json" => "states of a Trainer",
            "runs.csv" => "tables of runs",
            _ if file.extension().is_some_and(|end| end == "wandb") => "W&B runs",
            name if name.contains("tfevents") => "TensorBoard event files",
            _ => return,
        };
        // `latest-run` and the like are links to what is found anyway.
        if seen.insert(file.canonicalize().unwrap_or_else(|_| file.to_owned())) {
            found.entry(kind).or_default().push(file.to_owned());
        }
    })?;
    let shown_path = shown(path);
    if found.len() > 1 {
        let kinds: Vec<&str> = found.keys().copied().collect();
        let example = found.values().next().and_then(|files| files.first());
        return Err(Diagnostic::error(format!(
            "the folder `{shown_path}` holds {}",
            kinds.join(" and ")
        ))
        .help(format!(
            "name the one to read, such as `{}`",
            example.map(|file| file.display().to_string()).unwrap_or_default()
        )));
    }
    let Some((kind, mut files)) = found.pop_first() else {
        return Err(Diagnostic::error(format!("the folder `{shown_path}` holds no runs")).help(
            "name a file, or a folder with TensorBoard event files, W&B runs, an `mlruns` store, \
             a `trainer_state.json` or a `runs.csv`",
        ));
    };
    if kind == "states of a Trainer" {
        files = last_checkpoints(files);
    }
    for file in files {
        if kind == "TensorBoard event files" {
            event_file(path, &file, builder)?;
        } else {
            super::read(&file, builder)?;
        }
    }
    Ok(())
}

/// Reads an event file as part of the run that its folder is, named from the root.
fn event_file(root: &Path, file: &Path, builder: &mut Builder) -> Result<(), Diagnostic> {
    let name = shown(file);
    let cannot = |problem| Diagnostic::error(format!("cannot read `{name}`: {problem}"));
    let mut head = [0; 12];
    let mut start = File::open(file).map_err(cannot)?.take(12);
    let length = start.read(&mut head).map_err(cannot)?;
    if length == 0 {
        // Made, and not yet written to.
        return Ok(());
    }
    if Format::detect(file, &head[..length]) != Ok(Format::TensorBoard) {
        builder.remark(Diagnostic::warning(format!(
            "`{name}` is not an event file, whatever its name says, and was left out"
        )));
        return Ok(());
    }
    let inner = file.parent().and_then(|folder| folder.strip_prefix(root).ok());
    let run = match inner.map(|inner| inner.to_string_lossy().replace('\\', "/")) {
        Some(inner) if !inner.is_empty() => inner,
        _ => tensorboard::run_of(file),
    };
    let run = builder.run_name(&run, &shown(file.parent().unwrap_or(file)));
    tensorboard::read(&name, &run, File::open(file).map_err(cannot)?, builder)
}

/// Every checkpoint repeats the history of the ones before it: the last of each run says all.
fn last_checkpoints(files: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut last: BTreeMap<PathBuf, (u64, PathBuf)> = BTreeMap::new();
    for file in files {
        let folder = file.parent().unwrap_or(&file).to_owned();
        let step = folder
            .file_name()
            .and_then(|name| name.to_str()?.strip_prefix("checkpoint-")?.parse().ok());
        // The state beside the checkpoints is written when training ends.
        let (run, step) = match step {
            Some(step) => (folder.parent().unwrap_or(&folder).to_owned(), step),
            None => (folder, u64::MAX),
        };
        let known = last.entry(run).or_insert((step, file.clone()));
        if step >= known.0 {
            *known = (step, file);
        }
    }
    last.into_values().map(|(_, file)| file).collect()
}
