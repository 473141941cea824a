//! How readers fill a [`RunTable`]: files, columns, rows and cells, within stated limits.

use std::collections::HashMap;
use std::ops::Range;

use diagnostic::Diagnostic;

use crate::place::Unit;
use crate::table::{Cell, Column, File, Row, RunTable};

/// What a table may hold at most, so that a hostile or mistaken file ends in a message and not
/// in a machine without memory. At the limits a table takes about 8 GiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of text files, and again of cells made from binary ones.
    pub text: usize,
    /// Cells, empty ones between others included: 8 bytes each.
    pub cells: usize,
    /// Columns.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
}

impl Limits {
    pub(crate) const STANDARD: Self =
        Self { text: 1 << 31, cells: 1 << 28, columns: 1 << 14, rows: 1 << 26 };
}

/// A [`RunTable`] in the making.
#[derive(Debug)]
pub(crate) struct Builder {
    table: RunTable,
    index: HashMap<String, usize>,
    cells: usize,
    /// Who has which run name: its own id (a path, or the tracker's id).
    run_names: HashMap<String, String>,
    limits: Limits,
}

impl Builder {
    pub(crate) fn new(origin: impl Into<String>) -> Self {
        Self::with_limits(origin, Limits::STANDARD)
    }

    pub(crate) fn with_limits(origin: impl Into<String>, limits: Limits) -> Self {
        Self {
            table: RunTable::empty(origin.into()),
            index: HashMap::new(),
            cells: 0,
            run_names: HashMap::new(),
            limits,
        }
    }

    /// The most bytes of text that may still come.
    pub(crate) fn room(&self) -> usize {
        self.limits.text - self.table.source.len()
    }

    /// Begins a file: rows and spans that follow belong to it.
    pub(crate) fn begin(&mut self, name: &str, unit: Unit) {
        let at = self.table.source.len();
        self.table.files.push(File { name: name.to_owned(), unit, text: at..at });
        self.table.rows_are_lines = false;
    }

    /// The name of the file begun last.
    pub(crate) fn file(&self) -> &str {
        self.table.files.last().map_or(self.table.origin(), |file| file.name.as_str())
    }

    /// Keeps the text of the file begun last, whose [`span`](Self::span)s the cells are.
    pub(crate) fn keep(&mut self, source: String) -> Result<(), Diagnostic> {
        if source.len() > self.room() {
            return Err(self.too_much("bytes of text", self.limits.text));
        }
        if self.table.source.is_empty() {
            self.table.source = source;
        } else {
            self.table.source.push_str(&source);
        }
        if let Some(file) = self.table.files.last_mut() {
            file.text.end = self.table.source.len();
        }
        Ok(())
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.table.rows.len()
    }

    /// Makes room for rows that are about to come.
    pub(crate) fn reserve(&mut self, rows: usize, columns: &[usize]) {
        let rows = rows.min(self.limits.rows);
        self.table.rows.reserve(rows);
        if rows.saturating_mul(columns.len()) <= self.limits.cells {
            for &column in columns {
                self.table.columns[column].cells.reserve(rows);
            }
        }
    }

    /// The column of this name, new or not.
    pub(crate) fn column(&mut self, name: &str) -> Result<usize, Diagnostic> {
        if let Some(&known) = self.index.get(name) {
            return Ok(known);
        }
        let next = self.table.columns.len();
        if next >= self.limits.columns {
            return Err(self.too_much("columns", self.limits.columns));
        }
        self.table.columns.push(Column { name: name.to_owned(), cells: Vec::new() });
        self.index.insert(name.to_owned(), next);
        Ok(next)
    }

