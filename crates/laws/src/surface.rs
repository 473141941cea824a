//! The objective over a plane: minimised over the linear parameters at every point of a grid of
//! two others.
//!
//! ```text
//!  axis 1 ──▶ columns of the terms that it moves ──┐
//!  axis 2 ──▶ columns of the terms that it moves ──┴─▶ per grid point, from its neighbour's
//!             (computed once per value)                solution: Newton steps inside the bounds
//! ```
//!
//! This is the picture behind a fit: the valley, second basins, and how sharp the minimum is. It
//! looks everywhere and knows nothing of the search, so it also checks it.

use diagnostic::Diagnostic;
use formula::Workspace;
use pulp::Arch;
use rayon::prelude::*;
use runs::Observations;

use crate::fit::{FitError, FitOptions, check_size};
use crate::objective::{Loss, Objective};
use crate::problem::Problem;
use crate::{Law, ResidualScale};

mod pass;

use pass::{Line, Pass, Quadratic, Residual};

/// Most linear parameters that are solved for.
const MOST_LINEAR: usize = 6;

/// Values of the first axis that one thread walks before it starts afresh. Fixed, so that the
/// answer does not depend on the number of threads.
const STRIP: usize = 16;

/// Newton steps stop where they promise less than this share of the objective.
const TOLERANCE: f64 = 1e-8;

/// The most numbers held in columns (2^26 of them are half a gigabyte), and grid points.
const MOST_ENTRIES: usize = 1 << 26;

/// A nonlinear parameter and the values it takes on a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The parameter's name.
    pub parameter: String,
    /// Its values, in the order in which the grid is walked: neighbours should be close.
    pub values: Vec<f64>,
}

impl Axis {
    /// `count` values in equal steps from `low` to `high`, both included.
    pub fn even(parameter: &str, low: f64, high: f64, count: usize) -> Self {
        let step = (high - low) / count.saturating_sub(1).max(1) as f64;
        let values = (0..count).map(|i| low + step * i as f64).collect();
        Self { parameter: parameter.to_owned(), values }
    }
}

/// The least objective at every point of a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    /// The two parameters of the grid.
    pub axes: [Axis; 2],
    /// What was made small.
    pub objective: Objective,
    /// Its value (a sum over rows, right to about eight digits), the values of the second axis
    /// side by side for each of the first; infinite where the law has no value.
    pub values: Vec<f64>,
    /// The lowest point of the grid: every free parameter of the law, in its order.
    pub best: Vec<(String, f64)>,
    /// The objective there.
    pub best_value: f64,
    /// Passes over the rows in all, a measure of the work.
    pub passes: usize,
}

impl Surface {
    /// The objective at the `i`-th value of the first axis and the `j`-th of the second.
    pub fn value(&self, i: usize, j: usize) -> f64 {
        self.values[i * self.axes[1].values.len() + j]
    }

    /// The grid points that lie below all their neighbours, lowest first: one for every basin
    /// that the grid can tell apart.
    pub fn minima(&self) -> Vec<(usize, usize)> {
        let (rows, columns) = (self.axes[0].values.len(), self.axes[1].values.len());
        let mut minima: Vec<(usize, usize)> = (0..rows)
            .flat_map(|i| (0..columns).map(move |j| (i, j)))
            .filter(|&(i, j)| {
                let own = self.value(i, j);
                own.is_finite()
                    && (i.saturating_sub(1)..rows.min(i + 2)).all(|k| {
                        (j.saturating_sub(1)..columns.min(j + 2))
                            .all(|l| (k, l) == (i, j) || self.value(k, l) > own)
                    })
            })
            .collect();
        minima.sort_by(|a, b| self.value(a.0, a.1).total_cmp(&self.value(b.0, b.1)));
        minima
    }
}

