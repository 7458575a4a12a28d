//! Operations of the encoders that Burn takes apart under autodiff, each with a handwritten backward.
//!
//! Every backend gets the composed form; the CPU backend `flex` gets one pass over memory on all cores.

#![cfg_attr(
    feature = "ndarray",
    allow(deprecated, reason = "Burn calls ndarray legacy; it stays as a second implementation to test against")
)]

mod autodiff;
pub(crate) mod composed;
mod flex;
mod picture;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

/// The extension of Burn's backends. Names start with `fused_` to keep clear of Burn's own.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "cube"), Autodiff)]
pub trait FusedBackend: Backend {
    /// x Phi(x).
    fn fused_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::gelu(x)
    }

    /// grad (Phi(x) + x phi(x)). (Burn's own backward differentiates the tanh approximation.)
    fn fused_gelu_backward(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::gelu_backward::<Self>(x, grad)
    }

    /// (x - mean) / sqrt(var + epsilon) * gamma + beta over the last dimension of `[N, T, W]`.
    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        composed::layer_norm::<Self>(x, gamma, beta, epsilon)
    }

    /// x + y, and the layer norm of that.
    fn fused_add_layer_norm(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let sum = Self::float_add(x, y);
        (sum.clone(), Self::fused_layer_norm(sum, gamma, beta, epsilon))
    }

    /// Gradients with respect to x, gamma and beta.
    fn fused_layer_norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        composed::layer_norm_backward::<Self>(x, gamma, grad, epsilon)
    }

    /// See [`picture_norm`].
    fn fused_picture_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        composed::picture_norm::<Self>(x, gamma, beta, epsilon)
    }

    /// Gradients with respect to x, gamma and beta.
    fn fused_picture_norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        composed::picture_norm_backward::<Self>(x, gamma, beta, grad, epsilon)
    }
}

#[cfg(feature = "ndarray")]
impl FusedBackend for burn::backend::NdArray {}

#[cfg(feature = "cube")]
impl FusedBackend for burn_cubecl::CubeBackend {}

/// The Gaussian error linear unit, x Phi(x), exact (not the tanh approximation) in both directions.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::fused_gelu(x.into_dispatch()))
}

/// Layer normalisation (Ba et al. 2016) over the last dimension.
///
/// # Shapes
/// - x: `[N, T, W]`
/// - gamma, beta: `[W]`
pub fn layer_norm(x: Tensor<3>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f32) -> Tensor<3> {
    let (gamma, beta) = (gamma.into_dispatch(), beta.into_dispatch());
    Tensor::from_dispatch(Dispatch::fused_layer_norm(x.into_dispatch(), gamma, beta, epsilon))
}

/// A residual connection and the layer norm behind it, in one pass: x + y, and [`layer_norm`] of that.
///
/// # Shapes
/// - x, y, both outputs: `[N, T, W]`
/// - gamma, beta: `[W]`
pub fn add_layer_norm(
    x: Tensor<3>,
    y: Tensor<3>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f32,
) -> (Tensor<3>, Tensor<3>) {
    let (x, y, gamma, beta) = (x.into_dispatch(), y.into_dispatch(), gamma.into_dispatch(), beta.into_dispatch());
    let (sum, normal) = Dispatch::fused_add_layer_norm(x, y, gamma, beta, epsilon);
    (Tensor::from_dispatch(sum), Tensor::from_dispatch(normal))
}

/// GELU of group norm with one group (Wu and He 2018): mean and variance of a whole picture, scale and shift per channel.
///
/// # Shapes
/// - x: `[N, P, C]`, channels of P places
/// - gamma, beta: `[C]`
/// - output: as x
pub fn picture_norm(x: Tensor<3>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f32) -> Tensor<3> {
    let (gamma, beta) = (gamma.into_dispatch(), beta.into_dispatch());
    Tensor::from_dispatch(Dispatch::fused_picture_norm(x.into_dispatch(), gamma, beta, epsilon))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Tensor, TensorData};

    use super::*;

    /// Against values of Python's math.erfc in double precision.
    #[test]
    fn gelu_equals_double_precision() {
        let x = [-9.0f32, -5.0, -2.5, -1.0, -0.1, 0.0, 1e-4, 0.5, 1.0, 3.0, 6.0, 20.0];
        let value = [
            -1.015729565358458e-18,
            -1.4332578593959731e-06,
            -0.015524163314440348,
            -0.15865525393145707,
            -0.04601721689885652,
            0.0,
            5.000398815948956e-05,
            0.34573123063700656,
            0.8413447460685429,
            2.99595030590511,
            5.999999994080474,
            20.0,
        ];
        let slope = [
            -9.13893737390664e-18,
            -7.146946001792295e-06,
            -0.037611085908145214,
            -0.08331547058768629,
            0.42047690679817407,
            0.5,
            0.5000797884537986,
            0.8674951246561629,
            1.0833154705876864,
            1.011945647204184,
            1.0000000354687093,
            1.0,
        ];
        for (name, device) in crate::device::test_devices() {
            let device = device.autodiff();
            let input = Tensor::<1>::from_floats(x, &device).require_grad();
            let out = gelu(input.clone());
            let gradient = input.grad(&out.clone().sum().backward()).unwrap();
            let (out, gradient): (Vec<f32>, Vec<f32>) =
                (out.try_into_vec_as().unwrap(), gradient.try_into_vec_as().unwrap());
            for i in 0..x.len() {
                let close =
                    |got: f32, expected: f64| (f64::from(got) - expected).abs() <= 4e-7 * (1.0 + expected.abs());
                assert!(close(out[i], value[i]), "{name}: gelu({}) = {} against {}", x[i], out[i], value[i]);
                assert!(close(gradient[i], slope[i]), "{name}: gelu'({}) = {} against {}", x[i], gradient[i], slope[i]);
            }
        }
    }

    /// Other types than f32 take the composed form.
    #[test]
    fn double_precision_works_as_well() {
        let device = crate::device::parse("cpu").unwrap();
        let x = Tensor::<1>::from_data(TensorData::from([-1.0f64, 0.5]), (&device, DType::F64));
        let y: Vec<f64> = gelu(x).try_into_vec_as().unwrap();
        assert!((y[0] + 0.158_655_253_931_457_07).abs() < 1e-7 && (y[1] - 0.345_731_230_637_006_56).abs() < 1e-7);
    }
}
