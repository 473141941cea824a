//! `.wandb` files, as W&B writes in its offline mode: a LevelDB log of protobuf records.
//!
//! The file starts with 7 bytes of header; then come blocks of 32 KiB, counted from the start of
//! the file, that hold pieces of records: a checksum, a length and a kind, then the bytes. Field
//! numbers are those of W&B's `wandb_internal.proto`.

use std::io::{self, BufReader, Read};

use diagnostic::Diagnostic;

use super::checksum::crc32;
use super::json::{Problem, Scalar, Scanner};
use super::protobuf::{Value, fields};
use crate::builder::Builder;
use crate::place::Unit;
use crate::table::Cell;

/// `:W&B`, a magic number and the version.
pub(crate) const HEADER: &[u8] = b":W&B\xE1\xBE\x00";

const BLOCK: usize = 1 << 15;
/// A record longer than this is no history of scalars.
const LONGEST: usize = 1 << 26;

/// Reads the run in a `.wandb` file: a row for every step of its history, with its settings.
///
/// `run` is the run's name, `run_id` its id, `status` is `done` when it ended well, `failed` when
/// its exit code was not 0, and `unfinished` when the file does not hold its end.
pub(super) fn read(name: &str, file: impl Read, builder: &mut Builder) -> Result<(), Diagnostic> {
    builder.begin(name, Unit::Record);
    let first = builder.rows();
    let mut log = Log { from: BufReader::new(file), at: 0, damaged: 0, piece: Vec::new() };
    let cannot = |problem: io::Error| Diagnostic::error(format!("cannot read `{name}`: {problem}"));
    let mut header = [0; HEADER.len()];
    log.fill(&mut header).map_err(cannot)?;
    let mut run = Run::default();
    let mut number = 0;
    let mut record = Vec::new();
    while log.next_record(&mut record).map_err(cannot)? {
        number += 1;
        for (kind, value) in fields(&record) {
            let Value::Bytes(message) = value else { continue };
            match kind {
                2 => history(message, number, builder)?,
                5 => run.settings(message),
                17 => run.begin(message),
                18 => run.exit_code = Some(exit_code(message)),
                _ => {}
            }
        }
    }
    if log.damaged > 0 {
        builder.remark(
            Diagnostic::warning(format!("`{name}`: {} damaged parts were left out", log.damaged))
                .help("the run may have been cut off; steps can be missing"),
        );
    }
    if builder.rows() == first {
        return Ok(());
    }
    run.finish(name, first, builder)
}

