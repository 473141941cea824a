//! TensorBoard event files: records with checksums, each a protobuf `Event`.
//!
//! A record is its length, the masked CRC-32C of those 8 bytes, the data, and the masked CRC-32C
//! of the data. A file that ends in the middle of a record is one that is still being written.

use std::io::{self, BufReader, Read};
use std::path::Path;

use diagnostic::Diagnostic;

use super::checksum::masked_crc32c;
use super::pivot::Pivot;
use super::protobuf::{Value, fields, varint};
use crate::builder::Builder;
use crate::place::Unit;

/// A longer record is an image or a graph, and is passed over.
const LONGEST: u64 = 1 << 24;

/// Whether bytes start with a record.
pub(crate) fn is_record(head: &[u8]) -> bool {
    let Some((length, rest)) = head.split_first_chunk::<8>() else { return false };
    rest.first_chunk().is_some_and(|crc| masked_crc32c(length) == u32::from_le_bytes(*crc))
}

/// The run that a single event file belongs to: its folder.
pub(super) fn run_of(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = whole.parent().and_then(Path::file_name);
    folder.map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Reads an event file: a row for every step of `run`, a column for every tag with scalars.
/// `wall_time` is in seconds since 1970; hyperparameters become columns.
pub(super) fn read(
    name: &str,
    run: &str,
    file: impl Read,
    builder: &mut Builder,
) -> Result<(), Diagnostic> {
    builder.begin(name, Unit::Record);
    let mut pivot = Pivot::new(builder, run)?;
    let mut records = Records { from: BufReader::new(file), number: 0, at: 0 };
    let mut record = Vec::new();
    let mut settings = Vec::new();
    let (mut damaged, mut unfinished) = (0, false);
    loop {
        match records.next_record(&mut record) {
            Ok(Next::Record) => {
                event(&record, records.number, &mut pivot, &mut settings, builder)?;
            }
            Ok(Next::Damaged) => damaged += 1,
            Ok(Next::TooLong) => {}
            Ok(Next::End) => break,
            Ok(Next::CutOff) => {
                unfinished = true;
                break;
            }
            Ok(Next::Lost) => {
                return Err(Diagnostic::error(format!(
                    "`{name}` is damaged: the length of record {} at byte {} fails its checksum",
                    records.number, records.at
                ))
                .help("what follows cannot be found; copy the file again from where it was made"));
            }
            Err(problem) => {
                return Err(Diagnostic::error(format!("cannot read `{name}`: {problem}")));
            }
        }
    }
    if damaged > 0 {
        builder.remark(
            Diagnostic::warning(format!(
                "`{name}`: {damaged} records that fail their checksum were left out"
            ))
            .help("the file is damaged; steps can be missing"),
        );
    }
    if unfinished {
        builder.remark(Diagnostic::warning(format!(
            "`{name}` ends within a record: the run may still be writing it"
        )));
    }
    for (key, value) in settings {
        builder.constant(pivot.rows(builder), &key, &value)?;
    }
    Ok(())
}

/// Reads one event: the scalars of a step.
fn event(
    record: &[u8],
    number: u64,
    pivot: &mut Pivot,
    settings: &mut Vec<(String, String)>,
    builder: &mut Builder,
) -> Result<(), Diagnostic> {
    let (mut step, mut wall_time, mut summary) = (0, None, None);
    for (field, value) in fields(record) {
        match field {
            1 => wall_time = value.double(),
            2 => step = value.integer().unwrap_or(0),
            5 => summary = value.bytes(),
            _ => {}
        }
    }
    let mut row = None;
    for (_, value) in fields(summary.unwrap_or_default()).filter(|&(field, _)| field == 1) {
        let Value::Bytes(item) = value else { continue };
        let (mut tag, mut scalar) = (None, None);
        for (field, value) in fields(item) {
            match (field, value) {
                (1, _) => tag = value.text(),
                (2, _) => scalar = value.float().map(shortest),
                (8, Value::Bytes(tensor)) => scalar = scalar_of(tensor),
                (9, Value::Bytes(metadata)) => hyperparameters(metadata, settings),
                _ => {}
            }
        }
        if let (Some(tag), Some(scalar)) = (tag, scalar) {
            row = Some(pivot.add(builder, step, number, tag, scalar)?);
        }
    }
    if let (Some(row), Some(wall_time)) = (row, wall_time) {
        let column = builder.column("wall_time")?;
        if !builder.is_set(row, column) {
            let cell = builder.number(wall_time)?;
            builder.set(row, column, cell)?;
        }
    }
    Ok(())
}

/// A single-precision number by its own shortest digits: 0.1, not 0.10000000149.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

/// The value of a tensor of one number.
fn scalar_of(tensor: &[u8]) -> Option<f64> {
    const FLOAT: i64 = 1;
    const DOUBLE: i64 = 2;
    const INT32: i64 = 3;
    const INT64: i64 = 9;
    const BFLOAT16: i64 = 14;
    let (mut kind, mut content, mut listed) = (FLOAT, None, None);
    for (field, value) in fields(tensor) {
        match (field, value) {
            (1, _) => kind = value.integer()?,
            // A dimension: anything but a scalar, or an array of one.
            (2, Value::Bytes(shape)) => {
                for (_, dimension) in fields(shape).filter(|&(field, _)| field == 2) {
                    let size = fields(dimension.bytes()?).last(1).and_then(Value::integer);
                    if size != Some(1) {
                        return None;
                    }
                }
            }
            (4, Value::Bytes(bytes)) if !bytes.is_empty() => content = Some(bytes),
            (5 | 6 | 7 | 10 | 13, _) => listed = Some(value),
            _ => {}
        }
    }
    if let Some(bytes) = content {
        return match kind {
            FLOAT => Some(shortest(f32::from_le_bytes(bytes.try_into().ok()?))),
            DOUBLE => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
            INT32 => Some(f64::from(i32::from_le_bytes(bytes.try_into().ok()?))),
            INT64 => Some(i64::from_le_bytes(bytes.try_into().ok()?) as f64),
            BFLOAT16 => {
                let bits = u16::from_le_bytes(bytes.try_into().ok()?);
                Some(shortest(f32::from_bits(u32::from(bits) << 16)))
            }
            _ => None,
        };
    }
    match (kind, listed?) {
        (FLOAT, Value::Bytes(packed)) => {
            Some(shortest(f32::from_le_bytes(packed.try_into().ok()?)))
        }
        (FLOAT, value) => value.float().map(shortest),
        (DOUBLE, Value::Bytes(packed)) => Some(f64::from_le_bytes(packed.try_into().ok()?)),
        (DOUBLE, value) => value.double(),
        (INT32 | INT64 | BFLOAT16, value) => {
            let bits = match value {
                Value::Bytes(mut packed) => varint(&mut packed)?.cast_signed(),
                other => other.integer()?,
            };
            Some(if kind == BFLOAT16 {
                shortest(f32::from_bits((bits as u32) << 16))
            } else {
                bits as f64
            })
        }
        _ => None,
    }
}

/// The hyperparameters that the `HParams` plugin keeps in the metadata of a summary.
fn hyperparameters(metadata: &[u8], settings: &mut Vec<(String, String)>) {
    let plugin = fields(metadata).last(1).and_then(Value::bytes).unwrap_or_default();
    if fields(plugin).last(1).and_then(Value::text) != Some("hparams") {
        return;
    }
    let content = fields(plugin).last(2).and_then(Value::bytes).unwrap_or_default();
    let session = fields(content).last(3).and_then(Value::bytes).unwrap_or_default();
    for (_, entry) in fields(session).filter(|&(field, _)| field == 1) {
        let Value::Bytes(entry) = entry else { continue };
        let key = fields(entry).last(1).and_then(Value::text);
        let value = fields(entry).last(2).and_then(Value::bytes).unwrap_or_default();
        let value = fields(value).find_map(|(field, value)| match field {
            2 => value.double().map(crate::builder::number_text),
            3 => value.text().map(str::to_owned),
            4 => value.integer().map(|truth| (truth != 0).to_string()),
            _ => None,
        });
        if let (Some(key), Some(value)) = (key, value) {
            settings.push((key.to_owned(), value));
        }
    }
}

struct Records<R> {
    from: BufReader<R>,
    number: u64,
    /// Where the record starts.
    at: u64,
}

/// What came next in a file of records.
enum Next {
    Record,
    /// A record whose data fails its checksum.
    Damaged,
    TooLong,
    /// The length fails its checksum, so that no further record can be found.
    Lost,
    CutOff,
    End,
}

impl<R: Read> Records<R> {
    fn next_record(&mut self, record: &mut Vec<u8>) -> io::Result<Next> {
        record.clear();
        if self.take(12, record)? < 12 {
            return Ok(if record.is_empty() { Next::End } else { Next::CutOff });
        }
        self.number += 1;
        let length = record.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        if !is_record(record) {
            return Ok(Next::Lost);
        }
        if length > LONGEST {
            let size = length.saturating_add(4);
            let passed = io::copy(&mut self.from.by_ref().take(size), &mut io::sink())?;
            self.at = self.at.saturating_add(size + 12);
            return Ok(if passed < size { Next::CutOff } else { Next::TooLong });
        }
        record.clear();
        if self.take(length + 4, record)? < length + 4 {
            return Ok(Next::CutOff);
        }
        self.at += length + 16;
        let data = record.len() - 4;
        let crc = record[data..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        record.truncate(data);
        Ok(if masked_crc32c(record) == crc { Next::Record } else { Next::Damaged })
    }

    fn take(&mut self, length: u64, record: &mut Vec<u8>) -> io::Result<u64> {
        Ok(self.from.by_ref().take(length).read_to_end(record)? as u64)
    }
}
