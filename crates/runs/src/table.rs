//! A table of text cells, kept by column, that remembers where every cell came from.

use std::fs;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use diagnostic::{Diagnostic, nearest};

/// A delimited text table: header names, cells by column, and the source line of every row.
///
/// Commas, tabs and semicolons separate cells (the header decides which); cells may be quoted as
/// in RFC 4180; blank lines and blanks around a cell are ignored. Nothing is interpreted on
/// reading: [`numbers`](Self::numbers) and [`text`](Self::text) do that per column.
#[derive(Debug, Clone)]
pub struct RunTable {
    origin: String,
    source: String,
    delimiter: char,
    header_line: usize,
    columns: Vec<Column>,
    /// Per row: its line number and the byte where it starts in `source`.
    rows: Vec<(usize, usize)>,
}

#[derive(Debug, Clone, Default)]
struct Column {
    name: String,
    text: String,
    ends: Vec<usize>,
}

impl Column {
    fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    fn cell(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.text[start..self.ends[row]]
    }
}

impl RunTable {
    /// Reads the table at `path`; `-` is the standard input.
    ///
    /// # Errors
    /// A file that cannot be read, and everything that [`from_bytes`](Self::from_bytes) refuses.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Diagnostic> {
        let path = path.as_ref();
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map_err(|problem| {
                Diagnostic::error(format!("cannot read the standard input: {problem}"))
            })?;
            return Self::from_bytes("<stdin>", &bytes);
        }
        let shown = path.display().to_string();
        if path.is_dir() {
            return Err(Diagnostic::error(format!("`{shown}` is a folder, not a run table"))
                .help("name a CSV or TSV file, or `-` for the standard input"));
        }
        let bytes = fs::read(path).map_err(|problem| {
            Diagnostic::error(format!("cannot read `{shown}`: {problem}"))
                .help("name a CSV or TSV file, or `-` for the standard input")
        })?;
        Self::from_bytes(shown, &bytes)
    }

    /// Reads a table from the bytes of a file; `origin` names it in messages.
    ///
    /// # Errors
    /// Bytes that are not UTF-8 text, no header or no rows, a name given twice, and rows with
    /// more or fewer cells than the header.
    pub fn from_bytes(origin: impl Into<String>, bytes: &[u8]) -> Result<Self, Diagnostic> {
        let origin = origin.into();
        let source = text_of(&origin, bytes)?;
        let delimiter = delimiter_of(source);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter as u8)
            .trim(csv::Trim::All)
            .from_reader(source.as_bytes());
        let mut table = Self {
            origin,
            source: source.to_owned(),
            delimiter,
            header_line: 0,
            columns: Vec::new(),
            rows: Vec::new(),
        };
        let mut line = LineCounter::default();
        let mut record = csv::StringRecord::new();
        loop {
            match reader.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(problem) => {
                    return Err(Diagnostic::error(format!(
                        "cannot read `{}` as a table: {problem}",
                        table.origin
                    )));
                }
            }
            let from = record.position().map_or(0, csv::Position::byte) as usize;
            let (number, start) = line.of_record(source, from);
            if record.iter().all(str::is_empty) {
                continue;
            }
            if table.header_line == 0 {
                table.header(&record, number, start)?;
            } else {
                table.row(&record, number, start)?;
            }
        }
        if table.header_line == 0 {
            return Err(Diagnostic::error(format!("`{}` is empty", table.origin))
                .help("a run table has a line of column names and one line per run"));
        }
        if table.rows.is_empty() {
            return Err(Diagnostic::error(format!(
                "`{}` has column names but no runs",
                table.origin
            ))
            .at_line(
                &table.origin,
                table.header_line,
                table.line(0),
                0..1,
                "nothing follows",
            ));
        }
        Ok(table)
    }

    fn header(
        &mut self,
        record: &csv::StringRecord,
        number: usize,
        start: usize,
    ) -> Result<(), Diagnostic> {
        self.header_line = number;
        if record.iter().all(|cell| cell.is_empty() || cell.parse::<f64>().is_ok()) {
            return Err(Diagnostic::error(format!("`{}` has no column names", self.origin))
                .at_line(
                    &self.origin,
                    number,
                    self.line(start),
                    self.cell_span(start, 0),
                    "the first line holds numbers",
                )
                .help("add a first line such as `params,tokens,loss`"));
        }
        for (index, name) in record.iter().enumerate() {
            if !name.is_empty() && self.columns.iter().any(|column| column.name == name) {
                return Err(Diagnostic::error(format!("column `{name}` is given twice"))
                    .at_line(
                        &self.origin,
                        number,
                        self.line(start),
                        self.cell_span(start, index),
                        "second time here",
                    )
                    .help("rename or remove one of the two"));
            }
            self.columns.push(Column { name: name.to_owned(), ..Column::default() });
        }
        Ok(())
    }

    fn row(
        &mut self,
        record: &csv::StringRecord,
        number: usize,
        start: usize,
    ) -> Result<(), Diagnostic> {
        let (found, expected) = (record.len(), self.columns.len());
        if found != expected {
            let cell = found.min(expected + 1).saturating_sub(1);
            let label = if found < expected {
                format!("the row ends before `{}`", self.columns[found].name)
            } else {
                "no column for this cell".to_owned()
            };
            return Err(Diagnostic::error(format!(
                "this row has {found} {}, the header has {expected}",
                if found == 1 { "cell" } else { "cells" }
            ))
            .at_line(&self.origin, number, self.line(start), self.cell_span(start, cell), label)
            .help(
                "leave a cell empty where a value is missing; quote cells that hold a separator",
            ));
        }
        for (column, cell) in self.columns.iter_mut().zip(record) {
            column.push(cell);
        }
        self.rows.push((number, start));
        Ok(())
    }

    /// Where the table came from: a path or `<stdin>`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many rows the table has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has no row; a table that was read always has one.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The column names, from left to right.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Whether there is a column of this name.
    pub fn has(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// The line of the file on which row `row` starts, from 1; 0 for a row that does not exist.
    pub fn line_number(&self, row: usize) -> usize {
        self.rows.get(row).map_or(0, |&(line, _)| line)
    }

    /// The cells of a column as text.
    ///
    /// # Errors
    /// A column that does not exist, with the nearest name that does.
    pub fn text(&self, name: &str) -> Result<Vec<&str>, Diagnostic> {
        let column = &self.columns[self.index(name)?];
        Ok((0..self.len()).map(|row| column.cell(row)).collect())
    }

    /// The cells of a column as numbers; an empty cell, `nan`, `na` or `null` is NaN.
    ///
    /// # Errors
    /// A column that does not exist, and the first cell that is neither a number nor missing.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>, Diagnostic> {
        let index = self.index(name)?;
        (0..self.len()).map(|row| self.number_at(index, row)).collect()
    }

    /// One cell as a number, as [`numbers`](Self::numbers) reads it.
    pub(crate) fn number(&self, name: &str, row: usize) -> Result<f64, Diagnostic> {
        self.number_at(self.index(name)?, row)
    }

    fn number_at(&self, index: usize, row: usize) -> Result<f64, Diagnostic> {
        let column = &self.columns[index];
        let cell = column.cell(row);
        if is_missing(cell) {
            return Ok(f64::NAN);
        }
        cell.parse().map_err(|_| {
            let (line, start) = self.rows[row];
            let shown: String = cell.chars().take(40).collect();
            let problem = Diagnostic::error(format!(
                "column `{}` holds `{shown}`, which is not a number",
                column.name
            ))
            .at_line(
                &self.origin,
                line,
                self.line(start),
                self.cell_span(start, index),
                "expected a number such as 1.5e9",
            );
            if cell.contains(',') || cell.contains('_') {
                problem.help("write numbers without group separators and with a decimal point")
            } else {
                problem.help("leave the cell empty where the value is missing")
            }
        })
    }

    /// The whole row as the file has it.
    pub(crate) fn row_text(&self, row: usize) -> &str {
        self.line(self.rows[row].1)
    }

    pub(crate) fn missing_column(&self, name: &str) -> Diagnostic {
        let names: Vec<&str> = self.names().filter(|name| !name.is_empty()).collect();
        let problem = Diagnostic::error(format!("`{}` has no column `{name}`", self.origin))
            .note(format!("its columns are {}", names.join(", ")));
        match nearest(name, names.iter().copied()) {
            Some(known) => problem.help(format!("did you mean `{known}`?")),
            None => problem,
        }
    }

    fn index(&self, name: &str) -> Result<usize, Diagnostic> {
        self.names().position(|known| known == name).ok_or_else(|| self.missing_column(name))
    }

    /// The text of the line that starts at byte `start`.
    fn line(&self, start: usize) -> &str {
        let rest = &self.source[start..];
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        &rest[..end]
    }

    /// The bytes of cell `index` within the line that starts at byte `start`.
    fn cell_span(&self, start: usize, index: usize) -> Range<usize> {
        let line = self.line(start);
        let mut quoted = false;
        let mut cell = 0;
        let mut from = 0;
        for (at, character) in line.char_indices() {
            if character == '"' {
                quoted = !quoted;
            } else if character == self.delimiter && !quoted {
                if cell == index {
                    return from..at.max(from + 1);
                }
                cell += 1;
                from = at + 1;
            }
        }
        if cell == index { from..line.len().max(from + 1) } else { line.len()..line.len() + 1 }
    }
}

