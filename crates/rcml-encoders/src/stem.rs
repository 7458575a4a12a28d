//! Pixels -> the first token states, by convolutions.

use burn::module::{Initializer, Module};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{LayerNorm, LayerNormConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor};
use rcml_kernels::{Window, convolution, gelu, picture_norm};
use serde::{Deserialize, Serialize};

use crate::transformer::EPSILON;

/// What keeps the variance of a signal from layer to layer under GELU (Brock et al. 2021).
const GELU_GAIN: f64 = 1.701_504;

/// What keeps the convolutional stem's activations in bounds. Neither makes a picture's tokens depend on its neighbours in the
/// batch, as batch norm would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StemNorm {
    /// Group norm with one group after each convolution (Wu and He 2018): learns from few pictures.
    #[default]
    Group,
    /// Filters without their mean and at unit length (weight standardisation, Qiao et al. 2019), scaled as in networks without norm
    /// (Brock et al. 2021): keeps how strongly a pattern stands out, which is what tells textures.
    Filters,
}

/// Stages that halve the picture until a patch is one position: a 3 x 3 convolution of stride 2 and one of stride 1, each
/// normalised and followed by GELU. Channels double from stage to stage and end at the trunk's width.
///
/// After Xiao et al. 2021, "Early convolutions help transformers see better".
#[derive(Module, Debug)]
pub(crate) struct ConvStem {
    layers: Vec<Layer>,
    standardised: bool,
}

#[derive(Module, Debug)]
struct Layer {
    convolution: Conv2d,
    /// Scale and shift per channel.
    norm: LayerNorm,
}

impl ConvStem {
    /// `patch` is a power of two above 1; no stage has fewer than `least` channels, unless the trunk is narrower.
    pub(crate) fn new(patch: usize, least: usize, norm: StemNorm, width: usize, device: &Device) -> Self {
        let stages = patch.ilog2();
        let channels = |stage: u32| if stage == 0 { 3 } else { (width >> (stages - stage)).max(least).min(width) };
        let layer = |input: usize, output: usize, stride: usize| Layer {
            convolution: Conv2dConfig::new([input, output], [3, 3])
                .with_stride([stride, stride])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                // The shift is the norm's.
                .with_bias(false)
                .with_initializer(Initializer::Normal { mean: 0.0, std: (2.0 / (9 * input) as f64).sqrt() })
                .init(device),
            norm: LayerNormConfig::new(output).init(device),
        };
        let stage = |k: u32| {
            let (input, output) = (channels(k), channels(k + 1));
            [layer(input, output, 2), layer(output, output, 1)]
        };
        Self { layers: (0..stages).flat_map(stage).collect(), standardised: norm == StemNorm::Filters }
    }

    /// `[N, 3, S, S]` -> `[N, patches, W]`. In between, channels lie beside each other: a window's rows are then copied as they
    /// lie, and the last layer's places are tokens already.
    pub(crate) fn forward(&self, pixels: Tensor<4>) -> Tensor<3> {
        let pixels = pixels.permute([0, 2, 3, 1]);
        let x = self.layers.iter().fold(pixels, |x, layer| layer.forward(x, self.standardised));
        let [n, rows, columns, width] = x.dims();
        x.reshape([n, rows * columns, width])
    }
}

impl Layer {
    /// `[N, rows, columns, input]` -> `[N, rows / stride, columns / stride, output]`.
    fn forward(&self, x: Tensor<4>, standardised: bool) -> Tensor<4> {
        let window = Window { side: 3, stride: self.convolution.stride[0], padding: 1 };
        if standardised {
            return gelu(convolution(x, self.filters(), self.norm.beta.as_ref().map(|shift| shift.val()), window));
        }
        self.normalize(convolution(x, self.convolution.weight.val(), None, window))
    }

    /// The filters `[output, input, 3, 3]` as they are used where they are standardised.
    fn filters(&self) -> Tensor<4> {
        let weight = self.convolution.weight.val();
        let shape = weight.dims();
        let weight = weight.reshape([shape[0] as i32, -1]);
        let centred = weight.clone() - weight.mean_dim(1);
        let length = centred.clone().square().sum_dim(1).add_scalar(1.0e-8).sqrt();
        let scale = self.norm.gamma.val().mul_scalar(GELU_GAIN).reshape([shape[0], 1]);
        (centred * (scale / length)).reshape(shape)
    }

