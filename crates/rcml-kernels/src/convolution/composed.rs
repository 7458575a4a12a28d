//! The portable form, made of Burn's own operations.

use burn::backend::{Backend, TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn::tensor::ops::ConvOptions;

use super::Window;

pub(super) fn convolution<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
    window: Window,
) -> FloatTensor<B> {
    let weight = filters::<B>(weight, &x, window);
    last::<B>(B::conv2d(first::<B>(x), weight, Some(bias), options(window)))
}

pub(super) fn convolution_backward<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    grad: FloatTensor<B>,
    window: Window,
    needs_x: bool,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let (shape, [_, _, _, output]) = (weight.shape(), grad.shape().dims());
    let weight = filters::<B>(weight, &x, window);
    let (x, grad) = (first::<B>(x), first::<B>(grad));
    let d_x = match needs_x {
        true => last::<B>(B::conv2d_x_backward(x.clone(), weight.clone(), grad.clone(), options(window))),
        false => x.clone(),
    };
    let d_weight = B::conv2d_weight_backward(x, weight, grad.clone(), options(window));
    let d_weight = B::float_reshape(B::float_permute(d_weight, &[2, 3, 1, 0]), shape);
    let d_bias = B::float_sum_dim(B::float_sum_dim(B::float_sum_dim(grad, 0), 2), 3);
    (d_x, d_weight, B::float_reshape(d_bias, Shape::from([output])))
}

fn options(window: Window) -> ConvOptions<2> {
    ConvOptions::new([window.stride; 2], [window.padding; 2], [1, 1], 1)
}

/// `[side side C, O]` -> `[O, C, side, side]`.
fn filters<B: Backend>(weight: FloatTensor<B>, x: &FloatTensor<B>, window: Window) -> FloatTensor<B> {
    let ([_, output], [_, _, _, input]) = (weight.shape().dims(), x.shape().dims());
    let shape = Shape::from([window.side, window.side, input, output]);
    B::float_permute(B::float_reshape(weight, shape), &[3, 2, 0, 1])
}

/// Channels last -> channels first.
fn first<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    B::float_permute(x, &[0, 3, 1, 2])
}

/// Channels first -> channels last.
fn last<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    B::float_permute(x, &[0, 2, 3, 1])
}
