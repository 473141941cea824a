//! Checked definitions as a program over columns: values, gradients, Hessians.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use diagnostic::Diagnostic;

use crate::checked::Checked;
use crate::columns::Columns;
use crate::environment::Role;
use crate::graph::SampleOp;
use crate::show::ValueType;
use crate::tape::dag::{Dag, Id};
use crate::tape::differentiate::gradient;
use crate::tape::run::{Inputs, Registers, run};
use crate::tape::schedule::{
    Block, LeafPlace, Scalar, Schedule, Stage, Summary, SummaryOf, schedule,
};
use crate::tape::unroll::{MAX_NODES, Unroll};

/// A column that comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputColumn {
    /// Its name.
    pub name: String,
    /// How its values arrive.
    pub role: Role,
}

/// A value that comes out: one column, or one for each time of a path.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The definition's name; for derivatives `d(loss)/d(E)` and `d2(loss)/d(E)d(A)`.
    pub name: String,
    /// Its columns, by number.
    pub columns: Range<usize>,
    /// The times of a path as decimal years; `None` for a single value.
    pub times: Option<Vec<f64>>,
    /// How its numbers are to be read.
    pub value: ValueType,
}

/// Definitions compiled for evaluation over columns.
///
/// Immutable and shareable between threads; each thread brings its own [`Workspace`].
#[derive(Debug, Clone)]
pub struct Compiled {
    leaves: Arc<[(String, Role)]>,
    dag: Dag,
    outputs: Vec<Output>,
    names: Vec<String>,
    roots: Vec<Id>,
    columns: Vec<usize>,
    parameters: Vec<usize>,
    /// The roots with log-sums written out, as scheduled.
    expanded: (Dag, Vec<Id>),
    schedule: Schedule,
}

/// Space for intermediate columns, reused between evaluations.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    registers: Registers,
    scalars: Vec<f64>,
}

impl Checked {
    /// Compiles the definitions named, in this order.
    pub fn compile<S: AsRef<str>>(&self, outputs: &[S]) -> Result<Compiled, Diagnostic> {
        let mut unroll = Unroll::new(self);
        let mut all = Vec::new();
        let (mut roots, mut names) = (Vec::new(), Vec::new());
        for output in outputs {
            let name = output.as_ref();
            let root = self.find(name)?;
            let value = self.value_type(name)?;
            let mut ids = unroll.values(root).map_err(|_| too_long(name))?;
            if let Some(factor) = value.factor() {
                let factor = unroll.dag.number(factor);
                ids = ids.into_iter().map(|id| unroll.dag.div(id, factor)).collect();
            }
            let times = self.times().filter(|_| self.graph.types[root].path);
            let first = roots.len();
            names.extend((0..ids.len()).map(|step| match &times {
                Some(times) => format!("{name}@{}", times[step]),
                None => name.to_owned(),
            }));
            roots.extend(ids);
            let columns = first..roots.len();
            all.push(Output { name: name.to_owned(), columns, times, value });
        }
        let leaves = self.leaves.iter().map(|leaf| (leaf.name.clone(), leaf.role)).collect();
        Compiled::new(leaves, unroll.dag, all, names, roots)
    }

    /// The times of the path axis as decimal years.
    pub fn times(&self) -> Option<Vec<f64>> {
        let timeline = self.timeline?;
        let year = crate::unit_table::YEAR;
        let time = |step: usize| (timeline.from + timeline.step * step as f64) / year;
        Some((0..timeline.count).map(time).collect())
    }
}

fn too_long(name: &str) -> Diagnostic {
    Diagnostic::error(format!("`{name}` takes more than {MAX_NODES} operations a row"))
        .help("use a longer step or a shorter time axis")
}

