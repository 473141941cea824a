//! Small dense linear algebra: a square matrix, a solve over the free parameters, least squares
//! inside bounds, and the eigenvalues of a symmetric matrix.

#![expect(clippy::needless_range_loop, reason = "small matrices read best by index")]

/// A small square matrix, row by row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Matrix {
    pub(crate) size: usize,
    entries: Vec<f64>,
}

impl Matrix {
    pub(crate) fn zero(size: usize) -> Self {
        Self { size, entries: vec![0.0; size * size] }
    }

    pub(crate) fn row(&self, i: usize) -> &[f64] {
        &self.entries[i * self.size..(i + 1) * self.size]
    }

    pub(crate) fn clear(&mut self) {
        self.entries.fill(0.0);
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.entries.iter().all(|x| x.is_finite())
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (x, y) in self.entries.iter_mut().zip(&other.entries) {
            *x += y;
        }
    }
}

impl std::ops::Index<(usize, usize)> for Matrix {
    type Output = f64;
    fn index(&self, (i, j): (usize, usize)) -> &f64 {
        &self.entries[i * self.size + j]
    }
}

impl std::ops::IndexMut<(usize, usize)> for Matrix {
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut f64 {
        &mut self.entries[i * self.size + j]
    }
}

/// The Cholesky factor of a matrix over some of its rows, with its diagonal scaled to 1.
#[derive(Debug, Clone)]
pub(crate) struct Factor {
    index: Vec<usize>,
    scale: Vec<f64>,
    l: Matrix,
}

/// Pivots below this share of the diagonal carry no correct digit.
const LEAST_PIVOT: f64 = 1e-13;

impl Factor {
    /// Factors the rows and columns in `free`. `None` when they are not safely positive definite.
    pub(crate) fn new(matrix: &Matrix, free: &[bool]) -> Option<Self> {
        let index: Vec<usize> = (0..matrix.size).filter(|&i| free[i]).collect();
        let n = index.len();
        let mut scale = Vec::with_capacity(n);
        for &i in &index {
            let diagonal = matrix[(i, i)];
            if diagonal.is_nan() || diagonal <= 0.0 || diagonal.is_infinite() {
                return None;
            }
            scale.push(diagonal.sqrt().recip());
        }
        let mut l = Matrix::zero(n);
        for i in 0..n {
            for j in 0..=i {
                let mut sum = matrix[(index[i], index[j])] * scale[i] * scale[j];
                for k in 0..j {
                    sum -= l[(i, k)] * l[(j, k)];
                }
                if i == j {
                    if sum.is_nan() || sum <= LEAST_PIVOT {
                        return None;
                    }
                    l[(i, i)] = sum.sqrt();
                } else {
                    l[(i, j)] = sum / l[(j, j)];
                }
            }
        }
        Some(Self { index, scale, l })
    }

    /// Solves for the free rows; the others stay 0.
    pub(crate) fn solve(&self, right: &[f64]) -> Option<Vec<f64>> {
        let n = self.index.len();
        let mut z = vec![0.0; n];
        for i in 0..n {
            let mut sum = right[self.index[i]] * self.scale[i];
            for k in 0..i {
                sum -= self.l[(i, k)] * z[k];
            }
            z[i] = sum / self.l[(i, i)];
        }
        for i in (0..n).rev() {
            let mut sum = z[i];
            for k in i + 1..n {
                sum -= self.l[(k, i)] * z[k];
            }
            z[i] = sum / self.l[(i, i)];
        }
        let mut x = vec![0.0; right.len()];
        for i in 0..n {
            x[self.index[i]] = z[i] * self.scale[i];
        }
        x.iter().all(|x| x.is_finite()).then_some(x)
    }
}

impl Factor {
    /// The factor times a vector: normal numbers become numbers with the matrix as covariance.
    pub(crate) fn spread(&self, normals: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; normals.len()];
        for (a, &i) in self.index.iter().enumerate() {
            let sum: f64 = (0..=a).map(|b| self.l[(a, b)] * normals[self.index[b]]).sum();
            out[i] = sum / self.scale[a];
        }
        out
    }
}

