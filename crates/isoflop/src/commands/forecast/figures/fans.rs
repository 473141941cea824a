//! Quantities over time, and what the scenario would have said of them earlier.

use diagnostic::Diagnostic;
use forecast::{Column, OutputRun};
use formula::Form;
use report::{Figure, Frame, Notation, Number, Summary, charts};

use super::numbers::{read, unit};
use super::{Page, capital, slug};
use crate::commands::fit::words;
use crate::commands::forecast::show::shown;

/// Fans, and dates of one figure.
const MOST_FANS: usize = 6;

/// A fan that spans more than this factor is drawn in powers of ten.
const WIDE: f64 = 30.0;

impl Page<'_> {
    /// Each quantity over time, with what was observed.
    pub(super) fn fans(&self) -> Result<Vec<Figure>, Diagnostic> {
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
            let words = [output.note.as_str(), case].into_iter().filter(|words| !words.is_empty());
            let figure = figure
                .named(format!("fan-{}", slug(&output.name)))
                .titled(title)
                .moved_title(format!("{} over time", capital(&label)))
                .subtitle(words.collect::<Vec<_>>().join("; "));
            figures.push(match self.live(0, &output.name) {
                Some(_) => figure,
                None => figure.still(self.still("it cannot be computed in the page")),
            });
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

    /// What the scenario would have said earlier, against what came.
    pub(super) fn backtests(&self) -> Vec<Figure> {
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
            let figure = figure.named(name).titled(title);
            let figure = figure.subtitle(format!("{}{known}", one.label));
            figures.push(
                figure.still(self.still("what came is held against the scenario as written")),
            );
        }
        figures
    }
}
