//! The objective: a sum of Huber losses of log residuals, with exact first and second derivatives.

#![expect(clippy::needless_range_loop, reason = "small matrices read best by index")]

/// Where each parameter stands in a point of the search.
pub(crate) const E: usize = 0;
pub(crate) const A: usize = 1;
pub(crate) const B: usize = 2;
pub(crate) const ALPHA: usize = 3;
pub(crate) const BETA: usize = 4;

/// E, A, B, alpha, beta for N, D and loss in units of their geometric means.
pub(crate) type Point = [f64; 5];
pub(crate) type Matrix = [[f64; 5]; 5];

/// The rows that the objective sums over, by column.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    /// ln N minus its mean over the whole table.
    pub(crate) u: Vec<f64>,
    /// ln D minus its mean over the whole table.
    pub(crate) v: Vec<f64>,
    /// ln loss minus its mean over the whole table.
    pub(crate) y: Vec<f64>,
    /// How often the row counts.
    pub(crate) weight: Vec<f64>,
}

/// The objective at a point and how it changes around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expansion {
    pub(crate) value: f64,
    pub(crate) gradient: Point,
    pub(crate) hessian: Matrix,
    /// The Hessian of the reweighted least squares problem at this point. Always positive
    /// semi-definite, and the metric in which steps are damped.
    pub(crate) metric: Matrix,
}

/// Huber's loss: r^2 / 2 up to `delta`, then straight (Huber 1964).
pub(crate) fn huber(r: f64, delta: f64) -> f64 {
    let size = r.abs();
    if size <= delta { 0.5 * r * r } else { delta * (size - 0.5 * delta) }
}

impl Columns {
    pub(crate) fn len(&self) -> usize {
        self.y.len()
    }

    /// ln L - ln f for one row.
    pub(crate) fn residual(&self, point: &Point, row: usize) -> f64 {
        let p = (-point[ALPHA] * self.u[row]).exp();
        let q = (-point[BETA] * self.v[row]).exp();
        self.y[row] - (point[E] + point[A] * p + point[B] * q).ln()
    }

    /// The derivative of ln f with respect to every parameter, for one row.
    pub(crate) fn log_slope(&self, point: &Point, row: usize) -> Point {
        let p = (-point[ALPHA] * self.u[row]).exp();
        let q = (-point[BETA] * self.v[row]).exp();
        let f = point[E] + point[A] * p + point[B] * q;
        [1.0, p, q, -point[A] * self.u[row] * p, -point[B] * self.v[row] * q].map(|d| d / f)
    }

    /// The sum with its gradient and Hessian.
    ///
    /// With f the law and r = ln L - ln f, row by row: dr = -df / f and
    /// d2r = df df' / f^2 - d2f / f, so the Hessian of huber(r) is
    /// (1{|r| <= delta} + psi) df df' / f^2 - psi d2f / f, where psi = clamp(r).
    pub(crate) fn expand(&self, point: &Point, delta: f64) -> Expansion {
        let [e, a, b, alpha, beta] = *point;
        let mut value = 0.0;
        let mut g = [0.0; 5];
        // Lower triangles, row by row: 15 entries each.
        let mut h = [0.0; 15];
        let mut m = [0.0; 15];
        // Sums of psi / f times the second derivatives of f, which has only four that are not 0.
        let mut bend = [0.0; 4];
        for row in 0..self.len() {
            let (u, v, w) = (self.u[row], self.v[row], self.weight[row]);
            let p = (-alpha * u).exp();
            let q = (-beta * v).exp();
            let f = e + a * p + b * q;
            let r = self.y[row] - f.ln();
            value += w * huber(r, delta);
            let size = r.abs();
            let psi = r.clamp(-delta, delta);
            let (inside, reweighted) = if size <= delta { (1.0, 1.0) } else { (0.0, delta / size) };
            let over = 1.0 / f;
            let d = [over, p * over, q * over, -a * u * p * over, -b * v * q * over];
            let (newton, majoriser) = (w * (inside + psi), w * reweighted);
            let slope = w * psi;
            let mut at = 0;
            for i in 0..5 {
                g[i] -= slope * d[i];
                for j in 0..=i {
                    let product = d[i] * d[j];
                    h[at] += newton * product;
                    m[at] += majoriser * product;
                    at += 1;
                }
            }
            bend[0] -= slope * u * d[A];
            bend[1] -= slope * v * d[B];
            bend[2] -= slope * u * d[ALPHA];
            bend[3] -= slope * v * d[BETA];
        }
        let mut hessian = full(&h);
        for (i, j, bend) in [
            (A, ALPHA, bend[0]),
            (B, BETA, bend[1]),
            (ALPHA, ALPHA, bend[2]),
            (BETA, BETA, bend[3]),
        ] {
            hessian[i][j] -= bend;
            if i != j {
                hessian[j][i] -= bend;
            }
        }
        Expansion { value, gradient: g, hessian, metric: full(&m) }
    }
}

