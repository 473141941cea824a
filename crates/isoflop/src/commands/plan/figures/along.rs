//! Best runs along budgets: what more would reach, and how it would be split.

use diagnostic::Diagnostic;
use plan::{Allocation, Drawn, Frontier, Quantity};
use report::{Axis, Figure, Frame, Hue, Mark, Panel, Summary, charts};
use runs::Flop;

use super::Page;
use crate::commands::fit::words::level;

impl Page<'_> {
    /// A column along the budgets under law number `law`, which moves where the page can compute it.
    fn along(
        &self,
        frame: Frame,
        (name, unit): (&str, &str),
        law: usize,
        output: &str,
        at: usize,
    ) -> Frame {
        let tail = 0.5 * (1.0 - self.asked.level);
        let summary = [Summary::First, Summary::Quantile(tail), Summary::Quantile(1.0 - tail)][at];
        let frame = frame.numbers(name, unit, self.best[law].of(output)[at].clone());
        if self.moves(law) { frame.live(self.plan.along(law, output, summary)) } else { frame }
    }

    /// Whether the line of a law moves.
    fn moves(&self, law: usize) -> bool {
        let known = law == 0 || self.plan.others[law - 1].is_some();
        self.live.is_some() && known && self.best[law].compute.len() == self.plan.computes.len()
    }

    /// Loss against training compute along the best runs, with the plan.
    pub(super) fn frontier(&self) -> Figure {
        let unit = self.unit();
        let mut frame =
            Frame::new("best-runs").numbers("compute", "FLOP", self.best[0].compute.clone());
        for (at, name) in ["loss", "low", "high"].into_iter().enumerate() {
            frame = self.along(frame, (name, unit), 0, "loss", at);
        }
        let band = Mark::band("best-runs", "compute", "low", "high");
        let plan = Mark::points("chosen", "compute", "loss").name("the plan").text("words");
        let panel = Panel::new(Axis::log("Budget", "FLOP"), Axis::new("Loss", unit))
            .mark(
                band.name(format!("{} interval of the law", level(self.asked.level)))
                    .hue(Hue::Nth(0)),
            )
            .mark(Mark::line("best-runs", "compute", "loss").name("best runs").hue(Hue::Nth(0)))
            .mark(plan.hue(Hue::Nth(1)));
        let figure = Figure::new("plan-frontier", "What more or less of the budget would reach")
            .subtitle(format!("FLOP: {}", self.asked.flop_model.describe()))
            .frame(frame)
            .frame(self.marked(self.answer.chosen()))
            .panel(panel);
        self.with_still_lines(figure, &[0])
    }

    /// The plan as one row that moves with the sliders.
    fn marked(&self, run: &Allocation) -> Frame {
        let budget = if self.live.is_some() { &self.answer.budget } else { &run.budget };
        let ratio = run.tokens_per_parameter();
        let mut frame = Frame::new("chosen");
        for (name, unit, value, output) in [
            ("compute", "FLOP", budget.best.get(), "C"),
            ("params", "", run.parameters.best.get(), "N"),
            ("tokens", "", run.tokens.best.get(), "D"),
            ("ratio", "", ratio.best, "ratio"),
            ("loss", self.unit(), run.loss.best, "loss"),
        ] {
            frame = frame.numbers(name, unit, vec![value]);
            if self.live.is_some() {
                frame = frame.live(self.plan.source(output));
            }
        }
        frame.words("words", ["the plan"])
    }

    /// N*, D* and their ratio against the budget, for each law.
    pub(super) fn allocation(&self) -> Figure {
        let laws = 0..self.best.len();
        // Rows of several laws are one column: all of it moves, or nothing.
        let all_move = laws.clone().all(|law| self.moves(law));
        let compute = self.best.iter().flat_map(|best| best.compute.clone()).collect();
        let mut optima = Frame::new("optima").numbers("compute", "FLOP", compute);
        for (name, output) in COLUMNS {
            let values = self.best.iter().flat_map(|best| best.of(output)[0].clone()).collect();
            optima = optima.numbers(name, "", values);
            for law in laws.clone().filter(|_| all_move) {
                optima = optima.live(self.plan.along(law, output, Summary::First));
            }
        }
        let names = self.best.iter().flat_map(|best| vec![best.law.clone(); best.compute.len()]);
        let optima = optima.words("law", names);
        let bands = laws.clone().map(|law| {
            let mut band = Frame::new(format!("band-{law}"));
            band = band.numbers("compute", "FLOP", self.best[law].compute.clone());
            for (name, output) in COLUMNS {
                for (at, end) in [(1, "low"), (2, "high")] {
                    band = if all_move {
                        self.along(band, (&format!("{name}_{end}"), ""), law, output, at)
                    } else {
                        let values = self.best[law].of(output)[at].clone();
                        band.numbers(&format!("{name}_{end}"), "", values)
                    };
                }
            }
            band
        });
        let mut figure = charts::allocation(optima, bands.collect(), self.asked.level);
        for (panel, (column, _)) in figure.panels.iter_mut().zip(COLUMNS) {
            let mark = Mark::points("chosen", "compute", column).name("the plan").hue(Hue::Ink);
            panel.marks.push(mark.text("words"));
        }
        let figure = figure
            .titled("How the best split moves with the budget")
            .frame(self.marked(self.answer.chosen()));
        let laws: Vec<usize> = laws.collect();
        self.with_still_lines(figure, &laws)
    }

    /// Says which lines do not follow what is served; nothing else moves a line.
    fn with_still_lines(&self, figure: Figure, laws: &[usize]) -> Figure {
        let still: Vec<&str> = laws
            .iter()
            .filter(|law| !self.moves(**law))
            .map(|law| self.best[*law].law.as_str())
            .collect();
        let why = format!(
            "the best runs of {} have no closed form at every budget; only the point moves",
            still.join(" and ")
        );
        let still = if still.is_empty() { None } else { self.still(&["served"], &why) };
        Figure { still, ..figure }
    }
}

