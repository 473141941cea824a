//! JSON lines, JSON arrays of objects, and the `log_history` of a Hugging Face `Trainer`.

use std::path::Path;

use diagnostic::Diagnostic;

use super::json::{Problem, Scalar, Scanner};
use crate::builder::Builder;
use crate::place::Unit;
use crate::table::point;

/// Reads a text of JSON values one after another: every object is a row, and so is every object
/// in an array. An object with a `log_history` is the state of a `Trainer`: the entries of that
/// history are the rows, of a run named after its folder.
pub(super) fn read(name: &str, text: String, builder: &mut Builder) -> Result<(), Diagnostic> {
    builder.begin(name, Unit::Line);
    let rows = builder.rows();
    let may_be_state = text.contains("\"log_history\"");
    let mut reader = Reader {
        name,
        text: &text,
        line: 1,
        line_start: 0,
        counted: 0,
        may_be_state,
        shared_line: false,
        last_line: 0,
        builder,
    };
    match reader.values() {
        Ok(any_array) => {
            if !any_array && !reader.shared_line {
                reader.builder.rows_are_lines();
            }
        }
        Err(Stop::Json(problem)) => return Err(reader.explain(problem)),
        Err(Stop::Table(problem)) => return Err(problem),
    }
    if builder.rows() == rows {
        return Err(Diagnostic::error(format!("`{name}` holds no objects, so no runs"))
            .help("write one object a line, such as {\"params\": 1e6, \"loss\": 3.2}"));
    }
    builder.keep(text)
}

/// Why reading stops.
enum Stop {
    Json(Problem),
    Table(Diagnostic),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Json(problem)
    }
}

impl From<Diagnostic> for Stop {
    fn from(problem: Diagnostic) -> Self {
        Self::Table(problem)
    }
}

struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    /// The line of the byte `counted`, and where it starts.
    line: u64,
    line_start: usize,
    counted: usize,
    may_be_state: bool,
    /// Whether some row is not the only one of its line.
    shared_line: bool,
    last_line: u64,
    builder: &'a mut Builder,
}

impl Reader<'_> {
    /// Reads all values; whether one of them was more than an object on a line of its own.
    fn values(&mut self) -> Result<bool, Stop> {
        let mut scanner = Scanner::new(self.text);
        let mut many = false;
        loop {
            match scanner.peek() {
                None => return Ok(many),
                Some(b'[') => {
                    many = true;
                    self.array(&mut scanner)?;
                }
                Some(b'{') => many |= self.object(&mut scanner)?,
                Some(_) => return Err(scanner.problem("expected an object").into()),
            }
        }
    }

    fn array(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Stop> {
        scanner.wants(b'[', "expected an array of objects")?;
        let mut first = true;
        while !scanner.takes(b']') {
            if !first {
                scanner.wants(b',', "expected `,` or `]`")?;
            }
            first = false;
            self.flat(scanner)?;
        }
        Ok(())
    }

    /// Reads an object that is a row, or the state of a `Trainer`; whether it was more than a line.
    fn object(&mut self, scanner: &mut Scanner<'_>) -> Result<bool, Stop> {
        let start = scanner.at();
        if self.may_be_state {
            if self.state(scanner)? {
                return Ok(true);
            }
            scanner.back_to(start);
        }
        self.flat(scanner)?;
        Ok(self.text[start..scanner.at()].contains('\n'))
    }

    /// Reads an object as the state of a `Trainer`, if it is one.
    fn state(&mut self, scanner: &mut Scanner<'_>) -> Result<bool, Stop> {
        const OF_THE_RUN: [&str; 3] = ["max_steps", "num_train_epochs", "train_batch_size"];
        let before = self.builder.rows();
        let mut found = false;
        let mut facts = Vec::new();
        scanner.wants(b'{', "expected an object")?;
        let mut first = true;
        while let Some(name) = scanner.member(first)? {
            first = false;
            if name == "log_history" && scanner.peek() == Some(b'[') {
                found = true;
                self.array(scanner)?;
            } else if OF_THE_RUN.contains(&name.as_ref())
                && !matches!(scanner.peek(), Some(b'{' | b'['))
            {
                facts.push((name, scanner.scalar()?));
            } else {
                scanner.skip()?;
            }
        }
        if found {
            let rows = before..self.builder.rows();
            let run = self.builder.run_name(run_of(self.name), self.name);
            self.builder.constant(rows.clone(), "run", &run)?;
            for (name, value) in facts {
                self.builder.constant(rows.clone(), &name, &value.text(self.text))?;
            }
        }
        Ok(found)
    }

    /// Reads an object as a row.
    fn flat(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Stop> {
        scanner.peek();
        let at = scanner.at();
        for (end, _) in self.text[self.counted..at].match_indices('\n') {
            self.line += 1;
            self.line_start = self.counted + end + 1;
        }
        self.shared_line |= self.line == self.last_line;
        self.last_line = self.line;
        self.counted = at;
        let row = self.builder.row(self.line, self.line_start)?;
        scanner.flatten(&mut String::new(), &mut cell_taker(self.text, self.builder, row))
    }

    fn explain(&self, problem: Problem) -> Diagnostic {
        let at = problem.at.min(self.text.len());
        let found = Diagnostic::error(format!("`{}` is not JSON from here on", self.name));
        point(found, self.name, self.text, at..at + 1, problem.what)
            .help("a file that was cut off can be used after its last line is removed")
    }
}

/// Puts values into the cells of a row.
fn cell_taker<'b>(
    text: &'b str,
    builder: &'b mut Builder,
    row: usize,
) -> impl FnMut(&str, Scalar) -> Result<(), Stop> + 'b {
    move |path, value| {
        let cell = match &value {
            // An empty cell, but a column.
            Scalar::Null => {
                builder.column(path)?;
                return Ok(());
            }
            Scalar::Plain(range) => builder.span(range.clone()),
            Scalar::Text(range) if !text[range.clone()].contains('\\') => {
                builder.span(range.clone())
            }
            Scalar::Text(_) => builder.made(&value.text(text))?,
        };
        let column = builder.column(path)?;
        Ok(builder.set(row, column, cell)?)
    }
}

