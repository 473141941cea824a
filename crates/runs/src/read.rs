//! Reading run tables: which reader takes a path, and what all readers need.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use diagnostic::Diagnostic;

use crate::builder::Builder;
use crate::format::{Format, HEAD};
use crate::table::RunTable;

mod checksum;
mod delimited;
mod folder;
mod json;
mod json_rows;
pub(crate) mod mlflow;
pub(crate) mod nanochat;
#[cfg(feature = "parquet")]
mod parquet;
mod pivot;
mod protobuf;
#[cfg(feature = "sqlite")]
mod sqlite;
pub(crate) mod tensorboard;
pub(crate) mod wandb;
mod wandb_csv;

const KINDS: &str = "a run table is CSV or TSV, JSON lines, Parquet, a W&B, TensorBoard, MLflow or \
                     trackio store, or a nanochat log; `-` is the standard input";

pub(crate) fn read_all(paths: &[&Path]) -> Result<RunTable, Diagnostic> {
    let Some(first) = paths.first() else {
        return Err(Diagnostic::error("no run table was named").help(KINDS));
    };
    let mut origin = shown(first);
    if paths.len() > 1 {
        origin = format!("{origin} and {} more", paths.len() - 1);
    }
    let mut builder = Builder::new(origin);
    let mut from = Vec::new();
    for path in paths {
        let start = builder.rows();
        read(path, &mut builder)?;
        if builder.rows() == start {
            return Err(builder.no_runs(&shown(path)));
        }
        from.push((shown(path), start..builder.rows()));
    }
    if paths.len() > 1 && !builder.has("file") {
        for (name, rows) in from {
            builder.constant(rows, "file", &name)?;
        }
        builder.tells_files_by("file");
    }
    builder.finish()
}

pub(crate) fn from_bytes(origin: &str, bytes: Vec<u8>) -> Result<RunTable, Diagnostic> {
    let mut builder = Builder::new(origin);
    read_bytes(origin, bytes, &mut builder)?;
    builder.finish()
}

/// A path as people see it.
fn shown(path: &Path) -> String {
    if path == Path::new("-") { "<stdin>".to_owned() } else { path.display().to_string() }
}

/// Reads one path, whatever it is, into the table.
fn read(path: &Path, builder: &mut Builder) -> Result<(), Diagnostic> {
    let name = shown(path);
    let cannot = |problem: io::Error| {
        Diagnostic::error(format!("cannot read `{name}`: {problem}")).help(KINDS)
    };
    if path == Path::new("-") {
        let bytes = whole(&name, io::stdin().lock(), builder.room())?;
        return read_bytes(&name, bytes, builder);
    }
    let mut head = Vec::new();
    if !path.is_dir() {
        let file = File::open(path).map_err(cannot)?;
        if !file.metadata().map_err(cannot)?.is_file() {
            // A pipe gives its bytes once.
            let bytes = whole(&name, file, builder.room())?;
            return read_bytes(&name, bytes, builder);
        }
        file.take(HEAD as u64).read_to_end(&mut head).map_err(cannot)?;
    }
    let open = || File::open(path).map_err(cannot);
    match Format::detect(path, &head).map_err(|what| no_table(&name, what))? {
        Format::Folder => folder::read(path, builder),
        Format::Mlflow => mlflow::read(path, builder),
        Format::Wandb => wandb::read(&name, open()?, builder),
        Format::TensorBoard => {
            tensorboard::read(&name, &tensorboard::run_of(path), open()?, builder)
        }
        Format::Parquet => read_parquet(&name, path, builder),
        Format::Sqlite => read_sqlite(&name, path, builder),
        format @ (Format::Delimited | Format::Json | Format::NanochatLog) => {
            let file = open()?;
            let length = file.metadata().map_err(cannot)?.len();
            if length > builder.room() as u64 {
                return Err(too_long(&name, builder.room()));
            }
            let bytes = whole(&name, file, builder.room())?;
            read_text(format, &name, bytes, builder)
        }
    }
}

