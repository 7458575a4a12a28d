//! Burn's CPU backend `flex`: tensors are slices already.

use burn::backend::{Flex, TensorMetadata};
use burn::tensor::DType;
use burn_flex::FlexTensor;

use super::native::Pictures;
use super::{ConvolutionBackend, Window, composed};
use crate::flex::{empty, f32s, tensor};

/// Pictures where they lie: a file's pixels have their channels first and are read once, so that no copy of them would pay.
fn pictures(x: &FlexTensor, window: Window) -> Option<Pictures<'_>> {
    let strides = x.layout().strides().iter().map(|stride| usize::try_from(*stride).ok());
    let strides: [usize; 4] = strides.collect::<Option<Vec<_>>>()?.try_into().ok()?;
    let values = (x.dtype() == DType::F32).then(|| &x.storage::<f32>()[x.layout().start_offset()..])?;
    Some(Pictures::new(values, x.shape().dims(), strides, window))
}

impl ConvolutionBackend for Flex {
    fn fused_convolution(x: FlexTensor, weight: FlexTensor, bias: FlexTensor, window: Window) -> FlexTensor {
        let [weight, bias] = [weight, bias].map(|tensor| tensor.to_contiguous());
        let (shape, [_, output]) = (x.shape().dims::<4>(), weight.shape().dims());
        let (Some(pictures), Some(w), Some(b)) = (pictures(&x, window), f32s(&weight), f32s(&bias)) else {
            return composed::convolution::<Self>(x, weight, bias, window);
        };
        let [rows, columns] = pictures.places();
        tensor(pictures.convolve(w, b), [shape[0], rows, columns, output])
    }

    fn fused_convolution_backward(
        x: FlexTensor,
        weight: FlexTensor,
        grad: FlexTensor,
        window: Window,
        needs_x: bool,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let [weight, grad] = [weight, grad].map(|tensor| tensor.to_contiguous());
        let x = if needs_x { x.to_contiguous() } else { x };
        let (shape, [_, output]) = (x.shape().dims::<4>(), weight.shape().dims());
        let (Some(pictures), Some(w), Some(g)) = (pictures(&x, window), f32s(&weight), f32s(&grad)) else {
            return composed::convolution_backward::<Self>(x, weight, grad, window, needs_x);
        };
        let slopes = pictures.slopes(w, g, output, needs_x);
        let d_x = slopes.x.map_or_else(empty, |slope| tensor(slope, shape));
        (d_x, tensor(slopes.weight, weight.shape()), tensor(slopes.bias, [output]))
    }
}
