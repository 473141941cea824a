//! A law on its rows: the objective with its first and second derivatives.

use std::ops::Range;

use diagnostic::Diagnostic;
use formula::{Compiled, Prepared, Workspace};
use rayon::prelude::*;

use crate::accumulate::Chunk;
use crate::dense::Matrix;
use crate::model::Model;
use crate::objective::Penalty;
use crate::rows::Rows;
use crate::{Law, ResidualScale};

/// Rows walked at a time: their columns stay in the nearest caches.
const CHUNK: usize = 512;

/// From this many rows on, chunks are shared between threads.
const MANY_ROWS: usize = 16 * CHUNK;

/// One number that the search moves: a parameter, or its copy in one group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Coordinate {
    /// Index among the law's parameters.
    pub(crate) parameter: usize,
    /// The group it belongs to; `None` when all groups share it.
    pub(crate) group: Option<usize>,
    /// Bounds, in the logarithm for logarithmic ones.
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) logarithmic: bool,
    /// Whether it can be solved for when the others are known.
    pub(crate) linear: bool,
}

impl Coordinate {
    /// The coordinate at a value of the parameter.
    pub(crate) fn inner(&self, value: f64) -> f64 {
        if self.logarithmic { value.max(f64::MIN_POSITIVE).ln() } else { value }
    }

    /// The parameter's value where the coordinate is `x`.
    pub(crate) fn value(&self, x: f64) -> f64 {
        if self.logarithmic { x.exp() } else { x }
    }

    /// The derivative of the parameter by the coordinate where that is `x`.
    pub(crate) fn factor(&self, x: f64) -> f64 {
        if self.logarithmic { x.exp() } else { 1.0 }
    }
}

/// The rows of one group, with the law's columns computed once.
#[derive(Debug, Clone)]
struct Block<'a> {
    rows: Range<usize>,
    value: Prepared<'a>,
    gradient: Prepared<'a>,
    expansion: Prepared<'a>,
    /// The coordinate of each free parameter.
    place: Vec<usize>,
}

/// A law, its rows and the coordinates that are searched over.
#[derive(Debug, Clone)]
pub(crate) struct Problem<'a> {
    pub(crate) model: &'a Model,
    pub(crate) rows: &'a Rows,
    pub(crate) coordinates: Vec<Coordinate>,
    blocks: Vec<Block<'a>>,
    /// Measured values on the residual scale.
    pub(crate) target: Vec<f64>,
}

/// The objective near a point.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expansion {
    pub(crate) value: f64,
    pub(crate) gradient: Vec<f64>,
    pub(crate) hessian: Matrix,
    /// The Hessian of reweighted least squares, which is never indefinite.
    pub(crate) metric: Matrix,
}

/// Scratch columns, one per thread.
#[derive(Debug, Default)]
pub(crate) struct Space {
    workspace: Workspace,
    columns: Vec<f64>,
    /// Per row of a chunk: weight times slope, and the two factors of second derivatives.
    factors: [Vec<f64>; 4],
    parameters: Vec<f64>,
    local: Expansion,
}

impl Expansion {
    pub(crate) fn zero(size: usize) -> Self {
        Self {
            value: 0.0,
            gradient: vec![0.0; size],
            hessian: Matrix::zero(size),
            metric: Matrix::zero(size),
        }
    }

    fn reset(&mut self, size: usize) {
        if self.gradient.len() == size {
            self.value = 0.0;
            self.gradient.fill(0.0);
            self.hessian.clear();
            self.metric.clear();
        } else {
            *self = Self::zero(size);
        }
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.value.is_finite()
            && self.gradient.iter().all(|x| x.is_finite())
            && self.hessian.is_finite()
            && self.metric.is_finite()
    }

    fn add(&mut self, other: &Self) {
        self.value += other.value;
        for (x, y) in self.gradient.iter_mut().zip(&other.gradient) {
            *x += y;
        }
        self.hessian.add(&other.hessian);
        self.metric.add(&other.metric);
    }
}

