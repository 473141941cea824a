//! The same answers in Rust: what the page must give, at the study's settings and at others.
//! As `page/live.js` does it.

use std::collections::HashMap;

use diagnostic::Diagnostic;
use formula::Columns;

use super::{End, Live, LiveProgram, PATH_DRAWS, SWEPT_DRAWS, Source, Summary};

/// The page with its sliders at one setting; what was computed is kept.
pub(super) struct Setting<'a> {
    live: &'a Live,
    moved: &'a [(&'a str, f64)],
    known: HashMap<&'a str, Vec<Output>>,
}

/// What a program gave, and columns of it in rising order; `None` where a draw is NaN.
struct Output {
    columns: Columns,
    sorted: HashMap<String, Option<Vec<f64>>>,
}

impl Live {
    /// What `source` gives in Rust with the sliders of `setting` moved and the others at rest.
    ///
    /// Only for programs added in this process: JSON holds the JavaScript alone.
    pub fn evaluate(
        &self,
        setting: &[(&str, f64)],
        source: &Source,
    ) -> Result<Vec<f64>, Diagnostic> {
        Setting::new(self, setting).values(source)
    }

    pub(crate) fn find(&self, source: &Source) -> Result<&LiveProgram, Diagnostic> {
        let named = self.programs.iter().find(|program| program.name == source.program);
        named.ok_or_else(|| Diagnostic::error(format!("no live program `{}`", source.program)))
    }

    /// What is wrong with a source, if anything.
    pub(crate) fn check_source(&self, source: &Source) -> Result<(), Diagnostic> {
        let program = self.find(source)?;
        for output in &source.outputs {
            if !program.outputs.iter().any(|(name, _)| name == output) {
                return Err(Diagnostic::error(format!(
                    "the live program `{}` has no output `{output}`",
                    program.name
                )));
            }
        }
        if matches!(source.summary, Summary::Swing(_)) && program.swings.is_none() {
            return Err(Diagnostic::error(format!(
                "the live program `{}` swings no inputs",
                program.name
            )));
        }
        Ok(())
    }
}

