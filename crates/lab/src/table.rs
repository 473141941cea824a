//! Tables of runs as CSV, replaced whole.

use std::io;
use std::path::Path;

use diagnostic::Diagnostic;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads a table that [`write_rows`] wrote; none is no rows.
///
/// # Errors
/// When the file is there but is not such a table: it is somebody's, so it must not be replaced.
pub fn read_rows<R: DeserializeOwned>(path: &Path) -> Result<Vec<R>, Diagnostic> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Diagnostic::error(format!("{} cannot be read: {error}", path.display())));
        }
    };
    csv::Reader::from_reader(bytes.as_slice()).deserialize().collect::<Result<_, _>>().map_err(
        |error| {
            Diagnostic::error(format!("{} is not a table that this command wrote", path.display()))
                .note(error.to_string())
                .help("name another folder with `--out`, or move the file away")
        },
    )
}

/// Replaces the table at `path`.
///
/// # Errors
/// When it cannot be written; the earlier one is whole then.
pub fn write_rows<R: Serialize>(path: &Path, rows: &[R]) -> Result<(), Diagnostic> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = rows
        .iter()
        .try_for_each(|row| writer.serialize(row))
        .map_err(io::Error::other)
        .and_then(|()| writer.into_inner().map_err(csv::IntoInnerError::into_error))
        .and_then(|bytes| runs::write_atomically(path, &bytes));
    written.map_err(|error| {
        Diagnostic::error(format!("{} cannot be written: {error}", path.display()))
            .note("the rows of the last finished write are whole")
            .help("free some space and start the same command again: finished runs are kept")
    })
}
