//! Burn's CPU backend `flex`: tensors are slices already.

use burn::backend::{Flex, TensorMetadata};
use burn_flex::FlexTensor;

use super::native::{Linear, Slopes};
use super::{Activation, LinearBackend, LinearNeeds, composed};
use crate::flex::{empty, f32s, tensor};

impl LinearBackend for Flex {
    fn fused_linear(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        activation: Activation,
        keep: bool,
    ) -> (FlexTensor, FlexTensor) {
        let [x, weight, bias] = [x, weight, bias].map(|tensor| tensor.to_contiguous());
        let ([rows, _], [_, output]) = (x.shape().dims(), weight.shape().dims());
        let (Some(values), Some(w), Some(b)) = (f32s(&x), f32s(&weight), f32s(&bias)) else {
            return composed::linear::<Self>(x, weight, bias, activation);
        };
        let (y, kept) = Linear { x: values, weight: w, output, activation }.forward(rows, b, keep);
        (tensor(y, [rows, output]), kept.map_or_else(empty, |kept| tensor(kept, [rows, output])))
    }

    fn fused_linear_backward(
        x: FlexTensor,
        weight: FlexTensor,
        kept: FlexTensor,
        grad: FlexTensor,
        activation: Activation,
        needs: LinearNeeds,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let [x, weight, kept, grad] = [x, weight, kept, grad].map(|tensor| tensor.to_contiguous());
        let ([rows, input], [_, output]) = (x.shape().dims(), weight.shape().dims());
        let (Some(values), Some(w), Some(k), Some(g)) = (f32s(&x), f32s(&weight), f32s(&kept), f32s(&grad)) else {
            return composed::linear_backward::<Self>(x, weight, kept, grad, activation);
        };
        let Slopes { x: d_x, weight: d_weight, bias: d_bias } =
            Linear { x: values, weight: w, output, activation }.backward(rows, k, g, needs);
        let d_x = d_x.map_or_else(empty, |slope| tensor(slope, [rows, input]));
        let d_weight = d_weight.map_or_else(empty, |slope| tensor(slope, [input, output]));
        (d_x, d_weight, tensor(d_bias, [output]))
    }
}
