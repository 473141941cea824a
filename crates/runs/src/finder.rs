//! Finds the values of a name: a column, an expression that was asked for, or a derivation.

mod messages;

use std::borrow::Cow;
use std::fmt::Write as _;

use diagnostic::Diagnostic;
use formula::{Compiled, Environment, Program, Source};

use crate::RunTable;
use crate::columns::{ColumnChoice, Taken};
use crate::standard::{Header, Match, StandardName, plain, standard};

/// Looks names up in one table.
pub(crate) struct Finder<'a> {
    table: &'a RunTable,
    headers: Vec<Header<'a>>,
    given: &'a [(String, String)],
}

/// A name that was found: what was taken for it, and how to get its values.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) choice: ColumnChoice,
    plan: Plan,
}

#[derive(Debug, Clone)]
enum Plan {
    Column { header: usize, factor: f64 },
    Formula { compiled: Box<Compiled>, operands: Vec<(String, Plan)> },
}

/// How cells that are not numbers are taken.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reading<'a> {
    /// They are an error in the rows marked; in others they are missing.
    Strict(&'a [bool]),
    /// They are missing.
    Lenient,
}

impl<'a> Finder<'a> {
    pub(crate) fn new(table: &'a RunTable, given: &'a [(String, String)]) -> Self {
        Self { table, headers: table.names().map(Header::new).collect(), given }
    }

    /// The column, expression or derivation for `name`.
    pub(crate) fn find(&self, name: &str) -> Result<Found, Diagnostic> {
        if let Some((_, text)) = self.given.iter().find(|(known, _)| known == name) {
            return self.given(name, text, &mut vec![name]);
        }
        match self.look(name, &mut vec![name]) {
            Some(found) => Ok(found),
            None => Err(self.missing(name)),
        }
    }

    /// The same, where it is no error that there is none.
    pub(crate) fn find_optional(&self, name: &str) -> Option<Found> {
        if self.given.iter().any(|(known, _)| known == name) {
            return self.find(name).ok();
        }
        self.look(name, &mut vec![name])
    }

    /// The column, and only a column, for `name`.
    pub(crate) fn find_column(&self, name: &str) -> Option<Found> {
        match self.given.iter().find(|(known, _)| known == name) {
            Some((_, text)) => Some(self.chosen(name, self.header(text)?)),
            None => self.by_header(name),
        }
    }

    /// Every column that is taken for `name`, best first.
    pub(crate) fn find_columns(&self, name: &str) -> Vec<Found> {
        let Some(standard) = standard(name) else {
            return self.by_header(name).into_iter().collect();
        };
        let of = |one: Match| Found {
            choice: self.choice(name, Some(standard), one.header, Some(one), Vec::new()),
            plan: Plan::Column { header: one.header, factor: one.factor },
        };
        standard.matches(&self.headers).into_iter().map(of).collect()
    }

    /// What `text`, a column or an expression, holds; `name` is what it is for.
    pub(crate) fn find_given(&self, name: &str, text: &str) -> Result<Found, Diagnostic> {
        self.given(name, text, &mut vec![name])
    }

    /// What a row filter compares: a column as it is, else a name, else an expression.
    pub(crate) fn find_filtered(&self, text: &str) -> Result<Found, Diagnostic> {
        if let Some(header) = self.header(text) {
            let choice = self.choice(text, None, header, None, Vec::new());
            return Ok(Found { choice, plan: Plan::Column { header, factor: 1.0 } });
        }
        match self.find_optional(text) {
            Some(found) => Ok(found),
            None => self.given(text, text, &mut Vec::new()),
        }
    }

    /// The index of the header `written`.
    fn header(&self, written: &str) -> Option<usize> {
        self.headers.iter().position(|header| header.written == written)
    }

