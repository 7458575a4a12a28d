//! A step of AdamW in one pass over a parameter.

#![cfg_attr(
    feature = "ndarray",
    allow(deprecated, reason = "Burn calls ndarray legacy; it stays as a second implementation to test against")
)]

mod flex;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

/// The numbers of one step of AdamW (Loshchilov and Hutter 2019), with the decay at the learning rate as PyTorch and Burn have it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWStep {
    /// Learning rate.
    pub rate: f64,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Decoupled weight decay.
    pub decay: f32,
    /// Number of the step, from 1.
    pub time: i32,
    /// What the gradient is multiplied by first: less than 1 where the norm of all gradients is clipped.
    pub scale: f32,
}

impl AdamWStep {
    /// What of the parameter is left after the decay; and what moments are divided by, since they started at zero.
    fn factors(&self) -> (f32, f32, f32) {
        let left = 1.0 - self.rate * f64::from(self.decay);
        (left as f32, 1.0 - self.beta1.powi(self.time), 1.0 - self.beta2.powi(self.time))
    }
}

/// The extension of Burn's backends. Nothing differentiates an optimiser.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "cube"))]
pub trait AdamWBackend: Backend {
    /// The parameter and its two moments after a step.
    fn fused_adamw(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamWStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        composed::<Self>(parameter, gradient, first, second, &step)
    }

    /// Sum of the squares of all values, `[1]`.
    fn fused_squared_norm(x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::float_sum(Self::float_mul(x.clone(), x))
    }
}

#[cfg(feature = "ndarray")]
impl AdamWBackend for burn::backend::NdArray {}

#[cfg(feature = "cube")]
impl AdamWBackend for burn_cubecl::CubeBackend {}

/// The portable form, made of Burn's own operations.
fn composed<B: Backend>(
    parameter: FloatTensor<B>,
    gradient: FloatTensor<B>,
    first: FloatTensor<B>,
    second: FloatTensor<B>,
    step: &AdamWStep,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let times = |x: FloatTensor<B>, by: f32| B::float_mul_scalar(x, by.into());
    let (left, unbias1, unbias2) = step.factors();
    let gradient = times(gradient, step.scale);
    let square = B::float_mul(gradient.clone(), gradient.clone());
    let first = B::float_add(times(first, step.beta1), times(gradient, 1.0 - step.beta1));
    let second = B::float_add(times(second, step.beta2), times(square, 1.0 - step.beta2));
    let root = B::float_sqrt(times(second.clone(), 1.0 / unbias2));
    let direction = B::float_div(times(first.clone(), 1.0 / unbias1), B::float_add_scalar(root, step.epsilon.into()));
    (B::float_sub(times(parameter, left), times(direction, step.rate as f32)), first, second)
}

/// Sum of the squares of all values: of its sum over all gradients the root is their common norm.
///
/// # Shapes
/// - x: any; a plain tensor, not differentiated
/// - output: `[1]`
pub fn squared_norm<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::fused_squared_norm(x.into_dispatch()))
}

/// One step of AdamW: p (1 - rate decay) - rate m' / (sqrt(v') + epsilon), with the moments m and v of the scaled gradient moved
/// first and m', v' those without the bias of their start at zero.
///
/// On the CPU all three are changed where they lie, if nobody else holds them.
///
/// # Shapes
/// - parameter, gradient, moments, outputs: all the same; plain tensors, not differentiated
pub fn adamw<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    [first, second]: [Tensor<D>; 2],
    step: AdamWStep,
) -> (Tensor<D>, [Tensor<D>; 2]) {
    let (parameter, gradient) = (parameter.into_dispatch(), gradient.into_dispatch());
    let (first, second) = (first.into_dispatch(), second.into_dispatch());
    let (parameter, first, second) = Dispatch::fused_adamw(parameter, gradient, first, second, step);
    (Tensor::from_dispatch(parameter), [Tensor::from_dispatch(first), Tensor::from_dispatch(second)])
}
