//! Delimited text: commas, tabs or semicolons between cells, quoted as in RFC 4180.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use diagnostic::Diagnostic;

use super::wandb_csv;
use crate::builder::Builder;
use crate::place::Unit;
use crate::table::{Cell, point};

/// Reads delimited text. The first line with text names the columns and decides the separator;
/// blank lines and blanks around a cell are ignored.
pub(super) fn read(name: &str, text: String, builder: &mut Builder) -> Result<(), Diagnostic> {
    builder.begin(name, Unit::Line);
    let mut records = Records::new(name, &text);
    let Some(header) = records.next_record()?.map(|record| record.into_header(&text)) else {
        return Err(Diagnostic::error(format!("`{name}` is empty"))
            .help("a run table has a line of column names and one line per run"));
    };
    check_header(name, &text, &header)?;
    let names: Vec<&str> = header.cells.iter().map(|(text, _)| text.as_str()).collect();
    let rows = builder.rows();
    if let Some(series) = wandb_csv::series(&names) {
        wandb_csv::read(&series, &mut records, builder)?;
    } else {
        plain(&names, &mut records, builder)?;
        builder.rows_are_lines();
    }
    if builder.rows() == rows {
        let problem = Diagnostic::error(format!("`{name}` has column names but no runs"));
        return Err(point(problem, name, &text, header.start..header.start + 1, "nothing follows"));
    }
    add_run_of_curve(name, &names, rows..builder.rows(), builder)?;
    builder.keep(text)
}

fn plain(
    names: &[&str],
    records: &mut Records<'_>,
    builder: &mut Builder,
) -> Result<(), Diagnostic> {
    let of_runs = wandb_csv::table_of_runs(names);
    let mut columns = Vec::new();
    for (index, name) in names.iter().enumerate() {
        columns.push(match of_runs {
            Some((run, _)) if index == run => builder.column("run")?,
            Some((_, status)) if index == status => builder.column("status")?,
            _ => builder.column(name)?,
        });
    }
    let done = builder.made("done")?;
    let text = records.text;
    // A row takes a byte a column, so that blank lines cannot ask for room.
    let lines = text.bytes().filter(|&byte| byte == b'\n').count() + 1;
    builder.reserve(lines.min(text.len() / columns.len().max(1) + 1), &columns);
    while let Some(record) = records.next_record()? {
        record.must_have(names)?;
        let row = builder.row(record.line, record.start)?;
        for (&column, field) in columns.iter().zip(record.fields) {
            let cell = field.cell(builder)?;
            builder.set(row, column, cell)?;
        }
        if let Some((_, status)) = of_runs
            && wandb_csv::status(&text[record.fields[status].range.clone()]) == "done"
        {
            builder.set(row, columns[status], done)?;
        }
    }
    Ok(())
}

/// The loss curve of one run, as `isoflop lab` writes it, is named after its run.
fn add_run_of_curve(
    name: &str,
    names: &[&str],
    rows: Range<usize>,
    builder: &mut Builder,
) -> Result<(), Diagnostic> {
    const CURVE: [&str; 5] = ["step", "tokens", "train_loss", "schedule", "gradient_norm"];
    if names != CURVE {
        return Ok(());
    }
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str());
    let run = builder.run_name(stem.unwrap_or(name), name);
    builder.constant(rows, "run", &run)
}

struct Header {
    start: usize,
    cells: Vec<(String, Range<usize>)>,
}

fn check_header(name: &str, text: &str, header: &Header) -> Result<(), Diagnostic> {
    let cells = &header.cells;
    let is_value = |cell: &str| cell.is_empty() || cell.parse::<f64>().is_ok();
    if cells.iter().all(|(cell, _)| is_value(cell)) {
        let problem = Diagnostic::error(format!("`{name}` has no column names"));
        let span = cells[0].1.clone();
        return Err(point(problem, name, text, span, "the first line holds numbers")
            .help("add a first line such as `params,tokens,loss`"));
    }
    let mut seen = HashSet::new();
    for (cell, span) in cells.iter().filter(|(cell, _)| !cell.is_empty()) {
        if !seen.insert(cell) {
            let problem = Diagnostic::error(format!("column `{cell}` is given twice"));
            return Err(point(problem, name, text, span.clone(), "second time here")
                .help("rename or remove one of the two"));
        }
    }
    Ok(())
}

