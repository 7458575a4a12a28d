//! Normalisers on their own, for losses that are not a sum over rows of one score matrix.

use burn::tensor::Tensor;
use rcml_kernels::{ContrastPlan, contrast_log_sum_exp, row_logsumexp};

use super::{Candidates, Evaluation, Logits};

/// log of the sum over each row's candidates of exp(scale <x_i, y_j>), `[U, A]`; through the kernel where the evaluation says so.
///
/// # Shapes
/// - x: `[U, A, D]`
/// - y: `[U, M, D]`
pub fn log_sum_exp(x: Tensor<3>, y: Tensor<3>, candidates: &Candidates, logits: &Logits) -> Tensor<2> {
    if logits.evaluation.takes_kernel(candidates.shape(), &x.device()) {
        let plan = ContrastPlan::new(candidates.shape(), candidates.excluded().clone())
            .with_columns(candidates.presence(), candidates.correction());
        let plan = match logits.evaluation {
            Evaluation::Rows(rows) => plan.tiled(rows, 512),
            _ => plan,
        };
        return contrast_log_sum_exp(x, y, logits.scale.clone(), &plan);
    }
    let like = x.clone().without_autodiff();
    let mask = candidates.mask(0..candidates.shape()[1], &like);
    let mut scores = x.matmul(y.swap_dims(1, 2)) * logits.scale.clone().reshape([1, 1, 1]);
    if !candidates.correction().is_empty() {
        let correction = candidates.correction().to_vec();
        scores = scores - super::constant(correction, [1, 1, candidates.shape()[2]], &like);
    }
    row_logsumexp(scores, mask).squeeze_dim::<2>(2)
}

/// log of the sum over each row of exp(values): `[N, M]` -> `[N]`.
pub(crate) fn log_sum_of(values: Tensor<2>) -> Tensor<1> {
    let ones = values.clone().without_autodiff().ones_like();
    row_logsumexp(values, ones).squeeze_dim::<1>(1)
}