impl Compiled {
    fn new(
        leaves: Arc<[(String, Role)]>,
        dag: Dag,
        outputs: Vec<Output>,
        names: Vec<String>,
        roots: Vec<Id>,
    ) -> Result<Self, Diagnostic> {
        let mut expanded = dag.clone();
        let ids = expanded.expand(&roots);
        if expanded.nodes.len() > 2 * MAX_NODES {
            return Err(too_long(&outputs.first().map_or_else(String::new, |o| o.name.clone())));
        }
        let mut used: Vec<usize> = expanded
            .reach(&ids)
            .into_iter()
            .filter_map(|id| match expanded.node(id) {
                crate::tape::dag::Node::Leaf(leaf) => Some(*leaf),
                _ => None,
            })
            .collect();
        used.sort_unstable();
        let (parameters, columns): (Vec<usize>, Vec<usize>) =
            used.into_iter().partition(|&leaf| leaves[leaf].1 == Role::Parameter);
        let place = |leaf: usize| match parameters.iter().position(|&p| p == leaf) {
            Some(number) => LeafPlace::Parameter(number),
            None => LeafPlace::Column(columns.iter().position(|&c| c == leaf).unwrap_or(0) as u32),
        };
        let schedule = schedule(&expanded, &ids, place);
        let expanded = (expanded, ids);
        Ok(Self { leaves, dag, outputs, names, roots, columns, parameters, expanded, schedule })
    }

    /// What comes out, in the order asked for.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// The names of the output columns.
    pub fn column_names(&self) -> &[String] {
        &self.names
    }

    /// The columns (data and samples) needed.
    pub fn inputs(&self) -> Vec<InputColumn> {
        let column = |&leaf: &usize| {
            let (name, role) = self.leaves[leaf].clone();
            InputColumn { name, role }
        };
        self.columns.iter().map(column).collect()
    }

    /// The parameters needed, in the order in which [`Prepared::evaluate`] takes them.
    pub fn parameters(&self) -> Vec<&str> {
        self.parameters.iter().map(|&leaf| self.leaves[leaf].0.as_str()).collect()
    }

    /// Whether each row's outputs depend on that row alone (no summary over samples).
    pub fn is_rowwise(&self) -> bool {
        self.schedule.summaries == 0
    }

    pub(crate) fn parts(&self) -> (&Dag, &[Id], &[(String, Role)]) {
        (&self.expanded.0, &self.expanded.1, &self.leaves)
    }

    /// These outputs and their exact first derivatives: after each column, its derivative with
    /// respect to each of `names` (parameters, data or inputs), in that order.
    pub fn gradient<S: AsRef<str>>(&self, names: &[S]) -> Result<Compiled, Diagnostic> {
        self.derive(names, false)
    }

    /// These outputs, their gradients, and then the upper triangle of their Hessians, row by row.
    pub fn hessian<S: AsRef<str>>(&self, names: &[S]) -> Result<Compiled, Diagnostic> {
        self.derive(names, true)
    }

