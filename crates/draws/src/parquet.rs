//! Draws as Parquet files: every column a DOUBLE, what the rows are in the file's metadata.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Repetition, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{DataType, DoubleType};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use crate::{Design, Draws, Error, Level};

/// Rows per row group: 8 MB a column.
const ROW_GROUP: usize = 1 << 20;

const VERSION: &str = "draws.version";
const DESIGN: &str = "draws.design";
const SEED: &str = "draws.seed";
const LEVEL: &str = "draws.level";
const SOURCE: &str = "draws.source";
/// Before the name of a column whose unit is stated.
const UNIT: &str = "draws.unit.";

impl Draws {
    /// Writes all columns to a Parquet file, with units, seed, design, level and source in its
    /// metadata.
    ///
    /// The file appears whole or not at all: it is written beside its place and then renamed.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let failed = |problem: String| Error::File { path: path.display().to_string(), problem };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        // A temporary file is private by default; the result is as readable as any new file.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder).map_err(|e| failed(e.to_string()))?;
        self.write(file.as_file_mut()).map_err(|e| failed(e.to_string()))?;
        file.as_file().sync_all().map_err(|e| failed(e.to_string()))?;
        file.persist(path).map_err(|e| failed(e.error.to_string()))?;
        Ok(())
    }

    fn write(&self, out: impl Write + Send) -> Result<(), ParquetError> {
        let fields = self
            .names()
            .iter()
            .map(|name| {
                Type::primitive_type_builder(name, Physical::DOUBLE)
                    .with_repetition(Repetition::REQUIRED)
                    .build()
                    .map(Arc::new)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let schema = Type::group_type_builder("draws").with_fields(fields).build()?;
        let design = match self.design() {
            Design::Plain => "plain".to_owned(),
            Design::Sobol { replicates } => format!("sobol {replicates}"),
        };
        let mut facts = vec![
            KeyValue::new(VERSION.to_owned(), "1".to_owned()),
            KeyValue::new(DESIGN.to_owned(), design),
            KeyValue::new(LEVEL.to_owned(), self.level().share().to_string()),
            KeyValue::new(SOURCE.to_owned(), self.source().to_owned()),
        ];
        if let Some(seed) = self.seed() {
            facts.push(KeyValue::new(SEED.to_owned(), seed.to_string()));
        }
        for (place, name) in self.names().iter().enumerate() {
            let unit = self.unit_at(place);
            if !unit.is_empty() {
                facts.push(KeyValue::new(format!("{UNIT}{name}"), unit.to_owned()));
            }
        }
        let properties = WriterProperties::builder()
            .set_key_value_metadata(Some(facts))
            // Draws hardly ever repeat: a dictionary would be a second copy.
            .set_dictionary_enabled(false)
            .build();
        let mut writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        for start in (0..self.rows()).step_by(ROW_GROUP) {
            let rows = start..self.rows().min(start + ROW_GROUP);
            let mut group = writer.next_row_group()?;
            let mut place = 0;
            while let Some(mut column) = group.next_column()? {
                let values = &self.column_at(place)[rows.clone()];
                column.typed::<DoubleType>().write_batch(values, None, None)?;
                column.close()?;
                place += 1;
            }
            group.close()?;
        }
        writer.close()?;
        Ok(())
    }

    /// Reads a Parquet file of numeric columns, with what its metadata says of the rows.
    ///
    /// A file from elsewhere is read as independent rows; its nulls become undefined (NaN). It may
    /// be uncompressed or compressed with Snappy.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let failed = |problem: String| Error::File { path: path.display().to_string(), problem };
        let file = File::open(path).map_err(|e| failed(e.to_string()))?;
        let file_length = file.metadata().map_err(|e| failed(e.to_string()))?.len();
        let reader = SerializedFileReader::new(file).map_err(|e| failed(e.to_string()))?;
        let metadata = reader.metadata().file_metadata();
        let fact = |key: &str| {
            let facts = metadata.key_value_metadata()?;
            facts.iter().find(|fact| fact.key == key)?.value.clone()
        };
        let refused = |key: &str, value: &str| {
            failed(format!("the metadata `{key}` is `{value}`, which this version cannot read"))
        };
        if let Some(version) = fact(VERSION).filter(|version| version != "1") {
            return Err(refused(VERSION, &version));
        }
        let mut draws = Self::new(match fact(DESIGN).as_deref() {
            None | Some("plain") => Design::Plain,
            Some(other) => {
                let count = other.strip_prefix("sobol ").and_then(|n| n.parse().ok());
                let replicates = count
                    .filter(|n| (2..=1024).contains(n))
                    .ok_or_else(|| refused(DESIGN, other))?;
                Design::Sobol { replicates }
            }
        });
        if let Some(seed) = fact(SEED) {
            draws = draws.with_seed(seed.parse().map_err(|_| refused(SEED, &seed))?);
        }
        if let Some(share) = fact(LEVEL) {
            let level = share.parse().ok().and_then(|share| Level::new(share).ok());
            draws = draws.with_level(level.ok_or_else(|| refused(LEVEL, &share))?);
        }
        draws = draws.with_source(fact(SOURCE).unwrap_or_default());

        check_places(&reader, file_length).map_err(failed)?;
        let schema = metadata.schema_descr();
        let mut columns = vec![Vec::new(); schema.num_columns()];
        for group in 0..reader.num_row_groups() {
            let group = reader.get_row_group(group).map_err(|e| failed(e.to_string()))?;
            for (place, column) in columns.iter_mut().enumerate() {
                let described = schema.column(place);
                let name = described.path().string();
                if described.max_rep_level() > 0 {
                    return Err(failed(format!("column `{name}` holds lists, not numbers")));
                }
                let read = group.get_column_reader(place).map_err(|e| failed(e.to_string()))?;
                let whole = described.max_def_level();
                match read {
                    ColumnReader::DoubleColumnReader(r) => append(r, whole, column, |v| v),
                    ColumnReader::FloatColumnReader(r) => append(r, whole, column, f64::from),
                    ColumnReader::Int32ColumnReader(r) => append(r, whole, column, f64::from),
                    ColumnReader::Int64ColumnReader(r) => append(r, whole, column, |v| v as f64),
                    _ => {
                        let kind = described.physical_type();
                        return Err(failed(format!(
                            "column `{name}` is {kind}, but draws are numbers"
                        )));
                    }
                }
                .map_err(|e| failed(format!("column `{name}`: {e}")))?;
            }
        }
        for (place, values) in columns.into_iter().enumerate() {
            let name = schema.column(place).path().string();
            let unit = fact(&format!("{UNIT}{name}")).unwrap_or_default();
            draws.push_in(name, unit, values).map_err(|e| failed(e.to_string()))?;
        }
        Ok(draws)
    }
}