fn full(lower: &[f64; 15]) -> Matrix {
    let mut matrix = [[0.0; 5]; 5];
    let mut at = 0;
    for i in 0..5 {
        for j in 0..=i {
            matrix[i][j] = lower[at];
            matrix[j][i] = lower[at];
            at += 1;
        }
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn columns() -> Columns {
        let mut columns = Columns::default();
        for row in 0..12 {
            let t = f64::from(row);
            columns.u.push((t * 1.7).sin() * 2.0);
            columns.v.push((t * 2.3).cos() * 2.0);
            columns.y.push(1.0 + 0.2 * (t * 0.9).sin());
            columns.weight.push(1.0 + f64::from(row % 3));
        }
        columns
    }

    proptest! {
        #[test]
        fn derivatives_agree_with_differences(
            e in 0.5..2.0, a in 0.1..1.0, b in 0.1..1.0, alpha in 0.1..0.8, beta in 0.1..0.8,
        ) {
            let point = [e, a, b, alpha, beta];
            // Every residual quadratic, then every one straight: differences across the bend
            // between the two would not be derivatives.
            for (delta, shift) in [(50.0, 0.0), (1e-3, 9.0), (1e-3, -9.0)] {
                let mut columns = columns();
                columns.y.iter_mut().for_each(|y| *y += shift);
                let here = columns.expand(&point, delta);
                let sum: f64 = (0..columns.len())
                    .map(|row| columns.weight[row] * huber(columns.residual(&point, row), delta))
                    .sum();
                prop_assert!((here.value - sum).abs() <= 1e-12 * here.value);
                let scale = here.gradient.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
                for i in 0..5 {
                    let step = 1e-5;
                    let (mut up, mut down) = (point, point);
                    up[i] += step;
                    down[i] -= step;
                    let (up, down) = (columns.expand(&up, delta), columns.expand(&down, delta));
                    let slope = (up.value - down.value) / (2.0 * step);
                    prop_assert!((slope - here.gradient[i]).abs() <= 1e-5 * scale, "gradient {i}");
                    for j in 0..5 {
                        let bend = (up.gradient[j] - down.gradient[j]) / (2.0 * step);
                        let size = here.hessian.iter().flatten().fold(scale, |m, h| m.max(h.abs()));
                        prop_assert!((bend - here.hessian[i][j]).abs() <= 1e-5 * size, "{i} {j}");
                    }
                }
            }
        }
    }

    #[test]
    fn huber_is_quadratic_then_straight_and_smooth_between() {
        assert!((huber(0.5e-3, 1e-3) - 0.125e-6).abs() < 1e-20);
        assert!((huber(-5e-3, 1e-3) - 1e-3 * 4.5e-3).abs() < 1e-18);
        assert!((huber(1e-3 * (1.0 + 1e-12), 1e-3) - 0.5e-6).abs() < 1e-17);
    }
}
