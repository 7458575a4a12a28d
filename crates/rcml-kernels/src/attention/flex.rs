//! Burn's CPU backend `flex`: tensors are slices already.

use burn::backend::{Flex, TensorMetadata};
use burn_flex::FlexTensor;

use super::native::Problem;
use super::{AttentionBackend, Heads, composed};
use crate::flex::{empty, f32s, tensor};

/// Runs `f` on the inputs' values, or gives nothing for types that the kernel does not take.
fn with_problem<T>([q, k, v, log_bias]: [&FlexTensor; 4], heads: Heads, f: impl FnOnce(Problem<'_>) -> T) -> Option<T> {
    let ([n, t, width], [_, s, _]) = (q.shape().dims(), k.shape().dims());
    let (q, k, v, log_bias) = (f32s(q)?, f32s(k)?, f32s(v)?, f32s(log_bias)?);
    (n * t * s * width > 0).then(|| f(Problem { q, k, v, log_bias, heads, n, t, s, width }))
}

impl AttentionBackend for Flex {
    fn fused_attention(
        q: FlexTensor,
        k: FlexTensor,
        v: FlexTensor,
        log_bias: FlexTensor,
        heads: Heads,
        keep: bool,
    ) -> (FlexTensor, FlexTensor) {
        let [q, k, v, log_bias] = [q, k, v, log_bias].map(|tensor| tensor.to_contiguous());
        let ([n, t, _], [_, s, _]) = (q.shape().dims::<3>(), k.shape().dims::<3>());
        let native = with_problem([&q, &k, &v, &log_bias], heads, |problem| problem.forward(keep));
        match native {
            Some((out, weights)) => {
                let weights = weights.map_or_else(empty, |weights| tensor(weights, [n, heads.count, t, s]));
                (tensor(out, q.shape()), weights)
            }
            None => composed::attention::<Self>(q, k, v, log_bias, heads),
        }
    }

    fn fused_attention_backward(
        q: FlexTensor,
        k: FlexTensor,
        v: FlexTensor,
        log_bias: FlexTensor,
        weights: FlexTensor,
        grad: FlexTensor,
        heads: Heads,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let [q, k, v, log_bias, weights, grad] =
            [q, k, v, log_bias, weights, grad].map(|tensor| tensor.to_contiguous());
        let given = f32s(&weights).zip(f32s(&grad));
        let native = given.and_then(|(weights, grad)| {
            with_problem([&q, &k, &v, &log_bias], heads, |problem| problem.backward(weights, grad))
        });
        match native {
            Some([d_q, d_k, d_v]) => (tensor(d_q, q.shape()), tensor(d_k, k.shape()), tensor(d_v, v.shape())),
            None => composed::attention_backward::<Self>(q, k, v, weights, grad, heads),
        }
    }
}
