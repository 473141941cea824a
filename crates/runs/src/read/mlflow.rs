//! MLflow's `mlruns` folder: experiments, runs in them, and a file for every metric and parameter.
//!
//! ```text
//! mlruns/EXPERIMENT/RUN/meta.yaml            run_name, status, lifecycle_stage
//! mlruns/EXPERIMENT/RUN/metrics/train/loss   lines of `timestamp value step`
//! mlruns/EXPERIMENT/RUN/params/params        the value
//! ```

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use diagnostic::Diagnostic;

use super::pivot::Pivot;
use super::{folder, shown, small};
use crate::builder::Builder;
use crate::place::Unit;

/// Whether a folder is a run, an experiment or a store of them.
pub(crate) fn is_store(path: &Path) -> bool {
    let Ok(entries) = fs::read_dir(path) else { return false };
    path.join("meta.yaml").is_file()
        || entries.take(1000).flatten().any(|entry| entry.path().join("meta.yaml").is_file())
}

fn is_run(path: &Path) -> bool {
    path.join("meta.yaml").is_file() && path.join("metrics").is_dir()
}

/// Reads all runs of a folder that are not deleted: a row a step, `status` as MLflow knows it.
pub(super) fn read(path: &Path, builder: &mut Builder) -> Result<(), Diagnostic> {
    let mut runs = Vec::new();
    if is_run(path) {
        runs.push(path.to_owned());
    } else {
        folder::walk(path, &mut |folder, is_folder| {
            if is_folder && is_run(folder) {
                runs.push(folder.to_owned());
            }
        })?;
    }
    let mut metas = runs
        .into_iter()
        .map(|folder| Ok((Meta::read(&folder.join("meta.yaml"))?, folder)))
        .collect::<Result<Vec<(Meta, PathBuf)>, Diagnostic>>()?;
    metas.sort_by(|(a, _), (b, _)| (a.start, &a.id).cmp(&(b.start, &b.id)));
    let all = metas.len();
    metas.retain(|(meta, _)| !meta.deleted);
    if metas.len() < all {
        let left_out = all - metas.len();
        builder.remark(Diagnostic::warning(format!(
            "`{}`: {left_out} deleted runs were left out",
            shown(path)
        )));
    }
    for (meta, folder) in &metas {
        run(meta, folder, builder)?;
    }
    Ok(())
}

/// What is said of a run.
struct Meta {
    id: String,
    name: String,
    status: &'static str,
    start: i64,
    deleted: bool,
}

impl Meta {
    fn read(path: &Path) -> Result<Self, Diagnostic> {
        let text = small(path)?;
        let value = |wanted: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(wanted)?.strip_prefix(':'));
            line.unwrap_or("").trim().trim_matches(['\'', '"'])
        };
        let folder = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy());
        let id = match value("run_id") {
            "" => folder.map(Cow::into_owned).unwrap_or_default(),
            id => id.to_owned(),
        };
        Ok(Self {
            name: if value("run_name").is_empty() {
                id.clone()
            } else {
                value("run_name").to_owned()
            },
            id,
            status: status(value("status")),
            start: value("start_time").parse().unwrap_or(0),
            deleted: value("lifecycle_stage") == "deleted",
        })
    }
}

/// How a run ended, as the house says it, from MLflow's number or word.
pub(super) fn status(word: &str) -> &'static str {
    match word {
        "1" | "RUNNING" => "running",
        "2" | "SCHEDULED" => "scheduled",
        "3" | "FINISHED" => "done",
        "4" | "FAILED" => "failed",
        "5" | "KILLED" => "killed",
        _ => "unknown",
    }
}

fn run(meta: &Meta, path: &Path, builder: &mut Builder) -> Result<(), Diagnostic> {
    builder.begin(&shown(path), Unit::Step);
    let name = builder.run_name(&meta.name, &meta.id);
    let mut pivot = Pivot::new(builder, &name)?;
    let keys = keyed(&path.join("metrics"))?;
    let mut points = Vec::new();
    for (key, (_, file)) in keys.iter().enumerate() {
        for (index, line) in small(file)?.lines().enumerate() {
            let mut words = line.split_whitespace();
            let (_, value, step) = (words.next(), words.next(), words.next().unwrap_or("0"));
            let read = value.and_then(|value| value.parse().ok()).zip(step.parse::<i64>().ok());
            let Some((value, step)) = read else {
                if line.trim().is_empty() {
                    continue;
                }
                return Err(Diagnostic::error("this line is not `timestamp value step`")
                    .at_line(
                        shown(file),
                        index + 1,
                        line,
                        0..line.len(),
                        "as MLflow writes metrics",
                    )
                    .help("remove the line if the file was damaged"));
            };
            points.push((step, key, value));
        }
    }
    // Every metric has its file; rows come in the order of steps.
    points.sort_by_key(|&(step, ..)| step);
    for (step, key, value) in points {
        pivot.add(builder, step, step.max(0).cast_unsigned(), &keys[key].0, value)?;
    }
    let rows = pivot.rows(builder);
    if rows.is_empty() {
        return Ok(());
    }
    builder.constant(rows.clone(), "run_id", &meta.id)?;
    builder.constant(rows.clone(), "status", meta.status)?;
    let parameters = path.join("params");
    if parameters.is_dir() {
        for (key, file) in keyed(&parameters)? {
            builder.constant(rows.clone(), &key, small(&file)?.trim_end_matches('\n'))?;
        }
    }
    Ok(())
}

/// The files under a folder with their keys, which may hold slashes, in order.
fn keyed(path: &Path) -> Result<Vec<(String, PathBuf)>, Diagnostic> {
    let mut files = Vec::new();
    folder::walk(path, &mut |file, is_folder| {
        if !is_folder {
            let key = file.strip_prefix(path).unwrap_or(file);
            let parts: Vec<_> = key.iter().map(|part| part.to_string_lossy()).collect();
            files.push((parts.join("/"), file.to_owned()));
        }
    })?;
    files.sort();
    Ok(files)
}
