//! What a table says beyond what the law asks for, as far as the checks can use it.

use crate::draft::Draft;
use crate::finder::{Finder, Reading};
use crate::membership::Membership;
use crate::{Flop, Parameters, Request, RunTable, Tokens, flop_6nd};

/// Columns for the checks, by row of the table; `None` where the table has none.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The column of runs.
    pub(crate) run_column: Option<String>,
    /// The unit of the target, where it is known.
    pub(crate) target_unit: String,
    pub(crate) n: Option<Vec<f64>>,
    pub(crate) d: Option<Vec<f64>>,
    pub(crate) step: Option<Vec<f64>>,
    pub(crate) vocab: Option<Vec<f64>>,
    /// The learning rate, and its column.
    pub(crate) lr: Option<(String, Vec<f64>)>,
    /// Whether a row is at the end of its schedule, and the column that says so.
    pub(crate) annealed: Option<(String, Vec<bool>)>,
    /// Columns of C.
    pub(crate) computes: Vec<ComputeColumn>,
    /// Data set, tokenizer, vocabulary: where they differ, losses do not compare.
    pub(crate) labels: Vec<Labels>,
    /// Columns given for names that nothing asks for.
    pub(crate) unused: Vec<(String, String)>,
    /// A number that is the same where whole rows are.
    pub(crate) hash: Vec<u64>,
}

/// A column of C.
#[derive(Debug)]
pub(crate) struct ComputeColumn {
    /// The header, or the expression that was asked for.
    pub(crate) source: String,
    pub(crate) convention: String,
    /// Whether it was asked for, or is a variable of the law.
    pub(crate) asked: bool,
    /// Whether its convention is known.
    pub(crate) stated: bool,
    pub(crate) values: Vec<f64>,
}

/// A column of texts that rows should agree in.
#[derive(Debug)]
pub(crate) struct Labels {
    /// The standard name: `dataset`.
    pub(crate) what: &'static str,
    pub(crate) column: String,
    pub(crate) of: Membership,
}

impl Known {
    pub(crate) fn from_table(
        table: &RunTable,
        finder: &Finder<'_>,
        request: &Request,
        draft: &Draft,
        run_column: Option<String>,
    ) -> Self {
        let found = |name: &str| {
            let found = finder.find_optional(name)?;
            finder.numbers(&found, Reading::Lenient).ok()
        };
        let column = |name: &str| {
            let found = finder.find_column(name)?;
            let values = finder.numbers(&found, Reading::Lenient).ok()?;
            Some((found.choice.column()?.to_owned(), values))
        };
        let numbers =
            |name: &str| draft.variable(name).map(<[f64]>::to_vec).or_else(|| found(name));
        let mut computes = Vec::new();
        let asked =
            request.columns.iter().any(|(name, _)| name == "C") || draft.variable("C").is_some();
        let first = if asked { finder.find("C").ok() } else { None };
        for (place, one) in first.into_iter().chain(finder.find_columns("C")).enumerate() {
            let source = one.choice.source();
            let values = finder.numbers(&one, Reading::Lenient);
            let (Ok(values), true) =
                (values, computes.iter().all(|c: &ComputeColumn| c.source != source))
            else {
                continue;
            };
            computes.push(ComputeColumn {
                source,
                convention: one.choice.convention.clone(),
                asked: asked && place == 0,
                stated: one.choice.stated,
                values,
            });
        }
        let annealed = finder.find_column("annealed").and_then(|found| {
            let cells = finder.text(&found)?;
            let is = |cell: &str| {
                !["0", "0.0", "no", "n", "f"].contains(&cell) && !cell.eq_ignore_ascii_case("false")
            };
            Some((found.choice.column()?.to_owned(), cells.into_iter().map(is).collect()))
        });
        let labels = ["dataset", "tokenizer", "vocab"].into_iter().filter_map(|what| {
            let found = finder.find_column(what)?;
            let cells = finder.text(&found)?;
            let column = found.choice.column()?.to_owned();
            Some(Labels { what, column, of: Membership::named(cells.into_iter()) })
        });
        Self {
            run_column,
            target_unit: finder
                .find(&draft.target.0.name)
                .map_or_else(|_| String::new(), |found| found.choice.unit),
            n: numbers("N"),
            d: numbers("D"),
            step: column("step").map(|(_, values)| values),
            vocab: column("vocab").map(|(_, values)| values),
            lr: column("lr"),
            annealed,
            computes,
            labels: labels.collect(),
            unused: Vec::new(),
            hash: (0..table.len()).map(|row| hash_of(table.row_text(row).as_bytes())).collect(),
        }
    }

    pub(crate) fn from_memory(draft: &Draft, run_column: Option<String>) -> Self {
        let rows = draft.lines.len();
        let hash = |row: usize| {
            let columns = draft.variables.iter().chain([&draft.target]);
            let numbers = columns.flat_map(|(_, values)| values[row].to_bits().to_le_bytes());
            let run = draft.run.index[row].to_le_bytes();
            hash_of(&run.into_iter().chain(numbers).collect::<Vec<u8>>())
        };
        let computes = draft.variable("C").map(|values| ComputeColumn {
            source: "C".to_owned(),
            convention: "as given".to_owned(),
            asked: true,
            stated: false,
            values: values.to_vec(),
        });
        Self {
            run_column,
            n: draft.variable("N").map(<[f64]>::to_vec),
            d: draft.variable("D").map(<[f64]>::to_vec),
            computes: computes.into_iter().collect(),
            hash: (0..rows).map(hash).collect(),
            ..Self::default()
        }
    }

    /// C of the rows in use, and its convention: see [`crate::Observations::compute`].
    pub(crate) fn compute(&self, draft: &Draft) -> (Vec<Flop>, String) {
        let of = |column: &ComputeColumn| {
            let values: Vec<Flop> =
                draft.kept.iter().map(|&row| Flop(column.values[row])).collect();
            let usable = values.iter().all(|c| c.get() > 0.0 && c.get().is_finite());
            usable.then(|| (values, format!("{}: {}", column.source, column.convention)))
        };
        let six = || {
            let (n, d) = (self.n.as_ref()?, self.d.as_ref()?);
            let c = draft.kept.iter().map(|&row| flop_6nd(Parameters(n[row]), Tokens(d[row])));
            let c: Vec<Flop> = c.collect();
            c.iter().all(|c| c.get().is_normal()).then(|| (c, "6 N D".to_owned()))
        };
        let columns = || self.computes.iter();
        columns()
            .filter(|column| column.asked)
            .chain(columns().filter(|column| column.stated))
            .find_map(of)
            .or_else(six)
            .or_else(|| columns().find_map(of))
            .unwrap_or_default()
    }
}

/// The 64-bit FNV-1a hash: the same on every machine and in every run. Among a million rows two
/// different ones share it once in thirty million tables.
fn hash_of(bytes: &[u8]) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