    fn derive<S: AsRef<str>>(&self, names: &[S], second: bool) -> Result<Compiled, Diagnostic> {
        let mut dag = self.dag.clone();
        let mut leaves = Vec::with_capacity(names.len());
        for name in names {
            let name = name.as_ref();
            let Some(leaf) = self.leaves.iter().position(|(known, _)| known == name) else {
                let problem = Diagnostic::error(format!("cannot differentiate by `{name}`"))
                    .note("derivatives are by declared names and uncertain inputs");
                let known = self.leaves.iter().map(|(name, _)| name.as_str());
                return Err(match diagnostic::nearest(name, known) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem,
                });
            };
            leaves.push(dag.leaf(leaf));
        }
        let zero = dag.number(0.0);
        let (mut all, mut columns, mut roots) = (Vec::new(), Vec::new(), Vec::new());
        for output in &self.outputs {
            for column in output.columns.clone() {
                let name = &self.names[column];
                let of_samples = |()| {
                    Diagnostic::error(format!("`{name}` summarises samples"))
                        .note("a probability, median, quantile or mean over samples has no row-wise derivative")
                };
                let mut push = |name: String, id: Id, value: ValueType| {
                    let columns_here = roots.len()..roots.len() + 1;
                    all.push(Output {
                        name: name.clone(),
                        columns: columns_here,
                        times: None,
                        value,
                    });
                    columns.push(name);
                    roots.push(id);
                };
                push(name.clone(), self.roots[column], output.value.clone());
                let slopes = gradient(&mut dag, self.roots[column], &leaves).map_err(of_samples)?;
                let slopes: Vec<Id> = slopes.into_iter().map(|id| id.unwrap_or(zero)).collect();
                for (by, &slope) in names.iter().zip(&slopes) {
                    push(format!("d({name})/d({})", by.as_ref()), slope, ValueType::number());
                }
                if !second {
                    continue;
                }
                for (i, &slope) in slopes.iter().enumerate() {
                    let row = gradient(&mut dag, slope, &leaves[i..]).map_err(of_samples)?;
                    for (j, curve) in row.into_iter().enumerate() {
                        let (a, b) = (names[i].as_ref(), names[i + j].as_ref());
                        let name = format!("d2({name})/d({a})d({b})");
                        push(name, curve.unwrap_or(zero), ValueType::number());
                    }
                }
                if dag.nodes.len() > MAX_NODES {
                    return Err(too_long(name));
                }
            }
        }
        Compiled::new(self.leaves.clone(), dag, all, columns, roots)
    }

    /// The value of an output column that is the same number whatever goes in: a derivative that
    /// vanishes, say.
    pub fn constant(&self, column: usize) -> Option<f64> {
        let (dag, roots) = &self.expanded;
        dag.constant(*roots.get(column)?)
    }

    /// Only these output columns, in this order.
    ///
    /// # Errors
    /// A column that there is not.
    pub fn keep(&self, columns: &[usize]) -> Result<Compiled, Diagnostic> {
        let (mut outputs, mut names, mut roots) = (Vec::new(), Vec::new(), Vec::new());
        for &column in columns {
            let of = |output: &&Output| output.columns.contains(&column);
            let Some(output) = self.outputs.iter().find(of) else {
                return Err(Diagnostic::error(format!(
                    "the formula gives {} columns, not a column {column}",
                    self.names.len()
                )));
            };
            let name = self.names[column].clone();
            outputs.push(Output {
                name: name.clone(),
                columns: roots.len()..roots.len() + 1,
                times: None,
                value: output.value.clone(),
            });
            names.push(name);
            roots.push(self.roots[column]);
        }
        Compiled::new(self.leaves.clone(), self.dag.clone(), outputs, names, roots)
    }

    /// Evaluates over the columns and numbers given by name. Values are in the units in which
    /// their names were declared, uncertain inputs in base units.
    ///
    /// Each output column has the given number of rows, in the unit its [`Output::value`] states.
    pub fn evaluate(&self, given: &Columns) -> Result<Columns, Diagnostic> {
        let prepared = self.prepare(given)?;
        let numbers: Result<Vec<f64>, Diagnostic> =
            self.parameters().into_iter().map(|name| given.parameter(name)).collect();
        let mut outputs = vec![vec![0.0; given.rows()]; self.names.len()];
        let mut slices: Vec<&mut [f64]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        prepared.evaluate(&numbers?, &mut Workspace::default(), &mut slices)?;
        let mut out = Columns::new(given.rows());
        for (name, values) in self.names.iter().zip(outputs) {
            out.set(name.clone(), values);
        }
        Ok(out)
    }

    /// Takes in the data of many evaluations: what depends on data alone is computed here, once.
    pub fn prepare<'a>(&'a self, given: &'a Columns) -> Result<Prepared<'a>, Diagnostic> {
        let columns: Result<Vec<Cow<'a, [f64]>>, Diagnostic> =
            self.columns.iter().map(|&leaf| given.column(&self.leaves[leaf].0)).collect();
        Ok(self.prepare_columns(columns?, given.rows()))
    }

    /// Like [`Compiled::prepare`], from slices in the order of [`Compiled::inputs`].
    pub fn prepare_slices<'a>(
        &'a self,
        columns: &[&'a [f64]],
        rows: usize,
    ) -> Result<Prepared<'a>, Diagnostic> {
        if columns.len() != self.columns.len() || columns.iter().any(|column| column.len() != rows)
        {
            return Err(Diagnostic::error(format!(
                "the formula needs {} columns of {rows} rows",
                self.columns.len()
            )));
        }
        Ok(self.prepare_columns(columns.iter().map(|&column| column.into()).collect(), rows))
    }

    fn prepare_columns<'a>(&'a self, columns: Vec<Cow<'a, [f64]>>, rows: usize) -> Prepared<'a> {
        let schedule = &self.schedule;
        let mut hoisted = vec![vec![0.0; rows]; schedule.hoisted];
        if schedule.hoisted > 0 {
            let mut workspace = Workspace::default();
            workspace.scalars.resize(schedule.scalars, 0.0);
            fill_scalars(&schedule.hoist_scalars, &mut workspace.scalars, &[], &[]);
            let inputs = Inputs { scalars: &workspace.scalars, columns: &columns, hoisted: &[] };
            let mut outputs: Vec<&mut [f64]> = hoisted.iter_mut().map(Vec::as_mut_slice).collect();
            run(&schedule.hoist, inputs, 0..rows, &mut workspace.registers, &mut outputs);
        }
        Prepared { compiled: self, columns, hoisted, rows }
    }
}