/// The reader trusts the places that a file gives for its columns: look at them first.
fn check_places(reader: &SerializedFileReader<File>, length: u64) -> Result<(), String> {
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
                return Err(format!("damaged: column `{name}` lies outside the file"));
            }
        }
    }
    Ok(())
}

/// Appends one column chunk, nulls as NaN. What the file says of its length is not believed:
/// reading goes on until nothing comes.
fn append<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    whole: i16,
    column: &mut Vec<f64>,
    number: impl Fn(T::T) -> f64,
) -> Result<(), ParquetError> {
    const BATCH: usize = 1 << 16;
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    loop {
        values.clear();
        levels.clear();
        let (rows, ..) = reader.read_records(BATCH, Some(&mut levels), None, &mut values)?;
        if rows == 0 {
            return Ok(());
        }
        let mut present = values.drain(..).map(&number);
        if whole == 0 {
            column.extend(present);
        } else {
            let value = |&level| if level == whole { present.next() } else { None };
            column.extend(levels.iter().map(value).map(|value| value.unwrap_or(f64::NAN)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Draws {
        let mut draws =
            Draws::new(Design::SOBOL).with_seed(u64::MAX).with_source("fit of 240 runs");
        draws = draws.with_level(Level::P80);
        draws.push("alpha", vec![0.34, -0.0, f64::MIN_POSITIVE]).unwrap();
        draws.push_in("closes, year", "decimal year", vec![2030.5, f64::INFINITY, 2031.0]).unwrap();
        draws
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("draws.parquet");
        some().save(&path).unwrap();
        assert_eq!(Draws::load(&path).unwrap(), some());
        // Over an existing file, and more than one row group; NaN compares by its bits.
        let mut long = Draws::new(Design::Plain);
        long.push("x", (0..ROW_GROUP + 5).map(|i| i as f64).collect()).unwrap();
        long.save(&path).unwrap();
        assert_eq!(Draws::load(&path).unwrap(), long);
        let mut undefined = Draws::new(Design::Plain);
        undefined.push("x", vec![f64::NAN]).unwrap();
        undefined.save(&path).unwrap();
        assert!(Draws::load(&path).unwrap().column("x").unwrap()[0].is_nan());
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "a temporary file was left behind");
    }

    #[test]
    fn empty_draws_survive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.parquet");
        let mut empty = Draws::new(Design::Plain);
        empty.push("x", Vec::new()).unwrap();
        empty.save(&path).unwrap();
        assert_eq!(Draws::load(&path).unwrap(), empty);
    }

    #[test]
    fn files_that_are_not_draws_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.parquet");
        assert!(Draws::load(&path).unwrap_err().to_string().contains("other.parquet"));
        assert!(some().save(folder.path().join("no/such/folder.parquet")).is_err());
        some().save(&path).unwrap();
        let good = std::fs::read(&path).unwrap();
        for cut in 0..good.len() {
            std::fs::write(&path, &good[..cut]).unwrap();
            assert!(Draws::load(&path).is_err(), "cut at {cut}");
        }
        for flipped in 0..good.len() {
            let mut bad = good.clone();
            bad[flipped] ^= 0x55;
            std::fs::write(&path, &bad).unwrap();
            // Whatever a changed byte means, the answer is draws or an error.
            let _ = Draws::load(&path);
        }
    }
}
