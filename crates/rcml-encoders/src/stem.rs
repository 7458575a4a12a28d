//! Pixels -> the first token states, by convolutions.

use burn::module::{Initializer, Module};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{LayerNorm, LayerNormConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor};
use rcml_kernels::{gelu, layer_norm};

use crate::transformer::EPSILON;

/// Stages that halve the picture until a patch is one position: a 3 x 3 convolution of stride 2 and one of stride 1, each
/// followed by a norm and GELU. Channels double from stage to stage and end at the trunk's width.
///
/// After Xiao et al. 2021, "Early convolutions help transformers see better", with group norm (one group, Wu and He 2018) in
/// place of batch norm, so that a picture's tokens do not depend on its neighbours in the batch.
#[derive(Module, Debug)]
pub(crate) struct ConvStem {
    layers: Vec<Layer>,
}

#[derive(Module, Debug)]
struct Layer {
    convolution: Conv2d,
    /// Scale and shift per channel.
    norm: LayerNorm,
}

impl ConvStem {
    /// `patch` is a power of two above 1; no stage has fewer than `least` channels, unless the trunk is narrower.
    pub(crate) fn new(patch: usize, least: usize, width: usize, device: &Device) -> Self {
        let stages = patch.ilog2();
        let channels = |stage: u32| if stage == 0 { 3 } else { (width >> (stages - stage)).max(least).min(width) };
        let layer = |input: usize, output: usize, stride: usize| Layer {
            convolution: Conv2dConfig::new([input, output], [3, 3])
                .with_stride([stride, stride])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                // The norm removes what a bias would add.
                .with_bias(false)
                .with_initializer(Initializer::Normal { mean: 0.0, std: (2.0 / (9 * input) as f64).sqrt() })
                .init(device),
            norm: LayerNormConfig::new(output).init(device),
        };
        let stage = |k: u32| {
            let (input, output) = (channels(k), channels(k + 1));
            [layer(input, output, 2), layer(output, output, 1)]
        };
        Self { layers: (0..stages).flat_map(stage).collect() }
    }

    /// `[N, 3, S, S]` -> `[N, patches, W]`.
    pub(crate) fn forward(&self, pixels: Tensor<4>) -> Tensor<3> {
        let x = self.layers.iter().fold(pixels, |x, layer| gelu(layer.normalize(layer.convolution.forward(x))));
        let [n, width, rows, columns] = x.dims();
        x.reshape([n, width, rows * columns]).swap_dims(1, 2)
    }
}

impl Layer {
    /// Group norm with one group: mean and variance of a whole picture's channels.
    fn normalize(&self, x: Tensor<4>) -> Tensor<4> {
        let [n, channels, rows, columns] = x.dims();
        let all = channels * rows * columns;
        // One value per channel, repeated to the row that the fused kernel reads.
        let spread = |of: Tensor<1>| of.reshape([channels, 1]).repeat_dim(1, rows * columns).reshape([all]);
        let scale = spread(self.norm.gamma.val());
        let shift = match &self.norm.beta {
            Some(beta) => spread(beta.val()),
            None => Tensor::zeros([all], &x.device()),
        };
        layer_norm(x.reshape([1, n, all]), scale, shift, EPSILON).reshape([n, channels, rows, columns])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Distribution, Tolerance};

    /// The stem's norm against Burn's group norm of one group.
    #[test]
    fn norm_is_group_norm() {
        for (_, device) in rcml_kernels::device::test_devices() {
            let stem = ConvStem::new(4, 16, 32, &device);
            let x = Tensor::<4>::random([3, 16, 4, 4], Distribution::Normal(1.0, 2.0), &device);
            let ours = stem.layers[0].normalize(x.clone()).into_data();
            let peer = burn::nn::GroupNormConfig::new(1, 16).init(&device).forward(x).into_data();
            ours.assert_approx_eq::<f32>(&peer, Tolerance::absolute(1e-4));
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
