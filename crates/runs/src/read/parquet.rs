//! Parquet files: every column of numbers, text or truth values; nested fields joined by dots.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ::parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::{ByteArray, DataType, FixedLenByteArray};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::schema::types::ColumnDescriptor;
use diagnostic::Diagnostic;

use crate::builder::{Builder, number_text};
use crate::place::Unit;
use crate::table::Cell;

/// Why reading stops.
enum Stop {
    Parquet(ParquetError),
    Table(Diagnostic),
}

impl From<ParquetError> for Stop {
    fn from(problem: ParquetError) -> Self {
        Self::Parquet(problem)
    }
}

impl From<Diagnostic> for Stop {
    fn from(problem: Diagnostic) -> Self {
        Self::Table(problem)
    }
}

/// Reads a Parquet file; times and dates are the integers they are stored as.
/// Columns of lists are left out with a remark.
pub(super) fn read(name: &str, path: &Path, builder: &mut Builder) -> Result<(), Diagnostic> {
    builder.begin(name, Unit::Row);
    // The library answers some damage, such as a dictionary that is missing, with a panic.
    let read = catch_unwind(AssertUnwindSafe(|| read_columns(name, path, builder)));
    read.unwrap_or_else(|_| {
        Err(ParquetError::General("its pages contradict each other".into()).into())
    })
    .map_err(|stop| match stop {
        Stop::Table(problem) => problem,
        Stop::Parquet(problem) => explain(name, &problem),
    })
}

fn explain(name: &str, problem: &ParquetError) -> Diagnostic {
    let said = problem.to_string();
    let found = Diagnostic::error(format!("cannot read the Parquet file `{name}`: {said}"));
    if said.contains("Disabled feature") {
        found.help("write it with Snappy compression or none, such as `compression=\"snappy\"`")
    } else {
        found.help("the file may be damaged or cut off; write it again")
    }
}

fn read_columns(name: &str, path: &Path, builder: &mut Builder) -> Result<(), Stop> {
    let cannot = |problem| Diagnostic::error(format!("cannot read `{name}`: {problem}"));
    let file = File::open(path).map_err(cannot)?;
    let length = file.metadata().map_err(cannot)?.len();
    let reader = SerializedFileReader::new(file)?;
    check_places(&reader, length)?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let first = builder.rows();
    let mut left_out = Vec::new();
    for (place, described) in schema.columns().iter().enumerate() {
        let column_name = described.path().string();
        if described.max_rep_level() > 0 || matches!(described.physical_type(), Physical::INT96) {
            left_out.push(column_name);
            continue;
        }
        let column = builder.column(&column_name)?;
        let mut row = first;
        for group in 0..reader.num_row_groups() {
            let reader = reader.get_row_group(group)?.get_column_reader(place)?;
            let mut into = Target { builder: &mut *builder, column, row: &mut row, first };
            column_chunk(reader, described, &mut into)?;
        }
    }
    if !left_out.is_empty() {
        builder.remark(Diagnostic::warning(format!(
            "`{name}`: columns of lists or of INT96 times were left out: {}",
            left_out.join(", ")
        )));
    }
    Ok(())
}

/// The reader trusts the places that a file gives for its columns: look at them first.
fn check_places(reader: &SerializedFileReader<File>, length: u64) -> Result<(), ParquetError> {
    for group in reader.metadata().row_groups() {
        for column in group.columns() {
            let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
            let fits = u64::try_from(start.min(column.data_page_offset()))
                .ok()
                .zip(u64::try_from(column.compressed_size()).ok())
                .and_then(|(start, size)| start.checked_add(size))
                .is_some_and(|end| end <= length);
            if !fits {
                let name = column.column_path().string();
                return Err(ParquetError::General(format!(
                    "column `{name}` lies outside the file"
                )));
            }
        }
    }
    Ok(())
}

/// Where the values of a column go.
struct Target<'a> {
    builder: &'a mut Builder,
    column: usize,
    row: &'a mut usize,
    /// The table's row that is the file's first.
    first: usize,
}

