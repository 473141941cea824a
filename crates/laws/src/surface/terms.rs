//! The law's linear terms over the grid, one column per value of the axis that moves each.

use formula::Workspace;

use super::pass::{Line, Residual};
use super::solve::{Solved, Solver};
use super::{Axis, MOST_ENTRIES, STRIP, Surface, TOLERANCE, refuse};
use crate::objective::{Loss, Objective};
use crate::problem::Problem;
use crate::{FitError, Law, ResidualScale};
use rayon::prelude::*;

/// One column per value of the axis that moves it, or a single one.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) axis: Option<usize>,
    pub(super) lines: Vec<Line>,
    /// What the stored column was multiplied with, per value, so that its mean size is 1 and
    /// coefficients change slowly from one value to the next.
    pub(super) scales: Vec<f64>,
}

impl Column {
    pub(super) fn at(&self, place: [usize; 2], lines: usize) -> &[Line] {
        let start = self.axis.map_or(0, |axis| place[axis]) * lines;
        &self.lines[start..start + lines]
    }

    pub(super) fn scale(&self, place: [usize; 2]) -> f64 {
        self.scales[self.axis.map_or(0, |axis| place[axis])]
    }
}

/// The law's linear terms over the grid.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) axes: [Axis; 2],
    pub(super) objective: Objective,
    pub(super) residual: Residual,
    /// Where Huber's penalty turns, and by what values have to be multiplied.
    pub(super) turn: f64,
    pub(super) factor: f64,
    /// One per linear parameter.
    pub(super) columns: Vec<Column>,
    pub(super) base: Column,
    pub(super) weights: Vec<Line>,
    pub(super) bounds: Vec<(f64, f64)>,
    /// Every free parameter: its name, and whether it is on an axis or the how-manieth linear one.
    pub(super) free: Vec<(String, Place)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Place {
    Axis(usize),
    Linear(usize),
}

impl Terms {
    pub(super) fn new(
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
    pub(super) fn walk<const K: usize>(&self) -> Result<Surface, FitError> {
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
    pub(super) fn strip<const K: usize>(
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

    pub(super) fn unscaled<const K: usize>(&self, solved: &Solved<K>) -> [f64; K] {
        std::array::from_fn(|k| solved.at[k] * self.columns[k].scale(solved.place))
    }
}

/// Evaluates the law's terms at single points of the plane.
pub(super) struct Sampler<'a> {
    pub(super) problem: &'a Problem<'a>,
    /// Rows that count.
    pub(super) rows: Vec<usize>,
    /// The law's parameters with the linear ones at zero, and where the axes stand among them.
    pub(super) parameters: Vec<f64>,
    pub(super) places: [usize; 2],
}

impl<'a> Sampler<'a> {
    pub(super) fn new(law: &Law, problem: &'a Problem<'a>, axes: &[Axis; 2]) -> Self {
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
    pub(super) fn at(&self, point: [f64; 2]) -> Vec<Vec<f64>> {
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
    pub(super) fn moves(&self, axes: &[Axis; 2]) -> Result<Vec<Option<usize>>, FitError> {
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
    pub(super) fn columns(&self, axes: &[Axis; 2], moves: &[Option<usize>]) -> Vec<Column> {
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
pub(super) fn lines(values: impl Iterator<Item = f64>, fill: f64) -> Vec<Line> {
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
