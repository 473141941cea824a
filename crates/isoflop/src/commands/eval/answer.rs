//! Values of definitions: computed once, or over draws of the uncertain inputs.

use diagnostic::Diagnostic;
use draws::evaluate::{self, BATCHES};
use draws::uncertain::sampled;
use draws::{Design, Draws, Estimate, Level, Summary};
use formula::{Form, ValueType};
use rayon::prelude::*;

use super::definitions::Sound;

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
    let given = |name: &str| sound.kept.as_ref()?.values(name);
    let kept = sound.kept.as_ref().filter(|_| needed.iter().any(|name| given(name).is_some()));
    let fresh: Vec<&str> = needed.iter().copied().filter(|name| given(name).is_none()).collect();
    let (rows, design) = match kept {
        Some(kept) => (kept.rows(), kept.design()),
        None if needed.is_empty() => (1, Design::Plain),
        None => (sampling.samples, design(sampling.samples, needed.len())),
    };
    let drawn = if fresh.is_empty() {
        Draws::new(design)
    } else {
        // Beside draws from a file, plain ones: the file's may have taken the Sobol sequence.
        let own = if kept.is_some() { Design::Plain } else { design };
        sampled(&sound.uncertain, &fresh)?.sampler(sampling.seed, own)?.draw(rows)?
    };
    let inputs: Vec<&[f64]> = (needed.iter())
        .map(|name| given(name).map_or_else(|| drawn.column(name), Ok))
        .collect::<Result<_, _>>()?;
    let mut columns = evaluate::columns(&compiled, &inputs, rows)?;

    // A summary over draws is one number in every row. How it would vary with other draws shows
    // when it is taken over parts of these.
    let is_one = |column: &[f64]| column.iter().all(|v| v.to_bits() == column[0].to_bits());
    let errors = if compiled.is_rowwise() {
        Vec::new()
    } else {
        let whole: Vec<f64> =
            columns.iter().map(|column| column.first().copied().unwrap_or(f64::NAN)).collect();
        evaluate::summary_errors(&compiled, &inputs, &whole)?
    };

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
                if !errors.is_empty() && is_one(&column) {
                    let standard_error = errors[number] * factor;
                    return Ok(Found::OfDraws(Estimate { value: column[0], standard_error }));
                }
                describe(column, design, &value, sampling.level)
            })
            .collect::<Result<Vec<_>, Diagnostic>>()?;
        let unit = checked.unit_in_words(name, &value)?;
        let times = output.times.clone();
        answers.push(Answer { name: name.clone(), value, unit, times, found });
    }
    Ok(answers)
}

/// Scrambled Sobol rows where there are enough of them to be dealt into replicates.
fn design(rows: usize, inputs: usize) -> Design {
    if rows >= 64 * BATCHES && inputs <= 500 { Design::SOBOL } else { Design::Plain }
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