impl<'a> Problem<'a> {
    /// `shared` says, per parameter of the law, whether all groups have it in common.
    pub(crate) fn new(
        law: &Law,
        model: &'a Model,
        rows: &'a Rows,
        shared: &[bool],
    ) -> Result<Self, Diagnostic> {
        let mut groups: Vec<Range<usize>> = Vec::new();
        for row in 0..rows.len() {
            match groups.last_mut() {
                Some(last) if rows.group[last.start] == rows.group[row] => last.end = row + 1,
                _ => groups.push(row..row + 1),
            }
        }
        let mut coordinates = Vec::new();
        let mut places = vec![vec![0; model.free.len()]; groups.len()];
        for (position, &parameter) in model.free.iter().enumerate() {
            let known = &law.parameters[parameter];
            let (low, high) = known.bounds;
            let bound = |x: f64| if known.logarithmic { x.max(f64::MIN_POSITIVE).ln() } else { x };
            let in_one = |group| Coordinate {
                parameter,
                group,
                low: bound(low),
                high: bound(high),
                logarithmic: known.logarithmic,
                linear: model.linear.contains(&position),
            };
            let together = shared.get(parameter).copied().unwrap_or(true) || groups.len() == 1;
            if together {
                coordinates.push(in_one(None));
            }
            for (block, rows_of) in groups.iter().enumerate() {
                if !together {
                    coordinates.push(in_one(Some(rows.group[rows_of.start])));
                }
                places[block][position] = coordinates.len() - 1;
            }
        }
        let blocks = groups
            .into_iter()
            .zip(places)
            .map(|(range, place)| {
                Ok(Block {
                    value: prepare(&model.value, rows, range.clone())?,
                    gradient: prepare(&model.gradient, rows, range.clone())?,
                    expansion: prepare(&model.expansion, rows, range.clone())?,
                    rows: range,
                    place,
                })
            })
            .collect::<Result<_, Diagnostic>>()?;
        let target = match model.scale {
            ResidualScale::Log => rows.measured.iter().map(|y| y.ln()).collect(),
            ResidualScale::Linear => rows.measured.clone(),
        };
        Ok(Self { model, rows, coordinates, blocks, target })
    }

    pub(crate) fn size(&self) -> usize {
        self.coordinates.len()
    }

    pub(crate) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The coordinate of each free parameter in one block, and the rows of that block.
    pub(crate) fn block(&self, block: usize) -> (&[usize], Range<usize>) {
        (&self.blocks[block].place, self.blocks[block].rows.clone())
    }

    /// Every parameter of the law at `x`, as the rows of one block see it.
    pub(crate) fn parameters(&self, block: usize, x: &[f64], into: &mut Vec<f64>) {
        into.clear();
        into.extend_from_slice(&self.model.held);
        for (&parameter, &place) in self.model.free.iter().zip(&self.blocks[block].place) {
            into[parameter] = self.coordinates[place].value(x[place]);
        }
    }

    /// The objective with its derivatives at `x`, rows counting `weights`.
    ///
    /// Sums run over fixed chunks in order, whatever the number of threads.
    pub(crate) fn expand(
        &self,
        x: &[f64],
        penalty: Penalty,
        weights: &[f64],
        space: &mut Space,
        out: &mut Expansion,
    ) {
        out.reset(self.size());
        let mut local = std::mem::take(&mut space.local);
        let mut parameters = std::mem::take(&mut space.parameters);
        for (number, block) in self.blocks.iter().enumerate() {
            self.parameters(number, x, &mut parameters);
            let local_size = self.model.free.len();
            local.reset(local_size);
            let chunks = block.rows.len().div_ceil(CHUNK);
            let range = |chunk: usize| chunk * CHUNK..((chunk + 1) * CHUNK).min(block.rows.len());
            if block.rows.len() < MANY_ROWS {
                for chunk in 0..chunks {
                    self.chunk(
                        block,
                        range(chunk),
                        &parameters,
                        penalty,
                        weights,
                        space,
                        &mut local,
                    );
                }
            } else {
                let parts: Vec<Expansion> = (0..chunks)
                    .into_par_iter()
                    .map_init(Space::default, |space, chunk| {
                        let mut part = Expansion::zero(local_size);
                        let rows = range(chunk);
                        self.chunk(block, rows, &parameters, penalty, weights, space, &mut part);
                        part
                    })
                    .collect();
                for part in &parts {
                    local.add(part);
                }
            }
            self.scatter(block, x, &local, out);
        }
        space.local = local;
        space.parameters = parameters;
    }

