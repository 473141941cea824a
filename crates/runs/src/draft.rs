//! Rows on their way from a table to observations: judged one by one, then checked together.

use diagnostic::Diagnostic;

use crate::checks::{self, Known};
use crate::columns::{ColumnChoice, Taken};
use crate::exclusion::LeftOut;
use crate::finder::{Finder, Found, Reading};
use crate::membership::Membership;
use crate::request::check_names;
use crate::{Asked, Domain, InMemory, Observations, Reason, Request, Rules, RunTable};

/// All rows, with the places of those that are still in use.
pub(crate) struct Draft {
    pub(crate) origin: String,
    pub(crate) lines: Vec<usize>,
    pub(crate) target: (Asked, Vec<f64>),
    pub(crate) variables: Vec<(Asked, Vec<f64>)>,
    pub(crate) weights: Option<Vec<f64>>,
    pub(crate) run: Membership,
    pub(crate) group: Option<Membership>,
    pub(crate) kept: Vec<usize>,
    pub(crate) known: Known,
    columns: Vec<ColumnChoice>,
    left_out: LeftOut,
}

impl Draft {
    pub(crate) fn from_table(table: &RunTable, request: &Request) -> Result<Self, Diagnostic> {
        let finder = Finder::new(table, &request.columns);
        let unused = request.check()?;
        let rows = table.len();
        let lines: Vec<usize> = (0..rows).map(|row| table.line_number(row)).collect();

        let mut columns = Vec::new();
        let mut found = Vec::new();
        for asked in request.variables.iter().chain([&request.target]) {
            let one = finder.find(&asked.name)?;
            columns.push(one.choice.clone());
            found.push(one);
        }

        // A column that was given for a check, or for nothing, has to exist too.
        for (name, _) in &request.columns {
            finder.find(name)?;
        }

        // Whether a row is wanted decides whether its cells have to be numbers, so this comes
        // before any of them is read: a run that failed may hold anything.
        let mut verdicts: Vec<Option<Reason>> = vec![None; rows];
        let mut wanted = vec![true; rows];
        if let Ok(status) = table.text("status") {
            for (row, status) in status.into_iter().enumerate().filter(|(_, s)| *s != "done") {
                verdicts[row] = Some(Reason::Status { status: status.to_owned() });
                wanted[row] = false;
            }
        }
        for filter in &request.filters {
            let keeps = filter.keeps_of(&finder, &wanted)?;
            for row in 0..rows {
                if wanted[row] && !keeps[row] {
                    verdicts[row] = Some(Reason::Filtered { filter: filter.to_string() });
                    wanted[row] = false;
                }
            }
        }

        let mut values = Vec::with_capacity(found.len());
        for one in &found {
            values.push(finder.numbers(one, Reading::Strict(&wanted))?);
        }
        let target = (request.target.clone(), values.pop().unwrap_or_default());
        let variables: Vec<_> = request.variables.iter().cloned().zip(values).collect();

        let asked = |name: &str, field: &Option<String>| {
            let given = request.columns.iter().find(|(known, _)| known == name);
            let text = field.as_ref().or(given.map(|(_, text)| text));
            text.map(|text| finder.find_given(name, text)).transpose()
        };
        let run = asked("run", &request.run)?.or_else(|| finder.find_column("run"));
        let run_choice = run.as_ref().map_or_else(no_run, |found| found.choice.clone());
        let named_run = run.as_ref().and_then(|found| found.choice.column().map(str::to_owned));
        columns.push(run_choice);
        let run = match &run {
            Some(found) => labels(&finder, found)?,
            None => Membership::row(rows),
        };
        let group = match asked("group", &request.group)? {
            Some(found) => {
                columns.push(found.choice.clone());
                Some(labels(&finder, &found)?)
            }
            None => None,
        };
        let weights = match asked("weight", &request.weight)? {
            Some(found) => {
                columns.push(found.choice.clone());
                Some(finder.numbers(&found, Reading::Strict(&wanted))?)
            }
            None => None,
        };

        let mut draft = Self {
            origin: table.origin().to_owned(),
            lines,
            target,
            variables,
            weights,
            run,
            group,
            kept: Vec::new(),
            known: Known::default(),
            columns,
            left_out: LeftOut::default(),
        };
        draft.judge(verdicts);
        draft.known = Known::from_table(table, &finder, request, &draft, named_run);
        draft.known.unused = unused;
        Ok(draft)
    }

