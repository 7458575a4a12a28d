//! Convolutions of pictures whose channels lie beside each other.

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

/// A square window that moves over a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Width and height.
    pub side: usize,
    /// Positions that it moves at a time.
    pub stride: usize,
    /// Zeros around the picture, on each side.
    pub padding: usize,
}

impl Window {
    /// Where it fits along a side of the picture.
    fn places(self, side: usize) -> usize {
        (side + 2 * self.padding + self.stride).saturating_sub(self.side) / self.stride
    }
}

/// The extension of Burn's backends.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "cube"), Autodiff)]
pub trait ConvolutionBackend: Backend {
    /// See [`convolution`].
    fn fused_convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        composed::convolution::<Self>(x, weight, bias, window)
    }

    /// Gradients of x (or anything where it is not needed), weight and bias.
    fn fused_convolution_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        window: Window,
        needs_x: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        composed::convolution_backward::<Self>(x, weight, grad, window, needs_x)
    }
}

#[cfg(feature = "ndarray")]
impl ConvolutionBackend for burn::backend::NdArray {}

#[cfg(feature = "cube")]
impl ConvolutionBackend for burn_cubecl::CubeBackend {}

/// A convolution of pictures whose channels lie beside each other, as products of windows and the weight: a window's rows are
/// copied as they lie.
///
/// # Shapes
/// - x: `[N, height, width, C]`
/// - weight: `[O, C, side, side]`
/// - bias: `[O]`; none = zero
/// - output: `[N, places, places, O]`
pub fn convolution(x: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, window: Window) -> Tensor<4> {
    let [output, input, _, _] = weight.dims();
    let bias = bias.unwrap_or_else(|| Tensor::zeros([output], (&x.device().inner(), x.dtype())));
    let weight = weight.permute([2, 3, 1, 0]).reshape([window.side * window.side * input, output]);
    let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::fused_convolution(x, weight, bias, window))
}