/// A compiled program with its data: evaluated many times with different parameters.
#[derive(Debug, Clone)]
pub struct Prepared<'a> {
    compiled: &'a Compiled,
    columns: Vec<Cow<'a, [f64]>>,
    hoisted: Vec<Vec<f64>>,
    rows: usize,
}

impl Prepared<'_> {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Evaluates all rows: `parameters` in the order of [`Compiled::parameters`], one slice of
    /// all rows for each output column.
    pub fn evaluate(
        &self,
        parameters: &[f64],
        workspace: &mut Workspace,
        outputs: &mut [&mut [f64]],
    ) -> Result<(), Diagnostic> {
        if self.compiled.is_rowwise() {
            return self.evaluate_rows(0..self.rows, parameters, workspace, outputs);
        }
        self.check(parameters, outputs, self.rows)?;
        let schedule = &self.compiled.schedule;
        let mut summaries = vec![f64::NAN; schedule.summaries];
        workspace.scalars.resize(schedule.scalars, 0.0);
        for stage in &schedule.stages {
            fill_scalars(&stage.scalars, &mut workspace.scalars, parameters, &summaries);
            let mut extra = vec![vec![0.0; self.rows]; stage.extra];
            {
                let mut slices: Vec<&mut [f64]> =
                    Vec::with_capacity(stage.outputs.len() + stage.extra);
                take_outputs(outputs, &stage.outputs, &mut slices);
                slices.extend(extra.iter_mut().map(Vec::as_mut_slice));
                self.run(&stage.block, 0..self.rows, workspace, &mut slices);
            }
            for (number, summary) in &stage.summaries {
                summaries[*number] = summarise(*summary, &mut extra, &workspace.scalars);
            }
        }
        Ok(())
    }

    /// Evaluates the rows `rows` only, for callers that share the work between threads. The
    /// outputs hold just these rows. Only for programs that are row-wise.
    pub fn evaluate_rows(
        &self,
        rows: Range<usize>,
        parameters: &[f64],
        workspace: &mut Workspace,
        outputs: &mut [&mut [f64]],
    ) -> Result<(), Diagnostic> {
        if !self.compiled.is_rowwise() {
            return Err(Diagnostic::error("this program summarises samples: it needs all rows"));
        }
        if rows.start > rows.end || rows.end > self.rows {
            return Err(Diagnostic::error(format!(
                "rows {}..{} of a table of {} rows",
                rows.start, rows.end, self.rows
            )));
        }
        self.check(parameters, outputs, rows.len())?;
        let schedule = &self.compiled.schedule;
        workspace.scalars.resize(schedule.scalars, 0.0);
        let stage: &Stage = &schedule.stages[0];
        fill_scalars(&stage.scalars, &mut workspace.scalars, parameters, &[]);
        self.run(&stage.block, rows, workspace, outputs);
        Ok(())
    }

    fn run(
        &self,
        block: &Block,
        rows: Range<usize>,
        workspace: &mut Workspace,
        outputs: &mut [&mut [f64]],
    ) {
        let Workspace { registers, scalars } = workspace;
        let inputs = Inputs { scalars, columns: &self.columns, hoisted: &self.hoisted };
        run(block, inputs, rows, registers, outputs);
    }

    fn check(
        &self,
        parameters: &[f64],
        outputs: &[&mut [f64]],
        rows: usize,
    ) -> Result<(), Diagnostic> {
        let compiled = self.compiled;
        if parameters.len() != compiled.parameters.len() {
            return Err(Diagnostic::error(format!(
                "{} parameters given, the formula has {}: {}",
                parameters.len(),
                compiled.parameters.len(),
                compiled.parameters().join(", ")
            )));
        }
        if outputs.len() != compiled.names.len() || outputs.iter().any(|out| out.len() != rows) {
            return Err(Diagnostic::error(format!(
                "the formula gives {} columns of {rows} rows",
                compiled.names.len()
            )));
        }
        Ok(())
    }
}

