//! What a law is fitted to: N, D and loss of every run, and which run it was.

use std::collections::HashMap;
use std::fmt;

use diagnostic::Diagnostic;

use crate::{Filter, Flop, NatsPerToken, Parameters, RunTable, Tokens, flop_6nd};

/// What a column is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// N, model parameters.
    Parameters,
    /// D, training tokens.
    Tokens,
    /// The loss in nats per token.
    Loss,
    /// Which run a row belongs to.
    Run,
}

impl Role {
    /// The short name: `N`, `D`, `loss` or `run`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parameters => "N",
            Self::Tokens => "D",
            Self::Loss => "loss",
            Self::Run => "run",
        }
    }

    /// Column names that are taken for this role, best first, and the convention each implies.
    const fn synonyms(self) -> &'static [(&'static str, &'static str)] {
        const UNSTATED: &str = "which parameters count is not stated by the table";
        const TOKENS: &str = "training tokens";
        const LOSS: &str = "nats per token, as the table gives it";
        match self {
            Self::Parameters => &[
                ("params_with_head", "without the input embedding, with the output head"),
                ("N", UNSTATED),
                ("params", UNSTATED),
                ("parameters", UNSTATED),
                ("n_params", UNSTATED),
                ("num_params", UNSTATED),
                ("model_size", UNSTATED),
                ("params_total", "all parameters, embeddings included"),
                ("total_params", "all parameters, embeddings included"),
                ("params_non_embedding", "without embeddings"),
                ("non_embedding_params", "without embeddings"),
            ],
            Self::Tokens => &[
                ("tokens", TOKENS),
                ("D", TOKENS),
                ("train_tokens", TOKENS),
                ("training_tokens", TOKENS),
                ("n_tokens", TOKENS),
                ("num_tokens", TOKENS),
                ("dataset_tokens", TOKENS),
            ],
            Self::Loss => &[
                ("loss", LOSS),
                ("val_loss", LOSS),
                ("validation_loss", LOSS),
                ("eval_loss", LOSS),
                ("test_loss", LOSS),
                ("final_loss", LOSS),
                ("L", LOSS),
            ],
            Self::Run => &[
                ("run", "rows of one run stay together"),
                ("run_id", "rows of one run stay together"),
                ("run_name", "rows of one run stay together"),
                ("name", "rows of one run stay together"),
            ],
        }
    }
}

/// Which column to use for what; `None` takes the first standard name that the table has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// The column of N.
    pub parameters: Option<String>,
    /// The column of D.
    pub tokens: Option<String>,
    /// The column of the loss.
    pub loss: Option<String>,
    /// The column that says which run a row belongs to.
    pub run: Option<String>,
}

/// The column that was taken for a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnChoice {
    /// What it is used for.
    pub role: Role,
    /// Its name; `None` when the table has no run column and every row is its own run.
    pub column: Option<String>,
    /// The convention its values follow, as far as its name tells.
    pub convention: &'static str,
    /// Other columns that could have been meant.
    pub also: Vec<String>,
}

/// Why rows were left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The run's status is not `done`.
    Status(String),
    /// A row filter does not hold.
    Filtered(String),
    /// A needed number is missing.
    Missing(Role),
    /// A needed number is zero, negative or infinite.
    NotPositive(Role),
    /// 6 N D is beyond the range of a number.
    ComputeOutOfRange,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) if status.is_empty() => write!(f, "without a status"),
            Self::Status(status) => write!(f, "with status `{status}`"),
            Self::Filtered(filter) => write!(f, "where `{filter}` does not hold"),
            Self::Missing(role) => write!(f, "without {}", role.name()),
            Self::NotPositive(role) => {
                write!(f, "whose {} is not positive and finite", role.name())
            }
            Self::ComputeOutOfRange => write!(f, "whose 6 N D is beyond the range of a number"),
        }
    }
}

/// Rows that were left out, for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// Why.
    pub reason: Reason,
    /// The source line of each row.
    pub lines: Vec<usize>,
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = self.lines.len() == 1;
        write!(
            f,
            "{} {} {}: {} {}",
            self.lines.len(),
            if one { "row" } else { "rows" },
            self.reason,
            if one { "line" } else { "lines" },
            in_words(&self.lines)
        )
    }
}

/// Line numbers for people: runs of neighbours as ranges, long lists cut with a count.
fn in_words(lines: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &line in lines {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == line => *last = line,
            _ => ranges.push((line, line)),
        }
    }
    let shown: Vec<String> = ranges
        .iter()
        .take(8)
        .map(|&(from, to)| if from == to { from.to_string() } else { format!("{from}-{to}") })
        .collect();
    let more = ranges.len().saturating_sub(8);
    let tail = if more == 0 { String::new() } else { format!(" and {more} more places") };
    shown.join(", ") + &tail
}

