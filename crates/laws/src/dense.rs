//! Small dense linear algebra: a damped solve over the free parameters, and three-term
//! non-negative least squares.

#![expect(clippy::needless_range_loop, reason = "small matrices read best by index")]

use crate::objective::{Matrix, Point};

/// Solves `matrix x = right` for the parameters in `free` (the others stay 0) by Cholesky after
/// scaling the diagonal to 1. `None` when the matrix is not safely positive definite there.
pub(crate) fn solve(matrix: &Matrix, right: &Point, free: [bool; 5]) -> Option<Point> {
    let index: Vec5 = free_indices(free);
    let n = index.len;
    let mut scale = [0.0; 5];
    for i in 0..n {
        let diagonal = matrix[index.at[i]][index.at[i]];
        if diagonal.is_nan() || diagonal <= 0.0 || diagonal.is_infinite() {
            return None;
        }
        scale[i] = diagonal.sqrt().recip();
    }
    let mut l = [[0.0; 5]; 5];
    for i in 0..n {
        for j in 0..=i {
            let mut sum = matrix[index.at[i]][index.at[j]] * scale[i] * scale[j];
            for k in 0..j {
                sum -= l[i][k] * l[j][k];
            }
            if i == j {
                // A pivot this small carries no correct digit.
                if sum.is_nan() || sum <= 1e-13 {
                    return None;
                }
                l[i][i] = sum.sqrt();
            } else {
                l[i][j] = sum / l[j][j];
            }
        }
    }
    let mut z = [0.0; 5];
    for i in 0..n {
        let mut sum = right[index.at[i]] * scale[i];
        for k in 0..i {
            sum -= l[i][k] * z[k];
        }
        z[i] = sum / l[i][i];
    }
    for i in (0..n).rev() {
        let mut sum = z[i];
        for k in i + 1..n {
            sum -= l[k][i] * z[k];
        }
        z[i] = sum / l[i][i];
    }
    let mut x = [0.0; 5];
    for i in 0..n {
        x[index.at[i]] = z[i] * scale[i];
    }
    x.iter().all(|x| x.is_finite()).then_some(x)
}

struct Vec5 {
    at: [usize; 5],
    len: usize,
}

fn free_indices(free: [bool; 5]) -> Vec5 {
    let mut index = Vec5 { at: [0; 5], len: 0 };
    for (i, _) in free.into_iter().enumerate().filter(|(_, free)| *free) {
        index.at[index.len] = i;
        index.len += 1;
    }
    index
}

/// The non-negative x that minimises x' G x - 2 b' x for a 3 x 3 Gram matrix G (lower triangle
/// g00 g10 g11 g20 g21 g22), and that minimum; by trying the full problem, then every face.
pub(crate) fn non_negative(gram: &[f64; 6], b: &[f64; 3]) -> ([f64; 3], f64) {
    let mut matrix = [[0.0; 5]; 5];
    for (i, row) in
        [[gram[0], gram[1], gram[3]], [gram[1], gram[2], gram[4]], [gram[3], gram[4], gram[5]]]
            .into_iter()
            .enumerate()
    {
        matrix[i][..3].copy_from_slice(&row);
    }
    let right = [b[0], b[1], b[2], 0.0, 0.0];
    let mut best = ([0.0; 3], 0.0);
    // The full set first: where it is feasible it is the minimum. Else the best face is.
    for set in [0b111_u8, 0b110, 0b101, 0b011, 0b100, 0b010, 0b001] {
        let free = [set & 1 != 0, set & 2 != 0, set & 4 != 0, false, false];
        let Some(x) = solve(&matrix, &right, free) else { continue };
        if x.iter().any(|&x| x < 0.0) {
            continue;
        }
        // At a stationary point of a face, x' G x = b' x.
        let value = -(b[0] * x[0] + b[1] * x[1] + b[2] * x[2]);
        if value < best.1 {
            best = ([x[0], x[1], x[2]], value);
        }
        if set == 0b111 {
            break;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_solution_meets_the_optimality_conditions(
            rows in prop::collection::vec((0.1..2.0, -1.0..2.0, -2.0..2.0, -1.0..1.0), 6..20),
        ) {
            let (mut gram, mut b) = ([0.0; 6], [0.0; 3]);
            for &(x, y, z, t) in &rows {
                for (g, product) in gram.iter_mut().zip([x * x, x * y, y * y, x * z, y * z, z * z]) {
                    *g += product;
                }
                for (b, product) in b.iter_mut().zip([x * t, y * t, z * t]) {
                    *b += product;
                }
            }
            let (x, _) = non_negative(&gram, &b);
            let slope = [
                gram[0] * x[0] + gram[1] * x[1] + gram[3] * x[2] - b[0],
                gram[1] * x[0] + gram[2] * x[1] + gram[4] * x[2] - b[1],
                gram[3] * x[0] + gram[4] * x[1] + gram[5] * x[2] - b[2],
            ];
            for i in 0..3 {
                prop_assert!(x[i] >= 0.0);
                prop_assert!(slope[i] > -1e-8, "{x:?} {slope:?}");
                prop_assert!(x[i].abs() < 1e-9 || slope[i].abs() < 1e-8, "{x:?} {slope:?}");
            }
        }
    }

    #[test]
    fn a_singular_matrix_is_refused_and_fixed_parameters_stay() {
        let mut matrix = [[1.0; 5]; 5];
        let right = [1.0; 5];
        assert_eq!(solve(&matrix, &right, [true; 5]), None);
        matrix[0][0] = f64::NAN;
        assert_eq!(solve(&matrix, &right, [true, false, false, false, false]), None);
        let one = solve(&matrix, &right, [false, false, true, false, false]).unwrap();
        let errors = one.iter().zip([0.0, 0.0, 1.0, 0.0, 0.0]).map(|(x, y)| (x - y).abs());
        assert!(errors.sum::<f64>() < 1e-12, "{one:?}");
    }
}
