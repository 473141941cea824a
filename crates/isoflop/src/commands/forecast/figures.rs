//! A scenario as a part of a report, with a slider for each input.

use diagnostic::Diagnostic;
use draws::Level;
use forecast::{
    Claim, Column, Live as LiveCase, LiveOutput, Model, OutputRun, Sensitivity, Settings,
};
use formula::{Form, Nature, ValueType};
use report::{
    Block, Cell, Figure, Frame, Live, Notation, Number, Section, Sentence, Slider, Source, Summary,
    Table, Tone, charts,
};

use super::show::shown;
use super::{Answer, json};
use crate::commands::claims::figures::ledger;
use crate::commands::fit::words;
use crate::study::Part;

const YEAR: f64 = 31_557_600.0;

/// Inputs with a slider: more of them are no help.
const MOST_SLIDERS: usize = 14;

/// Rows of draws that are kept in a file.
const KEPT: usize = 1 << 13;

/// Fans, and dates of one figure.
const MOST_FANS: usize = 6;

/// A fan that spans more than this factor is drawn in powers of ten.
const WIDE: f64 = 30.0;

/// `step` names the live programs, which run over `rows` draws.
pub(super) fn part(step: &str, rows: usize, answer: &Answer) -> Result<Part, Diagnostic> {
    let settings = Settings { samples: rows, seed: answer.run.settings.seed };
    let prefix = step.replace('-', "_");
    let cases = if rows > 1 { answer.scenario.live(&prefix, settings)? } else { Vec::new() };
    let mut live = live(step, answer, &cases)?;
    let page = Page { step, answer, cases: &cases, tail: 0.5 * (1.0 - answer.level.share()) };
    let mut blocks = vec![Block::Text(answer.scenario.notes.clone())];
    let headline = page.sentences();
    blocks.extend(headline.iter().cloned().map(Block::Sentence));
    blocks.extend(page.values().map(Block::Table));
    blocks.extend(page.fans()?.into_iter().map(Block::Figure));
    blocks.extend(page.dates()?.map(Block::Figure));
    blocks.extend(page.bets().into_iter().map(Block::Figure));
    let mut hangs: Vec<Block> = Vec::new();
    for found in &answer.sensitivities {
        hangs.extend(tornado(found).map(Block::Figure));
        hangs.extend(sobol(found).map(Block::Figure));
    }
    let mut trust: Vec<Block> = page.backtests().into_iter().map(Block::Figure).collect();
    if !answer.checks.is_empty() {
        // The step `claims` has a table of that name.
        let checks = Table { name: "checks".into(), ..ledger(&answer.checks) };
        trust.push(Block::Table(checks));
    }
    trust.push(Block::Table(inputs(answer)));
    for lint in &answer.lints {
        let words = format!("{}.", lint.warning.message().trim_end_matches('.'));
        trust.push(Block::Sentence(Sentence::new().text(words).tone(Tone::Caution)));
    }
    let title = match answer.run.title.as_str() {
        "" => answer.scenario.origin.clone(),
        title => title.to_owned(),
    };
    let mut sections = vec![Section { heading: title, blocks }];
    if !hangs.is_empty() {
        sections.push(Section { heading: "What it hangs on".into(), blocks: hangs });
    }
    sections.push(Section {
        heading: "What it assumes, and how that held so far".into(),
        blocks: trust,
    });
    if let Some(live) = &mut live {
        live.record_checks(&page.checked())?;
    }
    let mut sources: Vec<String> = Vec::new();
    for input in &answer.scenario.inputs {
        if !input.source.is_empty() && !sources.contains(&input.source) {
            sources.push(input.source.clone());
        }
    }
    let kept = Model::new(&answer.scenario)?.kept(&answer.run)?.head(KEPT);
    Ok(Part {
        answer: json::json(answer),
        headline,
        sections,
        live,
        draws: Some(kept).filter(|kept| kept.rows() > 0),
        sources,
        no: !answer.checks.iter().all(Claim::passes),
        ..Part::default()
    })
}

/// The name of a case's program.
fn program(step: &str, case: usize) -> String {
    if case == 0 { step.to_owned() } else { format!("{step}-case-{}", case + 1) }
}

