//! Variable projection: for given nonlinear parameters the linear ones are solved for, so that a
//! search over E, A, B, alpha and beta becomes a look at a plane of (alpha, beta).

use formula::Workspace;

use crate::ResidualScale;
use crate::candidates::Candidates;
use crate::dense::{Matrix, bounded};
use crate::problem::Problem;

/// The law's linear parts at every candidate, computed once and solved under any weights.
#[derive(Debug)]
pub(crate) struct Projection {
    candidates: Candidates,
    /// Coordinates that are solved for.
    linear: Vec<usize>,
    bounds: Vec<(f64, f64)>,
    /// Per block: the linear coordinates (positions in `linear`) of its columns, and its rows.
    blocks: Vec<(Vec<usize>, std::ops::Range<usize>)>,
    /// Per candidate, block by block: one column per linear parameter and the column they have to
    /// add up to. Residuals to first order in the law are its difference from their sum.
    columns: Vec<Vec<f64>>,
    rows: usize,
}

/// A solved candidate.
#[derive(Debug, Clone)]
pub(crate) struct Solved {
    /// Weighted squares of the residuals, to first order.
    pub(crate) value: f64,
    /// All coordinates.
    pub(crate) point: Vec<f64>,
    pub(crate) part: u64,
    /// Which candidate it was.
    pub(crate) candidate: usize,
}

impl Projection {
    pub(crate) fn new(problem: &Problem<'_>, candidates: Candidates) -> Self {
        let linear: Vec<usize> =
            (0..problem.size()).filter(|&i| problem.coordinates[i].linear).collect();
        let position =
            |place: usize| linear.iter().position(|&known| known == place).unwrap_or_default();
        let blocks = (0..problem.blocks())
            .map(|block| {
                let (places, rows) = problem.block(block);
                (problem.model.linear.iter().map(|&free| position(places[free])).collect(), rows)
            })
            .collect();
        let columns = (0..candidates.points.len())
            .map(|index| linear_parts(problem, &candidates, index))
            .collect();
        let bounds = linear
            .iter()
            .map(|&i| (problem.coordinates[i].low, problem.coordinates[i].high))
            .collect();
        Self { candidates, linear, bounds, blocks, columns, rows: problem.rows.len() }
    }

    /// Solves every candidate for rows that count `weights`; those that cannot be are left out.
    pub(crate) fn solve(&self, problem: &Problem<'_>, weights: &[f64]) -> Vec<Solved> {
        let size = self.linear.len();
        let mut gram = Matrix::zero(size);
        let mut right = vec![0.0; size];
        let mut weighted = vec![0.0; self.rows];
        (0..self.columns.len())
            .filter_map(|candidate| {
                gram.clear();
                right.fill(0.0);
                let mut total = 0.0;
                let mut rest = self.columns[candidate].as_slice();
                for (places, rows) in &self.blocks {
                    let (own, others) = rest.split_at((places.len() + 1) * rows.len());
                    rest = others;
                    let (columns, target) = own.split_at(places.len() * rows.len());
                    let weights = &weights[rows.clone()];
                    total += squares(target, weights);
                    let weighted = &mut weighted[..rows.len()];
                    for (j, column) in columns.chunks_exact(rows.len()).enumerate() {
                        for ((w, x), weight) in weighted.iter_mut().zip(column).zip(weights) {
                            *w = weight * x;
                        }
                        right[places[j]] += sum(weighted, target);
                        for (k, other) in columns.chunks_exact(rows.len()).enumerate().take(j + 1) {
                            gram[(places[j], places[k])] += sum(weighted, other);
                            if places[j] != places[k] {
                                gram[(places[k], places[j])] = gram[(places[j], places[k])];
                            }
                        }
                    }
                }
                let (solution, gained) =
                    if size == 0 { (Vec::new(), 0.0) } else { bounded(&gram, &right, &self.bounds)? };
                let value = total + gained;
                value.is_finite().then(|| Solved {
                    value,
                    point: self.point(problem, candidate, &solution),
                    part: self.candidates.parts[candidate],
                    candidate,
                })
            })
            .collect()
    }

    fn point(&self, problem: &Problem<'_>, candidate: usize, solution: &[f64]) -> Vec<f64> {
        let mut point = vec![0.0; problem.size()];
        for block in 0..problem.blocks() {
            let (places, _) = problem.block(block);
            for (&free, &x) in
                self.candidates.nonlinear.iter().zip(&self.candidates.points[candidate])
            {
                point[places[free]] = x;
            }
        }
        for (&place, &x) in self.linear.iter().zip(solution) {
            point[place] = x;
        }
        point
    }

    /// The best `count` candidates of `solved` only, for repeated solving.
    pub(crate) fn narrowed(mut self, solved: &[Solved], count: usize) -> Self {
        let mut order: Vec<&Solved> = solved.iter().collect();
        order.sort_by(|a, b| a.value.total_cmp(&b.value));
        let mut chosen: Vec<usize> =
            order.into_iter().take(count).map(|solved| solved.candidate).collect();
        chosen.sort_unstable();
        self.candidates = self.candidates.select(&chosen);
        self.columns = chosen.iter().map(|&index| std::mem::take(&mut self.columns[index])).collect();
        self
    }
}

/// The columns of one candidate.
fn linear_parts(problem: &Problem<'_>, candidates: &Candidates, index: usize) -> Vec<f64> {
    let model = problem.model;
    let (mut out, mut workspace) = (Vec::new(), Workspace::default());
    let mut parameters = Vec::new();
    let mut columns = Vec::new();
    for block in 0..problem.blocks() {
        let (_, rows) = problem.block(block);
        let n = rows.len();
        parameters.clear();
        parameters.extend_from_slice(&model.held);
        for (&free, &x) in candidates.nonlinear.iter().zip(&candidates.points[index]) {
            let place = problem.block(block).0[free];
            parameters[model.free[free]] = problem.coordinates[place].value(x);
        }
        for &free in &model.linear {
            parameters[model.free[free]] = 0.0;
        }
        columns.resize((1 + model.free.len()) * n, 0.0);
        if !problem.tangents(block, &parameters, &mut workspace, &mut columns) {
            columns.fill(f64::NAN);
        }
        let (rest, slopes) = columns.split_at(n);
        let measured = &problem.rows.measured[rows.clone()];
        let logarithmic = problem.model.scale == ResidualScale::Log;
        for &free in &model.linear {
            let slope = &slopes[free * n..(free + 1) * n];
            out.extend((0..n).map(|i| match (logarithmic, model.in_logarithm) {
                (false, _) => slope[i],
                (true, false) => slope[i] / measured[i],
                (true, true) => slope[i] / rest[i],
            }));
        }
        let exact = model.linear.is_empty() || model.in_logarithm;
        out.extend((0..n).map(|i| match (logarithmic, exact) {
            (false, _) => measured[i] - rest[i],
            (true, false) => 1.0 - rest[i] / measured[i],
            (true, true) => (measured[i] / rest[i]).ln(),
        }));
    }
    out
}

fn sum(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a_chunks, a_rest) = a.as_chunks::<8>();
    let (b_chunks, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for i in 0..8 {
            lanes[i] += a[i] * b[i];
        }
    }
    lanes.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

fn squares(column: &[f64], weights: &[f64]) -> f64 {
    column.iter().zip(weights).map(|(x, weight)| weight * x * x).sum()
}
