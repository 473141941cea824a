//! What a law is fitted to: N, D and loss of every run, and which run it was.

use std::collections::HashMap;

use diagnostic::Diagnostic;

use crate::columns::choose;
use crate::exclusion::LeftOut;
use crate::{
    ColumnChoice, Columns, Exclusion, Filter, Flop, NatsPerToken, Parameters, Reason, Role,
    RunTable, Tokens, flop_6nd,
};

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
