//! Candidate curves of a metric along a scale from 0 to 1, by variable projection on a small grid.

use std::fmt;

use serde::Serialize;

/// The shape of a curve along the axis (log scale on an axis of sizes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// No change.
    Constant,
    /// A straight line.
    Linear,
    /// Approach to a limit, or departure from one, by a constant factor a step: on an axis of sizes
    /// the power law E + A x^-a, on an axis of losses eps - k exp(-gamma L) (Gadre et al. 2024).
    Exponential,
    /// A logistic step between two levels.
    Sigmoid,
    /// Level, then a straight line.
    Onset,
    /// A straight line, then level.
    Plateau,
    /// Two straight lines that meet: on log axes the broken power law.
    Broken,
}

impl Form {
    pub(crate) const ALL: [Self; 7] = [
        Self::Constant,
        Self::Linear,
        Self::Exponential,
        Self::Sigmoid,
        Self::Onset,
        Self::Plateau,
        Self::Broken,
    ];

    /// How many columns enter linearly besides the constant.
    fn columns(self) -> usize {
        match self {
            Self::Constant => 0,
            Self::Broken => 2,
            _ => 1,
        }
    }

    /// How many parameters bend the columns.
    pub(crate) fn bends(self) -> usize {
        match self {
            Self::Constant | Self::Linear => 0,
            Self::Sigmoid => 2,
            _ => 1,
        }
    }

    /// Parameters of the curve.
    pub(crate) fn parameters(self) -> usize {
        1 + self.columns() + self.bends()
    }

    /// The columns at t for bends `b`.
    fn basis(self, b: [f64; 2], t: f64) -> [f64; 2] {
        match self {
            Self::Constant => [0.0; 2],
            Self::Linear => [t, 0.0],
            // From 0 at t = 0 to 1 at t = 1, whatever the rate.
            Self::Exponential => [(b[0] * t).exp_m1() / b[0].exp_m1(), 0.0],
            Self::Sigmoid => [1.0 / (1.0 + ((b[0] - t) / b[1].exp()).exp()), 0.0],
            Self::Onset => [(t - b[0]).max(0.0), 0.0],
            Self::Plateau => [t.min(b[0]), 0.0],
            Self::Broken => [t.min(b[0]), (t - b[0]).max(0.0)],
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Constant => "constant",
            Self::Linear => "straight line",
            Self::Exponential => "exponential",
            Self::Sigmoid => "sigmoid",
            Self::Onset => "level, then rising",
            Self::Plateau => "rising, then level",
            Self::Broken => "two straight lines",
        })
    }
}

/// A curve fitted by least squares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Curve {
    pub(crate) form: Form,
    /// Rate; or middle and ln width; or place of the break.
    pub(crate) bends: [f64; 2],
    pub(crate) slopes: [f64; 2],
    pub(crate) constant: f64,
    pub(crate) squares: f64,
    /// Akaike's criterion for small samples; infinite where there are too few points.
    pub(crate) aicc: f64,
    /// Which bend stopped at the end of its range.
    pub(crate) at_bound: Option<usize>,
}

impl Curve {
    pub(crate) fn at(&self, t: f64) -> f64 {
        let basis = self.form.basis(self.bends, t);
        self.constant + self.slopes[0] * basis[0] + self.slopes[1] * basis[1]
    }

    /// How far the curve goes from the smallest scale to the largest.
    pub(crate) fn gain(&self) -> f64 {
        self.at(1.0) - self.at(0.0)
    }

    /// Whether it never turns; only two straight lines can.
    pub(crate) fn is_monotone(&self) -> bool {
        self.form != Form::Broken || self.slopes[0] * self.slopes[1] >= 0.0
    }

    /// The derivatives of the curve at t by each of its parameters.
    pub(crate) fn gradient(&self, t: f64) -> [f64; 4] {
        let mut gradient = [1.0, 0.0, 0.0, 0.0];
        let columns = self.form.columns();
        gradient[1..=columns].copy_from_slice(&self.form.basis(self.bends, t)[..columns]);
        for i in 0..self.form.bends() {
            let h = 1e-5;
            let (mut low, mut high) = (self.bends, self.bends);
            low[i] -= h;
            high[i] += h;
            let (low, high) = (self.form.basis(low, t), self.form.basis(high, t));
            let change = |c: usize| self.slopes[c] * (high[c] - low[c]);
            gradient[1 + columns + i] = (change(0) + change(1)) / (2.0 * h);
        }
        gradient
    }
}

