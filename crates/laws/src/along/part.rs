//! Some rows of a path, worked on by one thread.

use formula::Workspace;

use super::{Along, LN_LARGEST, Reached};
use crate::FitError;

/// Some rows of a path, with the space to work on them.
pub(super) struct Part<'a> {
    along: &'a Along,
    first: usize,
    end: usize,
    workspace: Workspace,
    value: Vec<f64>,
    /// Value, its slopes by x and the budget; its second derivatives xx, x budget, budget budget.
    pub(super) curve: [Vec<f64>; 6],
}

impl<'a> Part<'a> {
    pub(super) fn new(along: &'a Along, first: usize, end: usize) -> Self {
        let column = || vec![0.0; end - first];
        Self {
            along,
            first,
            end,
            workspace: Workspace::default(),
            value: column(),
            curve: std::array::from_fn(|_| column()),
        }
    }

    fn evaluate(&mut self, curves: bool, x: &[f64], ln_budget: &[f64]) -> Result<(), FitError> {
        let compiled = if curves { &self.along.curves } else { &self.along.value };
        let rows = self.first..self.end;
        let inputs = compiled.inputs();
        let slices: Vec<&[f64]> = inputs
            .iter()
            .map(|input| match input.name.as_str() {
                "x" => x,
                "ln_budget" => ln_budget,
                name => &self.along.given.get(name).unwrap_or_default()[rows.clone()],
            })
            .collect();
        let prepared = compiled.prepare_slices(&slices, rows.len())?;
        let workspace = &mut self.workspace;
        if curves {
            let mut out: Vec<&mut [f64]> = self.curve.iter_mut().map(Vec::as_mut_slice).collect();
            prepared.evaluate(&[], workspace, &mut out)?;
        } else {
            prepared.evaluate(&[], workspace, &mut [&mut self.value])?;
        }
        Ok(())
    }

    pub(super) fn curves(&mut self, x: &[f64], ln_budget: &[f64]) -> Result<(), FitError> {
        self.evaluate(true, x, ln_budget)
    }

    /// The least value of the grid per row, and its place. What is not a number is not the least.
    pub(super) fn least(
        &mut self,
        ln_budget: &[f64],
        window: (usize, usize),
    ) -> Result<Vec<(f64, usize)>, FitError> {
        let count = self.end - self.first;
        let mut least = vec![(f64::INFINITY, window.0); count];
        let mut x = vec![0.0; count];
        for place in window.0..=window.1 {
            x.fill(self.along.place(place as f64));
            self.evaluate(false, &x, ln_budget)?;
            for (least, &value) in least.iter_mut().zip(&self.value) {
                if value < least.0 {
                    *least = (value, place);
                }
            }
        }
        Ok(least)
    }

    pub(super) fn best(
        &mut self,
        ln_budget: &[f64],
        window: (usize, usize),
    ) -> Result<Vec<f64>, FitError> {
        let steps = self.along.steps();
        let mut least = self.least(ln_budget, window)?;
        for (i, least) in least.iter_mut().enumerate() {
            let cut = (least.1 == window.0 && window.0 > 0)
                || (least.1 == window.1 && window.1 < steps)
                || least.0.is_infinite();
            if cut {
                let row = self.first + i;
                let mut alone = Part::new(self.along, row, row + 1);
                *least = alone.least(&ln_budget[i..=i], (0, steps))?[0];
            }
        }
        let inside =
            |&(value, place): &(f64, usize)| value.is_finite() && place > 0 && place < steps;
        let mut x: Vec<f64> = least.iter().map(|least| self.along.place(least.1 as f64)).collect();
        let mut low: Vec<f64> =
            least.iter().map(|least| self.along.place(least.1 as f64 - 1.0)).collect();
        let mut high: Vec<f64> =
            least.iter().map(|least| self.along.place(least.1 as f64 + 1.0)).collect();
        let start = x.clone();
        let largest = self.along.span.0.abs().max(self.along.span.1.abs());
        // Newton steps that stay inside the bracket. It is halved where they would leave it, and
        // every third time, since kinks hold Newton's method up.
        for round in 1..=120 {
            self.curves(&x, ln_budget)?;
            let mut moved: f64 = 0.0;
            for row in 0..x.len() {
                let (slope, curvature) = (self.curve[1][row], self.curve[3][row]);
                let beyond = if slope.is_nan() { x[row] > start[row] } else { slope > 0.0 };
                if beyond {
                    high[row] = x[row];
                } else {
                    low[row] = x[row];
                }
                let newton = x[row] - slope / curvature;
                let safe = newton > low[row] && newton < high[row];
                let halve = !safe || (round % 3 == 0 && (newton - x[row]).abs() > 1e-6);
                let next = if slope == 0.0 {
                    x[row]
                } else if halve {
                    0.5 * (low[row] + high[row])
                } else {
                    newton
                };
                if inside(&least[row]) {
                    moved = moved.max((next - x[row]).abs());
                    x[row] = next;
                }
            }
            if moved < 1e-13 * largest {
                break;
            }
        }
        for (x, least) in x.iter_mut().zip(&least) {
            if !inside(least) {
                *x = f64::NAN;
            }
        }
        Ok(x)
    }

    pub(super) fn reach(&mut self, target: &[f64], mut at: Reached) -> Result<Reached, FitError> {
        let count = self.end - self.first;
        let mut settled = vec![false; count];
        for _ in 0..30 {
            self.curves(&at.x, &at.ln_budget)?;
            let mut open = false;
            for row in 0..count {
                let [value, by_x, by_budget, xx, mixed, _] =
                    std::array::from_fn(|i| self.curve[i][row]);
                // [xx mixed; by_x by_budget] (dx, db) = -(by_x, value - target)
                let over = value - target[row];
                let determinant = xx * by_budget - mixed * by_x;
                let dx = (mixed * over - by_x * by_budget) / determinant;
                let db = (by_x * by_x - xx * over) / determinant;
                settled[row] = xx > 0.0
                    && dx.abs() <= 1e-11 * at.x[row].abs().max(1.0)
                    && db.abs() <= 1e-12 * at.ln_budget[row].abs().max(1.0);
                open |= !settled[row] && dx.is_finite();
                at.x[row] += dx.clamp(-1.0, 1.0);
                at.ln_budget[row] += db.clamp(-2.0, 2.0);
            }
            if !open {
                break;
            }
        }
        for (row, settled) in settled.into_iter().enumerate() {
            if !settled || at.ln_budget[row].abs() > LN_LARGEST {
                at.x[row] = f64::NAN;
                at.ln_budget[row] = f64::NAN;
            }
        }
        Ok(at)
    }
}