/// Sliders for the inputs, and a program for each case.
fn live(step: &str, answer: &Answer, cases: &[LiveCase]) -> Result<Option<Live>, Diagnostic> {
    let Some(first) = cases.first() else { return Ok(None) };
    let mut columns = first.columns();
    for case in cases {
        for (name, values) in case.columns().into_columns() {
            if columns.get(&name).is_none() {
                columns.set(name, values);
            }
        }
    }
    if first.compiled.outputs().is_empty() {
        return Ok(None);
    }
    let mut live = Live::new(columns);
    // What an answer hangs on most comes first.
    let important = |name: &str| {
        let bars = answer.sensitivities.iter().filter_map(|found| found.tornado.as_ref());
        bars.filter_map(|tornado| tornado.bars.iter().position(|bar| bar.name == name))
            .min()
            .unwrap_or(usize::MAX)
    };
    let mut inputs: Vec<_> = first.inputs.iter().collect();
    inputs.sort_by_key(|input| important(&input.name));
    for input in inputs.into_iter().take(MOST_SLIDERS) {
        let (from, to) = input.span;
        let middle = draws::select::quantiles(&input.draws, &[0.5])[0].clamp(from, to);
        let label = input.name.replace('_', " ");
        let slider = if from > 0.0 && to > 5.0 * from {
            Slider::log(&input.leaf, label, &input.unit, from, to, middle)
        } else {
            Slider::linear(&input.leaf, label, &input.unit, from, to, middle)
        };
        let notation =
            if input.share && input.unit.is_empty() { Notation::Percent } else { Notation::Plain };
        let note = if input.note.is_empty() { input.source.clone() } else { input.note.clone() };
        live = live.slider(slider.notation(notation).note(note));
    }
    for (number, case) in cases.iter().enumerate() {
        live = live.program(&program(step, number), &case.compiled)?;
    }
    Ok(Some(live))
}

struct Page<'a> {
    step: &'a str,
    answer: &'a Answer,
    cases: &'a [LiveCase],
    tail: f64,
}

/// How the numbers of a value are read: as years, factors, or in a unit.
fn read(value: &ValueType, number: f64) -> f64 {
    match (value.form(), value.nature(), value.unit(), value.readable_unit()) {
        (Form::Instant, ..) => number / YEAR,
        (_, Nature::Growth, None, _) => (number * YEAR).exp(),
        (_, _, None, Some(unit)) => number / unit.factor(),
        _ => number,
    }
}

fn unit(value: &ValueType) -> String {
    match (value.form(), value.nature(), value.unit().or(value.readable_unit())) {
        (Form::Instant | Form::Truth, ..) => String::new(),
        (_, Nature::Growth, _) if value.unit().is_none() => "x/yr".to_owned(),
        (_, _, Some(unit)) => unit.to_string(),
        _ => String::new(),
    }
}

fn notation(output: &OutputRun) -> Notation {
    match (output.value.form(), output.value.nature(), &output.columns[..]) {
        (Form::Instant, ..) => Notation::Date,
        (Form::Truth, ..) => Notation::Percent,
        (_, Nature::Share | Nature::Points, _) if output.value.unit().is_none() => {
            Notation::Percent
        }
        // A probability over the draws is a plain number from 0 to 1.
        (_, _, [Column::OfDraws(share)])
            if output.unit.is_empty() && (0.0..=1.0).contains(&share.value) =>
        {
            Notation::Percent
        }
        _ => Notation::Plain,
    }
}