    /// Whether there is a column of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.index.contains_key(name)
    }

    /// Adds a row that came from `number` of the file; `start` is where its line starts in the
    /// text, for files that are text.
    pub(crate) fn row(&mut self, number: u64, start: usize) -> Result<usize, Diagnostic> {
        let row = self.table.rows.len();
        if row >= self.limits.rows {
            return Err(self.too_much("rows", self.limits.rows));
        }
        let file = self.table.files.len().saturating_sub(1) as u32;
        let start = (self.base() + start) as u32;
        self.table.rows.push(Row { file, start, number });
        Ok(row)
    }

    /// Gives a cell its content; an earlier content is replaced.
    pub(crate) fn set(&mut self, row: usize, column: usize, cell: Cell) -> Result<(), Diagnostic> {
        let cells = &mut self.table.columns[column].cells;
        if let Some(old) = cells.get_mut(row) {
            *old = cell;
            return Ok(());
        }
        self.cells += row + 1 - cells.len();
        if self.cells > self.limits.cells {
            return Err(self.too_much("cells", self.limits.cells));
        }
        cells.resize(row, Cell::EMPTY);
        cells.push(cell);
        Ok(())
    }

    /// Whether a cell has content.
    pub(crate) fn is_set(&self, row: usize, column: usize) -> bool {
        self.table.columns[column].cells.get(row).is_some_and(|cell| !cell.is_empty())
    }

    /// Gives `rows` of one run the same content, as configurations have it. Where the run logs a
    /// series of that name too, the column is called `config.NAME`: the two are not one quantity.
    pub(crate) fn constant(
        &mut self,
        rows: impl Iterator<Item = usize> + Clone,
        name: &str,
        value: &str,
    ) -> Result<(), Diagnostic> {
        let taken = self
            .index
            .get(name)
            .is_some_and(|&column| rows.clone().any(|row| self.is_set(row, column)));
        let column =
            if taken { self.column(&format!("config.{name}"))? } else { self.column(name)? };
        let cell = self.made(value)?;
        for row in rows {
            self.set(row, column, cell)?;
        }
        Ok(())
    }

    /// A run's name for its rows: `name`, or `name (id)` when another run already has it.
    pub(crate) fn run_name(&mut self, name: &str, id: &str) -> String {
        let owner = self.run_names.entry(name.to_owned()).or_insert_with(|| id.to_owned());
        if owner == id { name.to_owned() } else { format!("{name} ({id})") }
    }

    /// A cell that is part of the text of the file begun last.
    pub(crate) fn span(&self, range: Range<usize>) -> Cell {
        Cell::source(self.base() + range.start, range.len())
    }

    /// A cell whose text is in no file.
    pub(crate) fn made(&mut self, text: &str) -> Result<Cell, Diagnostic> {
        let start = self.table.made.len();
        if text.len() > self.limits.text - start {
            return Err(self.too_much("bytes of text", self.limits.text));
        }
        self.table.made.push_str(text);
        Ok(Cell::made(start, text.len()))
    }

    /// A cell that holds a number.
    pub(crate) fn number(&mut self, value: f64) -> Result<Cell, Diagnostic> {
        self.made(&number_text(value))
    }

    /// Leaves a remark on the reading.
    pub(crate) fn remark(&mut self, remark: Diagnostic) {
        self.table.remarks.push(remark);
    }

    /// States that the rows are the lines of the only file.
    pub(crate) fn rows_are_lines(&mut self) {
        self.table.rows_are_lines = self.table.files.len() == 1;
    }

    /// States which column tells files apart.
    pub(crate) fn tells_files_by(&mut self, name: &str) {
        self.table.file_column = self.index.get(name).copied();
    }

    /// That nothing was found, with the remarks of the reading, which may explain it.
    pub(crate) fn no_runs(&self, name: &str) -> Diagnostic {
        let mut problem = Diagnostic::error(format!("`{name}` holds no runs"))
            .help("it is of a known format, but has no row, and no step with a number in it");
        for remark in &self.table.remarks {
            problem = problem.note(remark.message().to_owned());
        }
        problem
    }

    fn base(&self) -> usize {
        self.table.files.last().map_or(0, |file| file.text.start)
    }

    fn too_much(&self, what: &str, limit: usize) -> Diagnostic {
        Diagnostic::error(format!("`{}` holds more than {limit} {what}", self.file())).help(
            "keep only the columns and rows that are needed, such as the last row of every run",
        )
    }

    /// The table, when it has rows; the caller says what else it is that has none.
    pub(crate) fn finish(mut self) -> Result<RunTable, Diagnostic> {
        if self.table.rows.is_empty() {
            return Err(self.no_runs(self.table.origin()));
        }
        // Every column has a cell for every row: cells at the end may not have been given.
        let rows = self.table.rows.len();
        for column in 0..self.table.columns.len() {
            let missing = rows - self.table.columns[column].cells.len();
            if missing > 0 {
                self.set(rows - 1, column, Cell::EMPTY)?;
            }
            self.table.columns[column].cells.shrink_to_fit();
        }
        self.table.made.shrink_to_fit();
        Ok(self.table)
    }
}

/// The shortest text that reads back as the same number.
pub(crate) fn number_text(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 && !(value == 0.0 && value.is_sign_negative()) {
        format!("{}", value as i64)
    } else {
        format!("{value:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SMALL: Limits = Limits { text: 10, cells: 6, columns: 2, rows: 4 };

    #[test]
    fn more_than_the_limits_is_refused_with_the_limit() {
        let mut builder = Builder::with_limits("x", SMALL);
        builder.begin("x", Unit::Record);
        let (a, b) = (builder.column("a").unwrap(), builder.column("b").unwrap());
        assert!(builder.column("c").unwrap_err().to_string().contains("2 columns"));
        for row in 0..4 {
            builder.row(row, 0).unwrap();
        }
        assert!(builder.row(4, 0).unwrap_err().to_string().contains("4 rows"));
        builder.set(3, a, Cell::EMPTY).unwrap();
        assert!(builder.set(3, b, Cell::EMPTY).unwrap_err().to_string().contains("6 cells"));
        builder.made("12345678").unwrap();
        assert!(builder.made("123").unwrap_err().to_string().contains("10 bytes"));
        assert!(builder.keep("12345678901".into()).unwrap_err().to_string().contains("10 bytes"));
    }

    #[test]
    fn a_setting_does_not_mix_with_the_series_of_its_name() {
        let mut builder = Builder::new("x");
        builder.begin("x", Unit::Record);
        let tokens = builder.column("tokens").unwrap();
        builder.row(0, 0).unwrap();
        builder.row(1, 0).unwrap();
        let cell = builder.number(5.0).unwrap();
        builder.set(1, tokens, cell).unwrap();
        builder.constant(0..2, "tokens", "100").unwrap();
        builder.constant(0..2, "depth", "4").unwrap();
        let table = builder.finish().unwrap();
        assert_eq!(table.text("tokens").unwrap(), ["", "5"]);
        assert_eq!(table.text("config.tokens").unwrap(), ["100", "100"]);
        assert_eq!(table.text("depth").unwrap(), ["4", "4"]);
    }

    #[test]
    fn runs_of_the_same_name_keep_apart() {
        let mut builder = Builder::new("x");
        assert_eq!(builder.run_name("a", "1"), "a");
        assert_eq!(builder.run_name("a", "2"), "a (2)");
        assert_eq!(builder.run_name("a", "1"), "a");
    }

    proptest! {
        #[test]
        fn numbers_read_back_as_the_same_bits(value in any::<f64>()) {
            let back: f64 = number_text(value).parse().unwrap();
            prop_assert!(back.to_bits() == value.to_bits() || (back.is_nan() && value.is_nan()));
        }
    }
}
