//! Numbers of a scenario as people read them, in sentences and in a table.

use forecast::{Column, OutputRun};
use formula::{Form, Nature, ValueType};
use report::{Cell, Notation, Number, Sentence, Summary, Table};

use super::{Page, YEAR, capital};
use crate::commands::fit::words;

/// How the numbers of a value are read: as years, factors, or in a unit.
pub(super) fn read(value: &ValueType, number: f64) -> f64 {
    match (value.form(), value.nature(), value.unit(), value.readable_unit()) {
        (Form::Instant, ..) => number / YEAR,
        (_, Nature::Growth, None, _) => (number * YEAR).exp(),
        (_, _, None, Some(unit)) => number / unit.factor(),
        _ => number,
    }
}

pub(super) fn unit(value: &ValueType) -> String {
    match (value.form(), value.nature(), value.unit().or(value.readable_unit())) {
        (Form::Instant | Form::Truth, ..) => String::new(),
        (_, Nature::Growth, _) if value.unit().is_none() => "x/yr".to_owned(),
        (_, _, Some(unit)) => unit.to_string(),
        _ => String::new(),
    }
}

pub(super) fn notation(output: &OutputRun) -> Notation {
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
    /// A single value, as it was computed and as the page computes it.
    pub(super) fn number(&self, case: usize, output: &OutputRun) -> Option<Number> {
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
    pub(super) fn sentences(&self) -> Vec<Sentence> {
        let label = self.answer.run.cases.first().map_or("", |case| case.label.as_str());
        let whose = if label.is_empty() { String::new() } else { format!(", where {label}") };
        let singles = self.outputs(0).filter_map(|output| Some((output, self.number(0, output)?)));
        singles
            .take(4)
            .map(|(output, number)| {
                let still = number.live.is_none().then(|| self.still(""));
                let name = output.name.replace('_', " ");
                let about =
                    if output.note.is_empty() { name } else { format!("{name} ({})", output.note) };
                let sentence = Sentence::new()
                    .text(format!("{}{whose}: ", capital(&about)))
                    .number(number)
                    .text(".");
                Sentence { still, ..sentence }
            })
            .collect()
    }

    /// All single values, a column for each case.
    pub(super) fn values(&self) -> Option<Table> {
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
        let live = self.cases.iter().flat_map(|case| &case.outputs);
        let live: Vec<&str> = live.map(|output| output.name.as_str()).collect();
        let singles = self.outputs(0).filter(|output| output.times.is_none());
        let deaf: Vec<String> = singles
            .filter(|output| !live.contains(&output.name.as_str()))
            .map(|output| output.name.replace('_', " "))
            .collect();
        let why = format!("{}, which cannot be computed in the page", deaf.join(", "));
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
                self.rows()
            ),
            still: (!deaf.is_empty()).then(|| self.still(why)),
        })
    }
}