    fn given<'n>(
        &self,
        name: &'n str,
        text: &str,
        above: &mut Vec<&'n str>,
    ) -> Result<Found, Diagnostic> {
        if let Some(header) = self.header(text) {
            return Ok(self.chosen(name, header));
        }
        let name_like = |c: char| c.is_alphanumeric() || c == '_';
        let bare = text.trim().chars().all(name_like)
            && !text.trim().starts_with(|c: char| c.is_ascii_digit());
        if bare {
            return Err(self.table.missing_column(text));
        }
        // A row filter is an expression for itself.
        let origin =
            if name == text { "row filter".to_owned() } else { format!("--column {name}=...") };
        let (text_with_names, quoted) = unquote(text);
        let (program, outside) = parse(&origin, &text_with_names)?;
        let mut operands = Vec::new();
        for operand in outside {
            let written = quoted_name(&operand, &quoted);
            let plan = match self.header(written) {
                Some(header) => Plan::Column { header, factor: 1.0 },
                None => match self.operand(written, above) {
                    Some(found) => found.plan,
                    None => return Err(self.missing_operand(name, text, written)),
                },
            };
            operands.push((operand, plan));
        }
        let compiled = compile(&program, &operands)?;
        let standard = standard(name);
        Ok(Found {
            choice: ColumnChoice {
                name: name.to_owned(),
                taken: Taken::Expression { text: text.trim().to_owned() },
                convention: "as computed from the columns; the convention is theirs".to_owned(),
                stated: false,
                matters: standard.map_or_else(String::new, |name| name.matters.clone()),
                unit: standard.map_or_else(String::new, |name| name.unit.clone()),
                also: Vec::new(),
            },
            plan: Plan::Formula { compiled, operands },
        })
    }

    /// A column that was asked for by its header.
    fn chosen(&self, name: &str, header: usize) -> Found {
        let standard = standard(name);
        let found = standard.and_then(|standard| {
            standard.matches(std::slice::from_ref(&self.headers[header])).first().copied()
        });
        let found = found.map(|found| Match { header, ..found });
        let mut choice = self.choice(name, standard, header, found, Vec::new());
        if found.is_none() {
            "as chosen; the name states no convention".clone_into(&mut choice.convention);
            choice.stated = false;
        }
        Found { choice, plan: Plan::Column { header, factor: found.map_or(1.0, |f| f.factor) } }
    }

    /// A column by name or synonym, else a derivation.
    fn look<'n>(&self, name: &'n str, above: &mut Vec<&'n str>) -> Option<Found> {
        self.by_header(name).or_else(|| self.derive(name, above))
    }

    fn by_header(&self, name: &str) -> Option<Found> {
        let Some(standard) = standard(name) else {
            let header = self.header(name).or_else(|| {
                let same = |a: &&Header<'_>| a.written.eq_ignore_ascii_case(name);
                let words = plain(name);
                let alike = |a: &&Header<'_>| plain(a.written) == words && !words.is_empty();
                let found = self.headers.iter().find(same);
                self.header(found.or_else(|| self.headers.iter().find(alike))?.written)
            })?;
            let choice = self.choice(name, None, header, None, Vec::new());
            return Some(Found { choice, plan: Plan::Column { header, factor: 1.0 } });
        };
        let matches = standard.matches(&self.headers);
        let (&first, others) = matches.split_first()?;
        let also = others.iter().map(|other| self.headers[other.header].written.to_owned());
        let choice = self.choice(name, Some(standard), first.header, Some(first), also.collect());
        Some(Found { choice, plan: Plan::Column { header: first.header, factor: first.factor } })
    }

    fn choice(
        &self,
        name: &str,
        standard: Option<&StandardName>,
        header: usize,
        found: Option<Match>,
        also: Vec<String>,
    ) -> ColumnChoice {
        let stated = found.is_none_or(|found| !found.synonyms.unstated);
        let unit = found
            .and_then(|found| found.synonyms.unit.clone())
            .or_else(|| standard.map(|standard| standard.unit.clone()));
        ColumnChoice {
            name: name.to_owned(),
            taken: Taken::Column {
                column: self.headers[header].written.to_owned(),
                factor: found.map_or(1.0, |found| found.factor),
            },
            convention: found.map_or_else(
                || "the column of this name".to_owned(),
                |found| found.synonyms.convention.clone(),
            ),
            stated,
            matters: standard
                .filter(|_| found.is_none() || !stated)
                .map_or_else(String::new, |standard| standard.matters.clone()),
            unit: unit.unwrap_or_default(),
            also,
        }
    }

    /// The first derivation of `name` whose names are all found without `name` itself.
    fn derive<'n>(&self, name: &'n str, above: &mut Vec<&'n str>) -> Option<Found> {
        let standard = standard(name)?;
        for formula in &standard.derive {
            let Ok((program, outside)) = parse("catalogue/columns.toml", formula) else { continue };
            let mut operands = Vec::new();
            let mut columns = Vec::new();
            for operand in outside {
                let Some(found) = self.operand(&operand, above) else { break };
                for column in self.columns_of(&found.plan) {
                    if !columns.contains(&column) {
                        columns.push(column);
                    }
                }
                operands.push((operand, found.plan));
            }
            if operands.len() < program.outside_names().len() {
                continue;
            }
            let Ok(compiled) = compile(&program, &operands) else { continue };
            let read: Vec<String> = columns.iter().map(|column| format!("`{column}`")).collect();
            return Some(Found {
                choice: ColumnChoice {
                    name: name.to_owned(),
                    convention: format!("derived, no column holds it; from {}", read.join(" and ")),
                    taken: Taken::Derived { formula: formula.clone(), columns },
                    stated: true,
                    matters: String::new(),
                    unit: standard.unit.clone(),
                    also: Vec::new(),
                },
                plan: Plan::Formula { compiled, operands },
            });
        }
        None
    }

    /// A name inside a formula; `above` are the names whose formulas led here.
    fn operand(&self, name: &str, above: &mut Vec<&str>) -> Option<Found> {
        // A name inside a formula for itself is its column: `D = D / 2`.
        if above.contains(&name) {
            return self.by_header(name);
        }
        let mut above: Vec<&str> = above.iter().copied().chain([name]).collect();
        match self.given.iter().find(|(known, _)| known == name) {
            Some((_, text)) => self.given(name, text, &mut above).ok(),
            None => self.look(name, &mut above),
        }
    }

    fn columns_of(&self, plan: &Plan) -> Vec<String> {
        match plan {
            Plan::Column { header, .. } => vec![self.headers[*header].written.to_owned()],
            Plan::Formula { operands, .. } => {
                operands.iter().flat_map(|(_, plan)| self.columns_of(plan)).collect()
            }
        }
    }

    /// The values of every row.
    pub(crate) fn numbers(
        &self,
        found: &Found,
        reading: Reading<'_>,
    ) -> Result<Vec<f64>, Diagnostic> {
        self.run(&found.plan, reading)
    }

    /// The cells of the column that was found; `None` for a formula.
    pub(crate) fn text(&self, found: &Found) -> Option<Vec<&'a str>> {
        match found.plan {
            Plan::Column { header, .. } => self.table.text(self.headers[header].written).ok(),
            Plan::Formula { .. } => None,
        }
    }

    fn run(&self, plan: &Plan, reading: Reading<'_>) -> Result<Vec<f64>, Diagnostic> {
        match plan {
            Plan::Column { header, factor } => {
                let mut values = cells(self.table, self.headers[*header].written, reading)?;
                if *factor != 1.0 {
                    for value in &mut values {
                        *value *= factor;
                    }
                }
                Ok(values)
            }
            Plan::Formula { compiled, operands } => {
                let mut table = formula::Columns::new(self.table.len());
                for (name, plan) in operands {
                    table.set(name.clone(), self.run(plan, reading)?);
                }
                let out = compiled.evaluate(&table)?;
                Ok(out
                    .into_columns()
                    .into_iter()
                    .next()
                    .map_or_else(Vec::new, |(_, values)| values))
            }
        }
    }
}

