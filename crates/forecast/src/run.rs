//! Running a scenario: draws in, draws of every output out.

use diagnostic::Diagnostic;
use draws::evaluate;
use draws::{Design, Draws, Estimate, Interval, Level};
use formula::{Compiled, ValueType};
use rayon::prelude::*;

use crate::model::{CaseModel, Model};

/// Rows from which a quasi-random design is worth it, and inputs up to which there is one.
const SOBOL_ROWS: usize = 1024;
const SOBOL_INPUTS: usize = 500;

/// How to run a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many samples to draw.
    pub samples: usize,
    /// The seed of the draws.
    pub seed: u64,
}

impl Settings {
    /// As the scenario says.
    pub fn of(model: &Model) -> Self {
        Self { samples: model.scenario.samples(), seed: model.scenario.seed() }
    }
}

/// The answer of a scenario: draws of its inputs and, for each case, of its outputs.
///
/// Row `i` of every column is the same imagined world, in every case: results may be added,
/// subtracted and divided row by row.
#[derive(Debug, Clone)]
pub struct Run {
    /// The scenario's title.
    pub title: String,
    /// How it was run.
    pub settings: Settings,
    /// The draws of the inputs, in base units.
    pub inputs: Draws,
    /// One case for each combination of the choices.
    pub cases: Vec<Case>,
}

/// One combination of choices.
#[derive(Debug, Clone)]
pub struct Case {
    /// Choice and variant.
    pub choices: Vec<(String, String)>,
    /// `capability holds, locality fails`; empty without choices.
    pub label: String,
    /// The outputs, in the order of the file.
    pub outputs: Vec<OutputRun>,
}

/// One output.
#[derive(Debug, Clone)]
pub struct OutputRun {
    /// Its name.
    pub name: String,
    /// What to know about it.
    pub note: String,
    /// How its numbers are to be read.
    pub value: ValueType,
    /// The unit of its numbers; empty for plain numbers and conditions.
    pub unit: String,
    /// The times of a path as decimal years; `None` for a single value.
    pub times: Option<Vec<f64>>,
    /// One for each time, or a single one.
    pub columns: Vec<Column>,
    design: Design,
}

/// The numbers of an output at one time.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// It depends on nothing uncertain.
    Exact(f64),
    /// One number computed from all draws, such as a probability.
    OfDraws(Estimate),
    /// A number for every draw.
    Drawn(Vec<f64>),
}

impl Model {
    /// Runs the scenario as it says itself.
    ///
    /// ```
    /// use forecast::{Model, Scenario};
    ///
    /// let scenario = Scenario::from_toml("gap.toml", r#"
    ///     [inputs]
    ///     gap = "300 to 3000"
    ///     growth = "2x/yr to 8x/yr"
    ///     [outputs]
    ///     closes_in = "ln(gap) / growth"
    /// "#)?;
    /// let run = Model::new(&scenario)?.run()?;
    /// let median = run.cases[0].outputs[0].quantiles(0, &[0.5])?[0].value;
    /// assert!((median / 31_557_600.0 - 4.96).abs() < 0.02);
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// More samples than fit in memory.
    pub fn run(&self) -> Result<Run, Diagnostic> {
        self.run_with(Settings::of(self))
    }

