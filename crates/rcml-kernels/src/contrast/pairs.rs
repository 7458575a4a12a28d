//! Scores of single pairs: what sparse positives need of the matrix of scores, and nothing else of it.

use burn::backend::Dispatch;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::ContrastBackend;
use crate::cpu::pages;
use crate::lanes::sum;
use crate::simd::vectorized;
use crate::{PairList, SparseRows};

/// <x_i, y_j> of the columns j that each row i names, in the order of the sets: the sampled product of two matrices (SDDMM).
///
/// On the CPU backends no row is gathered: memory beyond inputs, output and gradients is O(P) for P pairs.
///
/// # Shapes
/// - anchors x: `[U, A, D]`
/// - candidates y: `[U, M, D]`
/// - columns: a set for each of the U A rows, below M
/// - output: `[P]`
///
/// # Panics
/// If the sets do not fit the shapes.
pub fn contrast_pairs(x: Tensor<3>, y: Tensor<3>, columns: &SparseRows) -> Tensor<1> {
    let ([u, a, d], [v, m, e]) = (x.dims(), y.dims());
    assert_eq!((u, d, columns.rows()), (v, e, u * a), "groups, widths or rows differ");
    assert!(columns.max().is_none_or(|max| (max as usize) < m), "a column is beyond the candidates");
    if columns.count() == 0 {
        return Tensor::zeros([0], (&x.device(), x.dtype()));
    }
    let pairs = columns.iter().map(|(row, column)| (row as u32, (row / a * m) as u32 + column));
    let pairs = PairList::grouped(pairs.collect(), u * a, u * m);
    let (x, y) = (x.reshape([u * a, d]).into_dispatch(), y.reshape([u * m, d]).into_dispatch());
    Tensor::from_dispatch(Dispatch::contrast_pairs(x, y, pairs))
}

/// Pairs that one task multiplies.
const TASK: usize = 256;

/// The inner product of both rows of every pair, `[P]`.
pub(super) fn products(x: &[f32], y: &[f32], width: usize, pairs: &PairList) -> Vec<f32> {
    let mut out = vec![0.0f32; pairs.len()];
    out.par_chunks_mut(TASK).zip(pairs.pairs().par_chunks(TASK)).for_each(|(out, pairs)| {
        for (out, (i, j)) in out.iter_mut().zip(pairs) {
            let (a, b) = (&x[*i as usize * width..][..width], &y[*j as usize * width..][..width]);
            *out = vectorized(
                #[inline(always)]
                || {
                    sum(
                        width,
                        #[inline(always)]
                        |k| a[k] * b[k],
                    )
                },
            );
        }
    });
    out
}

/// For every item, the sum over its pairs of factor times the other row, `[items, D]`.
pub(super) fn sums(rows: &[f32], factors: &[f32], width: usize, pairs: &PairList) -> Vec<f32> {
    let mut out = pages::zeros(pairs.bounds().0 * width);
    out.par_chunks_mut(width.max(1)).enumerate().with_min_len(TASK / 4).for_each(|(item, out)| {
        for pair in pairs.of_item(item) {
            let (factor, other) = (factors[*pair as usize], pairs.pairs()[*pair as usize].1 as usize);
            let row = &rows[other * width..][..width];
            vectorized(
                #[inline(always)]
                || out.iter_mut().zip(row).for_each(|(out, value)| *out += factor * value),
            );
        }
    });
    out
}
