//! The frontier with the plan on it.

use diagnostic::Diagnostic;
use plan::Drawn;
use runs::Flop;

use super::answer::Answer;
use super::asked::Asked;
use crate::commands::fit::words::{self, unit_in_words};
use crate::terminal_plot::{Highlight, Plot, Scale, Series};

/// Points along the frontier, and how far it goes to either side of the budget, in decades.
const STEPS: i32 = 48;
const DECADES: f64 = 2.0;

/// Loss against training FLOP: the best runs, the ends of their interval, and the plan.
pub(super) fn plot(asked: &Asked, answer: &Answer) -> Result<Plot, Diagnostic> {
    let spent = answer.chosen().training.best.get();
    let mut lines = [("best runs", Vec::new()), ("", Vec::new()), ("", Vec::new())]
        .map(|(label, points)| Series { label: label.to_owned(), points });
    for step in 0..=STEPS {
        let decades = DECADES * (2.0 * f64::from(step) / f64::from(STEPS) - 1.0);
        let budget = answer.budget.best.get() * 10_f64.powf(decades);
        let best = answer.frontier.optimal(&Drawn::certain(Flop(budget), 0))?;
        if !best.exists() {
            continue;
        }
        let at = best.training.best.get();
        lines[0].points.push((at, best.loss.best));
        if let Some(interval) = best.loss.interval(asked.level) {
            lines[1].points.push((at, interval.low));
            lines[2].points.push((at, interval.high));
        }
    }
    if !lines[1].points.is_empty() {
        let level = words::level(asked.level);
        lines[0].label = format!("best runs, with their {level} interval");
    }
    let interval = answer.prediction.as_ref().and_then(|found| found.new_run_interval);
    let interval = interval.or(answer.chosen().loss.interval(asked.level));
    let unit = unit_in_words(&asked.source.believed.law.target.unit);
    Ok(Plot {
        x_label: "training FLOP".to_owned(),
        y_label: format!("{}, {unit}", asked.source.believed.law.target.name),
        x_scale: Scale::Log,
        y_scale: Scale::Linear,
        series: Vec::new(),
        lines: lines.into_iter().filter(|line| !line.points.is_empty()).collect(),
        highlights: vec![Highlight {
            label: "the plan".to_owned(),
            at: (spent, answer.chosen().loss.best),
            interval: interval.map(|ends| (ends.low, ends.high)),
        }],
    })
}