/// Minimises the objective over the law's linear parameters, inside their bounds, at every point
/// of the grid of two others. Further nonlinear parameters have to be held
/// ([`FitOptions::held`]); of the options the resampling is not used.
///
/// ```
/// use laws::{Axis, FitOptions, catalogue, surface};
/// use runs::{NatsPerToken, Observation, Observations, Parameters, Tokens};
///
/// let law = catalogue::find("chinchilla")?;
/// let rows = [1e6, 3e6, 1e7, 3e7].into_iter().flat_map(|n: f64| {
///     [5.0, 20.0, 80.0].map(|ratio: f64| Observation {
///         run: format!("{n:e}/{ratio}"),
///         parameters: Parameters(n),
///         tokens: Tokens(ratio * n),
///         loss: NatsPerToken(1.69 + 406.4 / n.powf(0.34) + 410.7 / (ratio * n).powf(0.28)),
///     })
/// });
/// let axes = ["alpha", "beta"].map(|name| Axis::even(name, 0.2, 0.4, 101));
/// let surface = surface(&law, &Observations::new(rows), &FitOptions::default(), axes)?;
/// assert!((surface.best[3].1 - 0.34).abs() < 1e-9 && (surface.best[4].1 - 0.28).abs() < 1e-9);
/// assert_eq!(surface.minima(), [(70, 40)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Options out of range, names that the law does not have, parameters that are neither linear nor
/// on an axis nor held, a term that both axes move, and penalties other than Huber's and squares.
pub fn surface(
    law: &Law,
    observations: &Observations,
    options: &FitOptions,
    axes: [Axis; 2],
) -> Result<Surface, FitError> {
    let objective = options.objective.unwrap_or(Objective::standard(law.residuals));
    let (law, rows, model, shared) = options.prepare(law, observations)?;
    let problem = Problem::new(&law, &model, &rows, &shared)?;
    check_size(&law, &problem)?;
    let terms = Terms::new(&law, &problem, objective, axes)?;
    match model.linear.len() {
        1 => terms.walk::<1>(),
        2 => terms.walk::<2>(),
        3 => terms.walk::<3>(),
        4 => terms.walk::<4>(),
        5 => terms.walk::<5>(),
        MOST_LINEAR => terms.walk::<MOST_LINEAR>(),
        count => Err(refuse(format!(
            "a surface is drawn for 1 to {MOST_LINEAR} linear parameters, and `{}` has {count}",
            law.name
        ))),
    }
}

fn refuse(problem: String) -> FitError {
    FitError::Input(Diagnostic::error(problem))
}

/// One column per value of the axis that moves it, or a single one.
#[derive(Debug)]
struct Column {
    axis: Option<usize>,
    lines: Vec<Line>,
    /// What the stored column was multiplied with, per value, so that its mean size is 1 and
    /// coefficients change slowly from one value to the next.
    scales: Vec<f64>,
}

impl Column {
    fn at(&self, place: [usize; 2], lines: usize) -> &[Line] {
        let start = self.axis.map_or(0, |axis| place[axis]) * lines;
        &self.lines[start..start + lines]
    }

    fn scale(&self, place: [usize; 2]) -> f64 {
        self.scales[self.axis.map_or(0, |axis| place[axis])]
    }
}

/// The law's linear terms over the grid.
#[derive(Debug)]
struct Terms {
    axes: [Axis; 2],
    objective: Objective,
    residual: Residual,
    /// Where Huber's penalty turns, and by what values have to be multiplied.
    turn: f64,
    factor: f64,
    /// One per linear parameter.
    columns: Vec<Column>,
    base: Column,
    weights: Vec<Line>,
    bounds: Vec<(f64, f64)>,
    /// Every free parameter: its name, and whether it is on an axis or the how-manieth linear one.
    free: Vec<(String, Place)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Axis(usize),
    Linear(usize),
}