impl Page<'_> {
    fn level(&self) -> Level {
        self.answer.level
    }

    fn outputs(&self, case: usize) -> impl Iterator<Item = &OutputRun> {
        let outputs = self.answer.run.cases.get(case).map_or(&[][..], |case| &case.outputs);
        outputs.iter().filter(|output| self.answer.outputs.contains(&output.name))
    }

    fn live(&self, case: usize, name: &str) -> Option<&LiveOutput> {
        self.cases.get(case)?.outputs.iter().find(|output| output.name == name)
    }

    fn source(&self, case: usize, output: &LiveOutput, summary: Summary) -> Source {
        Source::new(program(self.step, case), &output.shown, summary)
    }

    /// A single value, as it was computed and as the page computes it.
    fn number(&self, case: usize, output: &OutputRun) -> Option<Number> {
        if output.times.is_some() {
            return None;
        }
        let value = &output.value;
        let label = if output.note.is_empty() {
            output.name.replace('_', " ")
        } else {
            output.note.clone()
        };
        let (number, summary) = match output.column(0).ok()? {
            Column::Exact(found) => (Number::new(label, read(value, *found)), Summary::First),
            Column::OfDraws(found) => {
                (Number::new(label, read(value, found.value)), Summary::First)
            }
            Column::Drawn(_) if value.form() == Form::Truth => {
                let share = output.probability(0, |value| value != 0.0).ok()?;
                (Number::new(label, share.value), Summary::Mean)
            }
            Column::Drawn(_) => {
                let (low, high) = (self.level().lower(), self.level().upper());
                let found = output.quantiles(0, &[low, 0.5, high]).ok()?;
                let [low, middle, high] =
                    [0, 1, 2].map(|place: usize| read(value, found[place].value));
                let number = Number::new(label, middle).interval(self.level().share(), low, high);
                (number, Summary::Quantile(0.5))
            }
        };
        let number = number.unit(unit(value)).notation(notation(output));
        Some(match self.live(case, &output.name) {
            Some(live) => number.live(self.source(case, live, summary)),
            None => number,
        })
    }

    /// Sentences for the first single values.
    fn sentences(&self) -> Vec<Sentence> {
        let label = self.answer.run.cases.first().map_or("", |case| case.label.as_str());
        let whose = if label.is_empty() { String::new() } else { format!(", where {label}") };
        let singles = self.outputs(0).filter_map(|output| Some((output, self.number(0, output)?)));
        singles
            .take(4)
            .map(|(output, number)| {
                let name = output.name.replace('_', " ");
                let about =
                    if output.note.is_empty() { name } else { format!("{name} ({})", output.note) };
                Sentence::new()
                    .text(format!("{}{whose}: ", capital(&about)))
                    .number(number)
                    .text(".")
            })
            .collect()
    }

    /// All single values, a column for each case.
    fn values(&self) -> Option<Table> {
        let cases = &self.answer.run.cases;
        let mut rows = Vec::new();
        for output in self.outputs(0).filter(|output| output.times.is_none()) {
            let mut row = vec![Cell::from(output.name.replace('_', " "))];
            for (number, case) in cases.iter().enumerate() {
                let found =
                    case.output(&output.name).and_then(|output| self.number(number, output));
                row.push(found.map_or(Cell::from(""), Cell::from));
            }
            row.push(Cell::from(output.note.clone()));
            rows.push(row);
        }
        let mut head = vec![String::new()];
        head.extend(cases.iter().map(|case| {
            if case.label.is_empty() { "median".to_owned() } else { case.label.clone() }
        }));
        head.push(String::new());
        (!rows.is_empty()).then(|| Table {
            name: "values".into(),
            title: "What comes out".into(),
            head,
            rows,
            note: format!(
                "{} draws, seed {}; medians with {} intervals, and probabilities. When a slider moves the page computes over {} draws.",
                self.answer.run.settings.samples,
                self.answer.run.settings.seed,
                words::level(self.level().share()),
                self.cases.first().map_or(0, |case| case.inputs.first().map_or(0, |input| input.draws.len()))
            ),
        })
    }

    /// Each quantity over time, with what was observed.
    fn fans(&self) -> Result<Vec<Figure>, Diagnostic> {
        let mut figures = Vec::new();
        let paths = self.outputs(0).filter(|output| {
            output.times.is_some()
                && output.columns.iter().any(|column| matches!(column, Column::Drawn(_)))
        });
        for output in paths.filter(|output| output.value.form() != Form::Truth).take(MOST_FANS) {
            let share = self.level().share();
            let levels = [self.tail, 0.25, 0.5, 0.75, 1.0 - self.tail];
            let fan = output.fan(&levels)?;
            let value = &output.value;
            let unit = unit(value);
            let mut frame =
                Frame::new("path").numbers("year", "", fan.times.clone().unwrap_or_default());
            let names = ["low", "inner_low", "median", "inner_high", "high"];
            for (place, (name, level)) in names.into_iter().zip(levels).enumerate() {
                let column = fan.rows.iter().map(|row| read(value, row[place].value)).collect();
                frame = frame.numbers(name, &unit, column);
                if let Some(live) = self.live(0, &output.name) {
                    frame = frame.live(self.source(0, live, Summary::Quantile(level)));
                }
            }
            let history = self.history(output);
            let ends = fan
                .rows
                .iter()
                .flat_map(|row| [&row[0], &row[4]])
                .map(|found| read(value, found.value));
            let (low, high) = ends
                .filter(|x| x.is_finite())
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
            let log = low > 0.0 && high > WIDE * low;
            let label = output.name.replace('_', " ");
            let figure = charts::fan(history, frame, &label, log, (0.5, share));
            let last = fan.rows.last().map(|row| shown(value, row[2].value)).unwrap_or_default();
            let end =
                fan.times.as_ref().and_then(|times| times.last().copied()).unwrap_or(f64::NAN);
            let title =
                format!("{} is {last} at the median in {:.0}", capital(&label), end.floor());
            let case = self.answer.run.cases.first().map_or("", |case| case.label.as_str());
            figures.push(
                Figure { name: format!("fan-{}", slug(&output.name)), title, ..figure }.subtitle(
                    [output.note.as_str(), case]
                        .into_iter()
                        .filter(|t| !t.is_empty())
                        .collect::<Vec<_>>()
                        .join("; "),
                ),
            );
        }
        Ok(figures)
    }

    fn history(&self, output: &OutputRun) -> Frame {
        let data = self.answer.scenario.data.iter();
        let points: Vec<_> = data
            .filter(|data| data.output.as_ref().is_some_and(|name| name.text() == output.name))
            .flat_map(|data| &data.points)
            .collect();
        let values = points.iter().map(|point| read(&output.value, point.value)).collect();
        Frame::new("history")
            .numbers("year", "", points.iter().map(|point| point.date).collect())
            .numbers("value", &unit(&output.value), values)
    }

    /// How probable each date is, case by case.
    fn dates(&self) -> Result<Option<Figure>, Diagnostic> {
        let (mut year, mut probability, mut event) = (vec![], vec![], vec![]);
        let mut first = None;
        let cases = &self.answer.run.cases;
        for (number, case) in cases.iter().enumerate() {
            let dates = self
                .outputs(number)
                .filter(|output| output.value.form() == Form::Instant && output.times.is_none());
            for output in dates {
                let Ok(years) = output.date_years() else { continue };
                let (Some(from), Some(to)) = (years.first(), years.last()) else { continue };
                let fine: Vec<f64> =
                    (0..=60).map(|step| from + (to - from) * f64::from(step) / 60.0).collect();
                let table = output.date_table(&fine)?;
                let name = output.name.replace('_', " ");
                let label =
                    if case.label.is_empty() { name } else { format!("{name}, {}", case.label) };
                first.get_or_insert((label.clone(), table.never.value));
                for (at, share) in table.years.iter().zip(&table.by) {
                    year.push(*at);
                    probability.push(share.value);
                    event.push(label.clone());
                }
            }
        }
        let Some((label, never)) = first else { return Ok(None) };
        let never = Number::new("", never).notation(Notation::Percent);
        let path = Frame::new("path")
            .numbers("year", "", year)
            .numbers("probability", "", probability)
            .words("event", event);
        let marked =
            Frame::new("marked").numbers("year", "", vec![]).words("words", Vec::<String>::new());
        let title = format!(
            "{}: the probability that it has come by each date; {never} never",
            capital(&label)
        );
        Ok(Some(Figure { title, ..charts::probability_of_date(path, marked) }))
    }

    /// Where two bets decide: what each pair of outcomes is worth.
    fn bets(&self) -> Option<Figure> {
        let [across, down] = &self.answer.scenario.choices[..] else { return None };
        let cases = &self.answer.run.cases;
        // A probability says most; else the first value.
        let shares = self
            .outputs(0)
            .find(|output| output.times.is_none() && notation(output) == Notation::Percent);
        let output =
            shares.or_else(|| self.outputs(0).find(|output| output.times.is_none()))?.name.clone();
        let (mut x, mut y, mut value, mut words) = (vec![], vec![], vec![], vec![]);
        for (number, case) in cases.iter().enumerate() {
            let [(_, first), (_, second)] = &case.choices[..] else { return None };
            let found = self.number(number, case.output(&output)?)?;
            x.push(first.clone());
            y.push(second.clone());
            value.push(found.value);
            words.push(found.to_string());
        }
        let cells = Frame::new("cells")
            .words("across", x)
            .words("down", y)
            .numbers("value", "", value)
            .words("words", words);
        let note = self
            .outputs(0)
            .find(|found| found.name == output)
            .map_or(String::new(), |found| found.note.clone());
        let about = if note.is_empty() { output.replace('_', " ") } else { note };
        let figure = charts::bets(
            cells,
            &across.name.text().replace('_', " "),
            &down.name.text().replace('_', " "),
        );
        Some(Figure { title: format!("Two bets: {about}"), ..figure })
    }

    /// What the scenario would have said earlier, against what came.
    fn backtests(&self) -> Vec<Figure> {
        let Some(earlier) = &self.answer.past.hindcast else { return Vec::new() };
        let mut figures = Vec::new();
        for one in earlier.hindcasts.iter().filter(|one| !one.truths.is_empty()) {
            let log = one.truths.first().is_some_and(|truth| truth.in_logs);
            let output = self.outputs(0).find(|output| output.name == one.output);
            let Some(output) = output else { continue };
            let (unit, value) = (unit(&output.value), &output.value);
            let history = self.history(output);
            let cut = format!("as of {:.0}", earlier.year);
            let truths = &one.truths;
            let column = |of: fn(&forecast::Truth) -> f64| -> Vec<f64> {
                truths.iter().map(|truth| read(value, of(truth))).collect()
            };
            let frame = Frame::new("forecasts")
                .numbers("year", "", truths.iter().map(|truth| truth.date).collect())
                .numbers("value", &unit, column(|truth| truth.median))
                .numbers("low", &unit, column(|truth| truth.interval.0))
                .numbers("high", &unit, column(|truth| truth.interval.1))
                .words("cut", vec![cut; truths.len()]);
            let inside = Number::new("", one.coverage()).notation(Notation::Percent);
            let title = format!(
                "As of {:.0}, {inside} of {} later observations lie in the {} interval",
                earlier.year,
                truths.len(),
                words::level(one.level.share())
            );
            let figure = charts::backtest(
                history,
                frame,
                &one.output.replace('_', " "),
                log,
                one.level.share(),
            );
            let name = format!("backtest-{}-{}", slug(&one.output), figures.len() + 1);
            let known = match &earlier.known_today[..] {
                [] => String::new(),
                names => format!("; {} inputs are as known today", names.len()),
            };
            figures
                .push(Figure { name, title, ..figure }.subtitle(format!("{}{known}", one.label)));
        }
        figures
    }

    /// Sources that the page checks itself by: the single values.
    fn checked(&self) -> Vec<Source> {
        let mut sources = Vec::new();
        for case in 0..self.answer.run.cases.len().min(4) {
            for output in self.outputs(case).filter(|output| output.times.is_none()) {
                if let Some(number) = self.number(case, output) {
                    sources.extend(number.live);
                }
            }
        }
        sources
    }
}

