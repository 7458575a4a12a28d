//! Scores of more than two things at once.

use std::ops::Range;

use burn::tensor::Tensor;

use super::{Scorer, anchor_rows};

/// Volumes below this are continued along the tangent, since the slope of a square root is infinite at zero.
const SMALLEST_VOLUME: f64 = 1e-3;

/// Minus the volume of the parallelotope of an anchor and a tuple of others (GRAM, Cicchetti et al. 2025).
///
/// `views[0]` holds anchors `[1, N, D]`, the others one modality each, `[1, M, D]`; column j is the tuple of their rows j.
/// The volume is sqrt(det G) of the Gram matrix G: exact above 1e-3, below it the tangent, whose slope is finite. A
/// vector and its negative have the same volume.
#[derive(Debug, Clone, Copy, Default)]
pub struct Volume {
    /// Rows are tuples and columns anchors.
    pub reversed: bool,
}

impl Scorer for Volume {
    fn score(&self, views: &[Tensor<3>], rows: Range<usize>) -> Tensor<3> {
        let others = &views[1..];
        let along = |z: &Tensor<3>, is_row: bool| {
            if is_row { anchor_rows(z, &rows) } else { z.clone() }
        };
        // Something of shape [1, C, 1] where it belongs to rows, [1, 1, M] where it belongs to columns.
        let placed = |values: Tensor<3>, is_row: bool| if is_row { values } else { values.swap_dims(1, 2) };
        let dots: Vec<Tensor<3>> = others
            .iter()
            .map(|other| {
                let (left, right) = if self.reversed { (other, &views[0]) } else { (&views[0], other) };
                along(left, true).matmul(right.clone().swap_dims(1, 2))
            })
            .collect();
        let gram = |a: &Tensor<3>, b: &Tensor<3>| {
            let (a, b) = (along(a, self.reversed), along(b, self.reversed));
            placed((a * b).sum_dim(2), self.reversed)
        };
        let matrix: Vec<Vec<Tensor<3>>> = others.iter().map(|a| others.iter().map(|b| gram(a, b)).collect()).collect();
        let anchor = along(&views[0], !self.reversed);
        let length = placed(anchor.square().sum_dim(2), !self.reversed);
        // det [[|a|^2, v^T], [v, H]] = |a|^2 det H - v^T adj(H) v
        let one = length.ones_like().narrow(1, 0, 1).narrow(2, 0, 1);
        let mut determinant = length * minor(&matrix, None, &one);
        for (i, v) in dots.iter().enumerate() {
            for (j, w) in dots.iter().enumerate() {
                let cofactor = minor(&matrix, Some((i, j)), &one);
                let product = v.clone() * w.clone() * cofactor;
                determinant = if (i + j) % 2 == 0 { determinant - product } else { determinant + product };
            }
        }
        let least = SMALLEST_VOLUME * SMALLEST_VOLUME;
        let small = (determinant.clone().clamp(0.0, least) - least).div_scalar(2.0 * SMALLEST_VOLUME);
        (determinant.clamp_min(least).sqrt() + small).neg()
    }
}

/// The determinant of a matrix without a row and a column, by expansion along the first row: for the few modalities there are.
fn minor(matrix: &[Vec<Tensor<3>>], without: Option<(usize, usize)>, one: &Tensor<3>) -> Tensor<3> {
    let kept = |index: usize, out: Option<usize>| Some(index) != out;
    let rows: Vec<Vec<Tensor<3>>> = matrix
        .iter()
        .enumerate()
        .filter(|(i, _)| kept(*i, without.map(|(row, _)| row)))
        .map(|(_, row)| {
            let columns = row.iter().enumerate().filter(|(j, _)| kept(*j, without.map(|(_, column)| column)));
            columns.map(|(_, value)| value.clone()).collect()
        })
        .collect();
    let Some(first) = rows.first() else { return one.clone() };
    let terms = first.iter().enumerate().map(|(j, value)| {
        let term = value.clone() * minor(&rows, Some((0, j)), one);
        if j % 2 == 0 { term } else { term.neg() }
    });
    terms.reduce(|a, b| a + b).unwrap_or_else(|| one.clone())
}

/// The elementwise products of all tuples with one row of each view, `[1, N^k, D]` from k views `[1, N, D]`: row
/// `i_1 N^(k-1) + ... + i_k` is `x_1[i_1] * ... * x_k[i_k]`. The inner product with it is the multilinear inner product of Symile.
pub fn tuples(views: &[Tensor<3>]) -> Option<Tensor<3>> {
    let mut views = views.iter().cloned();
    let first = views.next()?;
    Some(views.fold(first, |product, view| {
        let ([_, p, d], [_, n, _]) = (product.dims(), view.dims());
        (product.reshape([p, 1, d]) * view).reshape([1, p * n, d])
    }))
}