    #[expect(clippy::too_many_arguments, reason = "the inner loop, named for the profile")]
    fn chunk(
        &self,
        block: &Block<'_>,
        rows: Range<usize>,
        parameters: &[f64],
        penalty: Penalty,
        weights: &[f64],
        space: &mut Space,
        out: &mut Expansion,
    ) {
        let (n, p) = (rows.len(), self.model.free.len());
        let columns = self.model.expansion.column_names().len();
        // The law on a linear scale is the law itself: its column is copied below.
        let logarithmic = self.model.scale == ResidualScale::Log;
        space.columns.resize((columns + usize::from(!logarithmic)) * n, 0.0);
        let (scaled, rest) = if logarithmic {
            (None, space.columns.as_mut_slice())
        } else {
            let (scaled, rest) = space.columns.split_at_mut(n);
            (Some(scaled), rest)
        };
        let mut outputs: Vec<&mut [f64]> = rest.chunks_exact_mut(n).collect();
        let done = block.expansion.evaluate_rows(
            rows.clone(),
            parameters,
            &mut space.workspace,
            &mut outputs,
        );
        if done.is_err() {
            out.value = f64::NAN;
            return;
        }
        let (value, rest) = rest.split_at_mut(n);
        let (scaled, rest) = match scaled {
            Some(scaled) => {
                scaled.copy_from_slice(value);
                (scaled, rest)
            }
            None => rest.split_at_mut(n),
        };
        let (slopes, curves) = rest.split_at_mut(p * n);
        let first = block.rows.start + rows.start;
        Chunk {
            penalty,
            logarithmic,
            target: &self.target[first..first + n],
            weights: &weights[first..first + n],
            value,
            scaled,
            slopes,
            curves,
            places: &self.model.curves,
            factors: &mut space.factors,
            out,
        }
        .add();
    }

    /// Adds the derivatives by one block's parameters to those by the coordinates.
    fn scatter(&self, block: &Block<'_>, x: &[f64], local: &Expansion, out: &mut Expansion) {
        out.value += local.value;
        let factor = |place: usize| self.coordinates[place].factor(x[place]);
        for (a, &i) in block.place.iter().enumerate() {
            let by_a = factor(i);
            out.gradient[i] += by_a * local.gradient[a];
            if self.coordinates[i].logarithmic {
                out.hessian[(i, i)] += by_a * local.gradient[a];
            }
            for (b, &j) in block.place.iter().enumerate().take(a + 1) {
                let both = by_a * factor(j);
                let hessian = both * local.hessian[(a, b)];
                let metric = both * local.metric[(a, b)];
                out.hessian[(i, j)] += hessian;
                out.metric[(i, j)] += metric;
                if i != j {
                    out.hessian[(j, i)] += hessian;
                    out.metric[(j, i)] += metric;
                }
            }
        }
    }

