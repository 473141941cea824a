//! A table of text cells, kept by column, that remembers where every cell came from.

use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use diagnostic::{Diagnostic, nearest};

use crate::place::{Place, Unit};
use crate::read;

/// A table of runs: names, cells by column, and the place every row came from.
///
/// Nothing is interpreted on reading: [`numbers`](Self::numbers) and [`text`](Self::text) do that
/// per column. The text of a file is kept once and cells point into it, so a table of text takes
/// the size of its file and 8 bytes a cell.
///
/// Stores with many points a run (trackers, logs) become one row a point, with the run in the
/// column `run` and the step in `step`, or `_step` where the tracker calls it so.
#[derive(Debug, Clone)]
pub struct RunTable {
    origin: String,
    pub(crate) files: Vec<File>,
    /// The text files, one after another.
    pub(crate) source: String,
    /// Cells whose text is in no file as such.
    pub(crate) made: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
    pub(crate) remarks: Vec<Diagnostic>,
    /// Whether a row is exactly a line of the only file.
    pub(crate) rows_are_lines: bool,
    /// The column that tells files apart, when there are several.
    pub(crate) file_column: Option<usize>,
    /// Rows as text, made when they are first asked for; only where rows are not lines.
    rendered: OnceLock<Rendered>,
}

#[derive(Debug, Clone)]
pub(crate) struct File {
    pub name: String,
    pub unit: Unit,
    /// Its part of `source`; empty for a binary file.
    pub text: Range<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub name: String,
    pub cells: Vec<Cell>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub file: u32,
    /// Where its line starts in `source`.
    pub start: u32,
    /// Its line, record, row or step.
    pub number: u64,
}

/// The bytes of a cell: in `source`, or in `made` when the highest bit of `start` is set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    start: u32,
    length: u32,
}

impl Cell {
    pub(crate) const EMPTY: Self = Self { start: 0, length: 0 };
    const MADE: u32 = 1 << 31;

    /// Part of `source`, which is never longer than 2^31 bytes.
    pub(crate) fn source(start: usize, length: usize) -> Self {
        Self { start: start as u32, length: length as u32 }
    }

    /// Part of `made`, which is never longer than 2^31 bytes.
    pub(crate) fn made(start: usize, length: usize) -> Self {
        if length == 0 {
            return Self::EMPTY;
        }
        Self { start: start as u32 | Self::MADE, length: length as u32 }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.length == 0
    }

    /// Where it is in `source`, if it is there.
    fn in_source(self) -> Option<Range<usize>> {
        let start = self.start as usize;
        (self.start & Self::MADE == 0).then(|| start..start + self.length as usize)
    }
}

#[derive(Debug, Clone)]
struct Rendered {
    text: String,
    ends: Vec<usize>,
}

impl RunTable {
    pub(crate) fn empty(origin: String) -> Self {
        Self {
            origin,
            files: Vec::new(),
            source: String::new(),
            made: String::new(),
            columns: Vec::new(),
            rows: Vec::new(),
            remarks: Vec::new(),
            rows_are_lines: false,
            file_column: None,
            rendered: OnceLock::new(),
        }
    }

