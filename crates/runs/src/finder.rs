//! Finds the values of a name: a column, an expression that was asked for, or a derivation.

use std::borrow::Cow;
use std::fmt::Write as _;

use diagnostic::{Diagnostic, nearest};
use formula::{Environment, Program, Source};

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
    Formula { program: Box<Program>, operands: Vec<(String, Plan)> },
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
        self.by_header(name)
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
        let bare = text.trim().chars().all(|c| c.is_alphanumeric() || c == '_');
        if bare && !text.trim().chars().all(|c| c.is_ascii_digit()) {
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
        check(&program, &operands)?;
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
            plan: Plan::Formula { program: Box::new(program), operands },
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
                plan: Plan::Formula { program: Box::new(program), operands },
            });
        }
        None
    }

    /// A name inside a formula; `above` are the names whose formulas led here.
    fn operand(&self, name: &str, above: &mut Vec<&str>) -> Option<Found> {
        if above.contains(&name) {
            return None;
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
            Plan::Formula { program, operands } => {
                let mut table = formula::Columns::new(self.table.len());
                for (name, plan) in operands {
                    table.set(name.clone(), self.run(plan, reading)?);
                }
                let out = check(program, operands)?.compile(&[RESULT])?.evaluate(&table)?;
                Ok(out
                    .into_columns()
                    .into_iter()
                    .next()
                    .map_or_else(Vec::new, |(_, values)| values))
            }
        }
    }

    fn missing_operand(&self, name: &str, text: &str, operand: &str) -> Diagnostic {
        let names: Vec<&str> = self.table.names().filter(|name| !name.is_empty()).collect();
        let problem = Diagnostic::error(format!(
            "{} names `{operand}`, which is no column of `{}`",
            if name == text {
                format!("the row filter on `{text}`")
            } else {
                format!("`--column {name}={text}`")
            },
            self.table.origin()
        ))
        .note(format!("its columns are {}", listed(&names, 24)));
        let near = names.iter().copied().filter(|name| name.len() > 2 && operand.len() > 2);
        let problem = match nearest(operand, near) {
            Some(known) => problem.help(format!("did you mean `{known}`?")),
            None => problem,
        };
        problem.help(
            "put the name of a column in backticks where it holds other signs: \
             --column 'D=`tokens (B)`*1e9'",
        )
    }

    /// What to say where no column is known to hold `name`.
    fn missing(&self, name: &str) -> Diagnostic {
        let names: Vec<&str> = self.table.names().filter(|name| !name.is_empty()).collect();
        let standard = standard(name);
        let what = match standard {
            None => format!("`{name}`"),
            Some(standard) if standard.means.ends_with(name) => standard.means.clone(),
            Some(standard) => format!("{name}, {}", standard.means),
        };
        let mut problem = Diagnostic::error(format!(
            "no column of `{}` is known to hold {what}",
            self.table.origin()
        ))
        .note(format!("its columns are {}", listed(&names, 24)));
        if let Some(standard) = standard {
            let known: Vec<&str> = standard.known().collect();
            problem = problem.note(format!("known names are {}", listed(&known, 12)));
            if !standard.derive.is_empty() {
                problem = problem
                    .note(format!("it can also be had from {}", standard.derive.join(" or ")));
            }
        }
        let alike = self.alike(name, standard);
        let example = alike.first().copied().unwrap_or("NAME");
        if !alike.is_empty() {
            let shown: Vec<String> = alike.iter().take(6).map(|name| format!("`{name}`")).collect();
            problem = problem.help(format!("could it be {}?", shown.join(" or ")));
        }
        problem.help(format!("say which one it is: --column {name}={example}"))
    }

    /// Headers that could be meant by `name`: near in spelling, or sharing its main word.
    fn alike(&self, name: &str, standard: Option<&StandardName>) -> Vec<&'a str> {
        // One letter is near every other.
        let known = || standard.into_iter().flat_map(StandardName::known).chain([name]);
        let long = || known().filter(|known| known.len() > 2);
        let is_alike = |header: &Header<'_>| {
            let near = header.written.len() > 2 && nearest(header.written, long()).is_some();
            near || header.words().any(|word| long().any(|known| known == word))
        };
        let found = self.headers.iter().filter(|header| is_alike(header));
        found.map(|header| header.written).collect()
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

fn check(program: &Program, operands: &[(String, Plan)]) -> Result<formula::Checked, Diagnostic> {
    let names = operands.iter().fold(Environment::new(), |names, (name, _)| names.data(name, ""));
    program.check(&names)
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

/// Names for a message, not more than `most` of them.
fn listed(names: &[&str], most: usize) -> String {
    let shown = names[..names.len().min(most)].join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
