//! Linear least squares for a handful of columns.

/// Columns at most: more than any shape has.
pub(super) const MOST: usize = 3;

/// Coefficients and residual sum of squares of `y` on the columns that `row` gives for each date;
/// `None` where the columns are dependent.
pub(super) fn solve<const K: usize>(
    t: &[f64],
    y: &[f64],
    row: impl Fn(f64) -> [f64; K],
) -> Option<([f64; K], f64)> {
    const { assert!(K <= MOST) };
    // Centring the response keeps the sums small; the first column is the constant.
    let centre = y.iter().sum::<f64>() / y.len() as f64;
    let mut normal = [[0.0; K]; K];
    let mut right = [0.0; K];
    for (&t, &y) in t.iter().zip(y) {
        let x = row(t);
        for i in 0..K {
            right[i] += x[i] * (y - centre);
            for j in 0..K {
                normal[i][j] += x[i] * x[j];
            }
        }
    }
    let scale: [f64; K] = std::array::from_fn(|i| normal[i][i].sqrt());
    if scale.iter().any(|scale| !(*scale > 0.0 && scale.is_finite())) {
        return None;
    }
    for i in 0..K {
        right[i] /= scale[i];
        for j in 0..K {
            normal[i][j] /= scale[i] * scale[j];
        }
    }
    // Gauss with pivots on a matrix whose diagonal is one.
    for i in 0..K {
        let pivot = (i..K).max_by(|&a, &b| normal[a][i].abs().total_cmp(&normal[b][i].abs()))?;
        if normal[pivot][i].abs() < 1e-12 {
            return None;
        }
        normal.swap(i, pivot);
        right.swap(i, pivot);
        for j in i + 1..K {
            let factor = normal[j][i] / normal[i][i];
            let from = normal[i];
            for (value, from) in normal[j].iter_mut().zip(from).skip(i) {
                *value -= factor * from;
            }
            right[j] -= factor * right[i];
        }
    }
    let mut found = [0.0; K];
    for i in (0..K).rev() {
        let later: f64 = (i + 1..K).map(|j| normal[i][j] * found[j]).sum();
        found[i] = (right[i] - later) / normal[i][i];
    }
    for i in 0..K {
        found[i] /= scale[i];
    }
    found[0] += centre;
    let residuals = t
        .iter()
        .zip(y)
        .map(|(&t, &y)| {
            let fitted: f64 = row(t).iter().zip(&found).map(|(x, b)| x * b).sum();
            (y - fitted).powi(2)
        })
        .sum();
    Some((found, residuals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_are_exact_where_the_columns_explain_all() {
        let t: Vec<f64> = (0..9).map(f64::from).collect();
        let y: Vec<f64> = t.iter().map(|t| 3.0 - 2.0 * t + 0.5 * t * t).collect();
        let (found, residuals) = solve(&t, &y, |t| [1.0, t, t * t]).unwrap();
        for (found, expected) in found.iter().zip([3.0, -2.0, 0.5]) {
            assert!((found - expected).abs() < 1e-10, "{found}");
        }
        assert!(residuals < 1e-18);
    }

    #[test]
    fn dependent_columns_are_noticed() {
        assert!(solve(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], |t| [1.0, t, 2.0 * t]).is_none());
        assert!(solve(&[2.0, 2.0], &[1.0, 3.0], |t| [1.0, t - 2.0]).is_none());
    }
}