impl Terms {
    fn new(
        law: &Law,
        problem: &Problem<'_>,
        objective: Objective,
        axes: [Axis; 2],
    ) -> Result<Self, FitError> {
        let model = problem.model;
        let (turn, factor) = match objective.loss {
            Loss::Huber { delta } => (delta, 1.0),
            Loss::Squares => (f64::INFINITY, 2.0),
            _ => {
                return Err(refuse(format!(
                    "a surface is drawn for Huber's penalty and for squares, not for the {objective}"
                )));
            }
        };
        if problem.blocks() != 1 {
            return Err(refuse("a surface is drawn for rows without groups".to_owned()));
        }
        let mut free = Vec::new();
        for (position, &index) in model.free.iter().enumerate() {
            let name = &law.parameters[index].name;
            let axis = axes.iter().position(|axis| axis.parameter == *name);
            let linear = model.linear.iter().position(|&linear| linear == position);
            let place = match (axis, linear) {
                (Some(axis), None) => Place::Axis(axis),
                (None, Some(linear)) => Place::Linear(linear),
                (Some(_), Some(_)) => {
                    return Err(refuse(format!(
                        "`{name}` enters `{}` linearly: it is solved for, and cannot be an axis",
                        law.name
                    )));
                }
                (None, None) => {
                    return Err(refuse(format!(
                        "`{name}` is neither linear in `{}` nor on an axis: hold it at a value",
                        law.name
                    )));
                }
            };
            free.push((name.clone(), place));
        }
        for (number, axis) in axes.iter().enumerate() {
            if !free.contains(&(axis.parameter.clone(), Place::Axis(number))) {
                return Err(refuse(format!(
                    "`{}` is not a free parameter of `{}` that could be the axis of a surface",
                    axis.parameter, law.name
                )));
            }
            if axis.values.is_empty() || axis.values.iter().any(|x| !x.is_finite()) {
                return Err(refuse(format!(
                    "the axis `{}` needs one or more finite values",
                    axis.parameter
                )));
            }
        }
        let sampler = Sampler::new(law, problem, &axes);
        if sampler.rows.is_empty() {
            return Err(refuse("every row has the weight zero".to_owned()));
        }
        let moves = sampler.moves(&axes)?;
        let entries = moves.iter().map(|axis| axis.map_or(1, |axis| axes[axis].values.len()));
        let points = axes[0].values.len().saturating_mul(axes[1].values.len());
        let most = entries.sum::<usize>().saturating_mul(sampler.rows.len()).max(points);
        if most > MOST_ENTRIES {
            return Err(refuse(format!(
                "the surface needs {most} numbers, over the limit of {MOST_ENTRIES}: take fewer \
                 values per axis, or fewer rows"
            )));
        }
        let mut columns = sampler.columns(&axes, &moves);
        let Some(base) = columns.pop() else { return Err(FitError::NotFinite) };
        Ok(Self {
            objective,
            residual: if model.scale == ResidualScale::Log && !model.in_logarithm {
                Residual::Logarithm
            } else {
                Residual::Plain
            },
            turn,
            factor,
            columns,
            base,
            weights: lines(sampler.rows.iter().map(|&row| problem.rows.weight[row]), 0.0),
            bounds: model
                .linear
                .iter()
                .map(|&position| law.parameters[model.free[position]].bounds)
                .collect(),
            free,
            axes,
        })
    }

    /// Walks the grid in strips, each in a serpentine from its corner.
    fn walk<const K: usize>(&self) -> Result<Surface, FitError> {
        let across = self.axes[1].values.len();
        let mut values = vec![f64::INFINITY; self.axes[0].values.len() * across];
        let strips: Vec<(Option<Solved<K>>, usize)> = values
            .par_chunks_mut(STRIP * across)
            .enumerate()
            .map(|(strip, values)| self.strip(strip * STRIP, values))
            .collect();
        let passes = strips.iter().map(|(_, passes)| passes).sum();
        let best = strips
            .into_iter()
            .filter_map(|(best, _)| best)
            .min_by(|a, b| a.value.total_cmp(&b.value))
            .ok_or(FitError::NotFinite)?;
        let mut solver = Solver::<K>::new(self);
        let best = solver.solve(best.place, best.at, 1e-15).unwrap_or(best);
        let point = self.unscaled(&best);
        values[best.place[0] * across + best.place[1]] = self.factor * best.value;
        Ok(Surface {
            best: self
                .free
                .iter()
                .map(|(name, place)| {
                    let value = match *place {
                        Place::Axis(axis) => self.axes[axis].values[best.place[axis]],
                        Place::Linear(k) => point[k],
                    };
                    (name.clone(), value)
                })
                .collect(),
            best_value: self.factor * best.value,
            values,
            passes,
            axes: self.axes.clone(),
            objective: self.objective,
        })
    }

