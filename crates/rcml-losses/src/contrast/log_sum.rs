//! Normalisers on their own, for losses that are not a sum over rows of one score matrix.

use burn::tensor::Tensor;
use rcml_kernels::row_logsumexp;

use super::{Candidates, Logits};

/// log of the sum over each row's candidates of exp(scale <x_i, y_j>), `[U, A]`.
///
/// # Shapes
/// - x: `[U, A, D]`
/// - y: `[U, M, D]`
pub fn log_sum_exp(x: Tensor<3>, y: Tensor<3>, candidates: &Candidates, logits: &Logits) -> Tensor<2> {
    let mask = candidates.mask(0..candidates.shape()[1], &x.clone().without_autodiff());
    let scores = x.matmul(y.swap_dims(1, 2)) * logits.scale.clone().reshape([1, 1, 1]);
    row_logsumexp(scores, mask).squeeze_dim::<2>(2)
}

/// log of the sum over each row of exp(values): `[N, M]` -> `[N]`.
pub(crate) fn log_sum_of(values: Tensor<2>) -> Tensor<1> {
    let ones = values.clone().without_autodiff().ones_like();
    row_logsumexp(values, ones).squeeze_dim::<1>(1)
}