impl Factor {
    /// The inverse of the factor's transpose times a vector: normal numbers become numbers with
    /// the inverse of the matrix as covariance.
    pub(crate) fn unspread(&self, normals: &[f64]) -> Vec<f64> {
        let n = self.index.len();
        let mut out = vec![0.0; normals.len()];
        let mut z = vec![0.0; n];
        for i in (0..n).rev() {
            let mut sum = normals[self.index[i]];
            for k in i + 1..n {
                sum -= self.l[(k, i)] * z[k];
            }
            z[i] = sum / self.l[(i, i)];
            out[self.index[i]] = z[i] * self.scale[i];
        }
        out
    }

    /// The inverse of the factor times a vector.
    pub(crate) fn reduce(&self, right: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; right.len()];
        let mut z = vec![0.0; self.index.len()];
        for (i, &place) in self.index.iter().enumerate() {
            let sum: f64 = (0..i).map(|k| self.l[(i, k)] * z[k]).sum();
            z[i] = (right[place] * self.scale[i] - sum) / self.l[(i, i)];
            out[place] = z[i];
        }
        out
    }

    /// Half the logarithm of the determinant of the factored rows and columns.
    pub(crate) fn half_ln_determinant(&self) -> f64 {
        (0..self.index.len()).map(|i| (self.l[(i, i)] / self.scale[i]).ln()).sum()
    }
}

