//! Coordinates in which the valleys of an objective are straight.
//!
//! In A / N^alpha a larger alpha goes with a far larger A: along the valley A moves by factors, and
//! straight steps in (A, alpha) leave it at once. Steps are therefore taken with the size of the
//! term held, A = A' exp(w (alpha - its start)) with w the mean of ln N: in general w says by which
//! factor the column of a linear parameter shrinks when another parameter moves.

use crate::ResidualScale;
use crate::newton::Walk;
use crate::problem::{Expansion, Problem};

/// For linear coordinates the other coordinates that they are tilted against.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tilt {
    slants: Vec<Slant>,
}

/// The linear coordinate `of` follows `against` by the factor exp(-rate times its step).
#[derive(Debug, Clone, Copy, PartialEq)]
struct Slant {
    of: usize,
    against: usize,
    rate: f64,
}

impl Tilt {
    /// The tilt near `point`: the rate is the projection of the derivative of the linear
    /// parameter's column on the column itself, over the rows that count.
    ///
    /// Only coordinates that are bounded at zero or not at all are tilted, since a factor keeps
    /// them inside.
    pub(crate) fn at(problem: &Problem<'_>, point: &[f64], weights: &[f64]) -> Self {
        let model = problem.model;
        let straight = |bound: f64| bound == 0.0 || bound.is_infinite();
        let mut sums: Vec<(usize, usize, f64, f64)> = Vec::new();
        for number in 0..problem.blocks() {
            let (places, rows) = problem.block(number);
            let (n, p) = (rows.len(), model.free.len());
            let columns = problem.second_order(number, point);
            let column = |index: usize| &columns[index * n..(index + 1) * n];
            let value = column(0);
            // Where the pair (a, b) stands among the second derivatives.
            let mixed = |a: usize, b: usize| {
                let (a, b) = (a.min(b), a.max(b));
                column(1 + p + a * p - a * (a + 1) / 2 + b)
            };
            for &a in &model.linear {
                let of = places[a];
                let coordinate = &problem.coordinates[of];
                if !straight(coordinate.low) || !straight(coordinate.high) {
                    continue;
                }
                let slope = column(1 + a);
                for b in (0..p).filter(|b| !model.linear.contains(b)) {
                    let (against, curve, other) = (places[b], mixed(a, b), column(1 + b));
                    let step = problem.coordinates[against].factor(point[against]);
                    let (mut square, mut product) = (0.0, 0.0);
                    for i in (0..n).filter(|&i| weights[rows.start + i] > 0.0) {
                        let (weight, own, change) = match (model.scale, model.in_logarithm) {
                            (ResidualScale::Linear, _) => (1.0, slope[i], curve[i]),
                            (ResidualScale::Log, false) => (value[i].powi(-2), slope[i], curve[i]),
                            (ResidualScale::Log, true) => {
                                let own = slope[i] / value[i];
                                (1.0, own, (curve[i] - own * other[i]) / value[i])
                            }
                        };
                        let weight = weight * weights[rows.start + i];
                        square += weight * own * own;
                        product += weight * own * change * step;
                    }
                    match sums.iter_mut().find(|sum| sum.0 == of && sum.1 == against) {
                        Some(sum) => {
                            sum.2 += square;
                            sum.3 += product;
                        }
                        None => sums.push((of, against, square, product)),
                    }
                }
            }
        }
        let slants = sums
            .into_iter()
            .map(|(of, against, square, product)| Slant { of, against, rate: product / square })
            .filter(|slant| slant.rate.is_finite() && slant.rate != 0.0)
            .collect();
        Self { slants }
    }

    /// Turns derivatives by the coordinates at `point` into derivatives by the tilted ones.
    pub(crate) fn turn(&self, point: &[f64], here: &mut Expansion) {
        if self.slants.is_empty() {
            return;
        }
        let size = point.len();
        // With J the derivatives of the old coordinates by the new: J' H J, one slant at a time.
        for &Slant { of, against, rate } in &self.slants {
            let factor = -rate * point[of];
            for matrix in [&mut here.hessian, &mut here.metric] {
                for i in 0..size {
                    matrix[(i, against)] += factor * matrix[(i, of)];
                }
                for i in 0..size {
                    matrix[(against, i)] += factor * matrix[(of, i)];
                }
            }
        }
        // What the gradient adds where the old coordinates bend.
        for &Slant { of, against, rate } in &self.slants {
            let slope = here.gradient[of];
            here.hessian[(of, against)] -= rate * slope;
            here.hessian[(against, of)] -= rate * slope;
            for other in self.slants.iter().filter(|other| other.of == of) {
                here.hessian[(against, other.against)] += rate * other.rate * point[of] * slope;
            }
        }
        for &Slant { of, against, rate } in &self.slants {
            here.gradient[against] -= rate * point[of] * here.gradient[of];
        }
    }

    /// Where a step in the tilted coordinates leads from `point`.
    pub(crate) fn step(&self, point: &[f64], step: &[f64], next: &mut [f64]) {
        for ((next, x), step) in next.iter_mut().zip(point).zip(step) {
            *next = x + step;
        }
        for &Slant { of, against, rate } in &self.slants {
            next[of] *= (-rate * step[against]).exp();
        }
    }
}

impl Walk {
    /// Tilts the steps of this walk for the surroundings of `point`.
    pub(crate) fn tilt(&mut self, problem: &Problem<'_>, point: &[f64], weights: &[f64]) {
        self.tilt = Tilt::at(problem, point, weights);
    }
}
