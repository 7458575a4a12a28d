//! Matrices within slices, and their products by a library.

#![allow(unsafe_code, reason = "the library's interface is made of pointers")]

use std::mem::MaybeUninit;

use gemm::{Parallelism, gemm};

use crate::by_rows::Room;

/// Multiply-adds from which a product is worth handing out to threads.
const WORTH: usize = 192 * 192 * 192;

/// A matrix whose rows and columns lie a stride apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    by_row: usize,
    by_column: usize,
}

impl<'a> Matrix<'a> {
    /// Row after row.
    pub(crate) fn new(values: &'a [f32], columns: usize) -> Self {
        Self::within(values, values.len() / columns.max(1), columns, columns)
    }

    /// Rows that start `by_row` values apart.
    ///
    /// # Panics
    /// If the last row ends behind the slice.
    pub(crate) fn within(values: &'a [f32], rows: usize, columns: usize, by_row: usize) -> Self {
        assert!(rows == 0 || columns == 0 || (rows - 1) * by_row + columns <= values.len(), "rows lie in the slice");
        Self { values, rows, columns, by_row, by_column: 1 }
    }

    /// Rows as columns.
    pub(crate) fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, by_row: self.by_column, by_column: self.by_row, ..self }
    }
}

/// factor a b.
///
/// # Panics
/// If the shapes do not fit.
pub(crate) fn product<'o>(out: &'o mut Room, a: Matrix<'_>, b: Matrix<'_>, factor: f32) -> &'o mut [f32] {
    assert_eq!(out.len(), a.rows * b.columns, "the product's shape");
    // SAFETY: `out` holds a.rows rows of b.columns values, and the product writes every one of them without reading it.
    unsafe {
        run(out.as_mut_ptr().cast(), b.columns, a, b, false, factor, Parallelism::None);
        out.assume_init_mut()
    }
}

/// The same on all threads, where it is worth it.
pub(crate) fn large_product(a: Matrix<'_>, b: Matrix<'_>) -> Vec<f32> {
    let length = a.rows * b.columns;
    let mut out = Vec::<f32>::with_capacity(length);
    let worth = length.saturating_mul(a.columns) >= WORTH;
    let threads = if worth { Parallelism::Rayon(0) } else { Parallelism::None };
    let room: &mut [MaybeUninit<f32>] = &mut out.spare_capacity_mut()[..length];
    // SAFETY: as above, and all of the length was written.
    unsafe {
        run(room.as_mut_ptr().cast(), b.columns, a, b, false, 1.0, threads);
        out.set_len(length);
    }
    out
}

/// out + factor a b, or factor a b, into rows that start `stride` values apart.
///
/// # Panics
/// If the shapes do not fit.
pub(crate) fn add_product(out: &mut [f32], stride: usize, keep: bool, a: Matrix<'_>, b: Matrix<'_>, factor: f32) {
    let fits = a.rows == 0 || b.columns <= stride && (a.rows - 1) * stride + b.columns <= out.len();
    assert!(fits, "the product's rows lie in the slice");
    // SAFETY: the rows lie in `out` and do not overlap.
    unsafe { run(out.as_mut_ptr(), stride, a, b, keep, factor, Parallelism::None) }
}

/// # Safety
/// `out` must hold a.rows rows of b.columns values `stride` apart, and nobody else may use them meanwhile.
unsafe fn run(
    out: *mut f32,
    stride: usize,
    a: Matrix<'_>,
    b: Matrix<'_>,
    keep: bool,
    factor: f32,
    threads: Parallelism,
) {
    assert_eq!(a.columns, b.rows, "the inner dimensions of a product");
    let strides = |m: Matrix<'_>| (m.by_column as isize, m.by_row as isize);
    let ((a_cs, a_rs), (b_cs, b_rs)) = (strides(a), strides(b));
    let (kept, a_at, b_at) = (if keep { 1.0 } else { 0.0 }, a.values.as_ptr(), b.values.as_ptr());
    // SAFETY: the caller's promise for `out`; a matrix lies within its slice by construction.
    unsafe {
        gemm(
            a.rows,
            b.columns,
            a.columns,
            out,
            1,
            stride as isize,
            keep,
            a_at,
            a_cs,
            a_rs,
            b_at,
            b_cs,
            b_rs,
            kept,
            factor,
            false,
            false,
            false,
            threads,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_parts() {
        let a = [1.0, 2.0, 9.0, 3.0, 4.0, 9.0];
        let b = [5.0, 6.0, 7.0, 8.0];
        let (a, b) = (Matrix::within(&a, 2, 2, 3), Matrix::new(&b, 2));
        assert_eq!(large_product(a, b), [19.0, 22.0, 43.0, 50.0]);
        assert_eq!(large_product(a.transposed(), b), [26.0, 30.0, 38.0, 44.0]);
        let mut out = [1.0; 5];
        add_product(&mut out, 3, true, a, b, 2.0);
        assert_eq!(out, [39.0, 45.0, 1.0, 87.0, 101.0]);
        // A sum of nothing is zero.
        assert_eq!(large_product(Matrix::within(&[], 2, 0, 0), Matrix::within(&[], 0, 1, 1)), [0.0, 0.0]);
    }

    #[test]
    #[should_panic(expected = "inner dimensions")]
    fn shapes_that_do_not_fit() {
        large_product(Matrix::new(&[1.0, 2.0], 2), Matrix::new(&[1.0, 2.0, 3.0], 1));
    }
}
