//! Self-attention of the encoders, all heads in one operation.

#![cfg_attr(
    feature = "ndarray",
    allow(deprecated, reason = "Burn calls ndarray legacy; it stays as a second implementation to test against")
)]

mod autodiff;
mod composed;
mod flex;
mod native;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

/// How token states are divided among heads, and who may look at whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// Number of heads; divides the width.
    pub count: usize,
    /// Whether a query sees nothing that stands behind it.
    pub causal: bool,
}

/// The extension of Burn's backends.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "cube"), Autodiff)]
pub trait AttentionBackend: Backend {
    /// The attended values `[N, T, W]`, and the weights `[N, H, T, S]` or anything where they are not to be kept.
    fn fused_attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        log_bias: FloatTensor<Self>,
        heads: Heads,
        keep: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let _ = keep;
        composed::attention::<Self>(q, k, v, log_bias, heads)
    }

    /// Gradients of q, k and v, from the weights as the forward pass gave them.
    fn fused_attention_backward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        log_bias: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        heads: Heads,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let _ = log_bias;
        composed::attention_backward::<Self>(q, k, v, weights, grad, heads)
    }
}

#[cfg(feature = "ndarray")]
impl AttentionBackend for burn::backend::NdArray {}

#[cfg(feature = "cube")]
impl AttentionBackend for burn_cubecl::CubeBackend {}

/// softmax(q k^T / sqrt(d) + b) v of every head; head h has the channels h d to (h + 1) d.
///
/// The CPU backend keeps the softmax for the gradient where it is no larger than what it came from, and makes it again otherwise.
///
/// # Shapes
/// - q: `[N, T, W]`, W = H d
/// - k, v: `[N, S, W]`; S = T for a causal head
/// - log-bias b: `[N, S]`, added to the logits of every query (about -1e9 masks a key), a constant
/// - output: `[N, T, W]`
pub fn attention(q: Tensor<3>, k: Tensor<3>, v: Tensor<3>, log_bias: Option<Tensor<2>>, heads: Heads) -> Tensor<3> {
    let ([_, t, width], [_, s, _]) = (q.dims(), k.dims());
    debug_assert!(width.is_multiple_of(heads.count) && (s == t || !heads.causal));
    let log_bias = log_bias.unwrap_or_else(|| Tensor::zeros([1, s], (&v.device().inner(), v.dtype())));
    let (q, k, v) = (q.into_dispatch(), k.into_dispatch(), v.into_dispatch());
    Tensor::from_dispatch(Dispatch::fused_attention(q, k, v, log_bias.into_dispatch(), heads, false).0)
}
