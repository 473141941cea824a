//! Linear systems of a handful of unknowns, on the stack.

/// The most choices there are.
pub(super) const MOST: usize = 5;
/// The most unknowns of a system: choices and multipliers.
const WIDE: usize = 2 * MOST + 1;

pub(super) type Vector = [f64; MOST];
pub(super) type Matrix = [[f64; MOST]; MOST];

/// The lower Cholesky factor of the leading `n` rows of a symmetric matrix; `None` unless it is
/// positive definite.
pub(super) fn cholesky(a: &Matrix, n: usize) -> Option<Matrix> {
    let mut l = [[0.0; MOST]; MOST];
    for i in 0..n {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| l[i][k] * l[j][k]).sum();
            let rest = a[i][j] - sum;
            if i == j {
                // Pivots that are rounding only say nothing of the sign.
                if rest.is_nan() || rest <= 1e-14 * a[i][i].abs() || rest <= 0.0 {
                    return None;
                }
                l[i][i] = rest.sqrt();
            } else {
                l[i][j] = rest / l[j][j];
            }
        }
    }
    Some(l)
}

/// Solves L L' x = b.
pub(super) fn cholesky_solve(l: &Matrix, n: usize, b: &Vector) -> Vector {
    let mut x = *b;
    for i in 0..n {
        let sum: f64 = (0..i).map(|k| l[i][k] * x[k]).sum();
        x[i] = (x[i] - sum) / l[i][i];
    }
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|k| l[k][i] * x[k]).sum();
        x[i] = (x[i] - sum) / l[i][i];
    }
    x
}

/// A square system of up to [`WIDE`] unknowns.
#[derive(Debug, Clone)]
pub(super) struct System {
    a: [[f64; WIDE]; WIDE],
    b: [f64; WIDE],
    n: usize,
}

impl System {
    /// `n` unknowns, all coefficients zero; `None` for too many.
    pub(super) fn new(n: usize) -> Option<Self> {
        (n <= WIDE).then_some(Self { a: [[0.0; WIDE]; WIDE], b: [0.0; WIDE], n })
    }

    pub(super) fn set(&mut self, row: usize, column: usize, value: f64) {
        self.a[row][column] = value;
    }

    pub(super) fn set_right(&mut self, row: usize, value: f64) {
        self.b[row] = value;
    }

    /// The solution by elimination with row pivots; `None` where the system is singular.
    pub(super) fn solve(mut self) -> Option<[f64; WIDE]> {
        let n = self.n;
        for column in 0..n {
            let pivot = (column..n)
                .max_by(|&i, &j| self.a[i][column].abs().total_cmp(&self.a[j][column].abs()))?;
            let size = self.a[pivot][column].abs();
            if size.is_nan() || size < 1e-13 {
                return None;
            }
            self.a.swap(column, pivot);
            self.b.swap(column, pivot);
            for row in column + 1..n {
                let factor = self.a[row][column] / self.a[column][column];
                for k in column..n {
                    self.a[row][k] -= factor * self.a[column][k];
                }
                self.b[row] -= factor * self.b[column];
            }
        }
        let mut x = [0.0; WIDE];
        for row in (0..n).rev() {
            let sum: f64 = (row + 1..n).map(|k| self.a[row][k] * x[k]).sum();
            x[row] = (self.b[row] - sum) / self.a[row][row];
        }
        x.iter().all(|value| value.is_finite()).then_some(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_solvers_solve_and_refuse_what_has_no_solution() {
        let mut a = [[0.0; MOST]; MOST];
        for (i, row) in [[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]].iter().enumerate() {
            a[i][..3].copy_from_slice(row);
        }
        let b = [1.0, -2.0, 0.3, 0.0, 0.0];
        let x = cholesky_solve(&cholesky(&a, 3).unwrap(), 3, &b);
        let mut system = System::new(3).unwrap();
        for i in 0..3 {
            for (j, value) in a[i].iter().enumerate().take(3) {
                system.set(i, j, *value);
            }
            system.set_right(i, b[i]);
        }
        let y = system.solve().unwrap();
        for i in 0..3 {
            let product: f64 = a[i].iter().zip(&x).map(|(a, x)| a * x).sum();
            assert!((product - b[i]).abs() < 1e-14 && (x[i] - y[i]).abs() < 1e-14);
        }
        a[1][1] = -3.0;
        assert!(cholesky(&a, 3).is_none());
        assert!(System::new(3).unwrap().solve().is_none() && System::new(99).is_none());
    }
}