/// Columns of a figure, and what they are in the plan.
const COLUMNS: [(&str, &str); 3] = [("params", "N"), ("tokens", "D"), ("ratio", "ratio")];

/// Best runs along budgets under one law: the best values', and the ends of the interval.
pub(super) struct Optima {
    law: String,
    compute: Vec<f64>,
    params: [Vec<f64>; 3],
    tokens: [Vec<f64>; 3],
    ratio: [Vec<f64>; 3],
    loss: [Vec<f64>; 3],
}

impl Optima {
    pub(super) fn along(
        law: String,
        frontier: &Frontier,
        computes: &[f64],
        level: f64,
    ) -> Result<Self, Diagnostic> {
        let empty = || [vec![], vec![], vec![]];
        let mut optima = Self {
            law,
            compute: vec![],
            params: empty(),
            tokens: empty(),
            ratio: empty(),
            loss: empty(),
        };
        for &compute in computes {
            let best = frontier.optimal(&Drawn::certain(Flop(compute), 0))?;
            if !best.exists() {
                continue;
            }
            optima.compute.push(compute);
            add(&mut optima.params, &best.parameters, level);
            add(&mut optima.tokens, &best.tokens, level);
            add(&mut optima.ratio, &best.tokens_per_parameter(), level);
            add(&mut optima.loss, &best.loss, level);
        }
        Ok(optima)
    }

    /// What the plan's programs call it: the best, and the ends of the interval.
    fn of(&self, output: &str) -> &[Vec<f64>; 3] {
        match output {
            "N" => &self.params,
            "D" => &self.tokens,
            "ratio" => &self.ratio,
            _ => &self.loss,
        }
    }
}

fn add<Q: Quantity>(to: &mut [Vec<f64>; 3], quantity: &Drawn<Q>, level: f64) {
    let best = quantity.best.number();
    let ends = quantity.interval(level);
    to[0].push(best);
    to[1].push(ends.map_or(best, |ends| ends.low));
    to[2].push(ends.map_or(best, |ends| ends.high));
}