/// One training run, or one measurement of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Which run it belongs to.
    pub run: String,
    /// N.
    pub parameters: Parameters,
    /// D.
    pub tokens: Tokens,
    /// Loss.
    pub loss: NatsPerToken,
}

/// The runs that a law is fitted to, by column: every N, D and loss is positive and finite.
#[derive(Debug, Clone, Default)]
pub struct Observations {
    origin: String,
    parameters: Vec<Parameters>,
    tokens: Vec<Tokens>,
    loss: Vec<NatsPerToken>,
    /// Per row, the index of its run in `runs`.
    run: Vec<usize>,
    runs: Vec<String>,
    lines: Vec<usize>,
    columns: Vec<ColumnChoice>,
    exclusions: Vec<Exclusion>,
    duplicates: Vec<(usize, usize)>,
}

impl Observations {
    /// Takes values that are already at hand; rows that no law can use are excluded as
    /// [`from_table`](Self::from_table) does. Line numbers count the rows from 1.
    pub fn new(rows: impl IntoIterator<Item = Observation>) -> Self {
        let mut observations = Self { origin: "<memory>".to_owned(), ..Self::default() };
        let mut left_out = LeftOut::default();
        let mut runs = HashMap::new();
        for (index, row) in rows.into_iter().enumerate() {
            observations.push(&mut runs, &mut left_out, row, index + 1);
        }
        observations.exclusions = left_out.0;
        observations
    }

    /// Takes the columns of a table, and leaves out the rows that fail a filter, whose `status`
    /// is not `done`, or that lack a positive N, D or loss; each is listed in
    /// [`exclusions`](Self::exclusions).
    ///
    /// # Errors
    /// A column that does not exist or cannot be chosen, a cell that is not a number in a row
    /// that is used, and a table of which no row is left.
    pub fn from_table(
        table: &RunTable,
        columns: &Columns,
        filters: &[Filter],
    ) -> Result<Self, Diagnostic> {
        let choices = [
            choose(table, Role::Parameters, columns.parameters.as_deref())?,
            choose(table, Role::Tokens, columns.tokens.as_deref())?,
            choose(table, Role::Loss, columns.loss.as_deref())?,
            choose(table, Role::Run, columns.run.as_deref())?,
        ];
        let name = |index: usize| choices[index].column.as_deref().unwrap_or_default();
        let kept: Vec<Vec<bool>> =
            filters.iter().map(|filter| filter.keeps(table)).collect::<Result<_, _>>()?;
        let status = if table.has("status") { Some(table.text("status")?) } else { None };
        let run = match &choices[3].column {
            Some(column) => Some(table.text(column)?),
            None => None,
        };

        let mut observations = Self { origin: table.origin().to_owned(), ..Self::default() };
        let mut left_out = LeftOut::default();
        let mut runs = HashMap::new();
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for row in 0..table.len() {
            let line = table.line_number(row);
            if let Some(failed) = kept.iter().position(|kept| !kept[row]) {
                left_out.add(Reason::Filtered(filters[failed].to_string()), line);
                continue;
            }
            if let Some(status) = status.as_ref().map(|status| status[row])
                && status != "done"
            {
                left_out.add(Reason::Status(status.to_owned()), line);
                continue;
            }
            let observation = Observation {
                // Without a run column, or with an empty cell in it, a row is its own run.
                run: match run.as_ref().map(|run| run[row]) {
                    Some(run) if !run.is_empty() => run.to_owned(),
                    _ => format!("line {line}"),
                },
                parameters: Parameters(table.number(name(0), row)?),
                tokens: Tokens(table.number(name(1), row)?),
                loss: NatsPerToken(table.number(name(2), row)?),
            };
            if observations.push(&mut runs, &mut left_out, observation, line) {
                match seen.get(table.row_text(row)) {
                    Some(&first) => observations.duplicates.push((first, line)),
                    None => {
                        seen.insert(table.row_text(row), line);
                    }
                }
            }
        }
        observations.columns = choices.to_vec();
        observations.exclusions = left_out.0;
        if observations.is_empty() {
            let mut problem =
                Diagnostic::error(format!("no row of `{}` can be used", table.origin()));
            for exclusion in &observations.exclusions {
                problem = problem.note(exclusion.to_string());
            }
            return Err(problem);
        }
        Ok(observations)
    }