impl Target<'_> {
    fn put(&mut self, text: Option<&str>) -> Result<(), Diagnostic> {
        if *self.row == self.builder.rows() {
            self.builder.row((*self.row - self.first) as u64 + 1, 0)?;
        }
        let cell = match text {
            Some(text) => self.builder.made(text)?,
            None => Cell::EMPTY,
        };
        self.builder.set(*self.row, self.column, cell)?;
        *self.row += 1;
        Ok(())
    }
}

fn column_chunk(
    reader: ColumnReader,
    described: &ColumnDescriptor,
    into: &mut Target<'_>,
) -> Result<(), Stop> {
    let unsigned = matches!(
        described.converted_type(),
        ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64
    );
    let decimal = matches!(described.logical_type_ref(), Some(LogicalType::Decimal(..)))
        || described.converted_type() == ConvertedType::DECIMAL;
    let scale = if decimal { described.type_scale() } else { 0 };
    let half = matches!(described.logical_type_ref(), Some(LogicalType::Float16));
    let whole = described.max_def_level();
    let integer = |value: i64| match scale {
        0 => value.to_string(),
        scale => number_text(value as f64 / 10f64.powi(scale)),
    };
    match reader {
        ColumnReader::DoubleColumnReader(r) => chunk(r, whole, into, |v| number_text(*v)),
        ColumnReader::FloatColumnReader(r) => chunk(r, whole, into, f32::to_string),
        ColumnReader::Int32ColumnReader(r) if unsigned => {
            chunk(r, whole, into, |v| v.cast_unsigned().to_string())
        }
        ColumnReader::Int64ColumnReader(r) if unsigned => {
            chunk(r, whole, into, |v| v.cast_unsigned().to_string())
        }
        ColumnReader::Int32ColumnReader(r) => chunk(r, whole, into, |v| integer(i64::from(*v))),
        ColumnReader::Int64ColumnReader(r) => chunk(r, whole, into, |v| integer(*v)),
        ColumnReader::BoolColumnReader(r) => chunk(r, whole, into, bool::to_string),
        ColumnReader::ByteArrayColumnReader(r) => {
            chunk(r, whole, into, |v: &ByteArray| String::from_utf8_lossy(v.data()).into_owned())
        }
        ColumnReader::FixedLenByteArrayColumnReader(r) => {
            chunk(r, whole, into, |v: &FixedLenByteArray| match v.data() {
                &[low, high] if half => half_text(u16::from_le_bytes([low, high])),
                other => String::from_utf8_lossy(other).into_owned(),
            })
        }
        ColumnReader::Int96ColumnReader(_) => Ok(()),
    }
}

/// Reads one column chunk. What the file says of its length is not believed: reading goes on
/// until nothing comes.
fn chunk<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    whole: i16,
    into: &mut Target<'_>,
    text: impl Fn(&T::T) -> String,
) -> Result<(), Stop> {
    const BATCH: usize = 1 << 12;
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    loop {
        values.clear();
        levels.clear();
        let (rows, ..) = reader.read_records(BATCH, Some(&mut levels), None, &mut values)?;
        if rows == 0 {
            return Ok(());
        }
        let mut present = values.iter();
        if whole == 0 {
            for value in present {
                into.put(Some(&text(value)))?;
            }
        } else {
            for &level in &levels {
                let value = if level == whole { present.next() } else { None };
                into.put(value.map(&text).as_deref())?;
            }
        }
    }
}

/// A number of half precision.
fn half_text(bits: u16) -> String {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    number_text(match exponent {
        0 => sign * fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        _ => sign * (1024.0 + fraction) * 2f64.powi(exponent - 25),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_has_its_known_values() {
        for (bits, text) in [
            (0x3C00, "1"),
            (0xC000, "-2"),
            (0x7BFF, "65504"),
            (0x7C00, "inf"),
            (0x0001, "5.960464477539063e-8"),
        ] {
            assert_eq!(half_text(bits), text);
        }
    }
}