/// A cell of a record: a part of the text, or, where quotes were doubled, what they stand for.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub range: Range<usize>,
    pub unquoted: Option<String>,
}

impl Field {
    pub(super) fn cell(&self, builder: &mut Builder) -> Result<Cell, Diagnostic> {
        match &self.unquoted {
            Some(text) => builder.made(text),
            None => Ok(builder.span(self.range.clone())),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.unquoted.as_ref().map_or(self.range.is_empty(), String::is_empty)
    }
}

/// One record: where it starts, and its fields.
pub(super) struct Record<'r> {
    name: &'r str,
    text: &'r str,
    pub line: u64,
    pub start: usize,
    pub fields: &'r [Field],
}

impl Record<'_> {
    fn into_header(self, text: &str) -> Header {
        let cells = self.fields.iter().map(|field| {
            let cell = field.unquoted.as_deref().unwrap_or(&text[field.range.clone()]);
            (cell.to_owned(), field.range.clone())
        });
        Header { start: self.start, cells: cells.collect() }
    }

    /// Refuses a record that has more or fewer cells than there are columns.
    pub(super) fn must_have(&self, names: &[impl AsRef<str>]) -> Result<(), Diagnostic> {
        let (found, expected) = (self.fields.len(), names.len());
        if found == expected {
            return Ok(());
        }
        let label = if found < expected {
            format!("the row ends before `{}`", names[found].as_ref())
        } else {
            "no column for this cell".to_owned()
        };
        let cell = self.fields[found.min(expected + 1).saturating_sub(1)].range.clone();
        let problem = Diagnostic::error(format!(
            "this row has {found} {}, the header has {expected}",
            if found == 1 { "cell" } else { "cells" }
        ));
        Err(point(problem, self.name, self.text, cell, &label)
            .help("leave a cell empty where a value is missing; quote cells that hold a separator"))
    }
}

/// The records of a text, each byte looked at once.
pub(super) struct Records<'t> {
    name: &'t str,
    pub text: &'t str,
    delimiter: u8,
    at: usize,
    line: u64,
    fields: Vec<Field>,
}

impl<'t> Records<'t> {
    pub(super) fn new(name: &'t str, text: &'t str) -> Self {
        let delimiter = delimiter_of(text);
        Self { name, text, delimiter, at: 0, line: 1, fields: Vec::new() }
    }

    /// The next record that is not blank.
    pub(super) fn next_record(&mut self) -> Result<Option<Record<'_>>, Diagnostic> {
        let bytes = self.text.as_bytes();
        loop {
            while let Some(&byte @ (b'\n' | b'\r')) = bytes.get(self.at) {
                self.line += u64::from(byte == b'\n');
                self.at += 1;
            }
            if self.at == bytes.len() {
                return Ok(None);
            }
            let (line, start) = (self.line, self.at);
            self.fields.clear();
            loop {
                let field = self.field()?;
                self.fields.push(field);
                if bytes.get(self.at) != Some(&self.delimiter) {
                    break;
                }
                self.at += 1;
            }
            if self.fields.iter().any(|field| !field.is_empty()) {
                let Self { name, text, .. } = *self;
                return Ok(Some(Record { name, text, line, start, fields: &self.fields }));
            }
        }
    }

    /// Reads a field up to the separator, line break or end after it.
    fn field(&mut self) -> Result<Field, Diagnostic> {
        let bytes = self.text.as_bytes();
        let ends = |byte: u8| byte == self.delimiter || byte == b'\n' || byte == b'\r';
        while let Some(&(b' ' | b'\t')) = bytes.get(self.at).filter(|&&byte| !ends(byte)) {
            self.at += 1;
        }
        let start = self.at;
        if bytes.get(start) != Some(&b'"') {
            while bytes.get(self.at).is_some_and(|&byte| !ends(byte)) {
                self.at += 1;
            }
            return Ok(Field { range: trimmed(self.text, start..self.at), unquoted: None });
        }
        // Quoted, and now and then with text after the quotes, which belongs to the cell.
        let mut quoted = true;
        let mut plain = true;
        let mut closed = start;
        self.at += 1;
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'"' if quoted && bytes.get(self.at + 1) == Some(&b'"') => {
                    plain = false;
                    self.at += 1;
                }
                b'"' if quoted => (quoted, closed) = (false, self.at),
                _ if quoted => self.line += u64::from(byte == b'\n'),
                _ if ends(byte) => break,
                b' ' | b'\t' => {}
                _ => plain = false,
            }
            self.at += 1;
        }
        if quoted {
            let problem = Diagnostic::error("this quote is never closed");
            return Err(point(problem, self.name, self.text, start..start + 1, "opened here")
                .help("close it, or double a quote that is part of a quoted cell: `\"\"`"));
        }
        if plain {
            return Ok(Field { range: trimmed(self.text, start + 1..closed), unquoted: None });
        }
        let inside = self.text[start + 1..closed].replace("\"\"", "\"");
        let cell = inside + &self.text[closed + 1..self.at];
        Ok(Field { range: start..self.at, unquoted: Some(cell.trim().to_owned()) })
    }
}

