//! Reads the file of a scenario.

use std::io;
use std::ops::Range;
use std::path::Path;

use diagnostic::Diagnostic;
use draws::Level;
use serde::Deserialize;
use toml::Spanned;

use super::toml_parts::{Entry, Ordered, Scalar, Words};
use super::{
    Check, Choice, Correlation, Input, MOST_SAMPLES, Output, Scenario, SensitivityRequest, Series,
    SeriesForm, TimeAxis, TrendRequest,
};
use crate::check::Verdict;
use crate::data::{DataSpec, Points, Table};
use crate::priors::PriorSet;
use crate::written::{File, Written};

/// Reads a file that another one (by its origin) names: the origin and text of the file named.
pub type Reader<'a> = &'a dyn Fn(&str, &str) -> io::Result<(String, String)>;

/// Files are sought beside the one that names them.
pub(super) fn beside(from: &str, wanted: &str) -> io::Result<(String, String)> {
    let path = Path::new(from).parent().unwrap_or(Path::new("")).join(wanted);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok((path.display().to_string(), text)),
        // A name without an ending may be one of the catalogue.
        Err(_) if Path::new(wanted).extension().is_none() => crate::catalogue::beside(from, wanted),
        Err(problem) => Err(problem),
    }
}

/// Files based on files based on files: more is a mistake.
const DEEPEST_BASE: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioFile {
    base: Option<Spanned<String>>,
    #[serde(default)]
    scenario: Header,
    #[serde(default)]
    units: Ordered<Spanned<String>>,
    #[serde(default)]
    data: Ordered<DataEntry>,
    #[serde(default)]
    trend: Ordered<TrendEntry>,
    #[serde(default)]
    inputs: Ordered<Spanned<Entry<InputFields>>>,
    #[serde(default)]
    correlate: Ordered<Spanned<f64>>,
    #[serde(default)]
    series: Ordered<SeriesEntry>,
    #[serde(default)]
    choice: Ordered<Ordered<Spanned<Scalar>>>,
    #[serde(default)]
    model: Ordered<Spanned<Scalar>>,
    #[serde(default)]
    outputs: Ordered<Spanned<Entry<OutputFields>>>,
    sensitivity: Option<SensitivityEntry>,
    #[serde(default)]
    check: Vec<CheckEntry>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    #[serde(default)]
    title: String,
    #[serde(default)]
    notes: String,
    from: Option<Spanned<Scalar>>,
    to: Option<Spanned<Scalar>>,
    step: Option<Spanned<Scalar>>,
    samples: Option<Spanned<i64>>,
    seed: Option<Spanned<i64>>,
    level: Option<Spanned<Scalar>>,
    #[serde(default, rename = "use")]
    uses: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputFields {
    value: Option<Spanned<Scalar>>,
    trend: Option<Spanned<String>>,
    #[serde(default)]
    source: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    date: String,
    source_range: Option<Spanned<Scalar>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputFields {
    expr: Spanned<Scalar>,
    #[serde(rename = "in")]
    unit: Option<Spanned<String>>,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeriesEntry {
    at: Option<Spanned<Scalar>>,
    start: Option<Spanned<Scalar>>,
    next: Option<Spanned<Scalar>>,
}

/// A date and a value.
type ListedPoint = (Spanned<String>, f64);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataEntry {
    file: Option<Spanned<String>>,
    date: Option<Spanned<String>>,
    value: Option<Spanned<String>>,
    low: Option<Spanned<String>>,
    high: Option<Spanned<String>>,
    #[serde(rename = "where")]
    filter: Option<Spanned<String>>,
    points: Option<Vec<ListedPoint>>,
    output: Option<Spanned<String>>,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrendEntry {
    data: Spanned<String>,
    shape: Option<Spanned<String>>,
    top: Option<Spanned<i64>>,
    since: Option<Spanned<Scalar>>,
    until: Option<Spanned<Scalar>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SensitivityEntry {
    of: Vec<Spanned<String>>,
    method: Option<Spanned<Words>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckEntry {
    claim: Spanned<String>,
    #[serde(default)]
    words: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    with: Ordered<Spanned<Scalar>>,
    #[serde(default)]
    given: Ordered<Spanned<Scalar>>,
    expr: Option<Spanned<Scalar>>,
    #[serde(default)]
    missing: String,
    stated: Option<Spanned<Scalar>>,
    to: Option<Spanned<Scalar>>,
    within: Option<Spanned<Scalar>>,
    partly: Option<Spanned<Scalar>>,
    verdict: Option<Spanned<String>>,
    #[serde(default)]
    note: String,
}

pub(super) fn read(origin: &str, text: &str, reader: Reader<'_>) -> Result<Scenario, Diagnostic> {
    read_onto(origin, text, reader, &mut vec![origin.to_owned()])
}

/// Reads a file and, first, the one it is based on; `chain` holds the files on the way here.
fn read_onto(
    origin: &str,
    text: &str,
    reader: Reader<'_>,
    chain: &mut Vec<String>,
) -> Result<Scenario, Diagnostic> {
    let file = File::new(origin, text);
    let entries: ScenarioFile = toml::from_str(text).map_err(|problem| {
        let message = problem.message().lines().next().unwrap_or("not a scenario").to_owned();
        file.error(message, problem.span().unwrap_or(0..0), "here")
            .help("the book's chapter \"Write a scenario\" describes the file of a scenario")
    })?;
    let base = match &entries.base {
        None => Scenario::default(),
        Some(name) => {
            let place = file.string(name);
            let (base_origin, base_text) = reader(origin, name.get_ref()).map_err(|problem| {
                place.error(format!("the base cannot be read: {problem}"), "this file")
            })?;
            if chain.contains(&base_origin) || chain.len() > DEEPEST_BASE {
                chain.push(base_origin);
                return Err(place
                    .error("a scenario cannot be based on itself", "leads back")
                    .note(chain.join(" is based on ")));
            }
            chain.push(base_origin.clone());
            read_onto(&base_origin, &base_text, reader, chain)?
        }
    };
    let mut scenario = file.scenario(entries, reader)?;
    origin.clone_into(&mut scenario.origin);
    Ok(base.changed_by(scenario))
}

impl File {
    fn string(&self, value: &Spanned<String>) -> Written {
        self.written(value.get_ref().as_str(), value.span())
    }

    fn scalar(&self, value: &Spanned<Scalar>) -> Written {
        self.at(&value.get_ref().0, value.span())
    }

    fn date(&self, value: Option<&Spanned<Scalar>>) -> Result<Option<f64>, Diagnostic> {
        let Some(value) = value else { return Ok(None) };
        let place = self.scalar(value);
        crate::number::date(place.text()).map(Some).ok_or_else(|| {
            place.error("expected a date", "not a date").help("write `2025-07-01` or `2025`")
        })
    }

    /// A bare number keeps the digits it is written with.
    fn at(&self, text: &str, span: Range<usize>) -> Written {
        let raw = self.text.get(span.clone()).unwrap_or_default();
        let bare = raw.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
        self.written(if bare { raw } else { text }, span)
    }

    fn scenario(&self, entries: ScenarioFile, reader: Reader<'_>) -> Result<Scenario, Diagnostic> {
        let header = entries.scenario;
        let mut scenario = Scenario {
            title: header.title,
            notes: header.notes.trim().to_owned(),
            ..Scenario::default()
        };
        for set in &header.uses {
            scenario.uses.push(PriorSet::find(self.string(set), &self.origin, reader)?);
        }
        let axis = (&header.from, &header.to, &header.step);
        scenario.time = match axis {
            (Some(from), Some(to), step) => Some(TimeAxis {
                from: self.scalar(from),
                to: self.scalar(to),
                step: step
                    .as_ref()
                    .map_or_else(|| self.scalar(from).restated("1 yr"), |step| self.scalar(step)),
            }),
            (None, None, None) => None,
            (from, to, step) => {
                let given = from.as_ref().or(to.as_ref()).or(step.as_ref());
                let span = given.map_or(0..0, Spanned::span);
                return Err(self
                    .error("a time axis needs `from` and `to`", span, "only this is given")
                    .help("for example `from = 2026`, `to = 2036`, `step = \"1 yr\"`"));
            }
        };
        if let Some(samples) = &header.samples {
            let count = usize::try_from(*samples.get_ref()).unwrap_or(0);
            if !(2..=MOST_SAMPLES).contains(&count) {
                let message = format!("samples must be from 2 to {MOST_SAMPLES}");
                return Err(self.error(message, samples.span(), "out of range"));
            }
            scenario.samples = Some(count);
        }
        if let Some(seed) = &header.seed {
            let value = u64::try_from(*seed.get_ref())
                .map_err(|_| self.error("a seed is not negative", seed.span(), "negative"))?;
            scenario.seed = Some(value);
        }
        if let Some(level) = &header.level {
            let place = self.scalar(level);
            let share = crate::number::share(place.text());
            let level = share.and_then(|share| Level::new(share).ok()).ok_or_else(|| {
                place.error("a level lies between 0 and 1", "not a level").help("for example `90%`")
            })?;
            scenario.stated_level = Some(level);
        }
        for (name, unit) in &entries.units.0 {
            scenario.units.push((self.string(name), self.string(unit)));
        }
        for (name, entry) in &entries.data.0 {
            scenario.data.push(self.data(name, entry, reader)?);
        }
        for (name, entry) in &entries.trend.0 {
            let top = entry.top.as_ref().map(|top| {
                usize::try_from(*top.get_ref())
                    .ok()
                    .filter(|top| *top > 0)
                    .ok_or_else(|| self.error("`top` counts from 1", top.span(), "not a count"))
            });
            scenario.trends.push(TrendRequest {
                name: self.string(name),
                data: self.string(&entry.data),
                shape: entry.shape.as_ref().map(|shape| self.string(shape)),
                top: top.transpose()?,
                window: (
                    self.date(entry.since.as_ref())?.unwrap_or(f64::NEG_INFINITY),
                    self.date(entry.until.as_ref())?.unwrap_or(f64::INFINITY),
                ),
                known_until: None,
                fitted: crate::trend_input::Fitted::default(),
            });
        }
        for (name, entry) in entries.inputs.0 {
            let mut input = self.input(&name, entry)?;
            if let Some(request) = super::fit::fitted(&mut input)?
                && scenario.trends.iter().all(|known| known.name != request.name)
            {
                scenario.trends.push(request);
            }
            scenario.inputs.push(input);
        }
        for (names, rho) in &entries.correlate.0 {
            let place = self.string(names);
            let Some((a, b)) = names.get_ref().split_once(',') else {
                return Err(place
                    .error("a correlation is between two inputs", "one name")
                    .help("for example `\"a, b\" = 0.3`"));
            };
            let (a, b) = (a.trim().to_owned(), b.trim().to_owned());
            scenario.correlations.push(Correlation { a, b, rho: *rho.get_ref(), place });
        }
        for (name, entry) in &entries.series.0 {
            let name = self.string(name);
            let form = match (&entry.at, &entry.start, &entry.next) {
                (Some(at), None, None) => SeriesForm::At(self.scalar(at)),
                (None, Some(start), Some(next)) => {
                    SeriesForm::Steps { start: self.scalar(start), next: self.scalar(next) }
                }
                _ => {
                    return Err(name
                        .error("a series needs `at`, or `start` and `next`", "this series")
                        .help("`at` is its value at time `t`; `next` its value after a step"));
                }
            };
            scenario.series.push(Series { name, form });
        }
        for (name, variants) in &entries.choice.0 {
            let name = self.string(name);
            if variants.0.is_empty() {
                return Err(name.error("a choice needs at least one variant", "has none"));
            }
            let variants =
                variants.0.iter().map(|(name, value)| (self.string(name), self.scalar(value)));
            scenario.choices.push(Choice { variants: variants.collect(), name });
        }
        for (head, body) in &entries.model.0 {
            scenario.model.push((self.string(head), self.scalar(body)));
        }
        for (name, entry) in entries.outputs.0 {
            let span = entry.span();
            let name = self.string(&name);
            scenario.outputs.push(match entry.into_inner() {
                Entry::Alone(text) => {
                    let expression = self.at(&text.0, span);
                    Output { name, expression, unit: None, note: String::new() }
                }
                Entry::Fields(fields) => Output {
                    name,
                    expression: self.scalar(&fields.expr),
                    unit: fields.unit.as_ref().map(|unit| self.string(unit)),
                    note: fields.note,
                },
            });
        }
        if let Some(asked) = &entries.sensitivity {
            let given = asked.method.as_ref();
            let methods = given.map_or(&[][..], |method| &method.get_ref().0);
            let known = ["tornado", "sobol"];
            if let Some(other) = methods.iter().find(|method| !known.contains(&method.as_str())) {
                let message = format!("there is no sensitivity method `{other}`");
                return Err(self
                    .error(message, given.map_or(0..0, Spanned::span), "not a method")
                    .help("there are `tornado` and `sobol`"));
            }
            let uses = |method: &str| methods.is_empty() || methods.iter().any(|m| m == method);
            for of in &asked.of {
                scenario.sensitivity.push(SensitivityRequest {
                    of: self.string(of),
                    tornado: uses("tornado"),
                    sobol: uses("sobol"),
                });
            }
        }
        for entry in &entries.check {
            scenario.checks.push(self.check(entry)?);
        }
        Ok(scenario)
    }

    fn check(&self, entry: &CheckEntry) -> Result<Check, Diagnostic> {
        let claim = self.string(&entry.claim);
        let pairs = |table: &Ordered<Spanned<Scalar>>| {
            let pair = |(name, value): &(_, _)| (self.string(name), self.scalar(value));
            table.0.iter().map(pair).collect::<Vec<_>>()
        };
        if entry.expr.is_none() == entry.missing.is_empty() {
            return Err(claim
                .error(
                    "a claim needs `expr`, or `missing` to say what nobody has measured",
                    "this claim",
                )
                .help("for example `expr = \"ln(gap) / growth\"`"));
        }
        let verdict = entry.verdict.as_ref().map(|verdict| self.string(verdict));
        let verdict = verdict.map(|written| {
            let known = || Verdict::ALL.map(Verdict::word);
            Verdict::named(written.text()).ok_or_else(|| written.unknown("verdict", known()))
        });
        Ok(Check {
            verdict: verdict.transpose()?,
            words: entry.words.clone(),
            source: entry.source.clone(),
            with: pairs(&entry.with),
            given: pairs(&entry.given),
            expression: entry.expr.as_ref().map(|expr| self.scalar(expr)),
            missing: entry.missing.clone(),
            stated: entry.stated.as_ref().map(|stated| self.scalar(stated)),
            stated_to: entry.to.as_ref().map(|to| self.scalar(to)),
            within: entry
                .within
                .as_ref()
                .map_or_else(|| claim.restated("5%"), |within| self.scalar(within)),
            partly: entry.partly.as_ref().map(|partly| self.scalar(partly)),
            note: entry.note.clone(),
            claim,
        })
    }

    fn input(
        &self,
        name: &Spanned<String>,
        entry: Spanned<Entry<InputFields>>,
    ) -> Result<Input, Diagnostic> {
        let (name, span) = (self.string(name), entry.span());
        let mut input = Input {
            value: name.restated(""),
            name,
            source: String::new(),
            note: String::new(),
            date: String::new(),
            source_range: None,
            trend: None,
        };
        match entry.into_inner() {
            Entry::Alone(text) => input.value = self.at(&text.0, span),
            Entry::Fields(fields) => {
                input.source = fields.source;
                input.note = fields.note;
                input.date = fields.date;
                input.source_range = fields.source_range.as_ref().map(|range| self.scalar(range));
                match (&fields.value, &fields.trend) {
                    (Some(value), None) => input.value = self.scalar(value),
                    (None, Some(trend)) => input.trend = Some(self.string(trend)),
                    _ => {
                        return Err(input
                            .name
                            .error("an input needs either `value` or `trend`", "this input")
                            .help("for example `{ value = \"3 yr to 7 yr\", source = \"...\" }`"));
                    }
                }
            }
        }
        Ok(input)
    }

    fn data(
        &self,
        name: &Spanned<String>,
        entry: &DataEntry,
        reader: Reader<'_>,
    ) -> Result<DataSpec, Diagnostic> {
        let name = self.string(name);
        let string =
            |value: &Option<Spanned<String>>| value.as_ref().map(|value| self.string(value));
        let points = match (&entry.file, &entry.points) {
            (Some(path), None) => {
                let place = self.string(path);
                let (origin, text) = reader(&self.origin, path.get_ref()).map_err(|problem| {
                    place.error(format!("the data cannot be read: {problem}"), "this file")
                })?;
                Points::Table(Box::new(Table {
                    origin,
                    text,
                    date: string(&entry.date),
                    value: string(&entry.value).ok_or_else(|| {
                        place
                            .error("`value` names the column to read", "of this file")
                            .help("for example `value = \"tokens_per_day token/day\"`")
                    })?,
                    low: string(&entry.low),
                    high: string(&entry.high),
                    filter: string(&entry.filter),
                }))
            }
            (None, Some(points)) => Points::Listed(
                points.iter().map(|(date, value)| (self.string(date), *value)).collect(),
            ),
            _ => {
                return Err(name
                    .error("data come from a `file` or from `points`", "this series")
                    .help("for example `points = [[\"2024-04-15\", 3.2e11], ...]`"));
            }
        };
        let (source, note) = (entry.source.clone(), entry.note.clone());
        let mut data = DataSpec::new(name, points, &entry.unit, source, note)?;
        data.output = string(&entry.output);
        Ok(data)
    }
}