/// The run of a `trainer_state.json`: its folder, or the one above when that is a checkpoint.
fn run_of(name: &str) -> &str {
    let folders = Path::new(name).ancestors().skip(1);
    let mut names = folders.filter_map(|folder| folder.file_name()?.to_str());
    names.find(|folder| !folder.starts_with("checkpoint-")).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use crate::RunTable;

    fn table(text: &str) -> RunTable {
        RunTable::from_bytes("runs.jsonl", text.as_bytes()).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn lines_arrays_and_spread_out_objects_read_the_same() {
        let lines = "{\"run\": \"a\", \"config\": {\"n\": 1e6}, \"loss\": NaN}\n\n{\"run\": \"b\\n\", \"loss\": 2}\n";
        let inner = lines.trim().replace("\n\n", ",\n");
        for text in [
            lines.to_owned(),
            format!("[{inner}]"),
            lines.replace(", ", ",\n  "),
            lines.replace('\n', ""),
            format!("\u{feff}{lines}"),
        ] {
            let table = table(&text);
            assert_eq!(table.names().collect::<Vec<_>>(), ["run", "config.n", "loss"]);
            assert_eq!(table.text("run").unwrap(), ["a", "b\n"], "{text}");
            assert_eq!(table.text("config.n").unwrap(), ["1e6", ""]);
            let losses = table.numbers("loss").unwrap();
            assert!(losses[0].is_nan() && losses[1] == 2.0);
        }
        assert_eq!(table(lines).line_number(1), 3);
        assert_eq!(table(lines).row_text(1), "{\"run\": \"b\\n\", \"loss\": 2}");
    }

    #[test]
    fn objects_that_share_a_line_are_no_duplicates() {
        let shared = table("{\"a\": 1} {\"a\": 2}\n");
        assert_ne!(shared.row_text(0), shared.row_text(1));
        let single = table(" {\"a\": 1}\n{\"a\": 2}\n");
        assert_eq!(single.row_text(1), "{\"a\": 2}");
    }

    #[test]
    fn a_million_objects_on_one_line_take_no_square_of_time() {
        let text = format!("[{}]", vec!["{\"a\":1}"; 200_000].join(","));
        assert_eq!(table(&text).len(), 200_000);
    }

    #[test]
    fn damage_is_shown_in_its_line() {
        let shown =
            RunTable::from_bytes("runs.jsonl", b"{\"a\": 1}\n{\"a\": 1, \"b\"").unwrap_err();
        assert!(shown.to_string().contains("runs.jsonl:2:13"), "{shown}");
        let shown = RunTable::from_bytes("x", b"[1, 2]").unwrap_err().to_string();
        assert!(shown.contains("expected an object"), "{shown}");
        assert!(RunTable::from_bytes("x", b"[]").unwrap_err().to_string().contains("no objects"));
    }

    #[test]
    fn a_log_history_that_is_no_array_is_a_cell() {
        let table = table("{\"log_history\": 3, \"loss\": 1}");
        assert_eq!(table.text("log_history").unwrap(), ["3"]);
        assert_eq!(table.numbers("loss").unwrap(), [1.0]);
    }
}