    /// Reads the runs at `path`, a file or a tracker's folder, in any [`Format`](crate::Format);
    /// `-` is the standard input.
    ///
    /// # Errors
    /// A file that cannot be read, is of no known format, is damaged, holds no runs, or holds more
    /// than fits: 2 GiB of text, 268 million cells, 16,384 columns or 67 million rows.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Diagnostic> {
        Self::read_all(&[path])
    }

    /// Reads several files or folders into one table.
    ///
    /// Its columns are those of all of them; a cell that a file has no column for is empty. The
    /// column `file` says where a row came from when there is more than one path, unless the files
    /// have a column of that name themselves.
    ///
    /// # Errors
    /// What [`read`](Self::read) refuses, for the first path that has it; and no path at all.
    pub fn read_all(paths: &[impl AsRef<Path>]) -> Result<Self, Diagnostic> {
        let paths: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
        read::read_all(&paths)
    }

    /// Reads a table from the bytes of a file; `origin` names it in messages.
    ///
    /// # Errors
    /// As [`read`](Self::read); Parquet files and databases can only be read from a path.
    pub fn from_bytes(origin: impl Into<String>, bytes: &[u8]) -> Result<Self, Diagnostic> {
        read::from_bytes(&origin.into(), bytes.to_vec())
    }

    /// Where the table came from: a path, `<stdin>`, or the first path and how many others.
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

    /// What reading left out or repaired, to be shown with the result.
    pub fn remarks(&self) -> &[Diagnostic] {
        &self.remarks
    }

    /// The number of row `row` in its file, from 1: a line of a text file, else what
    /// [`place`](Self::place) says; 0 for a row that does not exist.
    pub fn line_number(&self, row: usize) -> usize {
        self.rows.get(row).map_or(0, |row| row.number as usize)
    }

    /// Where row `row` came from; nothing for a row that does not exist.
    pub fn place(&self, row: usize) -> Option<Place<'_>> {
        let row = self.rows.get(row)?;
        let file = &self.files[row.file as usize];
        Some(Place { file: &file.name, unit: file.unit, number: row.number })
    }

    /// The cells of a column as text.
    ///
    /// # Errors
    /// A column that does not exist, with the nearest name that does.
    pub fn text(&self, name: &str) -> Result<Vec<&str>, Diagnostic> {
        let column = self.index(name)?;
        Ok((0..self.len()).map(|row| self.cell(column, row)).collect())
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

    fn cell(&self, column: usize, row: usize) -> &str {
        let cell = self.columns[column].cells[row];
        if let Some(range) = cell.in_source() {
            return &self.source[range];
        }
        let start = (cell.start & !Cell::MADE) as usize;
        &self.made[start..start + cell.length as usize]
    }

    fn number_at(&self, index: usize, row: usize) -> Result<f64, Diagnostic> {
        let cell = self.cell(index, row);
        if is_missing(cell) {
            return Ok(f64::NAN);
        }
        cell.parse().map_err(|_| {
            let shown: String = cell.chars().take(40).collect();
            let problem = Diagnostic::error(format!(
                "column `{}` holds `{shown}`, which is not a number",
                self.columns[index].name
            ));
            let problem = self.point_at(problem, index, row, "expected a number such as 1.5e9");
            if cell.contains(',') || cell.contains('_') {
                problem.help("write numbers without group separators and with a decimal point")
            } else {
                problem.help("leave the cell empty where the value is missing")
            }
        })
    }

    /// Points a problem at a cell: at its line and column in a text file, else by its place.
    fn point_at(&self, problem: Diagnostic, column: usize, row: usize, label: &str) -> Diagnostic {
        let Row { file, start, .. } = self.rows[row];
        let file = &self.files[file as usize];
        if file.unit != Unit::Line {
            return match self.place(row) {
                Some(place) => problem.note(format!("it came from {place}")),
                None => problem,
            };
        }
        let start = start as usize - file.text.start;
        let text = &self.source[file.text.clone()];
        let inside = |cell: &Range<usize>| {
            file.text.start + start <= cell.start && cell.end <= file.text.end
        };
        let span = match self.columns[column].cells[row].in_source().filter(inside) {
            Some(cell) => cell.start - file.text.start..cell.end - file.text.start,
            None => start..start + line_at(text, start).len(),
        };
        point(problem, &file.name, text, span, label)
    }

    /// The whole row as the file has it; where a row is not a line of one file, its cells between
    /// tabs, without the name of the file.
    pub(crate) fn row_text(&self, row: usize) -> &str {
        if self.rows_are_lines {
            let Row { file, start, .. } = self.rows[row];
            return line_at(&self.source[..self.files[file as usize].text.end], start as usize);
        }
        let Rendered { text, ends } = self.rendered.get_or_init(|| self.render());
        let start = if row == 0 { 0 } else { ends[row - 1] };
        &text[start..ends[row]]
    }

    fn render(&self) -> Rendered {
        let mut rendered =
            Rendered { text: String::new(), ends: Vec::with_capacity(self.rows.len()) };
        for row in 0..self.len() {
            for column in 0..self.columns.len() {
                if Some(column) != self.file_column {
                    rendered.text.push_str(self.cell(column, row));
                    rendered.text.push('\t');
                }
            }
            rendered.ends.push(rendered.text.len());
        }
        rendered
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
}

/// The text of the line that starts at byte `start`.
fn line_at(text: &str, start: usize) -> &str {
    let rest = &text[start..];
    let line = rest.find(['\n', '\r']).unwrap_or(rest.len());
    &rest[..line]
}

/// Points a problem at `span` of a file's text, in its line and column.
pub(crate) fn point(
    problem: Diagnostic,
    file: &str,
    text: &str,
    span: Range<usize>,
    label: &str,
) -> Diagnostic {
    /// A line longer than this is no line to show.
    const LONG: usize = 2000;
    let start = text[..span.start].rfind('\n').map_or(0, |end| end + 1);
    let number = text[..start].matches('\n').count() + 1;
    let line = line_at(text, start);
    let (from, to) = (span.start - start, (span.end - start).max(span.start - start + 1));
    if line.len() <= LONG {
        return problem.at_line(file, number, line, from..to, label);
    }
    let column = line[..from.min(line.len())].chars().count() + 1;
    let shown: String = text[span.start..].chars().take(40).collect();
    problem.note(format!("at {file}:{number}:{column}, `{shown}`: {label}"))
}

fn is_missing(cell: &str) -> bool {
    cell.is_empty()
        || ["nan", "na", "n/a", "null", "none"].iter().any(|m| cell.eq_ignore_ascii_case(m))
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
