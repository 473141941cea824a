//! How probable each date is, and what two bets are worth.

use diagnostic::Diagnostic;
use formula::Form;
use report::{Figure, Frame, Notation, Number, Source, Summary, charts};

use super::{Page, capital};

/// Steps of the dates of an event.
const STEPS: u32 = 60;

impl Page<'_> {
    /// How probable each date is, case by case.
    pub(super) fn dates(&self) -> Result<Option<Figure>, Diagnostic> {
        let (mut year, mut probability, mut event) = (vec![], vec![], vec![]);
        let mut sources: Vec<Option<(Source, Source)>> = Vec::new();
        let mut first = None;
        let cases = &self.answer.run.cases;
        for (number, case) in cases.iter().enumerate() {
            let dates = self
                .outputs(number)
                .filter(|output| output.value.form() == Form::Instant && output.times.is_none());
            for output in dates {
                let Some((from, to)) = output.date_reach()? else { continue };
                let step = (to - from) / f64::from(STEPS);
                let fine: Vec<f64> =
                    (0..=STEPS).map(|place| from + step * f64::from(place)).collect();
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
                sources.push(self.live(number, &output.name).map(|live| {
                    let dates = self.source(number, live, Summary::Reach(STEPS));
                    let shares = dates.summarised(Summary::ByReach(STEPS));
                    (dates, shares)
                }));
            }
        }
        let Some((label, never)) = first else { return Ok(None) };
        let never = Number::new("", never).notation(Notation::Percent);
        let sources: Option<Vec<(Source, Source)>> = sources.into_iter().collect();
        let (dates, shares): (Vec<_>, Vec<_>) = sources.iter().flatten().cloned().unzip();
        let path = Frame::new("path").numbers("year", "", year);
        let path = dates.into_iter().fold(path, Frame::live);
        let path = path.numbers("probability", "", probability);
        let path = shares.into_iter().fold(path, Frame::live).words("event", event);
        let marked =
            Frame::new("marked").numbers("year", "", vec![]).words("words", Vec::<String>::new());
        let shown = format!("{}: the probability that it has come by each date", capital(&label));
        let figure = charts::probability_of_date(path, marked)
            .titled(format!("{shown}; {never} never"))
            .moved_title(shown);
        Ok(Some(match sources {
            Some(_) => figure,
            None => figure.still(self.still("a date of it cannot be computed in the page")),
        }))
    }

    /// Where two bets decide: what each pair of outcomes is worth.
    pub(super) fn bets(&self) -> Option<Figure> {
        let [across, down] = &self.answer.scenario.choices[..] else { return None };
        let cases = &self.answer.run.cases;
        // A probability says most; else the first value.
        let shares = self.outputs(0).find(|output| {
            output.times.is_none() && super::numbers::notation(output) == Notation::Percent
        });
        let output =
            shares.or_else(|| self.outputs(0).find(|output| output.times.is_none()))?.name.clone();
        let (mut x, mut y, mut value, mut words) = (vec![], vec![], vec![], vec![]);
        let (mut sources, mut unit, mut notation) = (vec![], String::new(), Notation::Plain);
        for (number, case) in cases.iter().enumerate() {
            let [(_, first), (_, second)] = &case.choices[..] else { return None };
            let found = self.number(number, case.output(&output)?)?;
            x.push(first.clone());
            y.push(second.clone());
            value.push(found.value);
            words.push(found.to_string());
            sources.push(found.live);
            (unit, notation) = (found.unit, found.notation);
        }
        let sources: Option<Vec<Source>> = sources.into_iter().collect();
        let live = |frame| sources.iter().flatten().cloned().fold(frame, Frame::live);
        let cells =
            Frame::new("cells").words("across", x).words("down", y).numbers("value", "", value);
        let mut cells = live(live(cells).words("words", words));
        if sources.is_some() {
            cells = cells.written(notation, unit);
        }
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
        let figure = figure.titled(format!("Two bets: {about}"));
        Some(match sources {
            Some(_) => figure,
            None => figure.still(self.still("it cannot be computed in the page")),
        })
    }
}