/// Line numbers of records whose bytes come in order: each byte of the source is looked at once.
#[derive(Default)]
struct LineCounter {
    line: usize,
    at: usize,
}

impl LineCounter {
    /// The line and first byte of the record that the reader found at or after byte `from`; the
    /// reader counts the line break and blank lines before a record as part of it.
    fn of_record(&mut self, source: &str, from: usize) -> (usize, usize) {
        let bytes = source.as_bytes();
        let mut start = from.min(bytes.len());
        while start < bytes.len() && matches!(bytes[start], b'\n' | b'\r') {
            start += 1;
        }
        let between = &source[self.at.min(start)..start];
        self.line += between.matches('\n').count();
        self.at = start;
        (self.line + 1, start)
    }
}

fn is_missing(cell: &str) -> bool {
    cell.is_empty()
        || ["nan", "na", "n/a", "null", "none"].iter().any(|m| cell.eq_ignore_ascii_case(m))
}

/// The text of a file, without a byte order mark.
fn text_of<'a>(origin: &str, bytes: &'a [u8]) -> Result<&'a str, Diagnostic> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return Err(Diagnostic::error(format!("`{origin}` is UTF-16 text, not UTF-8"))
            .help("save it again as UTF-8; spreadsheets call this \"CSV UTF-8\""));
    }
    for (magic, what) in [
        (&b"PAR1"[..], "a Parquet file"),
        (b"\x1F\x8B", "compressed with gzip"),
        (b"PK\x03\x04", "a spreadsheet or zip archive"),
    ] {
        if bytes.starts_with(magic) {
            return Err(Diagnostic::error(format!("`{origin}` is {what}, not a text table"))
                .help("export the runs as CSV"));
        }
    }
    let text = std::str::from_utf8(bytes).map_err(|problem| {
        let good = String::from_utf8_lossy(&bytes[..problem.valid_up_to()]);
        let byte = bytes[problem.valid_up_to()];
        Diagnostic::error(format!("`{origin}` is not UTF-8 text: byte 0x{byte:02X}"))
            .at(origin, &good, good.len()..good.len() + 1, "here")
            .help("save the table as UTF-8")
    })?;
    if let Some(at) = text.find('\0') {
        return Err(Diagnostic::error(format!("`{origin}` holds a NUL byte, so it is not text"))
            .at(origin, &text[..at], at..at + 1, "here")
            .help("export the runs as CSV again; the file may be damaged or binary"));
    }
    Ok(text)
}