    pub(crate) fn from_columns(origin: String, columns: InMemory) -> Result<Self, Diagnostic> {
        let InMemory { target, variables, run, group, weight } = columns;
        let rows = target.1.len();
        let lengths = variables
            .iter()
            .map(|(asked, values)| (asked.name.as_str(), values.len()))
            .chain(run.iter().map(|run| ("run", run.len())))
            .chain(group.iter().map(|group| ("group", group.len())))
            .chain(weight.iter().map(|weight| ("weight", weight.len())));
        for (name, length) in lengths {
            if length != rows {
                return Err(Diagnostic::error(format!(
                    "`{name}` of `{origin}` has {length} rows, but `{}` has {rows}",
                    target.0.name
                ))
                .help("give every column one value for each row"));
            }
        }
        check_names(variables.iter().map(|(asked, _)| asked).chain([&target.0]))?;
        let of = |cells: Option<Vec<String>>| {
            cells.map(|cells| Membership::named(cells.iter().map(String::as_str)))
        };
        let named_run = run.is_some().then(|| "run".to_owned());
        let mut draft = Self {
            origin,
            lines: (1..=rows).collect(),
            target,
            variables,
            weights: weight,
            run: of(run).unwrap_or_else(|| Membership::row(rows)),
            group: of(group),
            kept: Vec::new(),
            known: Known::default(),
            columns: Vec::new(),
            left_out: LeftOut::default(),
        };
        draft.judge(vec![None; rows]);
        draft.known = Known::from_memory(&draft, named_run);
        Ok(draft)
    }

    /// Keeps the rows without a verdict whose values the law can use, and lists the others.
    fn judge(&mut self, verdicts: Vec<Option<Reason>>) {
        let place = |name: &str| self.variables.iter().position(|(asked, _)| asked.name == name);
        let size = place("N").zip(place("D"));
        for (row, verdict) in verdicts.into_iter().enumerate() {
            let weight = self.weights.iter().map(|w| ("weight", w, Domain::NonNegative));
            let asked = self.variables.iter().chain([&self.target]);
            let verdict = verdict.or_else(|| {
                asked
                    .map(|(asked, values)| (asked.name.as_str(), values, asked.domain))
                    .chain(weight)
                    .find(|(_, values, domain)| !domain.holds(values[row]))
                    .map(|(name, values, domain)| {
                        let name = name.to_owned();
                        if values[row].is_nan() {
                            Reason::Missing { name }
                        } else {
                            Reason::Outside { name, domain }
                        }
                    })
            });
            let verdict = verdict.or_else(|| {
                let (n, d) = size?;
                let (n, d) = (self.variables[n].1[row], self.variables[d].1[row]);
                // Zero is for the domains to judge.
                let out = n > 0.0 && d > 0.0 && !(6.0 * n * d).is_normal();
                out.then_some(Reason::ComputeOutOfRange)
            });
            match verdict {
                Some(reason) => self.left_out.add(reason, self.lines[row]),
                None => self.kept.push(row),
            }
        }
    }

    pub(crate) fn variable(&self, name: &str) -> Option<&[f64]> {
        let found = self.variables.iter().find(|(asked, _)| asked.name == name);
        found.map(|(_, values)| values.as_slice())
    }

    /// What else has to agree for two rows to compare: their group and their data set.
    pub(crate) fn world(&self, row: usize) -> (usize, usize) {
        let dataset = self.known.labels.iter().find(|labels| labels.what == "dataset");
        (
            self.group.as_ref().map_or(0, |group| group.index[row]),
            dataset.map_or(0, |labels| labels.of.index[row]),
        )
    }