impl RunTable {
    /// Whether a law can have `name` from this table as it is written: by a column of exactly this
    /// name, as one of `columns` (a name, and the column or expression for it), or as a standard
    /// name such as N that a column or a derivation gives.
    ///
    /// ```
    /// let table = runs::RunTable::from_bytes("x.csv", b"params,tokens,width\n1e6,2e7,64\n")?;
    /// assert!(table.provides("N", &[]) && table.provides("C", &[]) && table.provides("width", &[]));
    /// assert!(!table.provides("alpha", &[]));
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    pub fn provides(&self, name: &str, columns: &[(String, String)]) -> bool {
        columns.iter().any(|(known, _)| known == name)
            || self.has(name)
            || standard(name).is_some() && Finder::new(self, columns).find_optional(name).is_some()
    }
}

/// Whether `name` is a standard name of the field, such as N, which stands for many headers.
pub fn is_standard_name(name: &str) -> bool {
    standard(name).is_some()
}

/// Under which name an expression is defined; no column can be called so in a formula.
const RESULT: &str = "the value";

fn parse(origin: &str, text: &str) -> Result<(Program, Vec<String>), Diagnostic> {
    let mut program = Program::new();
    program.define(RESULT, Source::new(origin, text))?;
    let outside = program.outside_names().into_iter().map(str::to_owned).collect();
    Ok((program, outside))
}