    /// Runs the scenario with other settings.
    ///
    /// # Errors
    /// More samples than fit in memory.
    pub fn run_with(&self, settings: Settings) -> Result<Run, Diagnostic> {
        let inputs = self.draw(settings)?;
        let all: Vec<usize> = (0..self.scenario.outputs.len()).collect();
        let cases = self
            .cases
            .iter()
            .map(|case| self.case(case, &inputs, settings, &all))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Run { title: self.scenario.title.clone(), settings, inputs, cases })
    }

    /// Quantiles of every output without keeping its draws: for more samples than there is room
    /// for. One output at a time is in memory, and so what outputs have in common is computed
    /// again for each.
    ///
    /// ```
    /// use forecast::{Model, Settings, catalogue};
    ///
    /// let model = Model::new(&catalogue::find("gap")?)?;
    /// let settings = Settings { samples: 4096, seed: 1 };
    /// let fans = model.fans(settings, &[0.05, 0.5, 0.95])?;
    /// let whole = model.run_with(settings)?;
    /// let output = whole.cases[0].output("remaining").unwrap();
    /// let (_, fan) = fans[0].outputs.iter().find(|(name, _)| name == "remaining").unwrap();
    /// assert_eq!(*fan, output.fan(&[0.05, 0.5, 0.95])?);
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// Probabilities outside 0 to 1, and more samples than fit in memory all the same.
    pub fn fans(
        &self,
        settings: Settings,
        probabilities: &[f64],
    ) -> Result<Vec<CaseFans>, Diagnostic> {
        let inputs = self.draw(settings)?;
        self.cases
            .iter()
            .map(|case| {
                let fan = |number: usize| {
                    let found = self.case(case, &inputs, settings, &[number])?;
                    let fan = found.outputs.first().map(|output| output.fan(probabilities));
                    Ok(fan
                        .transpose()?
                        .map(|fan| (self.scenario.outputs[number].name.text().to_owned(), fan)))
                };
                let outputs = (0..self.scenario.outputs.len())
                    .map(fan)
                    .collect::<Result<Vec<_>, Diagnostic>>()?;
                Ok(CaseFans {
                    label: case.label(),
                    outputs: outputs.into_iter().flatten().collect(),
                })
            })
            .collect()
    }

    /// The draws of all inputs.
    pub(crate) fn draw(&self, settings: Settings) -> Result<Draws, Diagnostic> {
        let design = self.design(settings);
        if self.inputs.names().is_empty() {
            return Ok(Draws::new(design).with_seed(settings.seed));
        }
        let draws = self.inputs.sampler(settings.seed, design)?.draw(settings.samples)?;
        Ok(draws.with_source(self.scenario.origin.clone()))
    }

    pub(crate) fn design(&self, settings: Settings) -> Design {
        let few = self.inputs.names().len() <= SOBOL_INPUTS;
        if settings.samples >= SOBOL_ROWS && few { Design::SOBOL } else { Design::Plain }
    }

    fn case(
        &self,
        case: &CaseModel,
        inputs: &Draws,
        settings: Settings,
        chosen: &[usize],
    ) -> Result<Case, Diagnostic> {
        let mut slots: Vec<Option<OutputRun>> = vec![None; self.scenario.outputs.len()];
        // What looks at one sample at a time is evaluated in blocks, the rest over all at once.
        let (mut by_row, mut by_all) = (Vec::new(), Vec::new());
        for &number in chosen {
            let output = &self.scenario.outputs[number];
            let alone = case.checked.compile(&[output.name.text()])?;
            if alone.is_rowwise() { by_row.push(number) } else { by_all.push(number) }
        }
        for group in [by_row, by_all] {
            if group.is_empty() {
                continue;
            }
            let names: Vec<&str> =
                group.iter().map(|&number| self.scenario.outputs[number].name.text()).collect();
            let compiled = case.checked.compile(&names)?;
            let (columns, errors) = case.evaluate(&compiled, inputs, settings.samples)?;
            let mut columns: Vec<Option<Vec<f64>>> = columns.into_iter().map(Some).collect();
            for (output, &number) in compiled.outputs().iter().zip(&group) {
                let written = &self.scenario.outputs[number];
                let value = match &written.unit {
                    Some(unit) => case
                        .checked
                        .value_type_in(&output.name, unit.text())
                        .map_err(|e| unit.point(e, "this unit"))?,
                    None => output.value.clone(),
                };
                let factor = |value: &ValueType| value.unit().map_or(1.0, formula::Unit::factor);
                let factor = factor(&output.value) / factor(&value);
                let certain = case.checked.depends_on(&output.name)?.is_empty();
                let made = output.columns.clone().map(|number| {
                    let mut column = columns[number].take().unwrap_or_default();
                    if certain || errors.is_some() && is_one(&column) {
                        let value = column.first().map_or(f64::NAN, |value| value * factor);
                        return match &errors {
                            Some(errors) if !certain => {
                                let standard_error = errors[number] * factor.abs();
                                Column::OfDraws(Estimate { value, standard_error })
                            }
                            _ => Column::Exact(value),
                        };
                    }
                    if factor != 1.0 {
                        for value in &mut column {
                            *value *= factor;
                        }
                    }
                    Column::Drawn(column)
                });
                slots[number] = Some(OutputRun {
                    name: output.name.clone(),
                    note: written.note.clone(),
                    columns: made.collect(),
                    unit: case.checked.unit_in_words(&output.name, &value)?,
                    value,
                    times: output.times.clone(),
                    design: self.design(settings),
                });
            }
        }
        Ok(Case {
            choices: case.choices.clone(),
            label: case.label(),
            outputs: slots.into_iter().flatten().collect(),
        })
    }
}

/// All columns; and, where samples are summarised, the standard errors of the summaries.
pub(crate) type Evaluated = (Vec<Vec<f64>>, Option<Vec<f64>>);

fn is_one(column: &[f64]) -> bool {
    column.iter().all(|value| value.to_bits() == column[0].to_bits())
}

impl CaseModel {
    /// All columns of `compiled` over the draws; and, where it summarises samples, the standard
    /// errors of those that do.
    pub(crate) fn evaluate(
        &self,
        compiled: &Compiled,
        inputs: &Draws,
        samples: usize,
    ) -> Result<Evaluated, Diagnostic> {
        let needed = compiled.inputs();
        let slices: Vec<&[f64]> = needed
            .iter()
            .map(|input| inputs.column(&self.column(&input.name)))
            .collect::<Result<_, _>>()?;
        let rows = if slices.is_empty() { 1 } else { samples };
        let columns = evaluate::columns(compiled, &slices, rows)?;
        if compiled.is_rowwise() {
            return Ok((columns, None));
        }
        let whole: Vec<f64> =
            columns.iter().map(|column| column.first().copied().unwrap_or(f64::NAN)).collect();
        let errors = evaluate::summary_errors(compiled, &slices, &whole)?;
        Ok((columns, Some(errors)))
    }
}

