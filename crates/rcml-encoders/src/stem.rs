//! Pixels -> the first token states, by convolutions.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};
use rcml_kernels::gelu;

/// What keeps the variance of a signal from layer to layer under GELU (Brock et al. 2021).
const GELU_GAIN: f64 = 1.701_504;

/// Under the square root of a filter's length.
const EPSILON: f64 = 1.0e-8;

/// Stages that halve the picture until a patch is one position: a 3 x 3 convolution of stride 2 and one of stride 1, each
/// followed by GELU. Channels double from stage to stage and end at the trunk's width.
///
/// After Xiao et al. 2021, "Early convolutions help transformers see better". In place of batch norm, which would make a picture's
/// tokens depend on its neighbours in the batch, the filters are standardised (Qiao et al. 2019), scaled as in networks without norm
/// (Brock et al. 2021). Norms of the picture's own activations were tried and take away how strongly a pattern stands out
/// (docs/decisions/0010-standardised-filters.md).
#[derive(Module, Debug)]
pub(crate) struct ConvStem {
    layers: Vec<Layer>,
}

#[derive(Module, Debug)]
struct Layer {
    /// `[output, input, 3, 3]`; each filter is used without its mean and at unit length.
    weight: Param<Tensor<4>>,
    /// Length of each filter, in units of what keeps the variance.
    gain: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    stride: usize,
}

impl ConvStem {
    /// `patch` is a power of two above 1; no stage has fewer than `least` channels, unless the trunk is narrower.
    pub(crate) fn new(patch: usize, least: usize, width: usize, device: &Device) -> Self {
        let stages = patch.ilog2();
        let channels = |stage: u32| if stage == 0 { 3 } else { (width >> (stages - stage)).max(least).min(width) };
        let layer = |input: usize, output: usize, stride: usize| Layer {
            // The length does not matter but for how fast training turns a filter.
            weight: Initializer::Normal { mean: 0.0, std: (2.0 / (9 * input) as f64).sqrt() }
                .init([output, input, 3, 3], device),
            gain: Initializer::Ones.init([output], device),
            bias: Initializer::Zeros.init([output], device),
            stride,
        };
        let stage = |k: u32| {
            let (input, output) = (channels(k), channels(k + 1));
            [layer(input, output, 2), layer(output, output, 1)]
        };
        Self { layers: (0..stages).flat_map(stage).collect() }
    }

    /// `[N, 3, S, S]` -> `[N, patches, W]`.
    pub(crate) fn forward(&self, pixels: Tensor<4>) -> Tensor<3> {
        let x = self.layers.iter().fold(pixels, |x, layer| gelu(layer.forward(x)));
        let [n, width, rows, columns] = x.dims();
        x.reshape([n, width, rows * columns]).swap_dims(1, 2)
    }
}

impl Layer {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let options = ConvOptions::new([self.stride; 2], [1, 1], [1, 1], 1);
        conv2d(x, self.filters(), Some(self.bias.val()), options)
    }

    /// The filters as they are used.
    fn filters(&self) -> Tensor<4> {
        let shape = self.weight.dims();
        let weight = self.weight.val().reshape([shape[0] as i32, -1]);
        let centred = weight.clone() - weight.mean_dim(1);
        let length = centred.clone().square().sum_dim(1).add_scalar(EPSILON).sqrt();
        let gain = self.gain.val().mul_scalar(GELU_GAIN).reshape([shape[0], 1]);
        (centred * (gain / length)).reshape(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Distribution, TensorData, Tolerance};

    /// Whatever the length and the mean of the weights.
    #[test]
    fn filters_have_no_mean_and_one_length() {
        for (_, device) in rcml_kernels::device::test_devices() {
            let mut layer = ConvStem::new(4, 16, 32, &device).layers.remove(1);
            let plain = layer.filters();
            layer.weight = layer.weight.map(|weight| weight.mul_scalar(3.0).add_scalar(0.5));
            let rows = layer.filters().reshape([16, 16 * 9]);
            rows.clone()
                .into_data()
                .assert_approx_eq::<f32>(&plain.reshape([16, 16 * 9]).into_data(), Tolerance::absolute(1e-4));
            let sums = rows.clone().sum_dim(1).into_data();
            sums.assert_approx_eq::<f32>(&TensorData::zeros::<f32, _>([16, 1]), Tolerance::absolute(1e-4));
            let lengths = rows.square().sum_dim(1).sqrt().into_data();
            lengths.assert_approx_eq::<f32>(&TensorData::full([16, 1], GELU_GAIN as f32), Tolerance::absolute(1e-4));
        }
    }

    /// Two layers on noise of variance 1 give a signal of about its size: neither vanishing nor exploding with depth.
    #[test]
    fn a_signal_keeps_its_size() {
        for (_, device) in rcml_kernels::device::test_devices() {
            device.seed(1);
            let stem = ConvStem::new(16, 16, 128, &device);
            let noise = Tensor::<4>::random([4, 3, 64, 64], Distribution::Normal(0.0, 1.0), &device);
            let deviation: f32 = stem.forward(noise).var(1).mean().sqrt().into_scalar();
            assert!((0.2..3.0).contains(&deviation), "{deviation}");
        }
    }

    #[test]
    fn a_patch_is_a_position() {
        for (_, device) in rcml_kernels::device::test_devices() {
            for (patch, least, width) in [(2, 16, 8), (8, 4, 24), (16, 32, 128)] {
                let stem = ConvStem::new(patch, least, width, &device);
                let tokens = stem.forward(Tensor::ones([2, 3, 32, 32], &device));
                assert_eq!(tokens.dims(), [2, (32 / patch).pow(2), width]);
            }
        }
    }
}
