//! The portable form, made of Burn's own operations.

use burn::backend::{Backend, TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;

use super::Activation;
use crate::fused::composed::gelu_backward;

/// Steepness of the sigmoid in QuickGELU.
const QUICK: f32 = 1.702;

pub(super) fn linear<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
    activation: Activation,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let [output] = bias.shape().dims();
    let sum = B::float_add(B::float_matmul(x, weight), B::float_reshape(bias, Shape::from([1, output])));
    let y = match activation {
        Activation::Identity => sum.clone(),
        Activation::Gelu => B::gelu(sum.clone()),
        Activation::QuickGelu => B::float_mul(sum.clone(), gate::<B>(sum.clone())),
    };
    (y, sum)
}

pub(super) fn linear_backward<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    kept: FloatTensor<B>,
    grad: FloatTensor<B>,
    activation: Activation,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let grad = match activation {
        Activation::Identity => grad,
        Activation::Gelu => gelu_backward::<B>(kept, grad),
        Activation::QuickGelu => {
            // s + q x s (1 - s)
            let s = gate::<B>(kept.clone());
            let rest = B::float_mul(s.clone(), B::float_add_scalar(B::float_neg(s.clone()), 1f32.into()));
            let slope = B::float_add(s, B::float_mul_scalar(B::float_mul(kept, rest), QUICK.into()));
            B::float_mul(grad, slope)
        }
    };
    let [_, output] = weight.shape().dims();
    let d_bias = B::float_reshape(B::float_sum_dim(grad.clone(), 0), Shape::from([output]));
    let d_weight = B::float_matmul(B::float_swap_dims(x, 0, 1), grad.clone());
    (B::float_matmul(grad, B::float_swap_dims(weight, 0, 1)), d_weight, d_bias)
}

/// sigmoid(1.702 x). Burn's own goes through f32, whatever the type.
fn gate<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let fall = B::float_exp(B::float_mul_scalar(x, (-QUICK).into()));
    B::float_recip(B::float_add_scalar(fall, 1f32.into()))
}