impl<'a> Setting<'a> {
    pub(super) fn new(live: &'a Live, moved: &'a [(&'a str, f64)]) -> Self {
        Self { live, moved, known: HashMap::new() }
    }

    /// The numbers of a source.
    pub(super) fn values(&mut self, source: &Source) -> Result<Vec<f64>, Diagnostic> {
        let program = self.live.find(source)?;
        if !self.known.contains_key(program.name.as_str()) {
            let outputs = self.run(program)?;
            self.known.insert(&program.name, outputs);
        }
        let outputs = self.known.get_mut(program.name.as_str()).map_or(&mut [][..], |all| all);
        let mut values = Vec::new();
        for output in outputs {
            for named in &source.outputs {
                let columns = program.columns(named);
                let rows = if columns.len() > 1 { PATH_DRAWS } else { usize::MAX };
                for name in columns {
                    output.summarise(name, rows, program, source.summary, &mut values);
                }
            }
        }
        Ok(values)
    }

    fn run(&mut self, program: &LiveProgram) -> Result<Vec<Output>, Diagnostic> {
        let compiled = program.compiled.as_ref().ok_or_else(|| {
            Diagnostic::error(format!("the program `{}` was read from a file", program.name))
                .help("compute answers before the document is written")
        })?;
        let mut table = self.table(program)?;
        let output = |table: &Columns| {
            Ok(Output { columns: compiled.evaluate(table)?, sorted: HashMap::new() })
        };
        let Some(sweep) = &program.sweep else { return Ok(vec![output(&table)?]) };
        let mut outputs = Vec::new();
        for &value in &sweep.values {
            if program.inputs.contains(&sweep.name) {
                table.set(&sweep.name, vec![value; table.rows()]);
            } else {
                table.set_number(&sweep.name, value);
            }
            outputs.push(output(&table)?);
        }
        Ok(outputs)
    }

    /// What a program is given.
    fn table(&mut self, program: &LiveProgram) -> Result<Columns, Diagnostic> {
        let swept = program.sweep.as_ref().map(|sweep| sweep.name.as_str());
        let rows = match (&program.swings, swept) {
            (Some(swings), _) => 1 + 2 * swings.swung.len(),
            (None, Some(_)) => self.live.rows().min(SWEPT_DRAWS),
            (None, None) => self.live.rows(),
        };
        let mut table = Columns::new(rows);
        for name in program.inputs.iter().filter(|name| swept != Some(name.as_str())) {
            let column = match &program.swings {
                Some(swings) => swings.column(name, self.moved(name)),
                None => self.column(name)?,
            };
            let column = match column {
                Some(column) => column.into_iter().take(rows).collect(),
                None => vec![self.number(name)?; rows],
            };
            table.set(name, column);
        }
        for name in program.parameters.iter().filter(|name| swept != Some(name.as_str())) {
            table.set_number(name, self.number(name)?);
        }
        Ok(table)
    }

    fn moved(&self, name: &str) -> Option<f64> {
        self.moved.iter().find(|(moved, _)| *moved == name).map(|&(_, value)| value)
    }

    fn number(&mut self, name: &str) -> Result<f64, Diagnostic> {
        if let Some(value) = self.moved(name) {
            return Ok(value);
        }
        let slider = self.live.sliders.iter().find(|slider| slider.name == name);
        let constant = self.live.constants.iter().find(|(known, _)| known == name);
        match (slider, constant, self.derived(name)) {
            (Some(slider), ..) => Ok(slider.value),
            (None, Some((_, value)), _) => Ok(*value),
            (None, None, Some(source)) => {
                Ok(self.values(source)?.first().copied().unwrap_or(f64::NAN))
            }
            (None, None, None) => Ok(f64::NAN),
        }
    }

    /// A number a draw; `None` where it is one for all.
    fn column(&mut self, name: &str) -> Result<Option<Vec<f64>>, Diagnostic> {
        if let Some(source) = self.derived(name)
            && source.summary == Summary::Draws
        {
            return self.values(source).map(Some);
        }
        let drawn = self.live.draws.iter().find(|draws| draws.name == name);
        let still = self.moved(name).is_none();
        Ok(drawn.filter(|_| still).map(|draws| draws.values.clone()))
    }

    fn derived(&self, name: &str) -> Option<&'a Source> {
        let live = self.live;
        live.derived.iter().find(|(known, _)| known == name).map(|(_, source)| source)
    }
}

impl super::Swings {
    /// Whether it says where this input stands.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.swung.iter().any(|swing| swing.name == name)
            || self.held.iter().any(|(held, _)| held == name)
    }

    /// The rows of an input; `None` for one that this does not know.
    fn column(&self, name: &str, moved: Option<f64>) -> Option<Vec<f64>> {
        let rows = 1 + 2 * self.swung.len();
        let place = self.swung.iter().position(|swing| swing.name == name);
        let held = self.held.iter().find(|(held, _)| held == name).map(|&(_, value)| value);
        let middle = moved.or(place.map(|place| self.swung[place].middle)).or(held)?;
        let mut column = vec![middle; rows];
        if let Some(place) = place {
            column[1 + 2 * place] = self.swung[place].low;
            column[2 + 2 * place] = self.swung[place].high;
        }
        Some(column)
    }
}

impl LiveProgram {
    /// The columns of an output.
    fn columns(&self, output: &str) -> &[String] {
        let named = self.outputs.iter().find(|(name, _)| name == output);
        named.map(|(_, columns)| columns.as_slice()).unwrap_or_default()
    }
}

impl super::Slider {
    /// The value at a share of the way.
    pub(crate) fn at(&self, way: f64) -> f64 {
        if self.log {
            self.from * (self.to / self.from).powf(way)
        } else {
            self.from + (self.to - self.from) * way
        }
    }

