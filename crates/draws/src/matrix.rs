//! The little linear algebra that correlations need; matrices are row by row.

/// Whether a symmetric matrix has no negative eigenvalue beyond rounding, by trying to factor it.
pub(crate) fn is_semidefinite(a: &[f64], n: usize) -> bool {
    const ROUNDING: f64 = 1e-12;
    let mut l = vec![0.0; n * n];
    for j in 0..n {
        for i in j..n {
            let known: f64 = (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum();
            let rest = a[i * n + j] - known;
            if i == j {
                if rest < -ROUNDING {
                    return false;
                }
                l[j * n + j] = rest.max(0.0).sqrt();
            } else if l[j * n + j] > ROUNDING.sqrt() {
                l[i * n + j] = rest / l[j * n + j];
            } else if rest.abs() > ROUNDING.sqrt() {
                return false;
            }
        }
    }
    true
}

/// The correlation matrix nearest to the symmetric `wanted` in the Frobenius norm.
///
/// Higham, "Computing the nearest correlation matrix: a problem from finance", IMA J. Numer. Anal.
/// 22 (2002): alternating projections onto the positive semidefinite matrices and onto those with
/// a unit diagonal, with Dykstra's correction.
pub(crate) fn nearest_correlation(wanted: &[f64], n: usize) -> Vec<f64> {
    const ROUNDS: usize = 1000;
    const CONVERGED: f64 = 1e-10;
    let mut y = wanted.to_vec();
    let mut correction = vec![0.0; n * n];
    for _ in 0..ROUNDS {
        let r: Vec<f64> = y.iter().zip(&correction).map(|(y, c)| y - c).collect();
        let x = semidefinite_part(&r, n);
        for ((c, x), r) in correction.iter_mut().zip(&x).zip(&r) {
            *c = x - r;
        }
        let mut next = x;
        for i in 0..n {
            next[i * n + i] = 1.0;
        }
        let change = next.iter().zip(&y).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        y = next;
        if change < CONVERGED {
            break;
        }
    }
    // The last projection leaves eigenvalues a rounding below zero; one more and a rescaling of
    // the diagonal give a matrix that is valid to the last bit that matters.
    let x = semidefinite_part(&y, n);
    let scale: Vec<f64> = (0..n).map(|i| x[i * n + i].max(f64::MIN_POSITIVE).sqrt()).collect();
    let mut result = x;
    for i in 0..n {
        for j in 0..n {
            let value = result[i * n + j] / (scale[i] * scale[j]);
            result[i * n + j] = if i == j { 1.0 } else { value.clamp(-1.0, 1.0) };
        }
    }
    result
}

fn semidefinite_part(a: &[f64], n: usize) -> Vec<f64> {
    let (values, vectors) = eigen(a, n);
    let mut result = vec![0.0; n * n];
    for (k, &value) in values.iter().enumerate().filter(|(_, value)| **value > 0.0) {
        for i in 0..n {
            for j in 0..n {
                result[i * n + j] += value * vectors[i * n + k] * vectors[j * n + k];
            }
        }
    }
    result
}

/// Eigenvalues and eigenvectors (as columns) of a symmetric matrix, by Jacobi's rotations.
fn eigen(a: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut a = a.to_vec();
    let mut vectors = vec![0.0; n * n];
    for i in 0..n {
        vectors[i * n + i] = 1.0;
    }
    for _ in 0..60 {
        let off: f64 = (0..n * n).filter(|k| k / n != k % n).map(|k| a[k] * a[k]).sum();
        if off < 1e-28 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p * n + q].abs() < 1e-300 {
                    continue;
                }
                let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * a[p * n + q]);
                let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let c = 1.0 / t.hypot(1.0);
                let s = t * c;
                let rotate = |m: &mut [f64], x: usize, y: usize| {
                    let (mx, my) = (m[x], m[y]);
                    m[x] = c * mx - s * my;
                    m[y] = s * mx + c * my;
                };
                for k in 0..n {
                    rotate(&mut a, k * n + p, k * n + q);
                }
                for k in 0..n {
                    rotate(&mut a, p * n + k, q * n + k);
                    rotate(&mut vectors, k * n + p, k * n + q);
                }
            }
        }
    }
    ((0..n).map(|i| a[i * n + i]).collect(), vectors)
}

/// The lower-triangular `L` with `L L' = a`, for a positive semidefinite `a`: a row that depends
/// on earlier ones gets a zero pivot instead of the root of a rounding error.
pub(crate) fn cholesky(a: &[f64], n: usize) -> Vec<f64> {
    let mut l = vec![0.0; n * n];
    for j in 0..n {
        let known: f64 = (0..j).map(|k| l[j * n + k] * l[j * n + k]).sum();
        let pivot = a[j * n + j] - known;
        if pivot < 1e-10 {
            continue;
        }
        l[j * n + j] = pivot.sqrt();
        for i in j + 1..n {
            let known: f64 = (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum();
            l[i * n + j] = (a[i * n + j] - known) / l[j * n + j];
        }
    }
    // Skipped pivots lose up to 1e-10 of a row's length: restore unit rows.
    for row in l.chunks_mut(n) {
        let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
        if length > 0.0 {
            for value in row {
                *value /= length;
            }
        }
    }
    l
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Higham (2002), section 4, as also given in the documentation of the NAG routine G02AAF.
    #[test]
    fn the_published_tridiagonal_example_comes_out() {
        let wanted =
            [2.0, -1.0, 0.0, 0.0, -1.0, 2.0, -1.0, 0.0, 0.0, -1.0, 2.0, -1.0, 0.0, 0.0, -1.0, 2.0];
        let nearest = nearest_correlation(&wanted, 4);
        let expected = [-0.8084, 0.1916, 0.1068, -0.6562, 0.1916, -0.8084];
        let found = [nearest[1], nearest[2], nearest[3], nearest[6], nearest[7], nearest[11]];
        for (f, e) in found.iter().zip(&expected) {
            assert!((f - e).abs() < 2e-4, "{found:?}");
        }
    }

    proptest! {
        #[test]
        fn the_nearest_matrix_is_a_correlation_matrix_and_factors(
            entries in proptest::collection::vec(-1.0..1.0_f64, 10)
        ) {
            let n = 5;
            let mut a = vec![1.0; n * n];
            let mut entry = entries.iter();
            for i in 0..n {
                for j in 0..i {
                    a[i * n + j] = *entry.next().unwrap();
                    a[j * n + i] = a[i * n + j];
                }
            }
            let nearest = nearest_correlation(&a, n);
            prop_assert_eq!(is_semidefinite(&a, n), eigen(&a, n).0.iter().all(|&v| v > -1e-12));
            prop_assert!(eigen(&nearest, n).0.iter().all(|&v| v > -1e-9));
            let l = cholesky(&nearest, n);
            for i in 0..n {
                prop_assert!((nearest[i * n + i] - 1.0).abs() < 1e-14);
                for j in 0..n {
                    let product: f64 = (0..n).map(|k| l[i * n + k] * l[j * n + k]).sum();
                    prop_assert!((product - nearest[i * n + j]).abs() < 1e-4, "{} {}", product, nearest[i*n+j]);
                }
            }
        }
    }

    #[test]
    fn perfect_correlation_factors_without_dividing_by_zero() {
        let l = cholesky(&[1.0, 1.0, -1.0, 1.0, 1.0, -1.0, -1.0, -1.0, 1.0], 3);
        assert_eq!(l, [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0]);
    }
}
