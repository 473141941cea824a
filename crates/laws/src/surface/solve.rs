//! The least objective at one grid point after another, each from its neighbour's solution.

use pulp::Arch;

use super::pass::{Line, Pass, Quadratic, Residual};
use super::terms::Terms;

/// A solved point of the grid; coefficients are those of the scaled columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Solved<const K: usize> {
    pub(super) place: [usize; 2],
    pub(super) at: [f64; K],
    pub(super) value: f64,
}

/// Solves point after point.
#[derive(Debug)]
pub(super) struct Solver<'a, const K: usize> {
    pub(super) terms: &'a Terms,
    pub(super) arch: Arch,
    pub(super) passes: usize,
}

impl<'a, const K: usize> Solver<'a, K> {
    pub(super) fn new(terms: &'a Terms) -> Self {
        Self { terms, arch: Arch::new(), passes: 0 }
    }

    pub(super) fn pass(&self, place: [usize; 2], at: [f64; K]) -> Pass<'a, K> {
        let Terms { columns, base, weights, turn, residual, .. } = self.terms;
        let lines = weights.len();
        Pass {
            columns: std::array::from_fn(|k| columns[k].at(place, lines)),
            base: base.at(place, lines),
            weights,
            residual: *residual,
            turn: *turn,
            reweighted: false,
            at,
        }
    }

    pub(super) fn run(&mut self, pass: Pass<'a, K>) -> Option<Quadratic<K>> {
        self.passes += 1;
        let here = pass.run(self.arch);
        (here.value + here.gradient.iter().sum::<f64>()).is_finite().then_some(here)
    }

    pub(super) fn bounds(&self, place: [usize; 2]) -> [(f64, f64); K] {
        std::array::from_fn(|k| {
            let (scale, (low, high)) = (self.terms.columns[k].scale(place), self.terms.bounds[k]);
            (low / scale, high / scale)
        })
    }

    /// Where squares are least: of the residuals, or for logarithms of law over measured less 1.
    pub(super) fn least_squares(&mut self, place: [usize; 2]) -> Option<[f64; K]> {
        let bounds = self.bounds(place);
        let start = bounds.map(|(low, high)| 0.0_f64.clamp(low, high));
        let mut pass = self.pass(place, start);
        let shifted: Vec<Line>;
        if pass.residual == Residual::Logarithm {
            shifted = pass.base.iter().map(|line| Line(line.0.map(|u| u + 1.0))).collect();
            let pass = Pass {
                base: &shifted,
                residual: Residual::Plain,
                turn: f64::INFINITY,
                reweighted: false,
                columns: pass.columns,
                weights: pass.weights,
                at: start,
            };
            self.passes += 1;
            let here = pass.run(self.arch);
            let (step, _) = here.ridged().step(&start, &bounds)?;
            return Some(std::array::from_fn(|k| start[k] + step[k]));
        }
        pass.turn = f64::INFINITY;
        let (step, _) = self.run(pass)?.ridged().step(&start, &bounds)?;
        Some(std::array::from_fn(|k| start[k] + step[k]))
    }

    /// Newton steps inside the bounds from `start`. Where too few rows lie inside the turn of the
    /// penalty to fix a step, reweighted least squares takes one.
    pub(super) fn solve(
        &mut self,
        place: [usize; 2],
        start: [f64; K],
        tolerance: f64,
    ) -> Option<Solved<K>> {
        const MOST_STEPS: usize = 60;
        let bounds = self.bounds(place);
        let mut at: [f64; K] = std::array::from_fn(|k| start[k].clamp(bounds[k].0, bounds[k].1));
        let mut here = self.run(self.pass(place, at))?;
        for _ in 0..MOST_STEPS {
            let (step, promised) = if let Some(step) = here.step(&at, &bounds) {
                step
            } else {
                let reweighted = Pass { reweighted: true, ..self.pass(place, at) };
                let Some(step) = self.run(reweighted)?.ridged().step(&at, &bounds) else { break };
                step
            };
            if promised <= tolerance * here.value + f64::MIN_POSITIVE {
                break;
            }
            let Some((next, there)) = self.along(place, &at, &here, &step, promised) else { break };
            (at, here) = (next, there);
        }
        Some(Solved { place, at, value: here.value })
    }

    /// The point along `step` where the objective is about least, if it is lower.
    pub(super) fn along(
        &mut self,
        place: [usize; 2],
        at: &[f64; K],
        here: &Quadratic<K>,
        step: &[f64; K],
        promised: f64,
    ) -> Option<([f64; K], Quadratic<K>)> {
        let slope = |of: &Quadratic<K>| (0..K).map(|k| of.gradient[k] * step[k]).sum::<f64>();
        let first = slope(here);
        let (mut low, mut high) = ((0.0, first), (1.0, f64::INFINITY));
        let mut part = 1.0;
        let mut best: Option<([f64; K], Quadratic<K>)> = None;
        for _ in 0..20 {
            let next: [f64; K] = std::array::from_fn(|k| at[k] + part * step[k]);
            let there = self.run(self.pass(place, next));
            let there_slope = there.as_ref().map_or(f64::INFINITY, slope);
            if let Some(there) = there {
                let enough = here.value - there.value >= 0.2 * part * promised;
                if best.is_none_or(|(_, known)| there.value < known.value) {
                    best = Some((next, there));
                }
                if enough && there_slope.abs() <= 0.5 * first.abs() {
                    break;
                }
                if part == 1.0 && there_slope <= 0.0 {
                    break;
                }
            }
            if there_slope > 0.0 {
                high = (part, there_slope);
            } else {
                low = (part, there_slope);
            }
            let width = high.0 - low.0;
            // The slope is nearly straight between its kinks.
            let guess = if high.1.is_finite() {
                low.0 - low.1 * width / (high.1 - low.1)
            } else {
                low.0 + 0.5 * width
            };
            part = guess.clamp(low.0 + 0.1 * width, high.0 - 0.1 * width);
        }
        best.filter(|(_, there)| there.value < here.value)
    }
}