    /// Group norm with one group, and GELU.
    fn normalize(&self, x: Tensor<4>) -> Tensor<4> {
        let [n, rows, columns, channels] = x.dims();
        let shift = match &self.norm.beta {
            Some(beta) => beta.val(),
            None => Tensor::zeros([channels], &x.device()),
        };
        let x = x.reshape([n, rows * columns, channels]);
        picture_norm(x, self.norm.gamma.val(), shift, EPSILON).reshape([n, rows, columns, channels])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Distribution, TensorData, Tolerance};

    /// The stem's norm against Burn's group norm of one group, on channels first.
    #[test]
    fn norm_is_group_norm() {
        for (_, device) in rcml_kernels::device::test_devices() {
            let stem = ConvStem::new(4, 16, StemNorm::Group, 32, &device);
            let x = Tensor::<4>::random([3, 16, 4, 4], Distribution::Normal(1.0, 2.0), &device);
            let ours = stem.layers[0].normalize(x.clone().permute([0, 2, 3, 1])).permute([0, 3, 1, 2]).into_data();
            let peer = gelu(burn::nn::GroupNormConfig::new(1, 16).init(&device).forward(x)).into_data();
            ours.assert_approx_eq::<f32>(&peer, Tolerance::absolute(1e-4));
        }
    }

    /// A stem against Burn's convolutions on channels first.
    #[test]
    fn stem_is_convolutions() {
        for (_, device) in rcml_kernels::device::test_devices() {
            for norm in [StemNorm::Group, StemNorm::Filters] {
                let stem = ConvStem::new(4, 8, norm, 16, &device);
                let pixels = Tensor::<4>::random([3, 3, 12, 12], Distribution::Normal(0.0, 1.0), &device);
                let ours = stem.forward(pixels.clone());
                let peer = stem.layers.iter().fold(pixels, |x, layer| {
                    let channels = layer.convolution.weight.dims()[0];
                    let weight = if stem.standardised { layer.filters() } else { layer.convolution.weight.val() };
                    let options = burn::tensor::ops::ConvOptions::new(layer.convolution.stride, [1, 1], [1, 1], 1);
                    let x = burn::tensor::module::conv2d(x, weight, None, options);
                    let norm = burn::nn::GroupNormConfig::new(1, channels).init(&device);
                    gelu(if stem.standardised { x } else { norm.forward(x) })
                });
                let [n, width, rows, columns] = peer.dims();
                let peer = peer.reshape([n, width, rows * columns]).swap_dims(1, 2);
                ours.into_data().assert_approx_eq::<f32>(&peer.into_data(), Tolerance::absolute(1e-4));
            }
        }
    }

    /// Whatever the length and the mean of the weights.
    #[test]
    fn filters_have_no_mean_and_one_length() {
        for (_, device) in rcml_kernels::device::test_devices() {
            let mut layer = ConvStem::new(4, 16, StemNorm::Group, 32, &device).layers.remove(1);
            let plain = layer.filters();
            layer.convolution.weight = layer.convolution.weight.map(|weight| weight.mul_scalar(3.0).add_scalar(0.5));
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
            let stem = ConvStem::new(16, 16, StemNorm::Filters, 128, &device);
            let noise = Tensor::<4>::random([4, 3, 64, 64], Distribution::Normal(0.0, 1.0), &device);
            let deviation: f32 = stem.forward(noise).var(1).mean().sqrt().into_scalar();
            assert!((0.2..3.0).contains(&deviation), "{deviation}");
        }
    }

    #[test]
    fn a_patch_is_a_position() {
        for (_, device) in rcml_kernels::device::test_devices() {
            for (patch, least, width) in [(2, 16, 8), (8, 4, 24), (16, 32, 128)] {
                for norm in [StemNorm::Group, StemNorm::Filters] {
                    let stem = ConvStem::new(patch, least, norm, width, &device);
                    let tokens = stem.forward(Tensor::ones([2, 3, 32, 32], &device));
                    assert_eq!(tokens.dims(), [2, (32 / patch).pow(2), width]);
                }
            }
        }
    }
}