/// The separator that the first line with text uses most; a comma when it uses none.
fn delimiter_of(source: &str) -> char {
    let header = source.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let count = |separator: char| header.matches(separator).count();
    let mut best = ',';
    for separator in ['\t', ';'] {
        if count(separator) > count(best) {
            best = separator;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(text: &str) -> RunTable {
        RunTable::from_bytes("runs.csv", text.as_bytes()).unwrap()
    }

    fn refusal(bytes: &[u8]) -> String {
        RunTable::from_bytes("runs.csv", bytes).unwrap_err().to_string()
    }

    #[test]
    fn commas_tabs_semicolons_marks_and_line_ends_read_the_same() {
        let plain = "run,loss\na,1.5\nb,2\n";
        for text in [
            plain.to_owned(),
            plain.replace(',', "\t"),
            plain.replace(',', " ; "),
            plain.replace('\n', "\r\n"),
            plain.replace('\n', "\n\n"),
            format!("\u{feff}{plain}"),
            plain.trim_end().to_owned(),
        ] {
            let table = table(&text);
            assert_eq!(table.numbers("loss").unwrap(), [1.5, 2.0], "{text:?}");
            assert_eq!(table.text("run").unwrap(), ["a", "b"], "{text:?}");
        }
    }

    #[test]
    fn rows_know_their_line_past_blank_lines_quotes_and_windows_ends() {
        let table = table("\r\n run,note,loss\r\n\r\na,\"two\r\nlines\",1\r\nb,,x\r\n");
        assert_eq!((table.line_number(0), table.line_number(1)), (4, 6));
        let shown = table.numbers("loss").unwrap_err().to_string();
        assert!(shown.contains("runs.csv:6:4"), "{shown}");
    }

    #[test]
    fn a_cell_that_is_no_number_is_named_with_its_line_and_column() {
        let table = table("run,loss\na,1.5\n\"b, c\",1.5x\n");
        let shown = table.numbers("loss").unwrap_err().to_string();
        assert!(shown.contains("runs.csv:3:8") && shown.contains("`1.5x`"), "{shown}");
    }

    #[test]
    fn missing_values_are_nan_not_errors() {
        let table = table("run,loss\na,\nb,NaN\nc,null\nd,1\n");
        let numbers = table.numbers("loss").unwrap();
        assert!(numbers[..3].iter().all(|x| x.is_nan()) && !numbers[3].is_nan());
    }

    #[test]
    fn an_unknown_column_names_the_nearest_known_one() {
        let shown = table("run,tokens\na,1\n").numbers("tokns").unwrap_err().to_string();
        assert!(shown.contains("did you mean `tokens`?"), "{shown}");
    }

    #[test]
    fn tables_that_cannot_be_read_say_why_and_where() {
        for (bytes, expected) in [
            (&b""[..], "is empty"),
            (b"\n \n", "is empty"),
            (b"run,loss\n", "no runs"),
            (b"1e6,2e7,3.1\n1e6,2e7,3.1\n", "no column names"),
            (b"run,loss,run\na,1,b\n", "runs.csv:1:10"),
            (b"run,loss\na,1\nb\n", "runs.csv:3:1"),
            (b"run,loss\na,1\nb,2,3\n", "runs.csv:3:5"),
            (b"run,loss\na,\xFF\n", "runs.csv:2:3"),
            (b"run,loss\na,\0\n", "runs.csv:2:3"),
            (b"\xFF\xFEr\0", "UTF-16"),
            (b"PAR1....", "Parquet"),
        ] {
            let shown = refusal(bytes);
            assert!(shown.contains(expected), "{shown}");
        }
        let shown = RunTable::read("no/such.csv").unwrap_err().to_string();
        assert!(shown.contains("no/such.csv"), "{shown}");
        assert!(RunTable::read(".").unwrap_err().to_string().contains("folder"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(table) = RunTable::from_bytes("x", &bytes) {
                for name in table.names().map(str::to_owned).collect::<Vec<_>>() {
                    let _ = table.numbers(&name);
                }
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[a-c0-9,;\"\t\r\n é.-]{0,80}") {
            if let Ok(table) = RunTable::from_bytes("x", text.as_bytes()) {
                for name in table.names().map(str::to_owned).collect::<Vec<_>>() {
                    let _ = table.numbers(&name);
                }
            }
        }

        #[test]
        fn numbers_come_back_as_written(values in prop::collection::vec(any::<f64>(), 1..20)) {
            let cells: Vec<String> = values.iter().map(f64::to_string).collect();
            let read = table(&format!("loss\n{}\n", cells.join("\n"))).numbers("loss").unwrap();
            for (a, b) in values.iter().zip(&read) {
                prop_assert!(a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()));
            }
        }
    }
}