fn read_bytes(name: &str, bytes: Vec<u8>, builder: &mut Builder) -> Result<(), Diagnostic> {
    let head = &bytes[..bytes.len().min(HEAD)];
    match Format::of_bytes(Path::new(name), head).map_err(|what| no_table(name, what))? {
        Format::Wandb => wandb::read(name, bytes.as_slice(), builder),
        Format::TensorBoard => tensorboard::read(name, name, bytes.as_slice(), builder),
        format @ (Format::Parquet | Format::Sqlite) => Err(Diagnostic::error(format!(
            "`{name}` is {format}, which can only be read from a file"
        ))
        .help("save it and name its path")),
        format => read_text(format, name, bytes, builder),
    }
}

fn no_table(name: &str, what: &str) -> Diagnostic {
    let problem = Diagnostic::error(format!("`{name}` is {what}"));
    if what.starts_with("compressed") {
        problem.help("unpack it first")
    } else {
        problem.help("export the runs as UTF-8 text; spreadsheets call this \"CSV UTF-8\"")
    }
}

fn read_text(
    format: Format,
    name: &str,
    bytes: Vec<u8>,
    builder: &mut Builder,
) -> Result<(), Diagnostic> {
    let text = utf8(name, bytes)?;
    match format {
        Format::Json => json_rows::read(name, text, builder),
        Format::NanochatLog => nanochat::read(name, text, builder),
        _ => delimited::read(name, text, builder),
    }
}

#[cfg(feature = "parquet")]
use self::parquet::read as read_parquet;

#[cfg(not(feature = "parquet"))]
fn read_parquet(name: &str, _: &Path, _: &mut Builder) -> Result<(), Diagnostic> {
    Err(Diagnostic::error(format!("`{name}` is Parquet, which this build does not read"))
        .help("build with `--features parquet`, or export the runs as CSV or JSON lines"))
}

#[cfg(feature = "sqlite")]
use self::sqlite::read as read_sqlite;

#[cfg(not(feature = "sqlite"))]
fn read_sqlite(name: &str, _: &Path, _: &mut Builder) -> Result<(), Diagnostic> {
    Err(Diagnostic::error(format!("`{name}` is SQLite, which this build does not read"))
        .help("build with `--features sqlite`, or export the runs as CSV"))
}

/// All bytes of a file or pipe, as long as there is room for them.
fn whole(name: &str, from: impl Read, room: usize) -> Result<Vec<u8>, Diagnostic> {
    let mut bytes = Vec::new();
    from.take(room as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|problem| Diagnostic::error(format!("cannot read `{name}`: {problem}")))?;
    if bytes.len() > room { Err(too_long(name, room)) } else { Ok(bytes) }
}

fn too_long(name: &str, room: usize) -> Diagnostic {
    Diagnostic::error(format!(
        "`{name}` is longer than the {} MiB of text that a table takes",
        room >> 20
    ))
    .help("keep only the columns and rows that are needed, such as the last row of every run")
}

/// A small file of a tracker's folder; a long one is not what it is taken for.
fn small(path: &Path) -> Result<String, Diagnostic> {
    const LIMIT: u64 = 1 << 28;
    let cannot = |problem: io::Error| {
        Diagnostic::error(format!("cannot read `{}`: {problem}", path.display()))
    };
    if fs::metadata(path).map_err(cannot)?.len() > LIMIT {
        return Err(too_long(&shown(path), LIMIT as usize));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(cannot)?.take(LIMIT).read_to_end(&mut bytes).map_err(cannot)?;
    utf8(&shown(path), bytes)
}

/// The text of a file, without a byte order mark.
fn utf8(name: &str, mut bytes: Vec<u8>) -> Result<String, Diagnostic> {
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        bytes.drain(..3);
    }
    let text = String::from_utf8(bytes).map_err(|problem| {
        let (valid, bytes) = (problem.utf8_error().valid_up_to(), problem.as_bytes());
        let good = String::from_utf8_lossy(&bytes[..valid]);
        Diagnostic::error(format!("`{name}` is not UTF-8 text: byte 0x{:02X}", bytes[valid]))
            .at(name, &good, good.len()..good.len() + 1, "here")
            .help("save the table as UTF-8")
    })?;
    if let Some(at) = text.find('\0') {
        return Err(Diagnostic::error(format!("`{name}` holds a NUL byte, so it is not text"))
            .at(name, &text[..at], at..at + 1, "here")
            .help("export the runs as CSV again; the file may be damaged or binary"));
    }
    Ok(text)
}
