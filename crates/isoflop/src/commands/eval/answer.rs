//! Values of definitions: computed once, or over draws of the uncertain inputs.

use diagnostic::Diagnostic;
use draws::uncertain::sampled;
use draws::{Design, Draws, Estimate, Level, Summary};
use formula::{Compiled, Form, Nature, ValueType, Workspace};
use rayon::prelude::*;

use super::definitions::Sound;

/// Rows that one task evaluates: the columns of a block stay in the cache.
const BLOCK: usize = 8192;

/// Parts into which the draws are dealt to learn how much a summary of them would vary.
const BATCHES: usize = 16;

/// How a question is to be answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sampling {
    pub(super) samples: usize,
    pub(super) seed: u64,
    pub(super) level: Level,
}

/// The value of one definition.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) name: String,
    /// How its numbers are to be read.
    pub(super) value: ValueType,
    /// The unit of its numbers, as a name; empty for plain numbers, dates and conditions.
    pub(super) unit: String,
    /// The times of a path as decimal years; `None` for a single value.
    pub(super) times: Option<Vec<f64>>,
    /// One for each time, or a single one.
    pub(super) found: Vec<Found>,
}

/// One number, or what is known of an uncertain one.
#[derive(Debug)]
pub(super) enum Found {
    /// It depends on nothing uncertain.
    Exact(f64),
    /// A number computed from all draws, such as a probability.
    OfDraws(Estimate),
    /// A condition: the probability that it holds.
    Condition(Estimate),
    /// A number for every draw.
    Drawn(Box<Drawn>),
}

/// A column of draws and what there is to say of it.
#[derive(Debug)]
pub(super) struct Drawn {
    draws: Draws,
    pub(super) summary: Summary,
}

/// The one column's name.
const VALUE: &str = "value";

impl Drawn {
    fn new(values: Vec<f64>, design: Design, level: Level) -> Result<Self, Diagnostic> {
        let mut draws = Draws::new(design).with_level(level);
        draws.push(VALUE, values)?;
        let summary = draws.summary(VALUE)?;
        Ok(Self { draws, summary })
    }

    /// The draws themselves.
    pub(super) fn values(&self) -> Result<&[f64], Diagnostic> {
        Ok(self.draws.column(VALUE)?)
    }

    /// Quantiles with their standard errors.
    pub(super) fn quantiles(&self, probabilities: &[f64]) -> Result<Vec<Estimate>, Diagnostic> {
        Ok(self.draws.quantiles(VALUE, probabilities)?)
    }
}

/// Evaluates the definitions named, in `unit` if one is asked for.
pub(super) fn answers(
    sound: &Sound,
    names: &[String],
    unit: Option<&str>,
    sampling: Sampling,
) -> Result<Vec<Answer>, Diagnostic> {
    let checked = &sound.checked;
    let compiled = checked.compile(names)?;
    let values: Vec<ValueType> = names
        .iter()
        .map(|name| match unit {
            Some(unit) => checked.value_type_in(name, unit),
            None => checked.value_type(name),
        })
        .collect::<Result<_, _>>()?;

    let needed = compiled.inputs();
    let needed: Vec<&str> = needed.iter().map(|input| input.name.as_str()).collect();
    let rows = if needed.is_empty() { 1 } else { sampling.samples };
    let design = design(rows, needed.len());
    let drawn = if needed.is_empty() {
        Draws::new(design)
    } else {
        sampled(&sound.uncertain, &needed)?.sampler(sampling.seed, design)?.draw(rows)?
    };
    let inputs: Vec<&[f64]> =
        needed.iter().map(|name| drawn.column(name)).collect::<Result<_, _>>()?;
    let mut columns = evaluate(&compiled, &inputs, rows)?;

    // A summary over draws is one number in every row. How it would vary with other draws shows
    // when it is taken over parts of these.
    let is_one = |column: &[f64]| column.iter().all(|v| v.to_bits() == column[0].to_bits());
    let batches = if compiled.is_rowwise() { Vec::new() } else { batches(&compiled, &inputs)? };

    let mut answers = Vec::new();
    for ((output, name), value) in compiled.outputs().iter().zip(names).zip(values) {
        let own = output.value.unit().map_or(1.0, formula::Unit::factor);
        let factor = own / value.unit().map_or(1.0, formula::Unit::factor);
        let certain = checked.depends_on(name)?.is_empty();
        let found = columns[output.columns.clone()]
            .par_iter_mut()
            .zip(output.columns.clone())
            .map(|(column, number)| {
                let mut column = std::mem::take(column);
                if factor != 1.0 {
                    for value in &mut column {
                        *value *= factor;
                    }
                }
                if certain {
                    return Ok(Found::Exact(column[0]));
                }
                if !batches.is_empty() && is_one(&column) {
                    let parts = batches.iter().map(|batch| batch[number] * factor);
                    let standard_error = spread(parts, column[0]);
                    return Ok(Found::OfDraws(Estimate { value: column[0], standard_error }));
                }
                describe(column, design, &value, sampling.level)
            })
            .collect::<Result<Vec<_>, Diagnostic>>()?;
        let unit = unit_name(checked, name, &value)?;
        let times = output.times.clone();
        answers.push(Answer { name: name.clone(), value, unit, times, found });
    }
    Ok(answers)
}

