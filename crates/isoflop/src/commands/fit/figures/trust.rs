//! How far to trust the law: fitted again without its largest runs, and what it leaves over.

use diagnostic::Diagnostic;
use laws::{FitOptions, Setting, fit};
use report::{Figure, Frame, Hue, Mark, charts};
use runs::{Asked, Flop, InMemory, Observations, Rules};

use super::{MANY_ROWS, SHOWN_RUNS, STEPS, ends};
use crate::commands::fit::answer::{Answer, Frontier};
use crate::commands::fit::words;

impl Answer<'_> {
    /// The law refitted without its largest runs, asked about them.
    pub(super) fn extrapolation(&self) -> Result<Option<Figure>, Diagnostic> {
        let (all, observations) = (self.fit, self.observations);
        let Frontier::Of { given, .. } = &self.frontier else { return Ok(None) };
        let cut = all
            .backtest
            .as_ref()
            .and_then(|test| test.cuts.iter().max_by(|a, b| a.decades.total_cmp(&b.decades)));
        let Some(cut) = cut else { return Ok(None) };
        if observations.compute().is_empty()
            || all.groups().len() > 1
            || observations.len() > MANY_ROWS
        {
            return Ok(None);
        }
        let compute: Vec<f64> = observations.compute().iter().map(|c| c.get()).collect();
        // A cut is known by the exponential of a logarithm, which is off in the last digits.
        let most = cut.at * (1.0 + 1e-9);
        let (kept_rows, held_rows): (Vec<usize>, Vec<usize>) =
            (0..compute.len()).partition(|&row| compute[row] <= most);
        let (Some(kept), Some(held)) =
            (part_of(observations, &kept_rows), part_of(observations, &held_rows))
        else {
            return Ok(None);
        };
        let options = FitOptions { bootstrap: 400, ..all.options.clone() };
        let Ok(refit) = fit(&all.law, &kept, &options) else { return Ok(None) };
        let level = options.level;
        let (from, to) = (ends(&compute).0, ends(&compute).1);
        let (mut at, mut best, mut lows, mut highs) = (vec![], vec![], vec![], vec![]);
        for step in 0..=STEPS {
            let c = from * (to / from).powf(step as f64 / STEPS as f64);
            let Some(found) = refit.optimum(Flop(c), given, level)?.into_iter().next() else {
                continue;
            };
            let setting = given
                .clone()
                .with("N", found.best.parameters.get())
                .with("D", found.best.tokens.get());
            let Some(said) = refit.predict(&setting, level, options.seed)?.into_iter().next()
            else {
                continue;
            };
            at.push(c);
            best.push(said.value);
            lows.push(said.new_run_interval.map_or(f64::NAN, |ends| ends.low));
            highs.push(said.new_run_interval.map_or(f64::NAN, |ends| ends.high));
        }
        if at.len() < 2 {
            return Ok(None);
        }
        let unit = self.target_unit();
        let (mut asked, mut said, mut said_low, mut said_high) = (vec![], vec![], vec![], vec![]);
        let mut inside = 0;
        for &row in &held_rows {
            let setting = observations
                .variables()
                .fold(Setting::new(), |setting, (name, column)| setting.with(name, column[row]));
            let Some(one) = refit.predict(&setting, level, options.seed)?.into_iter().next() else {
                continue;
            };
            asked.push(compute[row]);
            said.push(one.value);
            let interval = one.new_run_interval;
            inside +=
                usize::from(interval.is_some_and(|ends| ends.contains(observations.target()[row])));
            said_low.push(interval.map_or(f64::NAN, |ends| ends.low));
            said_high.push(interval.map_or(f64::NAN, |ends| ends.high));
        }
        let prediction = Frame::new("prediction")
            .numbers("compute", "FLOP", at)
            .numbers("loss", unit, best)
            .numbers("low", unit, lows)
            .numbers("high", unit, highs);
        let predicted = Frame::new("predicted")
            .numbers("compute", "FLOP", asked)
            .numbers("loss", unit, said)
            .numbers("low", unit, said_low)
            .numbers("high", unit, said_high);
        let mut figure = charts::extrapolation(
            self.runs_frame("kept", &kept),
            self.runs_frame("held-out", &held),
            prediction,
            level,
        );
        if let Some(panel) = figure.panels.first_mut() {
            let mark = Mark::points("predicted", "compute", "loss").ends("low", "high");
            panel.marks.push(mark.name("predicted for each").hue(Hue::Nth(2)));
        }
        let high = cut.predicted_too_high();
        let title = format!(
            "Refitted without its {} largest runs, the law misses them by {:.1} % on the {} side",
            held_rows.len(),
            100.0 * high.abs(),
            if high > 0.0 { "high" } else { "low" }
        );
        Ok(Some(
            Figure { title, ..figure }.frame(predicted).subtitle(format!(
                "the line and band are new compute-optimal runs under the refitted law; {inside} of {} held-out runs lie in their {} interval",
                held_rows.len(),
                words::level(level)
            )),
        ))
    }

    pub(super) fn residuals(&self) -> Figure {
        let (fit, observations) = (self.fit, self.observations);
        let mut frame = Frame::new("runs").numbers("residual", "", fit.residuals.clone());
        let rows = fit.residuals.len();
        let mut variables: Vec<(String, bool)> = Vec::new();
        for (name, column) in observations.variables().filter(|(_, column)| column.len() == rows) {
            frame = frame.numbers(name, "", column.to_vec());
            variables.push((name.to_owned(), ends(column).0 > 0.0));
        }
        let compute = observations.compute();
        if compute.len() == rows && variables.iter().all(|(name, _)| name != "C") {
            frame = frame.numbers("C", "FLOP", compute.iter().map(|c| c.get()).collect());
            variables.push(("C".to_owned(), true));
        }
        let shown: Vec<(&str, &str, bool)> =
            variables.iter().map(|(name, log)| (name.as_str(), name.as_str(), *log)).collect();
        let figure = charts::residuals(frame.sample(SHOWN_RUNS), &shown);
        let scale = match fit.objective.residuals {
            laws::ResidualScale::Log => "ln measured - ln law",
            laws::ResidualScale::Linear => "measured - law",
        };
        Figure { title: "What the law leaves unexplained".into(), ..figure }.subtitle(format!(
            "{scale}; a trend along an axis is something that the law does not know"
        ))
    }
}

/// Some of the rows.
fn part_of(observations: &Observations, rows: &[usize]) -> Option<Observations> {
    let take = |column: &[f64]| rows.iter().map(|&row| column[row]).collect::<Vec<f64>>();
    let names: Vec<String> = observations.run_names().map(std::borrow::Cow::into_owned).collect();
    let columns = InMemory {
        run: Some(rows.iter().map(|&row| names[observations.run_index()[row]].clone()).collect()),
        weight: observations.weights().map(take),
        ..InMemory::new(
            (Asked::positive(observations.target_name()), take(observations.target())),
            observations
                .variables()
                .map(|(name, column)| (Asked::positive(name), take(column)))
                .collect(),
        )
    };
    Observations::from_columns(observations.origin(), columns, Rules::default()).ok()
}
