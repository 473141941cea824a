//! What other choices would cost.

use plan::Drawn;
use report::{Cell, Figure, Frame, Notation, Number, Summary, Table, charts};
use runs::Parameters;

use super::Page;
use crate::study::FACTORS;

impl Page<'_> {
    pub(super) fn wasted(&self) -> Table {
        let answer = self.answer;
        let mistakes = std::iter::once(&answer.plan.ignorance)
            .chain(&answer.mistakes)
            .chain(answer.laws.iter().map(|law| &law.waste));
        let rows = mistakes.map(|mistake| {
            let share = Number::new("", mistake.share.mean()).notation(Notation::Percent);
            let share = match mistake.share.interval(self.asked.level) {
                Some(ends) => share.interval(ends.level, ends.low, ends.high),
                None => share,
            };
            let number =
                |value: f64, notation| Cell::from(Number::new("", value).notation(notation));
            vec![
                Cell::from(mistake.by.clone()),
                number(mistake.run.parameters.best.get(), Notation::Short),
                number(mistake.run.tokens_per_parameter().best, Notation::Plain),
                number(mistake.run.loss.best, Notation::Fine),
                Cell::from(share),
            ]
        });
        Table {
            name: "wasted".into(),
            title: "What choices waste of what the run costs".into(),
            head: ["by", "parameters", "tokens per parameter", "loss", "wasted"].map(str::to_owned).to_vec(),
            rows: rows.collect(),
            note: "Wasted: the rest of the budget, split best, reaches the same loss; the mean over the draws of the law.".into(),
            still: self.still_run("each draw is searched for the budget that would reach the same loss"),
        }
    }

    /// Loss above the best against model size.
    pub(super) fn cost_of_being_wrong(&self) -> Option<Figure> {
        let (asked, answer) = (self.asked, self.answer);
        let best = &answer.plan.optimum;
        let unit = self.unit();
        let (mut sizes, mut cost, mut lows, mut highs) = (vec![], vec![], vec![], vec![]);
        for factor in FACTORS.map(|step| 2_f64.powf(step)) {
            let size = best.parameters.best.get() * factor;
            let Ok(run) = answer.frontier.of_size(Parameters(size), &answer.budget) else {
                continue;
            };
            let above: Drawn<f64> = run.loss.with(&best.loss, |loss, best| loss - best);
            let ends = above.interval(asked.level);
            sizes.push(size);
            cost.push(above.best);
            lows.push(ends.map_or(above.best, |ends| ends.low));
            highs.push(ends.map_or(above.best, |ends| ends.high));
        }
        if sizes.len() < 3 {
            return None;
        }
        let tail = 0.5 * (1.0 - asked.level);
        let whole = self.live.is_some() && sizes.len() == FACTORS.len();
        let mut curve = Frame::new("curve");
        for (name, unit, values, output, summary) in [
            ("choice", "", sizes, "choice", Summary::First),
            ("cost", unit, cost, "above", Summary::First),
            ("low", unit, lows, "above", Summary::Quantile(tail)),
            ("high", unit, highs, "above", Summary::Quantile(1.0 - tail)),
        ] {
            curve = curve.numbers(name, unit, values);
            if whole {
                curve = curve.live(self.plan.of_size(output, summary));
            }
        }
        let mut chosen =
            Frame::new("choice").numbers("choice", "", vec![answer.chosen().parameters.best.get()]);
        if whole {
            chosen = chosen.live(self.plan.source("N"));
        }
        let chosen = chosen.words("words", ["the plan"]);
        let mut figure =
            charts::cost_of_being_wrong(curve, chosen, "Model size, parameters", asked.level);
        // The line is that of the best law.
        for mark in figure.panels.iter_mut().flat_map(|panel| &mut panel.marks) {
            if mark.name == "median over draws" {
                mark.name = "under the best law".into();
            }
        }
        let share = Number::new("", answer.plan.ignorance.share.mean()).notation(Notation::Percent);
        let title =
            format!("The plan wastes {share} of its budget because the law is not known exactly");
        let still = "at some sizes no text is left";
        let still = if whole { None } else { self.still_run(still) };
        let figure = figure
            .titled(title)
            .moved_title("What the same budget reaches with a model of another size")
            .subtitle("the same budget spent on another size; loss above the best of each draw");
        Some(Figure { still, ..figure })
    }
}