/// The outputs with these (ascending) numbers.
fn take_outputs<'s, 'o>(
    outputs: &'s mut [&'o mut [f64]],
    numbers: &[usize],
    into: &mut Vec<&'s mut [f64]>,
) where
    'o: 's,
{
    let mut wanted = numbers.iter().peekable();
    for (number, output) in outputs.iter_mut().enumerate() {
        if wanted.peek() == Some(&&number) {
            wanted.next();
            into.push(output);
        }
    }
}

fn fill_scalars(
    steps: &[(u32, Scalar)],
    scalars: &mut [f64],
    parameters: &[f64],
    summaries: &[f64],
) {
    for (slot, step) in steps {
        let at = |slot: u32| scalars[slot as usize];
        scalars[*slot as usize] = match *step {
            Scalar::Const(value) => value,
            Scalar::Parameter(number) => parameters[number],
            Scalar::Summary(number) => summaries[number],
            Scalar::Unary(op, a) => op.of(at(a)),
            Scalar::Binary(op, a, b) => op.of(at(a), at(b)),
            Scalar::Select(c, a, b) => {
                if at(c) == 0.0 {
                    at(b)
                } else {
                    at(a)
                }
            }
        };
    }
}

fn summarise(summary: Summary, extra: &mut [Vec<f64>], scalars: &[f64]) -> f64 {
    let column = match summary.of {
        SummaryOf::Scalar(slot) => return scalars[slot as usize],
        SummaryOf::Column(number) => &mut extra[number],
    };
    match summary.op {
        SampleOp::Mean => column.iter().sum::<f64>() / column.len() as f64,
        SampleOp::Quantile => quantile(column, summary.level),
    }
}

/// The quantile by linear interpolation between order statistics (type 7 of Hyndman and Fan,
/// 1996); NaN if any value is or there is none. Reorders the column.
fn quantile(column: &mut [f64], level: f64) -> f64 {
    if column.is_empty() || column.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let place = level * (column.len() - 1) as f64;
    let low = place.floor() as usize;
    let (_, &mut below, above) = column.select_nth_unstable_by(low, f64::total_cmp);
    let share = place - low as f64;
    if share == 0.0 {
        return below;
    }
    let next = above.iter().copied().fold(f64::INFINITY, f64::min);
    // Between a finite value and never there is no middle: both ends equal is the only other case.
    if next == below { below } else { below + share * (next - below) }
}