    /// Leaves out the rows at `places` in the table.
    fn drop_rows(&mut self, rows: &[usize], reason: &Reason) {
        if rows.is_empty() {
            return;
        }
        let mut gone = vec![false; self.lines.len()];
        for &row in rows {
            gone[row] = true;
        }
        for &row in self.kept.iter().filter(|&&row| gone[row]) {
            self.left_out.add(reason.clone(), self.lines[row]);
        }
        self.kept.retain(|&row| !gone[row]);
    }

    /// Applies the rules, looks for what deserves a second look, and gathers the rows left.
    pub(crate) fn finish(mut self, rules: Rules) -> Observations {
        for (wanted, reason, rows) in [
            (rules.drop_duplicates, Reason::Duplicate, checks::repeats as fn(&Self) -> Vec<usize>),
            (rules.drop_spikes, Reason::Spike, checks::spikes),
            (rules.drop_unannealed, Reason::Unannealed, checks::unannealed),
            (rules.last_checkpoint_only, Reason::EarlierCheckpoint, checks::earlier_checkpoints),
        ] {
            if wanted {
                let rows = rows(&self);
                self.drop_rows(&rows, &reason);
            }
        }
        let findings = checks::findings(&self);
        let (compute, compute_convention) = self.known.compute(&self);
        let gather = |values: &[f64]| self.kept.iter().map(|&row| values[row]).collect();
        let mut run = Vec::with_capacity(self.kept.len());
        let mut runs = Vec::new();
        let mut places = vec![usize::MAX; self.run.names.len()];
        for &row in &self.kept {
            let place = &mut places[self.run.index[row]];
            if *place == usize::MAX {
                *place = runs.len();
                let name = std::mem::take(&mut self.run.names[self.run.index[row]]);
                runs.push((name, self.lines[row]));
            }
            run.push(*place);
        }
        let (group, groups) = match &self.group {
            Some(of) => {
                let mut places = vec![usize::MAX; of.names.len()];
                let mut groups = Vec::new();
                let group = self.kept.iter().map(|&row| {
                    let place = &mut places[of.index[row]];
                    if *place == usize::MAX {
                        *place = groups.len();
                        groups.push(match &*of.names[of.index[row]] {
                            "" => format!("line {}", self.lines[row]),
                            name => name.to_owned(),
                        });
                    }
                    *place
                });
                (Some(group.collect()), groups)
            }
            None => (None, Vec::new()),
        };
        Observations {
            target: (self.target.0.name.clone(), gather(&self.target.1)),
            variables: self
                .variables
                .iter()
                .map(|(asked, values)| (asked.name.clone(), gather(values)))
                .collect(),
            weights: self.weights.as_deref().map(gather),
            run,
            runs,
            group,
            groups,
            lines: self.kept.iter().map(|&row| self.lines[row]).collect(),
            rows: self.kept.clone(),
            compute,
            compute_convention,
            origin: self.origin,
            columns: self.columns,
            exclusions: self.left_out.into_exclusions(),
            findings,
        }
    }
}

/// The choice where the table names no runs.
fn no_run() -> ColumnChoice {
    ColumnChoice {
        name: "run".to_owned(),
        taken: Taken::Row,
        convention: "the table names no runs, so every row counts as a run of its own".to_owned(),
        stated: true,
        matters: String::new(),
        unit: String::new(),
        also: Vec::new(),
    }
}

fn labels(finder: &Finder<'_>, found: &Found) -> Result<Membership, Diagnostic> {
    match finder.text(found) {
        Some(cells) => Ok(Membership::named(cells.into_iter())),
        None => Err(Diagnostic::error(format!(
            "{} has to be a column, not an expression",
            found.choice.name
        ))
        .help(format!("name one: --column {}=COLUMN", found.choice.name))),
    }
}