/// Scrambled Sobol rows where there are enough of them to be dealt into replicates.
fn design(rows: usize, inputs: usize) -> Design {
    if rows >= 64 * BATCHES && inputs <= 500 { Design::SOBOL } else { Design::Plain }
}

/// The unit of a value's numbers in words; empty for plain numbers and conditions.
pub(super) fn unit_name(
    checked: &formula::Checked,
    name: &str,
    value: &ValueType,
) -> Result<String, Diagnostic> {
    Ok(match (value.form(), value.nature(), value.unit()) {
        (_, _, Some(unit)) => unit.to_string(),
        (Form::Instant, ..) => "decimal year".to_owned(),
        (Form::Truth, ..) => String::new(),
        (_, Nature::Growth, None) => "x/yr".to_owned(),
        (_, _, None) => checked.dimension_of(name)?,
    })
}

fn describe(
    values: Vec<f64>,
    design: Design,
    value: &ValueType,
    level: Level,
) -> Result<Found, Diagnostic> {
    if value.form() == Form::Truth {
        return Ok(Found::Condition(draws::estimate::probability(&values, design, |v| v != 0.0)));
    }
    Ok(Found::Drawn(Box::new(Drawn::new(values, design, level)?)))
}

/// Every output column. Row by row where that can be: then the blocks are shared between
/// threads, and since no row looks at another the answer is the same for any number of them.
fn evaluate(
    compiled: &Compiled,
    inputs: &[&[f64]],
    rows: usize,
) -> Result<Vec<Vec<f64>>, Diagnostic> {
    let count = compiled.column_names().len();
    let mut outputs = Vec::with_capacity(count);
    for _ in 0..count {
        let mut column: Vec<f64> = Vec::new();
        column.try_reserve_exact(rows).map_err(|_| {
            Diagnostic::error(format!("{rows} samples of {count} values do not fit in memory"))
                .help("ask for fewer with `--samples`, or for fewer values with `--show`")
        })?;
        column.resize(rows, 0.0);
        outputs.push(column);
    }
    let prepared = compiled.prepare_slices(inputs, rows)?;
    if !compiled.is_rowwise() {
        let mut slices: Vec<&mut [f64]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        prepared.evaluate(&[], &mut Workspace::default(), &mut slices)?;
        return Ok(outputs);
    }
    let mut blocks: Vec<(usize, Vec<&mut [f64]>)> =
        (0..rows.div_ceil(BLOCK)).map(|block| (block * BLOCK, Vec::with_capacity(count))).collect();
    for output in &mut outputs {
        for (block, part) in blocks.iter_mut().zip(output.chunks_mut(BLOCK)) {
            block.1.push(part);
        }
    }
    blocks.into_par_iter().try_for_each_init(
        Workspace::default,
        |workspace, (start, mut parts)| {
            let end = (start + BLOCK).min(rows);
            prepared.evaluate_rows(start..end, &[], workspace, &mut parts)
        },
    )?;
    Ok(outputs)
}

/// The first row of every output, over each of [`BATCHES`] parts of the draws.
fn batches(compiled: &Compiled, inputs: &[&[f64]]) -> Result<Vec<Vec<f64>>, Diagnostic> {
    let batch = |batch: usize| {
        let parts: Vec<Vec<f64>> = inputs
            .iter()
            .map(|input| input.iter().copied().skip(batch).step_by(BATCHES).collect())
            .collect();
        let slices: Vec<&[f64]> = parts.iter().map(Vec::as_slice).collect();
        let rows = slices.first().map_or(0, |part| part.len());
        let outputs = evaluate(compiled, &slices, rows)?;
        Ok(outputs.iter().map(|column| column.first().copied().unwrap_or(f64::NAN)).collect())
    };
    (0..BATCHES).into_par_iter().map(batch).collect()
}

/// The standard error of the whole, from the same number over its parts.
fn spread(parts: impl Iterator<Item = f64>, whole: f64) -> f64 {
    let squares: Vec<f64> = parts
        .map(|part| if part.to_bits() == whole.to_bits() { 0.0 } else { (part - whole).powi(2) })
        .collect();
    let count = squares.len() as f64;
    let variance = squares.iter().sum::<f64>() / (count - 1.0);
    if variance.is_nan() { f64::INFINITY } else { (variance / count).sqrt() }
}