/// A range without the blanks at its ends.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let cell = &text[range.clone()];
    let start = range.start + cell.len() - cell.trim_start().len();
    start..start + cell.trim().len()
}

/// The separator that the first line with text uses most; a comma when it uses none.
fn delimiter_of(source: &str) -> u8 {
    let header = source.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let count = |separator: u8| header.bytes().filter(|&byte| byte == separator).count();
    let mut best = b',';
    for separator in [b'\t', b';'] {
        if count(separator) > count(best) {
            best = separator;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunTable;
    use proptest::prelude::*;

    fn cells(text: &str) -> Vec<Vec<String>> {
        let mut records = Records::new("x", text);
        let mut all = Vec::new();
        while let Ok(Some(record)) = records.next_record() {
            all.push(record.into_header(text).cells.into_iter().map(|(cell, _)| cell).collect());
        }
        all
    }

    #[test]
    fn a_quote_that_is_never_closed_is_pointed_at() {
        let mut records = Records::new("x.csv", "a,b\n1,\"2\n3,4\n");
        records.next_record().unwrap();
        let shown = records.next_record().err().unwrap().to_string();
        assert!(shown.contains("x.csv:2:3") && shown.contains("never closed"), "{shown}");
    }

    #[test]
    fn doubled_quotes_and_text_after_quotes_are_part_of_the_cell() {
        assert_eq!(
            cells("\"a \"\"b\"\"\",c\n\"d\"e, \"f, g\" \n"),
            [["a \"b\"", "c"], ["de", "f, g"]]
        );
    }

    #[test]
    fn a_loss_curve_of_the_lab_is_named_after_its_run() {
        let text = b"step,tokens,train_loss,schedule,gradient_norm\n1,512,5.5,0.1,1\n";
        let table = RunTable::from_bytes("out/curves/small-d1-s0.csv", text).unwrap();
        assert_eq!(table.text("run").unwrap(), ["small-d1-s0"]);
    }

    #[test]
    fn the_results_of_nanochat_keep_all_five_counts_of_parameters() {
        let text = b"flops_budget,depth,model_dim,params_wte,params_value_embeds,params_lm_head,\
            params_transformer,params_scalars,params_total,num_iterations,tokens_trained,val_bpb,\
            core_score,train_time_sec\n\
            1e18,10,640,20971520,104857600,20971520,49152960,20,195953620,3566,1869611008,0.9173,0.1013,\n";
        let table = RunTable::from_bytes("results.csv", text).unwrap();
        assert_eq!(table.numbers("params_transformer").unwrap(), [49_152_960.0]);
        assert_eq!(table.numbers("val_bpb").unwrap(), [0.9173]);
        assert!(table.numbers("train_time_sec").unwrap()[0].is_nan());
        assert_eq!(table.names().count(), 14);
    }

    proptest! {
        /// The `csv` crate is the oracle: the same cells on any text whose quotes are closed and
        /// follow a separator.
        #[test]
        fn cells_are_those_that_the_csv_crate_reads(
            rows in prop::collection::vec(
                prop::collection::vec("[a-c é\"\n\r,;]{0,6}", 1..4),
                1..5,
            ),
        ) {
            let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let lines: Vec<String> =
                rows.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",")).collect();
            // A first line without separators within quotes decides for commas.
            let text = format!("x,y,z,w,v,u,t,s,r\n{}\n", lines.join("\r\n"));
            let mut oracle = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .trim(csv::Trim::All)
                .from_reader(text.as_bytes());
            let expected: Vec<Vec<String>> = oracle
                .records()
                .map(|record| record.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
                .filter(|row| row.iter().any(|cell| !cell.is_empty()))
                .collect();
            prop_assert_eq!(cells(&text), expected);
        }
    }
}