/// A figure's name, another one in each case.
fn named(kind: &str, found: &Sensitivity) -> String {
    slug(format!("{kind} {} {}", found.of, found.label).trim_end())
}

fn tornado(found: &Sensitivity) -> Option<Figure> {
    let tornado = found.tornado.as_ref()?;
    let finite = |x: f64| if x.is_finite() { read(&found.value, x) } else { f64::NAN };
    let base = finite(tornado.baseline);
    let bars: Vec<_> = tornado.bars.iter().zip(&found.inputs).take(12).collect();
    let ends = |end: fn(&draws::sensitivity::Bar) -> f64| -> Vec<String> {
        bars.iter().map(|(bar, value)| shown(value, end(bar))).collect()
    };
    let frame = Frame::new("swings")
        .words("input", bars.iter().map(|(bar, _)| bar.name.replace('_', " ")))
        .numbers("base", &unit(&found.value), vec![base; bars.len()])
        .numbers(
            "at_low",
            &unit(&found.value),
            bars.iter().map(|(bar, _)| finite(bar.at_low)).collect(),
        )
        .numbers(
            "at_high",
            &unit(&found.value),
            bars.iter().map(|(bar, _)| finite(bar.at_high)).collect(),
        )
        .words("low", ends(|bar| bar.low))
        .words("high", ends(|bar| bar.high));
    let of = found.of.replace('_', " ");
    let mut figure = charts::tornado(frame, &of);
    if found.value.form() == Form::Instant {
        for panel in &mut figure.panels {
            panel.x.scale = report::Scale::Date;
        }
    }
    let first = bars.first().map_or(String::new(), |(bar, _)| bar.name.replace('_', " "));
    let never = bars.iter().any(|(bar, _)| !(bar.at_low.is_finite() && bar.at_high.is_finite()));
    let title = format!("{} moves {of} most", capital(&first));
    Some(Figure { name: named("tornado", found), title, ..figure }.subtitle(format!(
        "each input at the ends of its {} interval, the others at their medians{}{}",
        words::level(tornado.level.share()),
        if never { "; a bar that is missing is `never`" } else { "" },
        case_words(&found.label)
    )))
}

