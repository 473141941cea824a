//! Which format a file is in, told from its first bytes and its name.

use std::fmt;
use std::path::Path;

use crate::read::{mlflow, nanochat, tensorboard, wandb};

/// A format that runs are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Comma, tab or semicolon separated text, W&B's CSV exports among them.
    Delimited,
    /// JSON lines, a JSON array of objects, or a Hugging Face `trainer_state.json`.
    Json,
    /// What nanochat's `base_train` prints.
    NanochatLog,
    /// Apache Parquet.
    Parquet,
    /// A SQLite database: MLflow's store or a trackio project.
    Sqlite,
    /// A `.wandb` file, as W&B writes in its offline mode.
    Wandb,
    /// A TensorBoard event file.
    TensorBoard,
    /// MLflow's `mlruns` folder, an experiment or a run in it.
    Mlflow,
    /// A folder that holds files of one of the other formats.
    Folder,
}

/// How many bytes of a file [`Format::detect`] looks at.
pub(crate) const HEAD: usize = 1 << 18;

impl Format {
    /// The format of the file or folder at `path`, which starts with the bytes `head`; a few
    /// hundred kilobytes are enough. Text that is of no other format is delimited text.
    ///
    /// # Errors
    /// For a file that cannot be a table: what it is instead.
    pub fn detect(path: &Path, head: &[u8]) -> Result<Self, &'static str> {
        if path.is_dir() {
            return Ok(if mlflow::is_store(path) { Self::Mlflow } else { Self::Folder });
        }
        Self::of_bytes(path, head)
    }

    /// The format of bytes that came from what is called `path`, whatever is there.
    pub(crate) fn of_bytes(path: &Path, head: &[u8]) -> Result<Self, &'static str> {
        for (magic, found) in [
            (&b"PAR1"[..], Ok(Self::Parquet)),
            (b"SQLite format 3\0", Ok(Self::Sqlite)),
            (wandb::HEADER, Ok(Self::Wandb)),
            (b"\xFF\xFE", Err("UTF-16 text, not UTF-8")),
            (b"\xFE\xFF", Err("UTF-16 text, not UTF-8")),
            (b"\x1F\x8B", Err("compressed with gzip, not a run table")),
            (b"\x28\xB5\x2F\xFD", Err("compressed with Zstandard, not a run table")),
            (b"PK\x03\x04", Err("a spreadsheet or zip archive, not a run table")),
        ] {
            if head.starts_with(magic) {
                return found;
            }
        }
        if tensorboard::is_record(head) {
            return Ok(Self::TensorBoard);
        }
        let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        Ok(match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{' | b'[') if !matches!(extension, "csv" | "tsv") && !is_log(text) => Self::Json,
            _ if is_log(text) => Self::NanochatLog,
            _ => Self::Delimited,
        })
    }
}

fn is_log(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'\n').any(nanochat::is_line_of_log)
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delimited => "delimited text",
            Self::Json => "JSON",
            Self::NanochatLog => "nanochat log",
            Self::Parquet => "Parquet",
            Self::Sqlite => "SQLite",
            Self::Wandb => "W&B offline run",
            Self::TensorBoard => "TensorBoard event file",
            Self::Mlflow => "MLflow store",
            Self::Folder => "folder",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_and_names_only_where_content_does_not() {
        let detect = |name: &str, head: &[u8]| Format::of_bytes(Path::new(name), head);
        for (name, head, expected) in [
            ("x.csv", &b"run,loss\na,1"[..], Format::Delimited),
            ("x", b"\xEF\xBB\xBF  {\"a\": 1}", Format::Json),
            ("x.txt", b"\n[{\"a\": 1}]", Format::Json),
            ("x.csv", b"{a},b\n1,2", Format::Delimited),
            ("x.csv", b"PAR1", Format::Parquet),
            ("x.csv", b"SQLite format 3\0", Format::Sqlite),
            ("x", b":W&B\xE1\xBE\0", Format::Wandb),
            ("x", b"banner\nStep 00000 | Validation bpb: 3.2\n", Format::NanochatLog),
            ("x", b"{\nstep 00000/00010 (0.00%) | loss: 9.1 | dt: 1ms\n", Format::NanochatLog),
            ("x", b"step 1 | of the proof", Format::Delimited),
            ("x", b"", Format::Delimited),
        ] {
            assert_eq!(detect(name, head), Ok(expected), "{name}");
        }
        assert_eq!(detect("x.gz", b"\x1F\x8B"), Err("compressed with gzip, not a run table"));
        assert_eq!(Format::detect(Path::new("."), b""), Ok(Format::Folder));
    }
}
