//! Pixels -> tokens.

use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use rcml_kernels::Tokens;
use serde::{Deserialize, Serialize};

use crate::transformer::linear;
use crate::{Transformer, TransformerConfig};

/// A vision transformer as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VisionConfig {
    /// Width and height of the picture in pixels; a multiple of `patch`.
    pub size: usize,
    /// Width and height of a patch in pixels.
    pub patch: usize,
    /// The trunk.
    pub transformer: TransformerConfig,
}

impl Default for VisionConfig {
    fn default() -> Self {
        Self { size: 64, patch: 16, transformer: TransformerConfig::default() }
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
        self.transformer.validate().map_err(|message| format!("transformer.{message}"))
    }

    /// Patches of a picture.
    pub fn patches(&self) -> usize {
        (self.size / self.patch).pow(2)
    }

    /// Builds an encoder whose tokens have width `width`.
    pub fn init(&self, width: usize, device: &Device) -> VisionTransformer {
        let inner = self.transformer.width;
        let pixels = 3 * self.patch * self.patch;
        let normal = |std: f64| Initializer::Normal { mean: 0.0, std };
        VisionTransformer {
            embed: LinearConfig::new(pixels, inner).with_initializer(normal(1.0 / (pixels as f64).sqrt())).init(device),
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
    embed: Linear,
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
        let [n, channels, height, width] = pixels.dims();
        let (p, rows, columns) = (self.patch, height / self.patch, width / self.patch);
        let patches = pixels.reshape([n, channels, rows, p, columns, p]).permute([0, 2, 4, 1, 3, 5]).reshape([
            n,
            rows * columns,
            channels * p * p,
        ]);
        let x = linear(&self.embed, patches) + self.position.val();
        let states = linear(&self.project, self.transformer.forward(x, None));
        let summary = states.clone().mean_dim(1);
        Tokens::with_summary_first(Tensor::cat(vec![summary, states], 1), None)
    }
}