    fn push(
        &mut self,
        runs: &mut HashMap<String, usize>,
        left_out: &mut LeftOut,
        row: Observation,
        line: usize,
    ) -> bool {
        for (role, value) in [
            (Role::Parameters, row.parameters.get()),
            (Role::Tokens, row.tokens.get()),
            (Role::Loss, row.loss.get()),
        ] {
            if value.is_nan() {
                left_out.add(Reason::Missing(role), line);
                return false;
            }
            if value <= 0.0 || value.is_infinite() {
                left_out.add(Reason::NotPositive(role), line);
                return false;
            }
        }
        if !flop_6nd(row.parameters, row.tokens).get().is_normal() {
            left_out.add(Reason::ComputeOutOfRange, line);
            return false;
        }
        self.parameters.push(row.parameters);
        self.tokens.push(row.tokens);
        self.loss.push(row.loss);
        self.lines.push(line);
        let next = self.runs.len();
        let index = *runs.entry(row.run).or_insert_with_key(|name| {
            self.runs.push(name.clone());
            next
        });
        self.run.push(index);
        true
    }

    /// Where the runs came from: a path, `<stdin>` or `<memory>`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many rows are used.
    pub fn len(&self) -> usize {
        self.loss.len()
    }

    /// Whether no row is left.
    pub fn is_empty(&self) -> bool {
        self.loss.is_empty()
    }

    /// N of every row.
    pub fn parameters(&self) -> &[Parameters] {
        &self.parameters
    }

    /// D of every row.
    pub fn tokens(&self) -> &[Tokens] {
        &self.tokens
    }

    /// Loss of every row.
    pub fn loss(&self) -> &[NatsPerToken] {
        &self.loss
    }

    /// C = 6 N D of every row.
    pub fn compute(&self) -> impl ExactSizeIterator<Item = Flop> {
        self.parameters.iter().zip(&self.tokens).map(|(&n, &d)| flop_6nd(n, d))
    }

    /// For every row, the index of its run in [`run_names`](Self::run_names).
    pub fn run_index(&self) -> &[usize] {
        &self.run
    }

    /// The distinct runs, in the order they first appear.
    pub fn run_names(&self) -> &[String] {
        &self.runs
    }

    /// The source line of every row.
    pub fn lines(&self) -> &[usize] {
        &self.lines
    }

    /// Which column was taken for N, D, loss and run; empty for values given in memory.
    pub fn columns(&self) -> &[ColumnChoice] {
        &self.columns
    }

    /// Every row that was left out, by reason.
    pub fn exclusions(&self) -> &[Exclusion] {
        &self.exclusions
    }

    /// Lines whose whole row repeats an earlier line: (first, repeat). They are used twice.
    pub fn duplicates(&self) -> &[(usize, usize)] {
        &self.duplicates
    }
}

#[derive(Default)]
struct LeftOut(Vec<Exclusion>);

impl LeftOut {
    fn add(&mut self, reason: Reason, line: usize) {
        match self.0.iter_mut().find(|known| known.reason == reason) {
            Some(known) => known.lines.push(line),
            None => self.0.push(Exclusion { reason, lines: vec![line] }),
        }
    }
}

