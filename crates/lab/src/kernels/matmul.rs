//! Matrix products over strided views, on the `gemm-f32` crate.

/// A read-only matrix view: element (i, j) is at `i * row_stride + j * column_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A dense row-major matrix.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::strided(data, rows, columns, columns)
    }

    /// A row-major matrix whose rows start `row_stride` apart (a block of columns of a wider one).
    pub(crate) fn strided(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(holds(data.len(), rows, columns, row_stride), "matrix view outside its data");
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    /// The same numbers with rows and columns exchanged.
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// A writable row-major matrix view whose rows start `row_stride` apart.
pub(crate) struct MatrixMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
}

impl<'a> MatrixMut<'a> {
    /// A dense row-major matrix.
    pub(crate) fn new(data: &'a mut [f32], rows: usize, columns: usize) -> Self {
        Self::strided(data, rows, columns, columns)
    }

    /// A row-major matrix whose rows start `row_stride` apart.
    pub(crate) fn strided(
        data: &'a mut [f32],
        rows: usize,
        columns: usize,
        row_stride: usize,
    ) -> Self {
        assert!(holds(data.len(), rows, columns, row_stride), "matrix view outside its data");
        Self { data, rows, columns, row_stride }
    }
}

fn holds(length: usize, rows: usize, columns: usize, row_stride: usize) -> bool {
    columns <= row_stride && (rows == 0 || (rows - 1) * row_stride + columns <= length)
}

/// Whether a product replaces what its target holds or is added to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    Replace,
    Add,
}

/// `target = scale * a b`, or `target += scale * a b`.
#[expect(clippy::needless_pass_by_value, reason = "a write view is used once")]
pub(crate) fn matmul(
    target: MatrixMut<'_>,
    write: Write,
    scale: f32,
    a: Matrix<'_>,
    b: Matrix<'_>,
) {
    assert_eq!((target.rows, target.columns), (a.rows, b.columns), "product of wrong size");
    assert_eq!(a.columns, b.rows, "matrices do not chain");
    let kernel = gemm_f32::gemm::f32::get_gemm_fn();
    // The crate is written for column-major targets and is up to four times slower on row-major
    // ones, so it is asked for the transposed product: target' = b' a'.
    #[expect(unsafe_code, reason = "foreign kernel over raw pointers; the views checked bounds")]
    // SAFETY: both read views and the write view were checked to lie inside their slices for
    // their rows, columns and strides; the target is borrowed exclusively, so nothing aliases.
    unsafe {
        kernel(
            target.columns,
            target.rows,
            a.columns,
            target.data.as_mut_ptr(),
            target.row_stride.cast_signed(),
            1,
            write == Write::Add,
            b.data.as_ptr(),
            b.row_stride.cast_signed(),
            b.column_stride.cast_signed(),
            a.data.as_ptr(),
            a.row_stride.cast_signed(),
            a.column_stride.cast_signed(),
            1.0,
            scale,
            false,
            false,
            false,
            gemm_common::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(
        m: usize,
        n: usize,
        k: usize,
        a: impl Fn(usize, usize) -> f32,
        b: impl Fn(usize, usize) -> f32,
    ) -> Vec<f32> {
        let mut c = vec![0.0; m * n];
        for i in 0..m {
            for j in 0..n {
                c[i * n + j] = (0..k).map(|l| a(i, l) * b(l, j)).sum();
            }
        }
        c
    }

    #[test]
    fn products_of_views_and_transposes_agree_with_the_definition() {
        let value = |seed: usize| move |i: usize| (((i * 37 + seed * 11) % 29) as f32 - 14.0) / 7.0;
        for (m, n, k) in [(1, 1, 1), (5, 3, 2), (17, 33, 9), (64, 16, 40)] {
            let a: Vec<f32> = (0..m * k).map(value(1)).collect();
            let b: Vec<f32> = (0..k * n).map(value(2)).collect();
            let expected = plain(m, n, k, |i, l| a[i * k + l], |l, j| b[l * n + j]);
            let mut c = vec![1.0; m * n];
            matmul(
                MatrixMut::new(&mut c, m, n),
                Write::Add,
                2.0,
                Matrix::new(&a, m, k),
                Matrix::new(&b, k, n),
            );
            let a_t: Vec<f32> = (0..k * m).map(|at| a[at % m * k + at / m]).collect();
            let b_t: Vec<f32> = (0..n * k).map(|at| b[at % k * n + at / k]).collect();
            let mut d = vec![f32::NAN; m * (n + 3)];
            matmul(
                MatrixMut::strided(&mut d, m, n, n + 3),
                Write::Replace,
                1.0,
                Matrix::new(&a_t, k, m).transposed(),
                Matrix::new(&b_t, n, k).transposed(),
            );
            for i in 0..m {
                for j in 0..n {
                    let want = expected[i * n + j];
                    assert!((c[i * n + j] - (1.0 + 2.0 * want)).abs() < 1e-3 * (1.0 + want.abs()));
                    assert!((d[i * (n + 3) + j] - want).abs() < 1e-3 * (1.0 + want.abs()));
                }
                assert!(d[i * (n + 3) + n..][..3].iter().all(|x| x.is_nan()), "wrote past a row");
            }
        }
    }

    #[test]
    #[should_panic(expected = "outside its data")]
    fn a_view_larger_than_its_data_is_refused() {
        let _ = Matrix::new(&[0.0; 5], 2, 3);
    }
}
