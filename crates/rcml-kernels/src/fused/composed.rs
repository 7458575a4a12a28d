//! The portable forms, made of Burn's own operations.

use burn::backend::{Backend, TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;

pub(crate) fn gelu_backward<B: Backend>(x: FloatTensor<B>, grad: FloatTensor<B>) -> FloatTensor<B> {
    let scaled = B::float_mul_scalar(x.clone(), std::f32::consts::FRAC_1_SQRT_2.into());
    let cdf = B::float_mul_scalar(B::float_add_scalar(B::float_erf(scaled), 1f32.into()), 0.5f32.into());
    let exponent = B::float_mul_scalar(B::float_mul(x.clone(), x.clone()), (-0.5f32).into());
    let density = B::float_mul_scalar(B::float_exp(exponent), 0.398_942_3_f32.into());
    B::float_mul(grad, B::float_add(cdf, B::float_mul(x, density)))
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

/// gelu(norm(x) * gamma + beta) over the last two dimensions of `[N, P, C]`, one scale and shift per channel.
pub(super) fn picture_norm<B: Backend>(
    x: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    epsilon: f32,
) -> FloatTensor<B> {
    B::gelu(scaled::<B>(normal::<B>(x, epsilon).0, gamma, beta))
}

pub(super) fn picture_norm_backward<B: Backend>(
    x: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    grad: FloatTensor<B>,
    epsilon: f32,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let (width, shape) = (gamma.shape(), x.shape());
    let (normal, scale) = normal::<B>(x, epsilon);
    let grad = gelu_backward::<B>(scaled::<B>(normal.clone(), gamma.clone(), beta), grad);
    let over_places = |v: FloatTensor<B>| B::float_reshape(B::float_sum_dim(B::float_sum_dim(v, 0), 1), width.clone());
    let d_gamma = over_places(B::float_mul(grad.clone(), normal.clone()));
    let d_beta = over_places(grad.clone());
    let [n, p, c] = shape.dims();
    let row = |v: FloatTensor<B>| B::float_reshape(v, Shape::from([n, 1, p * c]));
    let (inner, normal) = (row(B::float_mul(grad, channel::<B>(gamma))), row(normal));
    let along = B::float_mul(normal.clone(), B::float_mean_dim(B::float_mul(inner.clone(), normal), 2));
    let d_x = B::float_sub(B::float_sub(inner.clone(), B::float_mean_dim(inner, 2)), along);
    (B::float_reshape(B::float_mul(d_x, scale), shape), d_gamma, d_beta)
}

/// (x - mean) / sqrt(var + epsilon) of each picture `[P, C]`, and 1 / sqrt(var + epsilon) as `[N, 1, 1]`.
fn normal<B: Backend>(x: FloatTensor<B>, epsilon: f32) -> (FloatTensor<B>, FloatTensor<B>) {
    let shape = x.shape();
    let [n, p, c] = shape.dims();
    let (centred, scale) = moments::<B>(B::float_reshape(x, Shape::from([n, 1, p * c])), epsilon);
    (B::float_reshape(B::float_mul(centred, scale.clone()), shape), scale)
}

fn scaled<B: Backend>(x: FloatTensor<B>, gamma: FloatTensor<B>, beta: FloatTensor<B>) -> FloatTensor<B> {
    B::float_add(B::float_mul(x, channel::<B>(gamma)), channel::<B>(beta))
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