    /// The values from the `first` value of the first axis on, the best of them, and the passes.
    fn strip<const K: usize>(
        &self,
        first: usize,
        values: &mut [f64],
    ) -> (Option<Solved<K>>, usize) {
        let across = self.axes[1].values.len();
        let mut solver = Solver::<K>::new(self);
        let mut best: Option<Solved<K>> = None;
        // Solutions of the row before, and of the two points before in this row.
        let mut behind: Vec<Option<[f64; K]>> = vec![None; across];
        for (i, row) in values.chunks_mut(across).enumerate() {
            let (mut last, mut before_last): (Option<usize>, Option<[f64; K]>) = (None, None);
            for step in 0..across {
                let j = if i % 2 == 0 { step } else { across - 1 - step };
                let place = [first + i, j];
                // What moving along the row changes here, it changed nearly as much one row
                // before; in the first row, one step before.
                let start = match (last, behind[j]) {
                    (Some(last), Some(below)) => {
                        let corner = before_last.unwrap_or(below);
                        behind[last].map(|x| std::array::from_fn(|k| x[k] + below[k] - corner[k]))
                    }
                    (Some(last), None) => behind[last].map(|x| match before_last {
                        Some(before) => std::array::from_fn(|k| 2.0 * x[k] - before[k]),
                        None => x,
                    }),
                    (None, below) => below,
                };
                let solved = match start {
                    Some(start) => solver.solve(place, start, TOLERANCE),
                    None => None,
                };
                let solved = solved.or_else(|| {
                    let start = solver.least_squares(place)?;
                    solver.solve(place, start, TOLERANCE)
                });
                // Before it is overwritten: the solution here of the row before.
                before_last =
                    behind[j].or(if i == 0 { last.and_then(|l| behind[l]) } else { None });
                behind[j] = solved.as_ref().map(|solved| solved.at);
                last = Some(j);
                let Some(solved) = solved else { continue };
                row[j] = self.factor * solved.value;
                if best.as_ref().is_none_or(|best| solved.value < best.value) {
                    best = Some(solved);
                }
            }
        }
        (best, solver.passes)
    }

    fn unscaled<const K: usize>(&self, solved: &Solved<K>) -> [f64; K] {
        std::array::from_fn(|k| solved.at[k] * self.columns[k].scale(solved.place))
    }
}

/// A solved point of the grid; coefficients are those of the scaled columns.
#[derive(Debug, Clone, Copy)]
struct Solved<const K: usize> {
    place: [usize; 2],
    at: [f64; K],
    value: f64,
}

/// Solves point after point.
#[derive(Debug)]
struct Solver<'a, const K: usize> {
    terms: &'a Terms,
    arch: Arch,
    passes: usize,
}

impl<'a, const K: usize> Solver<'a, K> {
    fn new(terms: &'a Terms) -> Self {
        Self { terms, arch: Arch::new(), passes: 0 }
    }

    fn pass(&self, place: [usize; 2], at: [f64; K]) -> Pass<'a, K> {
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

    fn run(&mut self, pass: Pass<'a, K>) -> Option<Quadratic<K>> {
        self.passes += 1;
        let here = pass.run(self.arch);
        (here.value + here.gradient.iter().sum::<f64>()).is_finite().then_some(here)
    }

    fn bounds(&self, place: [usize; 2]) -> [(f64, f64); K] {
        std::array::from_fn(|k| {
            let (scale, (low, high)) = (self.terms.columns[k].scale(place), self.terms.bounds[k]);
            (low / scale, high / scale)
        })
    }

