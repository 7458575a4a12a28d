//! Pixels -> tokens.

use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use rcml_kernels::Tokens;
use serde::{Deserialize, Serialize};

use crate::stem::{ConvStem, StemNorm};
use crate::transformer::linear;
use crate::{Transformer, TransformerConfig};

/// How pixels become the first token states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stem {
    /// One linear map per patch (Dosovitskiy et al. 2021): cheap, but needs many pictures.
    Linear,
    /// 3 x 3 convolutions that halve the picture until a patch is one position: learns shapes and textures from few pictures.
    /// The patch must be a power of two.
    #[default]
    Conv,
}

/// A vision transformer as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VisionConfig {
    /// Width and height of the picture in pixels; a multiple of `patch`.
    pub size: usize,
    /// Width and height of a patch in pixels.
    pub patch: usize,
    /// How pixels become the first token states.
    pub stem: Stem,
    /// Channels of the convolutional stem at its finest, at least: more of them tell finer patterns apart, at a price.
    pub stem_channels: usize,
    /// What keeps the convolutional stem's activations in bounds.
    pub stem_norm: StemNorm,
    /// The trunk above the stem; no block by default.
    pub transformer: TransformerConfig,
}

impl Default for VisionConfig {
    fn default() -> Self {
        // From scratch and on few pictures, convolutions alone learn more in the same time (docs/decisions/0012).
        let transformer = TransformerConfig { depth: 0, ..TransformerConfig::default() };
        Self {
            size: 64,
            patch: 16,
            stem: Stem::default(),
            stem_channels: 16,
            stem_norm: StemNorm::default(),
            transformer,
        }
    }
}

impl VisionConfig {
    /// Checks the values.
    ///
    /// # Errors
    /// Names the key, the value found and what was expected.
    pub fn validate(&self) -> Result<(), String> {
        if self.patch == 0 || self.size == 0 || !self.size.is_multiple_of(self.patch) {
            return Err(format!("patch: expected a divisor of the size {}, found {}", self.size, self.patch));
        }
        if self.stem == Stem::Conv && !(self.patch.is_power_of_two() && self.patch > 1) {
            return Err(format!("patch: expected a power of two above 1 for stem = \"conv\", found {}", self.patch));
        }
        if self.stem_channels == 0 {
            return Err("stem_channels: expected at least 1, found 0".into());
        }
        self.transformer.validate().map_err(|message| format!("transformer.{message}"))
    }

    /// Patches of a picture.
    pub fn patches(&self) -> usize {
        (self.size / self.patch).pow(2)
    }

    /// Builds an encoder whose tokens have width `width`.
    pub fn init(&self, width: usize, device: &Device) -> VisionTransformer {
        let inner = self.transformer.width;
        let normal = |std: f64| Initializer::Normal { mean: 0.0, std };
        let pixels = 3 * self.patch * self.patch;
        let linear = LinearConfig::new(pixels, inner).with_initializer(normal(1.0 / (pixels as f64).sqrt()));
        VisionTransformer {
            embed: (self.stem == Stem::Linear).then(|| linear.init(device)),
            convolutions: (self.stem == Stem::Conv)
                .then(|| ConvStem::new(self.patch, self.stem_channels, self.stem_norm, inner, device)),
            position: normal(0.1).init([1, self.patches(), inner], device),
            transformer: self.transformer.init(device),
            project: LinearConfig::new(inner, width)
                .with_bias(false)
                .with_initializer(normal(1.0 / (inner as f64).sqrt()))
                .init(device),
            patch: self.patch,
        }
    }
}

/// A vision transformer (Dosovitskiy et al. 2021) whose summary is the mean of its patches' states: from scratch and on few
/// pictures a mean learns faster than a class token.
#[derive(Module, Debug)]
pub struct VisionTransformer {
    embed: Option<Linear>,
    convolutions: Option<ConvStem>,
    position: Param<Tensor<3>>,
    transformer: Transformer,
    project: Linear,
    patch: usize,
}

impl VisionTransformer {
    /// Encodes.
    ///
    /// # Shapes
    /// - pixels: `[N, 3, S, S]`, normalised
    /// - output: `1 + (S / patch)^2` tokens, the summary first
    pub fn forward(&self, pixels: Tensor<4>) -> Tokens {
        let x = match (&self.embed, &self.convolutions) {
            (_, Some(stem)) => stem.forward(pixels),
            (Some(embed), None) => linear(embed, self.patches(pixels)),
            (None, None) => self.patches(pixels),
        };
        let x = x + self.position.val();
        let states = linear(&self.project, self.transformer.forward(x, None));
        let summary = states.clone().mean_dim(1);
        Tokens::with_summary_first(Tensor::cat(vec![summary, states], 1), None)
    }

    /// `[N, 3, S, S]` -> `[N, patches, 3 patch^2]`.
    fn patches(&self, pixels: Tensor<4>) -> Tensor<3> {
        let [n, channels, height, width] = pixels.dims();
        let (p, rows, columns) = (self.patch, height / self.patch, width / self.patch);
        pixels.reshape([n, channels, rows, p, columns, p]).permute([0, 2, 4, 1, 3, 5]).reshape([
            n,
            rows * columns,
            channels * p * p,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_stems_see_every_patch() {
        for (name, device) in rcml_kernels::device::test_devices() {
            for stem in [Stem::Linear, Stem::Conv] {
                let config = VisionConfig { size: 32, patch: 8, stem, ..VisionConfig::default() };
                config.validate().unwrap();
                let encoder = config.init(12, &device);
                let black = Tensor::<4>::zeros([1, 3, 32, 32], &device);
                // A white last corner must change the last patch's state more than rounding does.
                let corner = Tensor::<4>::ones([1, 3, 4, 4], &device);
                let marked = black.clone().slice_assign([0..1, 0..3, 28..32, 28..32], corner);
                let (plain, marked) = (encoder.forward(black), encoder.forward(marked));
                assert_eq!(plain.dims(), [1, 17, 12], "{name}");
                let change = (plain.states - marked.states).abs().narrow(1, 16, 1).max().into_scalar::<f32>();
                assert!(change > 1e-3, "{name} {stem:?}: {change}");
            }
        }
        let bad = VisionConfig { size: 36, patch: 12, stem: Stem::Conv, ..VisionConfig::default() };
        assert!(bad.validate().unwrap_err().contains("power of two"));
    }
}
