//! What a law is fitted to: target and variables of every usable row, and which run it is of.

use std::borrow::Cow;

use diagnostic::Diagnostic;

use crate::draft::Draft;
use crate::{
    Asked, ColumnChoice, Exclusion, Finding, Flop, NatsPerToken, Parameters, Request, Rules,
    RunTable, Tokens,
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

/// Columns that are already at hand, all of one length.
#[derive(Debug, Clone, PartialEq)]
pub struct InMemory {
    /// What the law predicts.
    pub target: (Asked, Vec<f64>),
    /// What it predicts it from.
    pub variables: Vec<(Asked, Vec<f64>)>,
    /// Which run each row belongs to; each its own where `None`.
    pub run: Option<Vec<String>>,
    /// Which group each row belongs to.
    pub group: Option<Vec<String>>,
    /// The weight of each row.
    pub weight: Option<Vec<f64>>,
}

impl InMemory {
    /// `target` and `variables`, each row a run of its own, all of one weight and group.
    pub fn new(target: (Asked, Vec<f64>), variables: Vec<(Asked, Vec<f64>)>) -> Self {
        Self { target, variables, run: None, group: None, weight: None }
    }
}

/// The rows that a law is fitted to, by column: every value is one that the law can use.
#[derive(Debug, Clone, Default)]
pub struct Observations {
    pub(crate) origin: String,
    pub(crate) target: (String, Vec<f64>),
    pub(crate) variables: Vec<(String, Vec<f64>)>,
    pub(crate) weights: Option<Vec<f64>>,
    /// Per row, the index of its run.
    pub(crate) run: Vec<usize>,
    /// Per run its name, empty where it has none, and the line of its first row.
    pub(crate) runs: Vec<(Box<str>, usize)>,
    pub(crate) group: Option<Vec<usize>>,
    pub(crate) groups: Vec<String>,
    pub(crate) lines: Vec<usize>,
    pub(crate) rows: Vec<usize>,
    pub(crate) compute: Vec<Flop>,
    pub(crate) compute_convention: String,
    pub(crate) columns: Vec<ColumnChoice>,
    pub(crate) exclusions: Vec<Exclusion>,
    pub(crate) findings: Vec<Finding>,
}

impl Observations {
    /// Takes what `request` asks for out of a table.
    ///
    /// Left out, and listed in [`exclusions`](Self::exclusions), are the rows that fail a filter,
    /// whose `status` is not `done`, that lack a value or have one the law cannot use, and those
    /// that a rule of the request drops. What else deserves a look is in
    /// [`findings`](Self::findings).
    ///
    /// # Errors
    /// A column that does not exist or cannot be found, an expression that cannot be read, a cell
    /// that is not a number in a row that is used, and a table of which no row is left.
    pub fn from_table(table: &RunTable, request: &Request) -> Result<Self, Diagnostic> {
        let observations = Draft::from_table(table, request)?.finish(request.rules);
        observations.or_nothing_left()
    }

    /// Takes columns that are at hand, of which rows are left out as of a table. Line numbers
    /// count the rows from 1; `origin` names the columns in messages.
    ///
    /// # Errors
    /// Columns of unequal length, a name given twice, and columns of which no row is left.
    pub fn from_columns(
        origin: impl Into<String>,
        columns: InMemory,
        rules: Rules,
    ) -> Result<Self, Diagnostic> {
        Draft::from_columns(origin.into(), columns)?.finish(rules).or_nothing_left()
    }

    /// Takes runs that are at hand: the loss from N and D. Rows that no law can use are left out
    /// as of a table; line numbers count the rows from 1.
    pub fn new(rows: impl IntoIterator<Item = Observation>) -> Self {
        let (mut n, mut d, mut loss, mut run) = (vec![], vec![], vec![], vec![]);
        for row in rows {
            n.push(row.parameters.get());
            d.push(row.tokens.get());
            loss.push(row.loss.get());
            run.push(row.run);
        }
        let columns = InMemory {
            run: Some(run),
            ..InMemory::new(
                (Asked::positive("loss"), loss),
                vec![(Asked::positive("N"), n), (Asked::positive("D"), d)],
            )
        };
        Draft::from_columns("<memory>".to_owned(), columns)
            .map(|draft| draft.finish(Rules::default()))
            .unwrap_or_default()
    }

    fn or_nothing_left(self) -> Result<Self, Diagnostic> {
        if !self.is_empty() {
            return Ok(self);
        }
        let mut problem = Diagnostic::error(format!("no row of `{}` can be used", self.origin));
        for exclusion in self.exclusions.iter().take(12) {
            problem = problem.note(exclusion.to_string());
        }
        for finding in self.findings.iter().filter(|f| matches!(f, Finding::NotShares { .. })) {
            problem = problem.help(finding.advice());
        }
        Err(problem)
    }

    /// Where the rows came from: a path, `<stdin>` or `<memory>`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many rows are used.
    pub fn len(&self) -> usize {
        self.target.1.len()
    }

    /// Whether no row is left.
    pub fn is_empty(&self) -> bool {
        self.target.1.is_empty()
    }

    /// What the law predicts, by name.
    pub fn target_name(&self) -> &str {
        &self.target.0
    }

    /// What the law predicts, of every row, in the unit its [choice](Self::columns) states.
    pub fn target(&self) -> &[f64] {
        &self.target.1
    }

    /// The variables with their names, in the order they were asked for.
    pub fn variables(&self) -> impl ExactSizeIterator<Item = (&str, &[f64])> {
        self.variables.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// A variable of every row.
    pub fn variable(&self, name: &str) -> Option<&[f64]> {
        self.variables().find(|(known, _)| *known == name).map(|(_, values)| values)
    }

    /// The weight of every row, where weights were asked for; some may be zero.
    pub fn weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    /// N of every row; nothing where it is no variable of the law.
    pub fn parameters(&self) -> impl ExactSizeIterator<Item = Parameters> + Clone {
        self.variable("N").unwrap_or_default().iter().copied().map(Parameters)
    }

    /// D of every row; nothing where it is no variable of the law.
    pub fn tokens(&self) -> impl ExactSizeIterator<Item = Tokens> + Clone {
        self.variable("D").unwrap_or_default().iter().copied().map(Tokens)
    }

    /// The target of every row as a loss in nats per token.
    pub fn loss(&self) -> impl ExactSizeIterator<Item = NatsPerToken> + Clone {
        self.target().iter().copied().map(NatsPerToken)
    }

    /// C of every row under [`compute_convention`](Self::compute_convention): the variable C of
    /// the law or the column asked for; else a column whose name states its convention; else
    /// 6 N D; else any column of C. Empty where nothing of this is known for every row.
    pub fn compute(&self) -> &[Flop] {
        &self.compute
    }

    /// What [`compute`](Self::compute) counts; empty where C is not known.
    pub fn compute_convention(&self) -> &str {
        &self.compute_convention
    }

    /// For every row, the index of its run.
    pub fn run_index(&self) -> &[usize] {
        &self.run
    }

    /// How many runs there are.
    pub fn run_count(&self) -> usize {
        self.runs.len()
    }

    /// The runs, in the order they first appear; one without a name is called by its line.
    pub fn run_names(&self) -> impl ExactSizeIterator<Item = Cow<'_, str>> {
        self.runs.iter().map(|(name, line)| match &**name {
            "" => Cow::Owned(format!("line {line}")),
            name => Cow::Borrowed(name),
        })
    }

    /// For every row, the index of its group in [`group_names`](Self::group_names), where groups
    /// were asked for.
    pub fn group_index(&self) -> Option<&[usize]> {
        self.group.as_deref()
    }

    /// The groups, in the order they first appear.
    pub fn group_names(&self) -> &[String] {
        &self.groups
    }

    /// The source line of every row.
    pub fn lines(&self) -> &[usize] {
        &self.lines
    }

    /// The row of every observation in the table, from 0: for further columns of it.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// What was taken for the variables, the target, the run, the group, the weight and C; empty
    /// for values given in memory.
    pub fn columns(&self) -> &[ColumnChoice] {
        &self.columns
    }

    /// Every row that was left out, by reason.
    pub fn exclusions(&self) -> &[Exclusion] {
        &self.exclusions
    }

    /// What deserves a second look in the rows that are left.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

#[cfg(test)]
mod tests;
