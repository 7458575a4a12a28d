//! CLIP's loss as its authors wrote it: the independent reference for the special case.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

/// Symmetric cross-entropy over in-batch pairs (Radford et al. 2021, figure 3):
/// `(CE(s X Y^T, I) + CE(s Y X^T, I)) / 2`.
///
/// # Shapes
/// - x, y: `[N, D]` unit rows, row i of each of the same item
/// - scale s: `[1]`, 1 / temperature
/// - output: `[1]`
pub fn clip_loss(x: Tensor<2>, y: Tensor<2>, scale: Tensor<1>) -> Tensor<1> {
    let n = x.dims()[0];
    let logits = x.matmul(y.transpose()) * scale.unsqueeze::<2>();
    let diagonal = |logits: Tensor<2>| {
        let index = Tensor::<1, Int>::arange(0..n as i64, &logits.device()).unsqueeze_dim::<2>(1);
        log_softmax(logits, 1).gather(1, index).mean()
    };
    (diagonal(logits.clone()) + diagonal(logits.transpose())).mul_scalar(-0.5)
}
