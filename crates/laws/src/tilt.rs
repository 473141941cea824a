//! Coordinates in which the valleys of an objective are straight.
//!
//! In A / N^alpha a larger alpha goes with a far larger A: along the valley A moves by factors, and
//! straight steps in (A, alpha) leave it at once. Steps are therefore taken with the size of the
//! term held, `A = A' exp(w (alpha - alpha_0))` with w the mean of ln N: in general w says by which
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::objective::Penalty;
    use crate::rows::Rows;
    use crate::{Law, ResidualScale};

    #[test]
    fn turned_derivatives_are_those_along_tilted_steps() {
        let law = Law::typed("y = E + A * x^-alpha", |name| name == "x").unwrap();
        let x: Vec<f64> = (0..12).map(|i| 10_f64.powf(6.0 + 0.3 * f64::from(i))).collect();
        let measured = x.iter().map(|x| 2.0 + 300.0 * x.powf(-0.3)).collect();
        let rows = Rows {
            variables: vec![("x".to_owned(), x)],
            measured,
            weight: vec![1.0; 12],
            run: (0..12).collect(),
            group: vec![0; 12],
            extent: vec![0.0; 12],
            source: (0..12).collect(),
        };
        let model = Model::new(&law, ResidualScale::Log, &[f64::NAN; 3]).unwrap();
        let problem = Problem::new(&law, &model, &rows, &[true; 3]).unwrap();
        let place = |name: &str| {
            let known = |c: &crate::problem::Coordinate| law.parameters[c.parameter].name == name;
            problem.coordinates.iter().position(known).unwrap()
        };
        let mut point = vec![0.0; 3];
        (point[place("E")], point[place("A")], point[place("alpha")]) = (1.8, 250.0, 0.28);
        let tilt = Tilt::at(&problem, &point, &rows.weight);
        // Only the coefficient of the power follows its exponent, by about the mean of ln x.
        assert_eq!(tilt.slants.len(), 1);
        let slant = tilt.slants[0];
        assert_eq!((slant.of, slant.against), (place("A"), place("alpha")));
        assert!((14.0..18.0).contains(&-slant.rate), "{slant:?}");

        let expand = |point: &[f64]| {
            let (mut out, mut walk) = (Expansion::zero(3), Walk::default());
            problem.expand(point, Penalty::Squares, &rows.weight, &mut walk.space, &mut out);
            out
        };
        let mut turned = expand(&point);
        tilt.turn(&point, &mut turned);
        let sizes: Vec<f64> = point.iter().map(|x| 1e-4 * x).collect();
        let value = |i: usize, a: f64, j: usize, b: f64| {
            let mut step = vec![0.0; 3];
            step[i] += a * sizes[i];
            step[j] += b * sizes[j];
            let mut next = point.clone();
            tilt.step(&point, &step, &mut next);
            expand(&next).value
        };
        for i in 0..3 {
            let slope = (value(i, 1.0, i, 0.0) - value(i, -1.0, i, 0.0)) / 2.0;
            let expected = turned.gradient[i] * sizes[i];
            assert!((slope - expected).abs() < 1e-5 * expected.abs(), "{i}: {slope} {expected}");
            for j in 0..3 {
                let curve =
                    (value(i, 1.0, j, 1.0) - value(i, 1.0, j, -1.0) - value(i, -1.0, j, 1.0)
                        + value(i, -1.0, j, -1.0))
                        / 4.0;
                let expected = turned.hessian[(i, j)] * sizes[i] * sizes[j];
                let scale = (turned.hessian[(i, i)] * turned.hessian[(j, j)]).abs().sqrt();
                let error = (curve - expected).abs() / (scale * sizes[i] * sizes[j]);
                assert!(error < 1e-4, "{i} {j}: {curve} {expected}");
            }
        }
    }
}