/// Fits every form that the number of points allows, the best by Akaike's criterion first.
pub(crate) fn fit_all(t: &[f64], u: &[f64]) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Form::ALL.iter().filter_map(|&form| fit(form, t, u)).collect();
    curves.sort_by(|a, b| a.aicc.total_cmp(&b.aicc));
    curves
}

/// Least squares of one form: the bends on a grid, then by a compass search from its best point.
pub(crate) fn fit(form: Form, t: &[f64], u: &[f64]) -> Option<Curve> {
    let n = t.len();
    if n < form.parameters() + 3 {
        return None;
    }
    let ranges = ranges(form, t)?;
    let solve = |bends: [f64; 2]| project(form, bends, t, u);
    let mut best = solve(ranges.start());
    for bends in ranges.grid() {
        let tried = solve(bends);
        if tried.squares < best.squares {
            best = tried;
        }
    }
    let mut step = ranges.step;
    for _ in 0..24 * form.bends() {
        let mut moved = false;
        for i in 0..form.bends() {
            for side in [-1.0, 1.0] {
                let mut bends = best.bends;
                bends[i] = (bends[i] + side * step[i]).clamp(ranges.low[i], ranges.high[i]);
                let tried = solve(bends);
                if tried.squares < best.squares {
                    (best, moved) = (tried, true);
                }
            }
        }
        if !moved {
            step = step.map(|s| 0.5 * s);
        }
    }
    best.at_bound = (0..form.bends()).find(|&i| {
        let near = 1e-3 * (ranges.high[i] - ranges.low[i]);
        // A break between the outermost points is where it can be, not a bound of the form.
        form.bends() == 2
            && (best.bends[i] - ranges.low[i] < near || ranges.high[i] - best.bends[i] < near)
            || form == Form::Exponential && ranges.high[i] - best.bends[i].abs() < near
    });
    // The curve and the scatter about it. Squares below rounding are worth nothing.
    let k = (form.parameters() + 1) as f64;
    let n = n as f64;
    let size = u.iter().fold(0.0_f64, |most, u| most.max(u.abs()));
    let mean_square = (best.squares / n).max((1e-9 * size).powi(2)).max(f64::MIN_POSITIVE);
    best.aicc = n * mean_square.ln() + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0);
    Some(best)
}

/// Where the bends of a form may lie.
struct Ranges {
    low: [f64; 2],
    high: [f64; 2],
    step: [f64; 2],
    counts: [usize; 2],
}

impl Ranges {
    fn start(&self) -> [f64; 2] {
        [self.low[0] + 0.25 * self.step[0], self.low[1]]
    }

    fn grid(&self) -> impl Iterator<Item = [f64; 2]> {
        let place = |i: usize, j: usize| self.low[i] + j as f64 * self.step[i];
        (0..self.counts[0])
            .flat_map(move |a| (0..self.counts[1]).map(move |b| [place(0, a), place(1, b)]))
    }
}

/// The steepest exponential: a factor e^20 over the whole scale is a jump at its end.
const STEEPEST: f64 = 20.0;

fn ranges(form: Form, t: &[f64]) -> Option<Ranges> {
    let (low, high, counts) = match form {
        Form::Constant | Form::Linear => ([0.0; 2], [0.0; 2], [1, 1]),
        // An even number of steps: a rate of exactly 0 has no exponential.
        Form::Exponential => ([-STEEPEST, 0.0], [STEEPEST, 0.0], [28, 1]),
        // Middles up to half a scale outside; widths from a fiftieth of the scale to two thirds.
        Form::Sigmoid => ([-0.5, 0.02_f64.ln()], [1.5, 0.64_f64.ln()], [17, 6]),
        // Three points to either side of a break, at least.
        _ => ([t[2], 0.0], [t[t.len() - 3], 0.0], [25, 1]),
    };
    let step = |i: usize| (high[i] - low[i]) / (counts[i].max(2) - 1) as f64;
    let open = form.bends() == 0 || high[0] > low[0];
    open.then(|| Ranges { low, high, step: [step(0), step(1)], counts })
}

