//! A transformer block as the pretrained families arrange it.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::Tensor;
use rcml_kernels::{Heads, attention};

use super::config_file::ConfigFile;
use super::layer::{Activation, Norm};
use super::weights::Weights;
use crate::Result;
use crate::transformer::linear;

/// The sizes that the blocks of one encoder share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BlockShape {
    pub(crate) width: usize,
    pub(crate) heads: usize,
    pub(crate) hidden: usize,
    pub(crate) activation: Activation,
    pub(crate) epsilon: f64,
}

/// Where a family keeps the parts of a block; every name stands behind the block's own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockNames {
    pub(crate) query: &'static str,
    pub(crate) key: &'static str,
    pub(crate) value: &'static str,
    pub(crate) output: &'static str,
    pub(crate) attention_norm: &'static str,
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
    pub(crate) mlp_norm: &'static str,
    /// Scales of the two residual branches (DINOv2).
    pub(crate) scales: Option<[&'static str; 2]>,
}

/// Who may look at whom.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "one per forward pass")]
pub(crate) enum Sight {
    /// Everybody at everybody.
    Full,
    /// Nobody at padding: `[N, T]`, about -1e9 there.
    Padded(Tensor<2>),
    /// Nobody at what comes later.
    Causal,
}

/// Self-attention and a feed-forward layer, each with a residual.
#[derive(Module, Debug)]
pub(crate) struct Block {
    attention_norm: Norm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    mlp_norm: Norm,
    up: Linear,
    down: Linear,
    attention_scale: Option<Param<Tensor<1>>>,
    mlp_scale: Option<Param<Tensor<1>>>,
    heads: usize,
    #[module(skip)]
    activation: Activation,
    /// Norms come before the branches (all but BERT), or after the sums.
    norm_first: bool,
}

impl Block {
    /// Reads the block `name`.
    pub(crate) fn read(
        weights: &mut Weights,
        name: &str,
        names: &BlockNames,
        shape: &BlockShape,
        norm_first: bool,
    ) -> Result<Self> {
        let (width, hidden) = (shape.width, shape.hidden);
        let path = |part: &str| format!("{name}.{part}");
        let scale = |weights: &mut Weights, which: usize| -> Result<Option<Param<Tensor<1>>>> {
            let Some(scales) = names.scales else { return Ok(None) };
            Ok(Some(Param::from_tensor(weights.tensor(&path(scales[which]), [width])?)))
        };
        Ok(Self {
            attention_norm: weights.norm(&path(names.attention_norm), width, shape.epsilon)?,
            query: weights.linear(&path(names.query), width, width)?,
            key: weights.linear(&path(names.key), width, width)?,
            value: weights.linear(&path(names.value), width, width)?,
            output: weights.linear(&path(names.output), width, width)?,
            mlp_norm: weights.norm(&path(names.mlp_norm), width, shape.epsilon)?,
            up: weights.linear(&path(names.up), width, hidden)?,
            down: weights.linear(&path(names.down), hidden, width)?,
            attention_scale: scale(weights, 0)?,
            mlp_scale: scale(weights, 1)?,
            heads: shape.heads,
            activation: shape.activation,
            norm_first,
        })
    }

    /// # Shapes
    /// - x, output: `[N, T, W]`
    pub(crate) fn forward(&self, x: Tensor<3>, sight: &Sight) -> Tensor<3> {
        let scaled = |x: Tensor<3>, scale: &Option<Param<Tensor<1>>>| match scale {
            Some(scale) => x * scale.val().unsqueeze::<3>(),
            None => x,
        };
        if self.norm_first {
            let attended = self.attend(self.attention_norm.forward(x.clone()), sight);
            let (x, y) = self.mlp_norm.after(x, scaled(attended, &self.attention_scale));
            x + scaled(self.feed(y), &self.mlp_scale)
        } else {
            let (_, x) = self.attention_norm.after(x.clone(), self.attend(x, sight));
            self.mlp_norm.after(x.clone(), self.feed(x)).1
        }
    }

    fn feed(&self, x: Tensor<3>) -> Tensor<3> {
        linear(&self.down, self.activation.after(&self.up, x))
    }

    fn attend(&self, x: Tensor<3>, sight: &Sight) -> Tensor<3> {
        let (q, k, v) = (linear(&self.query, x.clone()), linear(&self.key, x.clone()), linear(&self.value, x));
        let log_bias = match sight {
            Sight::Padded(log_bias) => Some(log_bias.clone()),
            Sight::Full | Sight::Causal => None,
        };
        let heads = Heads { count: self.heads, causal: matches!(sight, Sight::Causal) };
        linear(&self.output, attention(q, k, v, log_bias, heads))
    }
}

/// Blocks and how many.
pub(crate) struct Depth {
    pub(crate) block: BlockShape,
    pub(crate) epsilon: f64,
    pub(crate) depth: usize,
}

impl Depth {
    /// Values of the configuration, with what the family does without the key.
    pub(crate) fn read(
        config: &ConfigFile,
        width: usize,
        hidden: usize,
        depth: usize,
        heads: usize,
        activation: Activation,
        epsilon: f64,
    ) -> Result<Self> {
        let width = config.size_or("hidden_size", width)?;
        let hidden = match config.has("mlp_ratio") {
            true => (width as f64 * config.number_or("mlp_ratio", 4.0)?) as usize,
            false => config.size_or("intermediate_size", hidden)?,
        };
        let heads = config.size_or("num_attention_heads", heads)?;
        if !width.is_multiple_of(heads) {
            return Err(config.fail("num_attention_heads", &format!("expected a divisor of hidden_size {width}")));
        }
        let activation = config.text("hidden_act").map(Activation::parse).transpose()?.unwrap_or(activation);
        let epsilon = config.number_or("layer_norm_eps", epsilon)?;
        let depth = config.size_or("num_hidden_layers", depth)?;
        Ok(Self { block: BlockShape { width, heads, hidden, activation, epsilon }, epsilon, depth })
    }

    /// Reads the blocks `name.0`, `name.1` ...
    pub(crate) fn blocks(&self, weights: &mut Weights, name: &str, names: &BlockNames) -> Result<Vec<Block>> {
        (0..self.depth).map(|k| Block::read(weights, &format!("{name}.{k}"), names, &self.block, true)).collect()
    }
}