impl Run {
    /// The case with these variants; the only one, where there is no choice.
    pub fn case(&self, variants: &[&str]) -> Option<&Case> {
        self.cases.iter().find(|case| {
            case.choices.len() == variants.len()
                && case.choices.iter().zip(variants).all(|((_, own), asked)| own == asked)
        })
    }
}

impl Case {
    /// The output of this name.
    pub fn output(&self, name: &str) -> Option<&OutputRun> {
        self.outputs.iter().find(|output| output.name == name)
    }

    /// The draws of the outputs as named columns, `name` or `name@2030`, in the units shown.
    ///
    /// # Errors
    /// Two outputs of one name.
    pub fn draws(&self, settings: Settings) -> Result<Draws, Diagnostic> {
        let design = self.outputs.first().map_or(Design::Plain, |output| output.design);
        let mut draws = Draws::new(design).with_seed(settings.seed);
        for output in &self.outputs {
            for (number, column) in output.columns.iter().enumerate() {
                let name = match &output.times {
                    Some(times) => format!("{}@{}", output.name, times[number]),
                    None => output.name.clone(),
                };
                if let Column::Drawn(values) = column {
                    draws.push(name, values.clone())?;
                }
            }
        }
        Ok(draws)
    }
}

impl OutputRun {
    /// Quantiles at time number `time` (0 for a single value), with their standard errors.
    ///
    /// # Errors
    /// A time that there is not.
    pub fn quantiles(
        &self,
        time: usize,
        probabilities: &[f64],
    ) -> Result<Vec<Estimate>, Diagnostic> {
        let exact = |value: f64| Estimate { value, standard_error: 0.0 };
        Ok(match self.column(time)? {
            Column::Exact(value) => vec![exact(*value); probabilities.len()],
            Column::OfDraws(estimate) => vec![*estimate; probabilities.len()],
            Column::Drawn(values) => draws::estimate::quantiles(values, self.design, probabilities),
        })
    }

    /// The share of samples in which `event` holds at time number `time`.
    ///
    /// # Errors
    /// A time that there is not.
    pub fn probability(
        &self,
        time: usize,
        event: impl Fn(f64) -> bool,
    ) -> Result<Estimate, Diagnostic> {
        Ok(match self.column(time)? {
            Column::Exact(value) | Column::OfDraws(Estimate { value, .. }) => {
                Estimate { value: f64::from(u8::from(event(*value))), standard_error: 0.0 }
            }
            Column::Drawn(values) => draws::estimate::probability(values, self.design, event),
        })
    }

    /// The central interval at time number `time`.
    ///
    /// # Errors
    /// A time that there is not.
    pub fn interval(&self, time: usize, level: Level) -> Result<Interval, Diagnostic> {
        let ends = self.quantiles(time, &[level.lower(), level.upper()])?;
        Ok(Interval { level, low: ends[0], high: ends[1] })
    }

    /// The numbers at time number `time`.
    ///
    /// # Errors
    /// A time that there is not.
    pub fn column(&self, time: usize) -> Result<&Column, Diagnostic> {
        self.columns.get(time).ok_or_else(|| {
            Diagnostic::error(format!(
                "`{}` has {} times, not a time number {time}",
                self.name,
                self.columns.len()
            ))
        })
    }

    /// The number of the time nearest to `year`; 0 for a single value.
    pub fn time(&self, year: f64) -> usize {
        let times = self.times.as_deref().unwrap_or_default();
        let off = |index: &usize| (times[*index] - year).abs();
        (0..times.len()).min_by(|a, b| off(a).total_cmp(&off(b))).unwrap_or(0)
    }

    /// The fan of a path, or the one row of a single value: quantiles at each time.
    ///
    /// # Errors
    /// Probabilities outside 0 to 1.
    pub fn fan(&self, probabilities: &[f64]) -> Result<Fan, Diagnostic> {
        if let Some(&bad) = probabilities.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            return Err(draws::Error::Probability(bad).into());
        }
        let rows = (0..self.columns.len())
            .into_par_iter()
            .map(|time| self.quantiles(time, probabilities))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Fan { probabilities: probabilities.to_vec(), times: self.times.clone(), rows })
    }
}

/// The fans of one combination of choices.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseFans {
    /// `capability holds, locality fails`; empty without choices.
    pub label: String,
    /// Name and fan of each output, in the order of the file.
    pub outputs: Vec<(String, Fan)>,
}

/// Quantiles over time, with the probabilities they belong to.
#[derive(Debug, Clone, PartialEq)]
pub struct Fan {
    /// The probabilities of the quantiles: 0.05 for p5.
    pub probabilities: Vec<f64>,
    /// The times as decimal years; `None` for a single value.
    pub times: Option<Vec<f64>>,
    /// For each time, one quantile for each probability.
    pub rows: Vec<Vec<Estimate>>,
}