/// A formula that gives one plain number for every row from that row alone.
fn compile(program: &Program, operands: &[(String, Plan)]) -> Result<Box<Compiled>, Diagnostic> {
    let names = operands.iter().fold(Environment::new(), |names, (name, _)| names.data(name, ""));
    let checked = program.check(&names)?;
    let unit = checked.dimension_of(RESULT)?;
    if !unit.is_empty() {
        return Err(Diagnostic::error(format!(
            "this gives a value in {unit}: {}",
            program.print().trim()
        ))
        .help("columns are plain numbers: leave out the unit, or divide by it"));
    }
    let compiled = checked.compile(&[RESULT])?;
    if !compiled.is_rowwise() {
        // What is left out is decided row by row, so no row may depend on others.
        return Err(Diagnostic::error(format!(
            "this looks at all rows: {}",
            program.print().trim()
        ))
        .help("compute each row from its own columns, without `mean`, `median`, `q` or `prob`"));
    }
    Ok(Box::new(compiled))
}

/// Columns in backticks become names that a formula can hold; they are given in order.
fn unquote(text: &str) -> (Cow<'_, str>, Vec<&str>) {
    if !text.contains('`') {
        return (text.into(), Vec::new());
    }
    let mut out = String::new();
    let mut quoted = Vec::new();
    for (place, part) in text.split('`').enumerate() {
        if place % 2 == 0 {
            out.push_str(part);
        } else {
            let _ = write!(out, "{PLACE}{}", quoted.len());
            quoted.push(part);
        }
    }
    (out.into(), quoted)
}

const PLACE: &str = "column_in_backticks_";

fn place_of(name: &str) -> Option<usize> {
    name.strip_prefix(PLACE)?.parse().ok()
}

fn quoted_name<'n>(operand: &'n str, quoted: &[&'n str]) -> &'n str {
    place_of(operand).and_then(|place| quoted.get(place).copied()).unwrap_or(operand)
}

/// A column as numbers.
fn cells(table: &RunTable, name: &str, reading: Reading<'_>) -> Result<Vec<f64>, Diagnostic> {
    if let Ok(numbers) = table.numbers(name) {
        return Ok(numbers);
    }
    table
        .text(name)?
        .into_iter()
        .enumerate()
        .map(|(row, cell)| match (cell.parse(), reading) {
            (Ok(number), _) => Ok(number),
            (Err(_), Reading::Strict(wanted)) if wanted.get(row).copied().unwrap_or(true) => {
                table.number(name, row)
            }
            (Err(_), _) => Ok(f64::NAN),
        })
        .collect()
}