    /// Where squares are least: of the residuals, or for logarithms of law over measured less 1.
    fn least_squares(&mut self, place: [usize; 2]) -> Option<[f64; K]> {
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
    fn solve(&mut self, place: [usize; 2], start: [f64; K], tolerance: f64) -> Option<Solved<K>> {
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
    fn along(
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

/// Evaluates the law's terms at single points of the plane.
struct Sampler<'a> {
    problem: &'a Problem<'a>,
    /// Rows that count.
    rows: Vec<usize>,
    /// The law's parameters with the linear ones at zero, and where the axes stand among them.
    parameters: Vec<f64>,
    places: [usize; 2],
}

impl<'a> Sampler<'a> {
    fn new(law: &Law, problem: &'a Problem<'a>, axes: &[Axis; 2]) -> Self {
        let mut parameters = problem.model.held.clone();
        for &position in &problem.model.linear {
            parameters[problem.model.free[position]] = 0.0;
        }
        let place = |axis: &Axis| {
            law.parameters.iter().position(|known| known.name == axis.parameter).unwrap_or(0)
        };
        Self {
            problem,
            rows: (0..problem.rows.len()).filter(|&row| problem.rows.weight[row] > 0.0).collect(),
            parameters,
            places: [place(&axes[0]), place(&axes[1])],
        }
    }

    /// The columns of the linear parameters and the base at one point, one after the other, over
    /// the rows that count.
    fn at(&self, point: [f64; 2]) -> Vec<Vec<f64>> {
        let (problem, model) = (self.problem, self.problem.model);
        let mut parameters = self.parameters.clone();
        for (place, x) in self.places.iter().zip(point) {
            parameters[*place] = x;
        }
        let n = problem.rows.len();
        let mut columns = vec![f64::NAN; (1 + model.free.len()) * n];
        if !problem.tangents(0, &parameters, &mut Workspace::default(), &mut columns) {
            columns.fill(f64::NAN);
        }
        let (rest, slopes) = columns.split_at(n);
        let measured = &problem.rows.measured;
        let logarithmic = model.scale == ResidualScale::Log;
        let mut out: Vec<Vec<f64>> = model
            .linear
            .iter()
            .map(|&position| {
                let slope = &slopes[position * n..(position + 1) * n];
                let of = |row: usize| match (logarithmic, model.in_logarithm) {
                    (false, _) => slope[row],
                    (true, false) => slope[row] / measured[row],
                    (true, true) => slope[row] / rest[row],
                };
                self.rows.iter().map(|&row| of(row)).collect()
            })
            .collect();
        let base = |row: usize| match (logarithmic, model.in_logarithm) {
            (false, _) => measured[row] - rest[row],
            (true, false) => -rest[row] / measured[row],
            (true, true) => (measured[row] / rest[row]).ln(),
        };
        out.push(self.rows.iter().map(|&row| base(row)).collect());
        out
    }

    /// The axis that moves each column, the base last, from a few points of the plane.
    fn moves(&self, axes: &[Axis; 2]) -> Result<Vec<Option<usize>>, FitError> {
        let probes = |axis: &Axis| {
            let last = axis.values.len() - 1;
            [0, last / 3, last].map(|at| axis.values[at])
        };
        let [first, second] = [probes(&axes[0]), probes(&axes[1])];
        let grid = first.map(|x| second.map(|y| self.at([x, y])));
        let bits = |column: &[f64]| column.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        (0..grid[0][0].len())
            .map(|column| {
                let at = |i: usize, j: usize| bits(&grid[i][j][column]);
                let by_first = (0..3).any(|j| (1..3).any(|i| at(i, j) != at(0, j)));
                let by_second = (0..3).any(|i| (1..3).any(|j| at(i, j) != at(i, 0)));
                match (by_first, by_second) {
                    (true, true) => Err(refuse(format!(
                        "`{}` and `{}` act on the same term of the law: a surface is drawn over \
                         parameters of different terms",
                        axes[0].parameter, axes[1].parameter
                    ))),
                    (true, false) => Ok(Some(0)),
                    (false, true) => Ok(Some(1)),
                    (false, false) => Ok(None),
                }
            })
            .collect()
    }

    /// Every column at every value of the axis that moves it; the base last, which is not scaled.
    fn columns(&self, axes: &[Axis; 2], moves: &[Option<usize>]) -> Vec<Column> {
        let mut columns: Vec<Column> = moves
            .iter()
            .map(|&axis| Column { axis, lines: Vec::new(), scales: Vec::new() })
            .collect();
        let mut add = |axis: Option<usize>, point: [f64; 2]| {
            let last = columns.len() - 1;
            for (place, (column, values)) in columns.iter_mut().zip(self.at(point)).enumerate() {
                if column.axis != axis {
                    continue;
                }
                let size = values.iter().map(|x| x.abs()).sum::<f64>() / values.len() as f64;
                let scaled = place != last && size.recip().is_normal();
                let scale = if scaled { size.recip() } else { 1.0 };
                let fill = values[0] * scale;
                column.lines.extend(lines(values.iter().map(|x| x * scale), fill));
                column.scales.push(scale);
            }
        };
        let [first, second] = [&axes[0].values, &axes[1].values];
        add(None, [first[0], second[0]]);
        for &x in first {
            add(Some(0), [x, second[0]]);
        }
        for &y in second {
            add(Some(1), [first[0], y]);
        }
        columns
    }
}

/// Numbers in lines, the last one filled up.
fn lines(values: impl Iterator<Item = f64>, fill: f64) -> Vec<Line> {
    let values: Vec<f64> = values.collect();
    values
        .chunks(Line::WIDTH)
        .map(|chunk| {
            let mut line = [fill; Line::WIDTH];
            line[..chunk.len()].copy_from_slice(chunk);
            Line(line)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalogue, fit};
    use runs::{NatsPerToken, Observation, Parameters, Tokens};

    /// 48 runs about Besiroglu's law with errors of a few parts in a thousand, some of them large.
    fn runs() -> Observations {
        Observations::new((0..48_u32).map(|i| {
            let n = 6e7 * 1.12_f64.powf(f64::from(i));
            let d = 20.0 * n * [0.2, 0.7, 2.0, 9.0][i as usize % 4];
            let error =
                0.004 * (f64::from(i * i) * 0.7).sin() * f64::from(1 + 6 * u32::from(i % 11 == 3));
            let law = 1.8172 + 482.01 / n.powf(0.3478) + 2085.43 / d.powf(0.3658);
            Observation {
                run: i.to_string(),
                parameters: Parameters(n),
                tokens: Tokens(d),
                loss: NatsPerToken(law * error.exp()),
            }
        }))
    }

    fn exponents(count: usize) -> [Axis; 2] {
        ["alpha", "beta"].map(|name| Axis::even(name, 0.05, 0.95, count))
    }

    const LINEAR: Objective =
        Objective { residuals: ResidualScale::Linear, loss: Loss::Huber { delta: 1e-3 } };

    fn options(objective: Objective) -> FitOptions {
        FitOptions {
            objective: Some(objective),
            bootstrap: 0,
            backtest: false,
            ..FitOptions::default()
        }
    }

    #[test]
    fn every_point_is_what_a_fit_with_these_exponents_finds() {
        let (law, runs) = (catalogue::find("chinchilla").unwrap(), runs());
        let squares = Objective::squares(ResidualScale::Log);
        for objective in [LINEAR, Objective::huber(1e-3), squares] {
            let picture = surface(&law, &runs, &options(objective), exponents(91)).unwrap();
            for (i, j) in [(0, 0), (30, 30), (5, 80), (80, 5), (90, 90), (29, 32), (60, 45)] {
                let place = [("alpha", 0, i), ("beta", 1, j)];
                let held = place
                    .map(|(name, axis, at)| (name.to_owned(), picture.axes[axis].values[at]))
                    .to_vec();
                let one = fit(&law, &runs, &FitOptions { held, ..options(objective) }).unwrap();
                let ratio = picture.value(i, j) / one.value;
                assert!((0.999_999..1.000_001).contains(&ratio), "{objective} {i} {j}: {ratio}");
            }
        }
    }

    #[test]
    fn the_lowest_point_lies_beside_the_minimum_that_the_search_finds() {
        let (law, runs) = (catalogue::find("chinchilla").unwrap(), runs());
        for objective in [LINEAR, Objective::huber(1e-3)] {
            let picture = surface(&law, &runs, &options(objective), exponents(181)).unwrap();
            let one = fit(&law, &runs, &options(objective)).unwrap();
            for (name, value) in &picture.best[3..] {
                let away = (value - one.value_of(name).unwrap()).abs();
                assert!(away <= 0.005 + 1e-12, "{name} {value} {away}");
            }
            assert!(picture.best_value >= one.value && picture.best_value < 1.1 * one.value);
            let (i, j) = picture.minima()[0];
            assert_eq!(picture.value(i, j), picture.best_value);
        }
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let (law, runs) = (catalogue::find("chinchilla").unwrap(), runs());
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| surface(&law, &runs, &options(LINEAR), exponents(60)).unwrap())
        };
        assert_eq!(on(1), on(3));
    }

    #[test]
    fn what_cannot_be_drawn_is_said() {
        let (law, runs) = (catalogue::find("chinchilla").unwrap(), runs());
        let said = |law: &Law, options: &FitOptions, axes: [Axis; 2]| {
            surface(law, &runs, options, axes).unwrap_err().to_string()
        };
        let plain = options(LINEAR);
        let axis = |name: &str, count| Axis::even(name, 0.1, 0.9, count);
        assert!(said(&law, &plain, [axis("alpha", 9), axis("E", 9)]).contains("linearly"));
        assert!(said(&law, &plain, [axis("alpha", 9), axis("gamma", 9)]).contains("neither"));
        assert!(said(&law, &plain, [axis("alpha", 9), axis("beta", 0)]).contains("finite values"));
        assert!(said(&law, &plain, exponents(1 << 15)).contains("limit"));
        let student = Objective { loss: Loss::StudentT { degrees: 4.0 }, ..LINEAR };
        assert!(said(&law, &options(student), exponents(9)).contains("Huber"));
        let known = |name: &str| ["N", "D"].contains(&name);
        let joint = Law::typed("loss = E + A / (N^alpha * D^beta)", known).unwrap();
        assert!(said(&joint, &plain, exponents(9)).contains("same term"));
    }
}
