//! The portable form, made of Burn's own operations.

use burn::backend::{Backend, TensorMetadata, tensor::FloatTensor};
use burn::tensor::{DType, Shape, TensorData};

use super::Heads;

pub(super) fn attention<B: Backend>(
    q: FloatTensor<B>,
    k: FloatTensor<B>,
    v: FloatTensor<B>,
    log_bias: FloatTensor<B>,
    heads: Heads,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let ([n, s], dtype, device) = (log_bias.shape().dims(), q.dtype(), q.device());
    let factor = scale::<B>(&q, heads);
    let (q, k, v) = (split::<B>(q, heads), split::<B>(k, heads), split::<B>(v, heads));
    let [_, _, t, _] = q.shape().dims();
    let logits = B::float_mul_scalar(B::float_matmul(q, B::float_swap_dims(k, 2, 3)), factor.into());
    let mut logits = B::float_add(logits, B::float_reshape(log_bias, Shape::from([n, 1, 1, s])));
    if heads.causal {
        let later = (0..t * s).map(|i| if i % s > i / s { -1e9f32 } else { 0.0 });
        let later = TensorData::new(later.collect::<Vec<f32>>(), [1, 1, t, s]);
        let later = B::float_from_data(if dtype == DType::F32 { later } else { later.convert_dtype(dtype) }, &device);
        logits = B::float_add(logits, later);
    }
    let weights = B::softmax(logits, 3);
    (join::<B>(B::float_matmul(weights.clone(), v)), weights)
}

pub(super) fn attention_backward<B: Backend>(
    q: FloatTensor<B>,
    k: FloatTensor<B>,
    v: FloatTensor<B>,
    weights: FloatTensor<B>,
    grad: FloatTensor<B>,
    heads: Heads,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let factor = scale::<B>(&q, heads);
    let (q, k, v) = (split::<B>(q, heads), split::<B>(k, heads), split::<B>(v, heads));
    let grad = split::<B>(grad, heads);
    let d_v = B::float_matmul(B::float_swap_dims(weights.clone(), 2, 3), grad.clone());
    let d_weights = B::float_matmul(grad, B::float_swap_dims(v, 2, 3));
    let dot = B::float_sum_dim(B::float_mul(d_weights.clone(), weights.clone()), 3);
    let d_logits = B::float_mul_scalar(B::float_mul(weights, B::float_sub(d_weights, dot)), factor.into());
    let d_q = B::float_matmul(d_logits.clone(), k);
    let d_k = B::float_matmul(B::float_swap_dims(d_logits, 2, 3), q);
    (join::<B>(d_q), join::<B>(d_k), join::<B>(d_v))
}

/// 1 / sqrt(d).
fn scale<B: Backend>(q: &FloatTensor<B>, heads: Heads) -> f32 {
    let [_, _, width] = q.shape().dims();
    1.0 / ((width / heads.count) as f32).sqrt()
}

/// `[N, T, H d]` -> `[N, H, T, d]`.
fn split<B: Backend>(x: FloatTensor<B>, heads: Heads) -> FloatTensor<B> {
    let [n, t, width] = x.shape().dims();
    B::float_swap_dims(B::float_reshape(x, Shape::from([n, t, heads.count, width / heads.count])), 1, 2)
}

/// `[N, H, T, d]` -> `[N, T, H d]`.
fn join<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let [n, h, t, d] = x.shape().dims();
    B::float_reshape(B::float_swap_dims(x, 1, 2), Shape::from([n, t, h * d]))
}
