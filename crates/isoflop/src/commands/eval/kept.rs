//! Draws that a file keeps, under names that formulas can use.

use std::path::Path;

use diagnostic::Diagnostic;
use draws::{Design, Draws};
use formula::{Environment, Source};

/// The unit of dates in such files.
const DATE: &str = "decimal year";
/// The unit of growth in such files.
const GROWTH: &str = "x/yr";

/// Columns of one file.
#[derive(Debug)]
pub(super) struct Kept {
    draws: Draws,
    columns: Vec<Column>,
}

/// One column.
#[derive(Debug)]
struct Column {
    /// What formulas call it.
    name: String,
    /// What its numbers are called, from which the name is defined.
    leaf: String,
    /// The unit of the numbers; empty for plain numbers.
    unit: String,
    /// What makes of numbers what they mean: nothing but for dates and growth.
    zero: &'static str,
    /// Its name in the file.
    written: String,
    /// Growth as log-rates a year; empty where the file's numbers are used as they are.
    rates: Vec<f64>,
}

impl Kept {
    /// Reads a file of draws.
    #[cfg(feature = "parquet")]
    pub(super) fn load(path: &Path) -> Result<Self, Diagnostic> {
        let written = "`isoflop forecast SCENARIO --draws FILE.parquet` writes one";
        let draws = Draws::load(path).map_err(|e| Diagnostic::from(e).help(written))?;
        if draws.rows() == 0 {
            return Err(
                Diagnostic::error(format!("{} holds no draws", path.display())).help(written)
            );
        }
        Self::new(draws)
    }

    #[cfg(not(feature = "parquet"))]
    pub(super) fn load(_: &Path) -> Result<Self, Diagnostic> {
        Err(Diagnostic::error("this build reads no Parquet files")
            .help("build it with `--features parquet`"))
    }

    fn new(draws: Draws) -> Result<Self, Diagnostic> {
        let mut columns: Vec<Column> = Vec::new();
        for written in draws.names() {
            let name = name_of(written);
            if let Some(other) = columns.iter().find(|column| column.name == name) {
                return Err(Diagnostic::error(format!(
                    "the columns `{}` and `{written}` would both be called `{name}`",
                    other.written
                ))
                .help("rename one of them in the file"));
            }
            let (unit, zero, rates) = match draws.unit(written)? {
                DATE => ("yr", "0000-01-01 + ", Vec::new()),
                GROWTH => {
                    let rates = draws.column(written)?.iter().map(|x| x.ln()).collect();
                    ("/yr", "1x/yr + ", rates)
                }
                unit => (unit, "", Vec::new()),
            };
            let (leaf, unit) = (format!("{name}_as_kept"), unit.to_owned());
            columns.push(Column { name, leaf, unit, zero, written: written.clone(), rates });
        }
        Ok(Self { draws, columns })
    }

    /// The names of the columns in formulas.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// How many draws there are.
    pub(super) fn rows(&self) -> usize {
        self.draws.rows()
    }

    /// How the rows are laid out.
    pub(super) fn design(&self) -> Design {
        self.draws.design()
    }

    /// The seed that they came from, when it is known.
    pub(super) fn seed(&self) -> Option<u64> {
        self.draws.seed()
    }

    /// The numbers of the columns, which a program may use without defining them.
    pub(super) fn environment(&self) -> Environment {
        let names = Environment::new();
        self.columns.iter().fold(names, |names, column| names.input(&column.leaf, &column.unit))
    }

    /// The columns' names, defined from their numbers.
    pub(super) fn definitions(&self) -> impl Iterator<Item = (&str, Source)> {
        self.columns.iter().map(|column| {
            let text = format!("{}{}", column.zero, column.leaf);
            (column.name.as_str(), Source::new(column.written.as_str(), text))
        })
    }

    /// The numbers that a name stands for, if it is one of these.
    pub(super) fn values(&self, leaf: &str) -> Option<&[f64]> {
        let column = self.columns.iter().find(|column| column.leaf == leaf)?;
        if column.rates.is_empty() {
            self.draws.column(&column.written).ok()
        } else {
            Some(&column.rates)
        }
    }
}

/// `power@2030 where bet holds` as `power_2030_where_bet_holds`.
fn name_of(written: &str) -> String {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let words = written.split(|c| !word(c)).filter(|part| !part.is_empty());
    let name = words.collect::<Vec<&str>>().join("_");
    if name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        name
    } else {
        format!("_{name}")
    }
}
