//! Operations of the encoders that Burn takes apart under autodiff, each with a handwritten backward.
//!
//! Every backend gets the composed form; the CPU backend `flex` gets one pass over memory on all cores.

#![cfg_attr(
    feature = "ndarray",
    allow(deprecated, reason = "Burn calls ndarray legacy; it stays as a second implementation to test against")
)]

mod autodiff;
mod composed;
mod flex;

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

    /// softmax over the last dimension of logits `[N, H, T, S]` + bias `[N or 1, S]`.
    fn fused_softmax(logits: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::softmax::<Self>(logits, bias)
    }

    /// y (grad - sum(grad y)), from the output y.
    fn fused_softmax_backward(y: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::softmax_backward::<Self>(y, grad)
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

    /// Gradients with respect to x, gamma and beta.
    fn fused_layer_norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        composed::layer_norm_backward::<Self>(x, gamma, grad, epsilon)
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

/// softmax over the last dimension of logits + bias.
///
/// # Shapes
/// - logits: `[N, H, T, S]`
/// - bias: `[N, S]` or `[1, S]`, a constant (it gets no gradient)
pub(crate) fn biased_softmax(logits: Tensor<4>, bias: Tensor<2>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::fused_softmax(logits.into_dispatch(), bias.into_dispatch()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device, Distribution, TensorData, Tolerance, activation};

    /// Forward value and input gradients of `f`, weighted by fixed random numbers so that every output matters.
    fn probe<const D: usize>(
        inputs: &[TensorData],
        device: &Device,
        f: impl Fn(&[Tensor<1>]) -> Tensor<D>,
    ) -> Vec<TensorData> {
        let device = device.clone().autodiff();
        let inputs: Vec<Tensor<1>> =
            inputs.iter().map(|data| Tensor::from_data(data.clone(), &device).require_grad()).collect();
        let out = f(&inputs);
        let count = out.shape().num_elements();
        let weights: Vec<f32> = (0..count).map(|i| ((i * 37 + 11) % 19) as f32 / 9.0 - 1.0).collect();
        let weights = Tensor::<1>::from_floats(weights.as_slice(), &device);
        let gradients = (out.clone().reshape([count]) * weights).sum().backward();
        let mut values = vec![out.into_data()];
        values.extend(inputs.iter().filter_map(|x| x.grad(&gradients)).map(Tensor::into_data));
        values
    }

    fn random(count: usize, seed: u64) -> TensorData {
        let device = crate::device::parse("cpu").unwrap();
        device.seed(seed);
        Tensor::<1>::random([count], Distribution::Normal(0.0, 1.5), &device).into_data()
    }

    fn close(ours: &[TensorData], theirs: &[TensorData], tolerance: f32) {
        for (a, b) in ours.iter().zip(theirs) {
            a.assert_approx_eq::<f32>(b, Tolerance::absolute(tolerance));
        }
        assert_eq!(ours.len(), theirs.len());
    }

    #[test]
    fn softmax_equals_burns_own() {
        for (_, device) in crate::device::test_devices() {
            for [n, h, t, s, biased] in [[2, 3, 4, 5, 2], [3, 1, 7, 33, 1], [1, 2, 3, 1, 1]] {
                let x = random(n * h * t * s, 1);
                let bias: Vec<f32> = (0..biased * s).map(|i| if i % 4 == 3 { -1e9 } else { 0.3 * i as f32 }).collect();
                let bias = |device: &Device| Tensor::<1>::from_floats(bias.as_slice(), device);
                let ours = probe(std::slice::from_ref(&x), &device, |x| {
                    biased_softmax(x[0].clone().reshape([n, h, t, s]), bias(&device).reshape([biased, s]))
                });
                let burns = probe(&[x], &device, |x| {
                    activation::softmax(
                        x[0].clone().reshape([n, h, t, s]) + bias(&device).reshape([biased, 1, 1, s]),
                        3,
                    )
                });
                close(&ours, &burns, 1e-5);
            }
        }
    }

    #[test]
    fn layer_norm_equals_its_parts() {
        for (_, device) in crate::device::test_devices() {
            for [n, t, w] in [[2, 3, 8], [1, 700, 20], [5, 1, 1]] {
                let inputs = [random(n * t * w, 2), random(w, 3), random(w, 4)];
                let ours = probe(&inputs, &device, |x| {
                    layer_norm(x[0].clone().reshape([n, t, w]), x[1].clone(), x[2].clone(), 1e-5)
                });
                let parts = probe(&inputs, &device, |x| {
                    let y = x[0].clone().reshape([n, t, w]);
                    let y = y.clone() - y.mean_dim(2);
                    let y = y.clone() / (y.square().mean_dim(2) + 1e-5).sqrt();
                    y * x[1].clone().reshape([1, 1, w]) + x[2].clone().reshape([1, 1, w])
                });
                // A single channel normalises to zero, where 1 / sqrt(epsilon) magnifies rounding.
                close(&ours, &parts, if w == 1 { 1e-2 } else { 1e-4 });
            }
        }
    }

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
