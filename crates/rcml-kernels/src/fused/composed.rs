//! The portable forms, made of Burn's own operations.

use burn::backend::{Backend, TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;

pub(super) fn gelu_backward<B: Backend>(x: FloatTensor<B>, grad: FloatTensor<B>) -> FloatTensor<B> {
    let scaled = B::float_mul_scalar(x.clone(), std::f32::consts::FRAC_1_SQRT_2.into());
    let cdf = B::float_mul_scalar(B::float_add_scalar(B::float_erf(scaled), 1f32.into()), 0.5f32.into());
    let exponent = B::float_mul_scalar(B::float_mul(x.clone(), x.clone()), (-0.5f32).into());
    let density = B::float_mul_scalar(B::float_exp(exponent), 0.398_942_3_f32.into());
    B::float_mul(grad, B::float_add(cdf, B::float_mul(x, density)))
}

pub(super) fn softmax<B: Backend>(logits: FloatTensor<B>, bias: FloatTensor<B>) -> FloatTensor<B> {
    let [n, s] = bias.shape().dims();
    let bias = B::float_reshape(bias, Shape::from([n, 1, 1, s]));
    B::softmax(B::float_add(logits, bias), 3)
}

pub(super) fn softmax_backward<B: Backend>(y: FloatTensor<B>, grad: FloatTensor<B>) -> FloatTensor<B> {
    let dot = B::float_sum_dim(B::float_mul(grad.clone(), y.clone()), 3);
    B::float_mul(y, B::float_sub(grad, dot))
}

pub(super) fn layer_norm<B: Backend>(
    x: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    epsilon: f32,
) -> FloatTensor<B> {
    let (centred, scale) = moments::<B>(x, epsilon);
    let normal = B::float_mul(centred, scale);
    B::float_add(B::float_mul(normal, channel::<B>(gamma)), channel::<B>(beta))
}

pub(super) fn layer_norm_backward<B: Backend>(
    x: FloatTensor<B>,
    gamma: FloatTensor<B>,
    grad: FloatTensor<B>,
    epsilon: f32,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let width = gamma.shape();
    let (centred, scale) = moments::<B>(x, epsilon);
    let normal = B::float_mul(centred, scale.clone());
    let over_rows = |v: FloatTensor<B>| B::float_reshape(B::float_sum_dim(B::float_sum_dim(v, 0), 1), width.clone());
    let d_gamma = over_rows(B::float_mul(grad.clone(), normal.clone()));
    let d_beta = over_rows(grad.clone());
    let inner = B::float_mul(grad, channel::<B>(gamma));
    let along = B::float_mul(normal.clone(), B::float_mean_dim(B::float_mul(inner.clone(), normal), 2));
    let d_x = B::float_sub(B::float_sub(inner.clone(), B::float_mean_dim(inner, 2)), along);
    (B::float_mul(d_x, scale), d_gamma, d_beta)
}

/// `[W]` -> `[1, 1, W]`.
fn channel<B: Backend>(v: FloatTensor<B>) -> FloatTensor<B> {
    let [w] = v.shape().dims();
    B::float_reshape(v, Shape::from([1, 1, w]))
}

/// x - mean and 1 / sqrt(var + epsilon) of each row.
fn moments<B: Backend>(x: FloatTensor<B>, epsilon: f32) -> (FloatTensor<B>, FloatTensor<B>) {
    let centred = B::float_sub(x.clone(), B::float_mean_dim(x, 2));
    let variance = B::float_mean_dim(B::float_mul(centred.clone(), centred.clone()), 2);
    let scale = B::float_recip(B::float_sqrt(B::float_add_scalar(variance, epsilon.into())));
    (centred, scale)
}