fn sobol(found: &Sensitivity) -> Option<Figure> {
    let sobol = found.sobol.as_ref()?;
    let mut indices: Vec<_> = sobol.indices.iter().collect();
    indices.sort_by(|a, b| b.total.value.total_cmp(&a.total.value));
    indices.truncate(12);
    let (mut input, mut order, mut share, mut low, mut high) =
        (vec![], vec![], vec![], vec![], vec![]);
    for index in &indices {
        for (name, one) in [("first order", &index.first), ("total", &index.total)] {
            input.push(index.name.replace('_', " "));
            order.push(name.to_owned());
            share.push(one.value.max(0.0));
            low.push(one.low.clamp(0.0, 1.0));
            high.push(one.high.clamp(0.0, 1.0));
        }
    }
    let frame = Frame::new("indices")
        .words("input", input)
        .words("order", order)
        .numbers("share", "", share)
        .numbers("low", "", low)
        .numbers("high", "", high);
    let of = found.of.replace('_', " ");
    let figure = charts::sobol(frame, sobol.level.share());
    let title = indices.first().map_or(String::new(), |first| {
        let share = Number::new("", first.total.value.clamp(0.0, 1.0)).notation(Notation::Percent);
        format!(
            "{} explains {share} of what is uncertain of {of}",
            capital(&first.name.replace('_', " "))
        )
    });
    let ranks = if sobol.aspect == draws::sensitivity::Aspect::Rank { " of ranks" } else { "" };
    let subtitle =
        format!("shares of the variance{ranks}; {}{}", figure.subtitle, case_words(&found.label));
    Some(Figure { name: named("sobol", found), title, ..figure }.subtitle(subtitle))
}

fn inputs(answer: &Answer) -> Table {
    let row = |input: &forecast::Input| {
        let value = input.trend.as_ref().map_or(input.value.text(), forecast::Written::text);
        vec![
            Cell::from(input.name.text().replace('_', " ")),
            Cell::from(value),
            Cell::from(input.source.clone()),
            Cell::from(input.note.clone()),
        ]
    };
    Table {
        name: "inputs".into(),
        title: "What is assumed".into(),
        head: ["", "value", "source", "note"].map(str::to_owned).to_vec(),
        rows: answer.scenario.inputs.iter().map(row).collect(),
        note: "`a to b` is a 90 % range unless the scenario says otherwise; an empty source is a judgement.".into(),
    }
}

fn case_words(label: &str) -> String {
    if label.is_empty() { String::new() } else { format!("; where {label}") }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Lower case, digits and `-`.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.to_lowercase().chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_matches('-').to_owned()
}