/// The least squares of the linear parameters at given bends.
fn project(form: Form, bends: [f64; 2], t: &[f64], u: &[f64]) -> Curve {
    let n = t.len() as f64;
    let (mut mean, mut mean_u) = ([0.0; 2], 0.0);
    for (&t, &u) in t.iter().zip(u) {
        let basis = form.basis(bends, t);
        mean[0] += basis[0] / n;
        mean[1] += basis[1] / n;
        mean_u += u / n;
    }
    let (mut gram, mut right, mut squares) = ([0.0; 3], [0.0; 2], 0.0);
    for (&t, &u) in t.iter().zip(u) {
        let basis = form.basis(bends, t);
        let (a, b, u) = (basis[0] - mean[0], basis[1] - mean[1], u - mean_u);
        gram[0] += a * a;
        gram[1] += a * b;
        gram[2] += b * b;
        right[0] += a * u;
        right[1] += b * u;
        squares += u * u;
    }
    let determinant = gram[0] * gram[2] - gram[1] * gram[1];
    let slopes = if form.columns() == 2 && determinant > 1e-12 * gram[0] * gram[2] {
        [
            (gram[2] * right[0] - gram[1] * right[1]) / determinant,
            (gram[0] * right[1] - gram[1] * right[0]) / determinant,
        ]
    } else if gram[0] > 1e-24 {
        [right[0] / gram[0], 0.0]
    } else {
        [0.0; 2]
    };
    let explained = slopes[0] * right[0] + slopes[1] * right[1];
    let curve = Curve {
        form,
        bends,
        slopes,
        constant: mean_u - slopes[0] * mean[0] - slopes[1] * mean[1],
        // An undefined exponential must lose every comparison.
        squares: if explained.is_nan() { f64::INFINITY } else { (squares - explained).max(0.0) },
        aicc: f64::INFINITY,
        at_bound: None,
    };
    if explained.is_nan() { Curve { slopes: [0.0; 2], constant: mean_u, ..curve } } else { curve }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scale(n: u32) -> Vec<f64> {
        (0..n).map(|i| f64::from(i) / f64::from(n - 1)).collect()
    }

    #[test]
    fn every_form_finds_its_own_curve_back_and_is_preferred() {
        let t = scale(40);
        let curve = |form, bends, slopes| Curve {
            form,
            bends,
            slopes,
            constant: 0.2,
            squares: 0.0,
            aicc: 0.0,
            at_bound: None,
        };
        for truth in [
            curve(Form::Linear, [0.0; 2], [0.5, 0.0]),
            curve(Form::Exponential, [-2.3, 0.0], [0.5, 0.0]),
            curve(Form::Exponential, [4.1, 0.0], [-0.5, 0.0]),
            curve(Form::Sigmoid, [0.6, 0.07_f64.ln()], [0.5, 0.0]),
            curve(Form::Onset, [0.43, 0.0], [0.5, 0.0]),
            curve(Form::Plateau, [0.43, 0.0], [0.5, 0.0]),
            curve(Form::Broken, [0.43, 0.0], [0.5, 1.5]),
        ] {
            // Scatter of a thousandth, so that the fit has something to leave.
            let u: Vec<f64> = (0..40)
                .zip(&t)
                .map(|(i, &t)| truth.at(t) + 1e-3 * (f64::from(i) * 7.3).sin())
                .collect();
            let found = fit_all(&t, &u)[0];
            assert_eq!(found.form, truth.form, "{truth:?}");
            assert!((found.bends[0] - truth.bends[0]).abs() < 0.02 * (1.0 + truth.bends[0].abs()));
            assert!((found.gain() - truth.gain()).abs() < 5e-3, "{found:?}");
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_curve() {
        let t = scale(30);
        let u: Vec<f64> = t.iter().map(|t| 0.3 + 0.4 / (1.0 + ((0.5 - t) / 0.1).exp())).collect();
        let found = fit(Form::Sigmoid, &t, &u).unwrap();
        let gradient = found.gradient(0.55);
        let mut moved = found;
        moved.bends[0] += 1e-6;
        let change = (moved.at(0.55) - found.at(0.55)) / 1e-6;
        assert!((gradient[2] - change).abs() < 1e-4);
        assert!((found.bends[0] - 0.5).abs() < 1e-4 && gradient[0] == 1.0);
    }

    proptest! {
        #[test]
        fn any_points_give_finite_curves(
            points in prop::collection::vec((0.0..1.0, -1e3..1e3), 4..30),
        ) {
            let mut t: Vec<f64> = points.iter().map(|p| p.0).collect();
            t.sort_by(f64::total_cmp);
            let u: Vec<f64> = points.iter().map(|p| p.1).collect();
            for curve in fit_all(&t, &u) {
                prop_assert!(curve.aicc.is_finite() && curve.at(0.5).is_finite(), "{curve:?}");
            }
        }
    }
}
