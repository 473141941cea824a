//! Loss over model size: profiles of budgets, and the surface over size and text.

use laws::FitOptions;
use laws::isoflop::{Approach2Options, approach2};
use report::{Figure, Frame, charts};
use runs::{Flop, Parameters, Tokens};

use super::{MANY_ROWS, SHOWN_RUNS, STEPS, ends};
use crate::commands::fit::answer::{Answer, Frontier, best_of};
use crate::commands::fit::profiles::{Surface, sweep};

/// Cells along each side of a surface.
const CELLS: usize = 28;

impl Answer<'_> {
    /// IsoFLOP profiles with their optima, where the runs form some.
    pub(super) fn profiles_figure(&self) -> Option<Figure> {
        let fit = self.fit;
        if self.observations.len() > MANY_ROWS {
            return None;
        }
        let sweep = sweep(&fit.law, self.observations).ok()?;
        let FitOptions { level, seed, .. } = fit.options;
        let options =
            Approach2Options { resamples: 200, level, seed, ..Approach2Options::default() };
        let found = approach2(&sweep, &options).ok()?;
        let optima = found.profiles.iter().filter(|profile| profile.optimum.is_some()).count();
        if optima < 2 {
            return None;
        }
        let unit = self.target_unit();
        let label = |c: Flop| format!("{:.1e} FLOP", c.get());
        let (mut runs, mut curves, mut best) =
            (Points::default(), Points::default(), Points::default());
        let (mut lows, mut highs) = (vec![], vec![]);
        for profile in &found.profiles {
            let budget = label(profile.compute);
            for size in &profile.sizes {
                runs.push(size.parameters.get(), size.loss, &budget);
            }
            if let (Some(parabola), Some((low, high))) = (&profile.parabola, span(&profile.sizes)) {
                for step in 0..=STEPS {
                    let n = low * (high / low).powf(step as f64 / STEPS as f64);
                    curves.push(n, parabola.at(n.ln()), &budget);
                }
            }
            if let Some(optimum) = &profile.optimum {
                best.push(optimum.parameters.get(), optimum.loss, &budget);
                lows.push(optimum.parameters_interval.map_or(f64::NAN, |ends| ends.low));
                highs.push(optimum.parameters_interval.map_or(f64::NAN, |ends| ends.high));
            }
        }
        let figure = charts::isoflop_profiles(
            runs.frame("runs", unit),
            curves.frame("profiles", unit),
            best.frame("optima", unit).numbers("low", "", lows).numbers("high", "", highs),
            level,
        );
        let title = format!("{optima} budgets have a best model size among these runs");
        Some(
            Figure { title, ..figure }
                .subtitle("a parabola in ln N for each budget; by themselves parabolas are off, the law above is not")
                .source(fit.data.origin.clone()),
        )
    }

    /// The law over N and D.
    pub(super) fn surface_figure(&self) -> Option<Figure> {
        let (fit, observations) = (self.fit, self.observations);
        let (Some(n), Some(d)) = (observations.variable("N"), observations.variable("D")) else {
            return None;
        };
        if fit.law.variables.len() != 2 || fit.groups().len() > 1 {
            return None;
        }
        let surface = Surface::new(fit)?;
        let ((n_low, n_high), (d_low, d_high)) = (ends(n), ends(d));
        let grid = |(low, high): (f64, f64)| -> Vec<f64> {
            let (low, high) = (low / 2.0, high * 4.0);
            let at = |step: usize| low * (high / low).powf(step as f64 / (CELLS - 1) as f64);
            (0..CELLS).map(at).collect()
        };
        let (mut sizes, mut tokens, mut losses) = (vec![], vec![], vec![]);
        for &size in &grid((n_low, n_high)) {
            for &text in &grid((d_low, d_high)) {
                sizes.push(size);
                tokens.push(text);
                losses.push(surface.at(Parameters(size), Tokens(text)));
            }
        }
        let unit = self.target_unit();
        let cells = Frame::new("surface")
            .numbers("params", "", sizes)
            .numbers("tokens", "", tokens)
            .numbers("loss", unit, losses);
        let runs = Frame::new("runs")
            .numbers("params", "", n.to_vec())
            .numbers("tokens", "", d.to_vec())
            .sample(SHOWN_RUNS);
        let (mut along_n, mut along_d) = (vec![], vec![]);
        if let Frontier::Of { given, .. } = &self.frontier {
            let (low, high) = fit.data.axis_range;
            for step in 0..=STEPS {
                let c = low * (10.0 * high / low).powf(step as f64 / STEPS as f64);
                if let Some(best) = best_of(fit, None, Flop(c), given) {
                    along_n.push(best.parameters.get());
                    along_d.push(best.tokens.get());
                }
            }
        }
        let path = Frame::new("path").numbers("params", "", along_n).numbers("tokens", "", along_d);
        let figure = charts::loss_surface(cells, runs, path);
        let title = "The law over model size and tokens, and where the runs are".to_owned();
        Some(Figure { title, ..figure }.subtitle(fit.law.formula.clone()))
    }
}

/// Points of several budgets.
#[derive(Default)]
struct Points {
    params: Vec<f64>,
    loss: Vec<f64>,
    budget: Vec<String>,
}

impl Points {
    fn push(&mut self, params: f64, loss: f64, budget: &str) {
        self.params.push(params);
        self.loss.push(loss);
        self.budget.push(budget.to_owned());
    }

    fn frame(self, name: &str, unit: &str) -> Frame {
        Frame::new(name)
            .numbers("params", "", self.params)
            .numbers("loss", unit, self.loss)
            .words("budget", self.budget)
    }
}

fn span(sizes: &[laws::isoflop::Size]) -> Option<(f64, f64)> {
    let all: Vec<f64> = sizes.iter().map(|size| size.parameters.get()).collect();
    let (low, high) = ends(&all);
    (high > low).then_some((low, high))
}