fn choose(table: &RunTable, role: Role, asked: Option<&str>) -> Result<ColumnChoice, Diagnostic> {
    let synonyms = role.synonyms();
    if let Some(asked) = asked {
        if !table.has(asked) {
            return Err(table.missing_column(asked));
        }
        let convention = synonyms
            .iter()
            .find(|(name, _)| *name == asked)
            .map_or("as chosen; the name states no convention", |&(_, convention)| convention);
        return Ok(ColumnChoice {
            role,
            column: Some(asked.to_owned()),
            convention,
            also: Vec::new(),
        });
    }
    // The exact name wins over one that differs in case: `l` is not `L`.
    let mut found: Vec<(&str, &'static str)> = Vec::new();
    for same in [str::eq as fn(&str, &str) -> bool, str::eq_ignore_ascii_case] {
        for &(synonym, convention) in synonyms {
            for name in table.names() {
                if same(name, synonym) && found.iter().all(|&(known, _)| known != name) {
                    found.push((name, convention));
                }
            }
        }
    }
    match found.split_first() {
        Some((&(name, convention), others)) => Ok(ColumnChoice {
            role,
            column: Some(name.to_owned()),
            convention,
            also: others.iter().map(|&(name, _)| name.to_owned()).collect(),
        }),
        None if role == Role::Run => Ok(ColumnChoice {
            role,
            column: None,
            convention: "the table names no runs, so every row counts as a run of its own",
            also: Vec::new(),
        }),
        None => {
            let names: Vec<&str> = table.names().filter(|name| !name.is_empty()).collect();
            let known: Vec<&str> = synonyms.iter().map(|&(name, _)| name).collect();
            Err(Diagnostic::error(format!(
                "no column of `{}` is known to hold {}",
                table.origin(),
                match role {
                    Role::Parameters => "N, the model parameters",
                    Role::Tokens => "D, the training tokens",
                    Role::Loss => "the loss in nats per token",
                    Role::Run => "the run",
                }
            ))
            .note(format!("its columns are {}", names.join(", ")))
            .note(format!("known names are {}", known.join(", ")))
            .help(format!("say which one it is: --column {}=NAME", role.name())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, columns: &Columns, filters: &[&str]) -> Result<Observations, Diagnostic> {
        let filters: Vec<Filter> =
            filters.iter().map(|filter| filter.parse()).collect::<Result<_, _>>()?;
        let table = RunTable::from_bytes("runs.csv", text.as_bytes())?;
        Observations::from_table(&table, columns, &filters)
    }

    #[test]
    fn the_columns_of_the_lab_are_found_and_their_convention_named() {
        let text = "run,status,params_total,params_with_head,tokens,loss\na,done,9,8,7,3\n";
        let observations = read(text, &Columns::default(), &[]).unwrap();
        let n = &observations.columns()[0];
        assert_eq!(n.column.as_deref(), Some("params_with_head"));
        assert!(n.convention.contains("output head"));
        assert_eq!(n.also, ["params_total"]);
        assert_eq!(observations.parameters(), [Parameters(8.0)]);
        assert_eq!(observations.compute().next(), Some(Flop(6.0 * 8.0 * 7.0)));
    }

    #[test]
    fn a_chosen_column_wins_and_an_unknown_one_is_refused() {
        let text = "N,big_n,D,L\n1,2,3,4\n";
        let chosen = Columns { parameters: Some("big_n".to_owned()), ..Columns::default() };
        assert_eq!(read(text, &chosen, &[]).unwrap().parameters(), [Parameters(2.0)]);
        let wrong = Columns { tokens: Some("bigN".to_owned()), ..Columns::default() };
        assert!(read(text, &wrong, &[]).unwrap_err().to_string().contains("`big_n`"));
        let shown = read("N,D\n1,2\n", &Columns::default(), &[]).unwrap_err().to_string();
        assert!(shown.contains("--column loss=NAME"), "{shown}");
    }

    #[test]
    fn every_row_left_out_is_listed_with_its_line_and_reason() {
        let text = "run,status,N,D,loss\n\
            a,done,1,1,1\nb,failed,1,1,\nc,done,0,1,1\nd,done,1,,1\ne,done,1,1,inf\n\
            f,done,1,9,1\ng,failed,1,1,2\n";
        let observations = read(text, &Columns::default(), &["D<5"]).unwrap();
        let shown: Vec<String> =
            observations.exclusions().iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "2 rows with status `failed`: lines 3, 8",
                "1 row whose N is not positive and finite: line 4",
                "2 rows where `D<5` does not hold: lines 5, 7",
                "1 row whose loss is not positive and finite: line 6",
            ]
        );
        assert_eq!(observations.lines(), [2]);
    }

    #[test]
    fn a_table_of_which_nothing_is_left_says_what_went() {
        let shown =
            read("N,D,loss,status\n1,1,1,oom\n", &Columns::default(), &[]).unwrap_err().to_string();
        assert!(shown.contains("1 row with status `oom`: line 2"), "{shown}");
    }

    #[test]
    fn rows_of_one_run_share_an_index_and_exact_repeats_are_named() {
        let text = "run,N,D,loss\na,1,1,1\nb,1,1,1\na,1,2,1\nb,1,1,1\n,1,1,1\n";
        let observations = read(text, &Columns::default(), &[]).unwrap();
        assert_eq!(observations.run_index(), [0, 1, 0, 1, 2]);
        assert_eq!(observations.run_names(), ["a", "b", "line 6"]);
        assert_eq!(observations.duplicates(), [(3, 5)]);
    }

    #[test]
    fn a_run_that_failed_may_hold_anything_in_its_cells() {
        let text = "status,N,D,loss\ndone,1,1,1\nfailed,1,1,exploded\n";
        assert_eq!(read(text, &Columns::default(), &[]).unwrap().len(), 1);
    }

    #[test]
    fn long_lists_of_lines_are_cut_with_a_count() {
        let lines: Vec<usize> = (0..30).map(|x| 3 * x + 2).chain([100, 101]).collect();
        let shown = Exclusion { reason: Reason::Missing(Role::Loss), lines }.to_string();
        assert!(shown.ends_with("20, 23 and 23 more places"), "{shown}");
    }

    #[test]
    fn values_in_memory_are_checked_like_values_in_a_table() {
        let row = |n: f64| Observation {
            run: format!("n{n}"),
            parameters: Parameters(n),
            tokens: Tokens(1.0),
            loss: NatsPerToken(1.0),
        };
        let observations = Observations::new([row(1.0), row(f64::NAN), row(-1.0), row(1e308)]);
        assert_eq!((observations.len(), observations.exclusions().len()), (1, 3));
    }
}