/// Reads one `HistoryRecord`: the values of one step.
fn history(message: &[u8], number: u64, builder: &mut Builder) -> Result<(), Diagnostic> {
    let row = builder.row(number, 0)?;
    for (field, value) in fields(message) {
        let Value::Bytes(item) = value else { continue };
        match field {
            1 => {
                if let Some((key, json)) = key_and_json(item) {
                    flat(&key, json, &mut |name, text| {
                        let cell =
                            if text.is_empty() { Cell::EMPTY } else { builder.made(text)? };
                        let column = builder.column(name)?;
                        builder.set(row, column, cell)
                    })?;
                }
            }
            2 => {
                if let Some(step) = fields(item).last(1).and_then(Value::integer) {
                    let column = builder.column("_step")?;
                    let cell = builder.made(&step.to_string())?;
                    builder.set(row, column, cell)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The key and JSON value of a `HistoryItem` or `ConfigItem`, its nested key joined by dots.
fn key_and_json(item: &[u8]) -> Option<(String, &str)> {
    let (mut key, mut json) = (String::new(), None);
    for (field, value) in fields(item) {
        match field {
            1 => value.text()?.clone_into(&mut key),
            2 => {
                if !key.is_empty() {
                    key.push('.');
                }
                key.push_str(value.text()?);
            }
            16 => json = Some(value.text()?),
            _ => {}
        }
    }
    Some((key, json?))
}

/// Why flattening stopped: JSON that is none stands for itself, a full table is refused.
enum Stop {
    Json,
    Table(Diagnostic),
}

impl From<Problem> for Stop {
    fn from(_: Problem) -> Self {
        Self::Json
    }
}

/// Gives every value of a JSON text under `key` to `take`, as text.
pub(super) fn flat(
    key: &str,
    json: &str,
    take: &mut impl FnMut(&str, &str) -> Result<(), Diagnostic>,
) -> Result<(), Diagnostic> {
    let mut scanner = Scanner::new(json);
    let mut path = key.to_owned();
    let read = if scanner.peek() == Some(b'{') {
        scanner.flatten(&mut path, &mut |name, value: Scalar| {
            take(name, &value.text(json)).map_err(Stop::Table)
        })
    } else {
        match scanner.scalar() {
            Ok(value) => take(key, &value.text(json)).map_err(Stop::Table),
            Err(problem) => Err(problem.into()),
        }
    };
    match read {
        Ok(()) => Ok(()),
        Err(Stop::Json) => take(key, json),
        Err(Stop::Table(problem)) => Err(problem),
    }
}

fn exit_code(message: &[u8]) -> i64 {
    fields(message).last(1).and_then(Value::integer).unwrap_or(0)
}

#[derive(Default)]
struct Run {
    id: String,
    name: String,
    /// Later values of a setting replace earlier ones.
    settings: Vec<(String, String)>,
    exit_code: Option<i64>,
}

impl Run {
    /// Reads a `RunRecord`.
    fn begin(&mut self, message: &[u8]) {
        for (field, value) in fields(message) {
            match (field, value) {
                (1, _) => value.text().unwrap_or_default().clone_into(&mut self.id),
                (4, Value::Bytes(config)) => self.settings(config),
                (8, _) => value.text().unwrap_or_default().clone_into(&mut self.name),
                _ => {}
            }
        }
    }

    /// Reads a `ConfigRecord`.
    fn settings(&mut self, message: &[u8]) {
        for (field, value) in fields(message) {
            if field != 1 {
                continue;
            }
            let Some((key, json)) = value.bytes().and_then(key_and_json) else { continue };
            if key != "_wandb" && !key.starts_with("_wandb.") {
                self.settings.retain(|(known, _)| *known != key);
                self.settings.push((key, json.to_owned()));
            }
        }
    }

    fn finish(self, file: &str, first: usize, builder: &mut Builder) -> Result<(), Diagnostic> {
        let rows = first..builder.rows();
        let id = if self.id.is_empty() { file } else { &self.id };
        let name = if self.name.is_empty() { id } else { &self.name };
        let run = builder.run_name(name, id);
        let status = match self.exit_code {
            Some(0) => "done",
            Some(_) => "failed",
            None => "unfinished",
        };
        for (name, value) in [("run", run.as_str()), ("run_id", id), ("status", status)] {
            builder.constant(rows.clone(), name, value)?;
        }
        for (key, json) in &self.settings {
            flat(key, json, &mut |name, text| builder.constant(rows.clone(), name, text))?;
        }
        Ok(())
    }
}

/// The records of a LevelDB log.
struct Log<R> {
    from: BufReader<R>,
    at: usize,
    /// How many pieces were damaged.
    damaged: usize,
    piece: Vec<u8>,
}

impl<R: Read> Log<R> {
    /// Fills the buffer; false at the end of the file, also in the middle of a piece, where a run
    /// that still writes or was killed ends.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        self.at += buffer.len();
        match self.from.read_exact(buffer) {
            Err(problem) if problem.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// Reads this many bytes into `piece`; false at the end of the file.
    fn pass(&mut self, length: usize) -> io::Result<bool> {
        self.at += length;
        self.piece.clear();
        let read = self.from.by_ref().take(length as u64).read_to_end(&mut self.piece)?;
        Ok(read == length)
    }

    /// Passes over the rest of the block.
    fn next_block(&mut self) -> io::Result<bool> {
        let length = (BLOCK - self.at % BLOCK) % BLOCK;
        self.pass(length)
    }

    /// The next whole record; false at the end.
    fn next_record(&mut self, record: &mut Vec<u8>) -> io::Result<bool> {
        const FULL: u8 = 1;
        const FIRST: u8 = 2;
        const LAST: u8 = 4;
        let mut open = false;
        loop {
            let left = BLOCK - self.at % BLOCK;
            if left < 7 {
                if !self.next_block()? {
                    return Ok(false);
                }
                continue;
            }
            let mut head = [0; 7];
            if !self.fill(&mut head)? {
                return Ok(false);
            }
            let [c0, c1, c2, c3, l0, l1, kind] = head;
            let length = usize::from(u16::from_le_bytes([l0, l1]));
            if length > left - 7 || !(FULL..=LAST).contains(&kind) {
                // Nothing in this block can be trusted; the next one starts anew.
                self.damaged += usize::from(head != [0; 7]);
                open = false;
                if !self.next_block()? {
                    return Ok(false);
                }
                continue;
            }
            if !self.pass(length)? {
                return Ok(false);
            }
            let begins = kind == FULL || kind == FIRST;
            let whole = crc32([&[kind], &self.piece]) == u32::from_le_bytes([c0, c1, c2, c3]);
            if !whole || (begins == open) || record.len() + length > LONGEST && !begins {
                self.damaged += 1;
                open = false;
                if !whole || !begins {
                    continue;
                }
            }
            if begins {
                record.clear();
                open = true;
            }
            record.extend_from_slice(&self.piece);
            if kind == FULL || kind == LAST {
                return Ok(true);
            }
        }
    }
}
