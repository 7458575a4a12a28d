//! A linear map of rows with what follows it: bias and activation, in one pass over the result.

#![cfg_attr(
    feature = "ndarray",
    allow(deprecated, reason = "Burn calls ndarray legacy; it stays as a second implementation to test against")
)]

mod autodiff;
mod composed;
mod flex;
pub(crate) mod native;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

/// What follows a linear map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// x Phi(x), the Gaussian error linear unit, exact (not the tanh approximation) in both directions.
    Gelu,
    /// x sigmoid(1.702 x), of the original CLIP.
    QuickGelu,
}

/// Which gradients of a linear map are asked for: what is frozen costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinearNeeds {
    /// Of the input.
    pub x: bool,
    /// Of the weight.
    pub weight: bool,
}

/// The extension of Burn's backends.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "cube"), Autodiff)]
pub trait LinearBackend: Backend {
    /// activation(x W + b) and x W + b; the second may be anything where it is not to be kept.
    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        activation: Activation,
        keep: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let _ = keep;
        composed::linear::<Self>(x, weight, bias, activation)
    }

    /// Gradients of x, weight and bias from the kept x W + b; anything for those that are not needed.
    fn fused_linear_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        kept: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        activation: Activation,
        needs: LinearNeeds,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let _ = needs;
        composed::linear_backward::<Self>(x, weight, kept, grad, activation)
    }
}

#[cfg(feature = "ndarray")]
impl LinearBackend for burn::backend::NdArray {}

#[cfg(feature = "cube")]
impl LinearBackend for burn_cubecl::CubeBackend {}

/// activation(x W + b) of every token, as ONE product of `[N T, in]` and `[in, out]`.
///
/// # Shapes
/// - x: `[N, T, in]`
/// - weight: `[in, out]`
/// - bias: `[out]`; none = zero
/// - output: `[N, T, out]`
pub fn linear(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>, activation: Activation) -> Tensor<3> {
    let ([n, t, input], [_, output]) = (x.dims(), weight.dims());
    let bias = bias.unwrap_or_else(|| Tensor::zeros([output], (&x.device().inner(), x.dtype())));
    let (x, weight) = (x.reshape([n * t, input]).into_dispatch(), weight.into_dispatch());
    let (y, _) = Dispatch::fused_linear(x, weight, bias.into_dispatch(), activation, false);
    Tensor::<2>::from_dispatch(y).reshape([n, t, output])
}
