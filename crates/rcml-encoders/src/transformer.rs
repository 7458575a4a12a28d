//! The trunk that vision and text share.

use burn::module::Module;
use burn::nn::{Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use rcml_kernels::{Activation, Heads, add_layer_norm, attention, layer_norm};
use serde::{Deserialize, Serialize};

/// Added to the variance; the default of Burn and PyTorch.
pub(crate) const EPSILON: f32 = 1e-5;

/// A trunk as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransformerConfig {
    /// Width of the token states.
    pub width: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Attention heads; divides the width.
    pub heads: usize,
    /// Width of the feed-forward layer, as a multiple of the width.
    pub mlp_ratio: usize,
}

impl Default for TransformerConfig {
    fn default() -> Self {
        Self { width: 128, depth: 2, heads: 4, mlp_ratio: 4 }
    }
}

impl TransformerConfig {
    /// Checks the values.
    ///
    /// # Errors
    /// Names the key, the value found and what was expected.
    pub fn validate(&self) -> Result<(), String> {
        for (key, value) in [("width", self.width), ("heads", self.heads), ("mlp_ratio", self.mlp_ratio)] {
            if value == 0 {
                return Err(format!("{key}: expected at least 1, found 0"));
            }
        }
        if !self.width.is_multiple_of(self.heads) {
            return Err(format!("heads: expected a divisor of the width {}, found {}", self.width, self.heads));
        }
        Ok(())
    }

    /// Builds the trunk.
    pub fn init(&self, device: &Device) -> Transformer {
        Transformer {
            blocks: (0..self.depth).map(|_| Block::new(self, device)).collect(),
            norm: LayerNormConfig::new(self.width).init(device),
        }
    }
}

/// Pre-norm transformer blocks and a final layer norm.
#[derive(Module, Debug)]
pub struct Transformer {
    blocks: Vec<Block>,
    norm: LayerNorm,
}

impl Transformer {
    /// Token states, normalised.
    ///
    /// # Shapes
    /// - x: `[N, T, W]`
    /// - log_bias: `[N, T]`, about -1e9 at padding
    /// - output: `[N, T, W]`
    pub fn forward(&self, x: Tensor<3>, log_bias: Option<&Tensor<2>>) -> Tensor<3> {
        // Each norm behind a block belongs to what follows: the next block, or the end.
        let norms: Vec<&LayerNorm> =
            self.blocks.iter().map(|block| &block.attention_norm).chain([&self.norm]).collect();
        let first = normalize(norms[0], x.clone());
        let through = |(x, normal), (block, next): (&Block, &LayerNorm)| block.forward(x, normal, next, log_bias);
        self.blocks.iter().zip(norms[1..].iter().copied()).fold((x, first), through).1
    }
}

/// A linear map of every token through the fused kernel; the parameters stay Burn's.
pub(crate) fn linear(map: &Linear, x: Tensor<3>) -> Tensor<3> {
    activated(map, x, Activation::Identity)
}

/// The same, and what follows it.
pub(crate) fn activated(map: &Linear, x: Tensor<3>, activation: Activation) -> Tensor<3> {
    rcml_kernels::linear(x, map.weight.val(), map.bias.as_ref().map(|bias| bias.val()), activation)
}

/// Burn's layer norm through the fused kernel; the parameters stay Burn's.
fn normalize(norm: &LayerNorm, x: Tensor<3>) -> Tensor<3> {
    match &norm.beta {
        Some(beta) => layer_norm(x, norm.gamma.val(), beta.val(), EPSILON),
        None => norm.forward(x),
    }
}

/// x + y, and Burn's layer norm of that.
fn add_normalize(norm: &LayerNorm, x: Tensor<3>, y: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
    match &norm.beta {
        Some(beta) => add_layer_norm(x, y, norm.gamma.val(), beta.val(), EPSILON),
        None => {
            let sum = x + y;
            (sum.clone(), norm.forward(sum))
        }
    }
}

#[derive(Module, Debug)]
struct Block {
    attention_norm: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    mlp_norm: LayerNorm,
    up: Linear,
    down: Linear,
    heads: usize,
}

impl Block {
    fn new(config: &TransformerConfig, device: &Device) -> Self {
        let (width, hidden) = (config.width, config.width * config.mlp_ratio);
        let map = |input: usize, output: usize, gain: f64| {
            let std = gain / (input as f64).sqrt();
            LinearConfig::new(input, output).with_initializer(Initializer::Normal { mean: 0.0, std }).init(device)
        };
        // Residual branches start small, so that the depth does not blow up the sum (GPT-2's rule), and smaller still, so that
        // training starts near the mean of the inputs: on few examples that is a better start than a random mixture.
        let residual = 0.3 / (2.0 * config.depth.max(1) as f64).sqrt();
        Self {
            attention_norm: LayerNormConfig::new(width).init(device),
            query: map(width, width, 1.0),
            key: map(width, width, 1.0),
            value: map(width, width, 1.0),
            output: map(width, width, residual),
            mlp_norm: LayerNormConfig::new(width).init(device),
            up: map(width, hidden, 1.0),
            down: map(hidden, width, residual),
            heads: config.heads,
        }
    }

    /// From x and its norm to the sum behind the block and the norm of that.
    fn forward(
        &self,
        x: Tensor<3>,
        y: Tensor<3>,
        next: &LayerNorm,
        log_bias: Option<&Tensor<2>>,
    ) -> (Tensor<3>, Tensor<3>) {
        let (q, k) = (linear(&self.query, y.clone()), linear(&self.key, y.clone()));
        let heads = Heads { count: self.heads, causal: false };
        let y = attention(q, k, linear(&self.value, y), log_bias.cloned(), heads);
        let (x, y) = add_normalize(&self.mlp_norm, x, linear(&self.output, y));
        let y = activated(&self.up, y, Activation::Gelu);
        add_normalize(next, x, linear(&self.down, y))
    }
}