    /// Where its value stands, in thousandths of the way.
    pub(crate) fn way(&self) -> u32 {
        let way = if self.log {
            (self.value / self.from).ln() / (self.to / self.from).ln()
        } else {
            (self.value - self.from) / (self.to - self.from)
        };
        (way.clamp(0.0, 1.0) * 1000.0).round() as u32
    }
}

impl Output {
    fn summarise(
        &mut self,
        name: &str,
        rows: usize,
        program: &LiveProgram,
        summary: Summary,
        to: &mut Vec<f64>,
    ) {
        let column = self.columns.get(name).unwrap_or_default();
        let first = column.first().copied().unwrap_or(f64::NAN);
        match summary {
            Summary::Mean => to.push(column.iter().sum::<f64>() / column.len() as f64),
            Summary::First => to.push(first),
            Summary::Draws => to.extend(column),
            Summary::Swing(end) => {
                let inputs = program.swings.as_ref().map_or(0, |swings| swings.swung.len());
                to.extend((0..inputs).map(|input| match end {
                    End::Middle => first,
                    End::Low => column[1 + 2 * input],
                    End::High => column[2 + 2 * input],
                }));
            }
            Summary::Quantile(level) => to.push(quantile(self.sorted(name, rows), level)),
            Summary::Reach(steps) => to.extend(reach(self.sorted(name, rows), steps)),
            Summary::ByReach(steps) => {
                let sorted = self.sorted(name, rows);
                let count = sorted.map_or(0, <[f64]>::len) as f64;
                to.extend(reach(sorted, steps).into_iter().map(|date| match sorted {
                    Some(sorted) if !date.is_nan() => {
                        sorted.partition_point(|value| *value <= date + SAME_DATE) as f64 / count
                    }
                    _ => f64::NAN,
                }));
            }
        }
    }

    /// The first `rows` draws in rising order; `None` where one is NaN.
    fn sorted(&mut self, name: &str, rows: usize) -> Option<&[f64]> {
        let columns = &self.columns;
        let sorted = self.sorted.entry(name.to_owned()).or_insert_with(|| {
            let mut column = columns.get(name).unwrap_or_default().to_vec();
            column.truncate(rows);
            if column.is_empty() || column.iter().any(|value| value.is_nan()) {
                return None;
            }
            column.sort_unstable_by(f64::total_cmp);
            Some(column)
        });
        sorted.as_deref()
    }
}

/// In years: dates are sums of rounded numbers, and a thirtieth of a second decides nothing.
const SAME_DATE: f64 = 1e-9;

/// The longest stretch of dates that is drawn, in years.
const CENTURY: f64 = 100.0;

fn quantile(sorted: Option<&[f64]>, level: f64) -> f64 {
    let Some(sorted) = sorted else { return f64::NAN };
    let place = level * (sorted.len() - 1) as f64;
    let (low, share) = (place.floor() as usize, place - place.floor());
    if share == 0.0 || sorted[low] == sorted[low + 1] {
        return sorted[low];
    }
    sorted[low] + share * (sorted[low + 1] - sorted[low])
}

/// The dates between which most draws lie, evenly spaced.
fn reach(sorted: Option<&[f64]>, steps: u32) -> Vec<f64> {
    let count = steps as usize + 1;
    let come = sorted.map(|dates| &dates[..dates.partition_point(|date| *date <= f64::MAX)]);
    let come = come.filter(|dates| !dates.is_empty());
    let (first, last) = (quantile(come, 0.01).floor(), quantile(come, 0.99));
    if !(first.is_finite() && last.is_finite()) {
        return vec![f64::NAN; count];
    }
    let last = last.ceil().clamp(first + 1.0, first + CENTURY);
    (0..count).map(|step| first + (last - first) * step as f64 / f64::from(steps)).collect()
}
