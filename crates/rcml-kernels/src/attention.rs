//! Self-attention of the encoders.

use burn::tensor::Tensor;

use crate::fused::biased_softmax;

/// softmax(q k^T / sqrt(d) + b) v.
///
/// # Shapes
/// - q, k, v: `[N, H, T, d]`, H heads of width d
/// - log-bias b: `[N, T]`, added to the logits of every query (about -1e9 masks a key)
/// - output: `[N, H, T, d]`
pub fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, log_bias: Option<Tensor<2>>) -> Tensor<4> {
    let [n, _, t, d] = k.dims();
    // Scaling q instead of the logits touches T d values instead of T^2.
    let logits = q.mul_scalar(1.0 / (d as f64).sqrt()).matmul(k.swap_dims(2, 3));
    let bias = log_bias.unwrap_or_else(|| Tensor::zeros([1, t], &v.device().inner()));
    debug_assert!(bias.dims()[0] == n || bias.dims()[0] == 1);
    biased_softmax(logits, bias).matmul(v)
}
