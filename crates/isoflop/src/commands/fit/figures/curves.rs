//! Loss along compute, or along the one variable of a law.

use diagnostic::Diagnostic;
use laws::{Interval, Setting};
use report::{Axis, Figure, Frame, Hue, Mark, Panel, charts};
use runs::{Flop, Observations};

use super::{SHOWN_RUNS, STEPS, capital, ends};
use crate::commands::fit::answer::{Answer, Frontier};
use crate::commands::fit::words;

impl Answer<'_> {
    /// Loss against compute with all runs, the frontier and its band.
    pub(super) fn frontier_figure(&self) -> Result<Option<Figure>, Diagnostic> {
        let (fit, observations) = (self.fit, self.observations);
        let Frontier::Of { given, .. } = &self.frontier else { return Ok(None) };
        if observations.compute().is_empty() || fit.groups().len() > 1 {
            return Ok(None);
        }
        let (low, high) = fit.data.axis_range;
        let level = fit.options.level;
        let (mut compute, mut best, mut lows, mut highs) = (vec![], vec![], vec![], vec![]);
        for step in 0..=STEPS {
            let c = low * (10.0 * high / low).powf(step as f64 / STEPS as f64);
            let Some(found) = fit.optimum(Flop(c), given, level)?.into_iter().next() else {
                continue;
            };
            compute.push(c);
            best.push(found.best.loss);
            lows.push(found.loss.map_or(f64::NAN, |ends| ends.low));
            highs.push(found.loss.map_or(f64::NAN, |ends| ends.high));
        }
        if compute.len() < 2 {
            return Ok(None);
        }
        let unit = self.target_unit();
        let frontier = Frame::new("frontier")
            .numbers("compute", "FLOP", compute)
            .numbers("loss", unit, best.clone())
            .numbers("low", unit, lows)
            .numbers("high", unit, highs);
        let title = match (best.first(), best.last()) {
            (Some(first), Some(last)) => format!(
                "{} falls from {first:.2} to {last:.2} along the best runs",
                capital(&fit.law.target.name)
            ),
            _ => "Loss against compute".to_owned(),
        };
        let figure = charts::frontier(self.runs_frame("runs", observations), frontier, level, None);
        Ok(Some(
            Figure { title, ..figure }
                .subtitle(format!("{}; objective {}", self.compute_in_words(), fit.objective))
                .source(fit.data.origin.clone()),
        ))
    }

    pub(super) fn compute_in_words(&self) -> String {
        match self.observations.compute_convention() {
            "" | "6 N D" => "C = 6 N D".to_owned(),
            convention => format!("C ({convention})"),
        }
    }

    pub(super) fn runs_frame(&self, name: &str, observations: &Observations) -> Frame {
        let compute = observations.compute().iter().map(|c| c.get()).collect();
        let names: Vec<String> =
            observations.run_names().map(std::borrow::Cow::into_owned).collect();
        let runs =
            observations.run_index().iter().map(|&run| names.get(run).cloned().unwrap_or_default());
        Frame::new(name)
            .numbers("compute", "FLOP", compute)
            .numbers("loss", self.target_unit(), observations.target().to_vec())
            .words("run", runs)
            .sample(SHOWN_RUNS)
    }

    /// The law against its only variable.
    pub(super) fn curve(&self) -> Result<Option<Figure>, Diagnostic> {
        let (fit, observations) = (self.fit, self.observations);
        let [variable] = &fit.law.variables[..] else { return Ok(None) };
        if fit.groups().len() > 1 {
            return Ok(None);
        }
        let name = variable.name.as_str();
        let column = observations.variable(name).unwrap_or_default().to_vec();
        let (low, high) = ends(&column);
        if !(low.is_finite() && high > low) {
            return Ok(None);
        }
        let log = low > 0.0 && high > 10.0 * low;
        let end = if log { high * 10.0 } else { high + 0.5 * (high - low) };
        let along: Vec<f64> = (0..=STEPS)
            .map(|step| step as f64 / STEPS as f64)
            .map(|t| if log { low * (end / low).powf(t) } else { low + t * (end - low) })
            .collect();
        let (mut best, mut lows, mut highs) = (vec![], vec![], vec![]);
        for &x in &along {
            let values = fit.law.values(fit.best_and_draws(None), &Setting::new().with(name, x))?;
            let interval = Interval::of(values[1..].to_vec(), fit.options.level);
            best.push(values[0]);
            lows.push(interval.map_or(f64::NAN, |ends| ends.low));
            highs.push(interval.map_or(f64::NAN, |ends| ends.high));
        }
        let (unit, level) = (variable.unit.as_str(), fit.options.level);
        let last = best.last().copied().unwrap_or(f64::NAN);
        let title = format!(
            "{} is {last:.3} at {name} = {:.2e} under the law",
            capital(&fit.law.target.name),
            along.last().copied().unwrap_or(f64::NAN)
        );
        let sigmoid = fit.law.name == "rl-sigmoid";
        let (x, y) = if sigmoid { ("compute", "score") } else { ("x", "y") };
        let target_unit = self.target_unit();
        let runs = Frame::new("runs")
            .numbers(x, unit, column)
            .numbers(y, target_unit, observations.target().to_vec())
            .sample(SHOWN_RUNS);
        let curve = Frame::new("law")
            .numbers(x, unit, along)
            .numbers(y, target_unit, best)
            .numbers("low", target_unit, lows)
            .numbers("high", target_unit, highs);
        let figure = if sigmoid {
            let ceiling = fit.value_of("A").unwrap_or(f64::NAN);
            let ceiling = Frame::new("ceiling")
                .numbers("score", "", vec![ceiling])
                .words("words", [format!("A = {ceiling:.3}")]);
            charts::sigmoid(runs, curve, ceiling, level)
        } else {
            let axis = |label: &str, unit: &str, log: bool| {
                if log { Axis::log(label, unit) } else { Axis::new(label, unit) }
            };
            let panel =
                Panel::new(axis(name, unit, log), axis(&fit.law.target.name, target_unit, false))
                    .mark(
                        Mark::band("law", "x", "low", "high")
                            .name(format!("{} interval of the law", words::level(level)))
                            .hue(Hue::Nth(0)),
                    )
                    .mark(Mark::line("law", "x", "y").name("the law").hue(Hue::Nth(0)))
                    .mark(Mark::points("runs", "x", "y").name("measured").hue(Hue::Ink));
            Figure::new("law", "").frame(runs).frame(curve).panel(panel)
        };
        Ok(Some(
            Figure { title, ..figure }
                .subtitle(fit.law.formula.clone())
                .source(fit.data.origin.clone()),
        ))
    }
}