/// Solves `matrix x = right` for the parameters in `free`; the others stay 0.
pub(crate) fn solve(matrix: &Matrix, right: &[f64], free: &[bool]) -> Option<Vec<f64>> {
    Factor::new(matrix, free)?.solve(right)
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The x inside `bounds` that minimises x' G x - 2 b' x, and that minimum: the worst offender is
/// held at its bound until none is left, and released where moving inside would gain.
///
/// Where G is singular (a column that is a multiple of another) one of many minima is taken, near
/// zero; `None` when it is not finite.
pub(crate) fn bounded(gram: &Matrix, b: &[f64], bounds: &[(f64, f64)]) -> Option<(Vec<f64>, f64)> {
    let n = b.len();
    let mut free = vec![true; n];
    let mut at = vec![0.0; n];
    for _ in 0..=8 * n {
        let mut right = b.to_vec();
        for i in 0..n {
            for j in (0..n).filter(|&j| !free[j]) {
                right[i] -= gram[(i, j)] * at[j];
            }
        }
        let mut x = solve(gram, &right, &free).or_else(|| solve(&ridged(gram), &right, &free))?;
        for i in (0..n).filter(|&i| !free[i]) {
            x[i] = at[i];
        }
        let sized = |i: usize, off: f64| off * gram[(i, i)].sqrt();
        let off = |i: usize| sized(i, (bounds[i].0 - x[i]).max(x[i] - bounds[i].1));
        let worst = (0..n).filter(|&i| free[i] && off(i) > 0.0);
        if let Some(i) = worst.max_by(|&i, &j| off(i).total_cmp(&off(j))) {
            free[i] = false;
            at[i] = x[i].clamp(bounds[i].0, bounds[i].1);
            continue;
        }
        let slope: Vec<f64> = (0..n).map(|i| dot(gram.row(i), &x) - b[i]).collect();
        let gain = |i: usize| if at[i] <= bounds[i].0 { -slope[i] } else { slope[i] };
        let least = 1e-10 * dot(b, b).sqrt();
        let held = (0..n).filter(|&i| !free[i] && gain(i) > least);
        if let Some(i) = held.max_by(|&i, &j| gain(i).total_cmp(&gain(j))) {
            free[i] = true;
            continue;
        }
        let value = (0..n).map(|i| x[i] * (slope[i] - b[i])).sum();
        return Some((x, value));
    }
    None
}

/// The matrix with its diagonal a little larger, so that no direction is quite flat.
fn ridged(gram: &Matrix) -> Matrix {
    let mut gram = gram.clone();
    for i in 0..gram.size {
        gram[(i, i)] *= 1.0 + 1e-9;
    }
    gram
}

/// The eigenvalues of a symmetric matrix in ascending order, each with its unit vector, by
/// cyclic Jacobi rotations (Golub and Van Loan, section 8.5).
pub(crate) fn eigen(matrix: &Matrix) -> Vec<(f64, Vec<f64>)> {
    let n = matrix.size;
    let mut a = matrix.clone();
    let mut v = Matrix::zero(n);
    for i in 0..n {
        v[(i, i)] = 1.0;
    }
    for _ in 0..60 {
        let off: f64 =
            (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|ij| a[ij].powi(2)).sum();
        let on: f64 = (0..n).map(|i| a[(i, i)].powi(2)).sum();
        if off <= 1e-30 * on || !off.is_finite() {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[(p, q)] == 0.0 {
                    continue;
                }
                let theta = (a[(q, q)] - a[(p, p)]) / (2.0 * a[(p, q)]);
                let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let t = if theta == 0.0 { 1.0 } else { t };
                let c = t.hypot(1.0).recip();
                let s = t * c;
                for k in 0..n {
                    let (x, y) = (a[(k, p)], a[(k, q)]);
                    (a[(k, p)], a[(k, q)]) = (c * x - s * y, s * x + c * y);
                }
                for k in 0..n {
                    let (x, y) = (a[(p, k)], a[(q, k)]);
                    (a[(p, k)], a[(q, k)]) = (c * x - s * y, s * x + c * y);
                    let (x, y) = (v[(k, p)], v[(k, q)]);
                    (v[(k, p)], v[(k, q)]) = (c * x - s * y, s * x + c * y);
                }
            }
        }
    }
    let mut pairs: Vec<(f64, Vec<f64>)> =
        (0..n).map(|i| (a[(i, i)], (0..n).map(|k| v[(k, i)]).collect())).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gram(rows: &[Vec<f64>], n: usize) -> (Matrix, Vec<f64>) {
        let (mut gram, mut b) = (Matrix::zero(n), vec![0.0; n]);
        for row in rows {
            for i in 0..n {
                b[i] += row[i] * row[n];
                for j in 0..n {
                    gram[(i, j)] += row[i] * row[j];
                }
            }
        }
        (gram, b)
    }

    proptest! {
        #[test]
        fn bounded_least_squares_meets_the_optimality_conditions(
            rows in prop::collection::vec(prop::collection::vec(-1.0..2.0, 4), 8..20),
        ) {
            let (gram, b) = gram(&rows, 3);
            let bounds = [(0.0, f64::INFINITY), (f64::NEG_INFINITY, 0.3), (-0.1, 0.4)];
            let (x, value) = bounded(&gram, &b, &bounds).unwrap();
            for i in 0..3 {
                let slope = dot(gram.row(i), &x) - b[i];
                let (low, high) = bounds[i];
                prop_assert!(x[i] >= low && x[i] <= high);
                prop_assert!(x[i] <= low || slope < 1e-7, "{x:?} {slope}");
                prop_assert!(x[i] >= high || slope > -1e-7, "{x:?} {slope}");
            }
            prop_assert!(value <= 1e-12);
        }

        #[test]
        fn eigenvectors_rebuild_the_matrix(values in prop::collection::vec(-2.0..2.0_f64, 10)) {
            let mut matrix = Matrix::zero(4);
            let mut values = values.into_iter();
            for i in 0..4 {
                for j in 0..=i {
                    matrix[(i, j)] = values.next().unwrap();
                    matrix[(j, i)] = matrix[(i, j)];
                }
            }
            let pairs = eigen(&matrix);
            for i in 0..4 {
                for j in 0..4 {
                    let rebuilt: f64 = pairs.iter().map(|(x, v)| x * v[i] * v[j]).sum();
                    prop_assert!((rebuilt - matrix[(i, j)]).abs() < 1e-10);
                }
            }
            prop_assert!(pairs.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        }
    }

    #[test]
    fn columns_that_are_alike_share_what_they_explain() {
        let gram = Matrix { size: 2, entries: vec![4.0; 4] };
        let (x, value) = bounded(&gram, &[2.0; 2], &[(0.0, f64::INFINITY); 2]).unwrap();
        assert!((x[0] + x[1] - 0.5).abs() < 1e-6 && (value + 1.0).abs() < 1e-6, "{x:?} {value}");
        assert_eq!(
            bounded(&Matrix { size: 1, entries: vec![f64::NAN] }, &[1.0], &[(0.0, 1.0)]),
            None
        );
    }

    #[test]
    fn a_singular_matrix_is_refused_and_fixed_parameters_stay() {
        let mut matrix = Matrix { size: 3, entries: vec![1.0; 9] };
        assert_eq!(solve(&matrix, &[1.0; 3], &[true; 3]), None);
        matrix[(0, 0)] = f64::NAN;
        assert_eq!(solve(&matrix, &[1.0; 3], &[true, false, false]), None);
        assert_eq!(solve(&matrix, &[1.0; 3], &[false, false, true]), Some(vec![0.0, 0.0, 1.0]));
    }
}