    /// The law's value for every row at `x`.
    pub(crate) fn values(&self, x: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.rows.len()];
        let (mut workspace, mut parameters) = (Workspace::default(), Vec::new());
        for (number, block) in self.blocks.iter().enumerate() {
            self.parameters(number, x, &mut parameters);
            let into = &mut out[block.rows.clone()];
            if block.value.evaluate(&parameters, &mut workspace, &mut [&mut *into]).is_err() {
                into.fill(f64::NAN);
            }
        }
        out
    }

    /// The law on the residual scale, for every row.
    pub(crate) fn law_on_scale(&self, x: &[f64]) -> Vec<f64> {
        let mut values = self.values(x);
        if self.model.scale == ResidualScale::Log {
            for value in &mut values {
                *value = value.ln();
            }
        }
        values
    }

    /// Measured minus law on the residual scale, for every row.
    pub(crate) fn residuals(&self, x: &[f64]) -> Vec<f64> {
        let mut values = self.law_on_scale(x);
        for (value, target) in values.iter_mut().zip(&self.target) {
            *value = target - *value;
        }
        values
    }

    /// Measured minus law on the residual scale where the law's parameters, the same in all
    /// groups, have these values.
    pub(crate) fn residuals_of(&self, parameters: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.rows.len()];
        let mut workspace = Workspace::default();
        for block in &self.blocks {
            let into = &mut out[block.rows.clone()];
            if block.value.evaluate(parameters, &mut workspace, &mut [&mut *into]).is_err() {
                into.fill(f64::NAN);
            }
        }
        for (value, target) in out.iter_mut().zip(&self.target) {
            let law = if self.model.scale == ResidualScale::Log { value.ln() } else { *value };
            *value = target - law;
        }
        out
    }

    /// The derivatives of the law on the residual scale by each coordinate, row after row.
    pub(crate) fn slopes(&self, x: &[f64]) -> Vec<f64> {
        let size = self.size();
        let mut out = vec![0.0; size * self.rows.len()];
        let (mut workspace, mut parameters) = (Workspace::default(), Vec::new());
        for (number, block) in self.blocks.iter().enumerate() {
            self.parameters(number, x, &mut parameters);
            let (n, p) = (block.rows.len(), self.model.free.len());
            let mut columns = vec![f64::NAN; (1 + p) * n];
            let mut outputs: Vec<&mut [f64]> = columns.chunks_exact_mut(n).collect();
            // Values that stay NaN say what went wrong.
            let _ = block.gradient.evaluate(&parameters, &mut workspace, &mut outputs);
            for (i, row) in block.rows.clone().enumerate() {
                let value = columns[i];
                let inverse =
                    if self.model.scale == ResidualScale::Log { value.recip() } else { 1.0 };
                for (a, &place) in block.place.iter().enumerate() {
                    let factor = self.coordinates[place].factor(x[place]);
                    out[row * size + place] += factor * inverse * columns[(1 + a) * n + i];
                }
            }
        }
        out
    }

    /// The law at `x` over all rows of a block, its derivatives by the free parameters, and its
    /// second derivatives as the upper triangle, row by row; NaN where it cannot be evaluated.
    pub(crate) fn second_order(&self, block: usize, x: &[f64]) -> Vec<f64> {
        let (n, p) = (self.blocks[block].rows.len(), self.model.free.len());
        let (mut workspace, mut parameters) = (Workspace::default(), Vec::new());
        self.parameters(block, x, &mut parameters);
        let mut columns = vec![f64::NAN; self.model.expansion.column_names().len() * n];
        let mut outputs: Vec<&mut [f64]> = columns.chunks_exact_mut(n).collect();
        let of = &self.blocks[block].expansion;
        if of.evaluate(&parameters, &mut workspace, &mut outputs).is_err() {
            columns.fill(f64::NAN);
        }
        let leading = 1 + usize::from(self.model.scale == ResidualScale::Log);
        let mut out = columns[..n].to_vec();
        out.extend_from_slice(&columns[leading * n..(leading + p) * n]);
        for place in &self.model.curves {
            match place {
                Some(place) => {
                    let from = (leading + p + place) * n;
                    out.extend_from_slice(&columns[from..from + n]);
                }
                None => out.resize(out.len() + n, 0.0),
            }
        }
        out
    }

    /// The sum over rows of the products of slopes.
    pub(crate) fn gram(&self, slopes: &[f64]) -> Matrix {
        let size = self.size();
        let mut gram = Matrix::zero(size);
        for slope in slopes.chunks_exact(size) {
            for i in 0..size {
                for j in 0..size {
                    gram[(i, j)] += slope[i] * slope[j];
                }
            }
        }
        gram
    }

    /// The same with each row counting its weight.
    pub(crate) fn weighted_gram(&self, slopes: &[f64], weights: &[f64]) -> Matrix {
        let size = self.size();
        let mut gram = Matrix::zero(size);
        for (slope, weight) in slopes.chunks_exact(size).zip(weights) {
            for i in 0..size {
                for j in 0..size {
                    gram[(i, j)] += weight * slope[i] * slope[j];
                }
            }
        }
        gram
    }

    /// The law and its derivatives by the free parameters over all rows of a block, at these
    /// parameters of the law: one column each. False where it cannot be evaluated.
    pub(crate) fn tangents(
        &self,
        block: usize,
        parameters: &[f64],
        workspace: &mut Workspace,
        columns: &mut [f64],
    ) -> bool {
        let block = &self.blocks[block];
        let mut outputs: Vec<&mut [f64]> = columns.chunks_exact_mut(block.rows.len()).collect();
        block.gradient.evaluate(parameters, workspace, &mut outputs).is_ok()
    }
}

fn prepare<'a>(
    compiled: &'a Compiled,
    rows: &'a Rows,
    range: Range<usize>,
) -> Result<Prepared<'a>, Diagnostic> {
    let columns: Vec<&[f64]> = compiled
        .inputs()
        .iter()
        .map(|input| {
            let column = rows.variables.iter().find(|(name, _)| *name == input.name);
            column.map(|(_, column)| &column[range.clone()]).ok_or_else(|| {
                Diagnostic::error(format!("the rows have no column for `{}`", input.name))
            })
        })
        .collect::<Result<_, _>>()?;
    compiled.prepare_slices(&columns, range.len())
}
