//! The models that are trained: two towers and, in the small one, a block of cross-attention between them.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation::log_softmax};
use rcml_encoders::{Stem, TextConfig, TextTransformer, TokenIds, TransformerConfig, VisionConfig, VisionTransformer};
use rcml_kernels::{Activation, Heads, attention, l2_normalize, layer_norm, linear};

/// A size, in the words of `peer.py`.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub name: &'static str,
    pub picture: usize,
    pub patch: usize,
    /// Width, depth and heads of the tower of pictures, and of texts.
    pub image: [usize; 3],
    pub text: [usize; 3],
    pub vocabulary: usize,
    pub tokens: usize,
    /// Width of the embeddings.
    pub width: usize,
    /// Heads of the block of cross-attention; 0 = none.
    pub cross: usize,
    pub batch: usize,
}

/// Two towers of width 192 over pictures of 64 x 64 and texts of 32 tokens.
pub const SMALL: Size = Size {
    name: "small",
    picture: 64,
    patch: 8,
    image: [192, 4, 3],
    text: [192, 4, 3],
    vocabulary: 4096,
    tokens: 32,
    width: 192,
    cross: 3,
    batch: 64,
};

/// The sizes of CLIP ViT-B/32.
pub const BASE: Size = Size {
    name: "vit-b-32",
    picture: 224,
    patch: 32,
    image: [768, 12, 12],
    text: [512, 12, 8],
    vocabulary: 49408,
    tokens: 77,
    width: 512,
    cross: 0,
    batch: 16,
};

#[derive(Module, Debug)]
pub struct TwoTowers {
    image: VisionTransformer,
    text: TextTransformer,
    cross: Option<Cross>,
    scale: Param<Tensor<1>>,
}

impl TwoTowers {
    pub fn new(size: &Size, device: &Device) -> Self {
        let trunk = |[width, depth, heads]: [usize; 3]| TransformerConfig { width, depth, heads, mlp_ratio: 4 };
        let image = VisionConfig {
            size: size.picture,
            patch: size.patch,
            stem: Stem::Linear,
            transformer: trunk(size.image),
            ..VisionConfig::default()
        };
        let text = TextConfig { max_tokens: size.tokens, transformer: trunk(size.text), ..TextConfig::default() };
        Self {
            image: image.init(size.width, device),
            text: text.init(size.vocabulary, size.width, &Default::default(), device),
            cross: (size.cross > 0).then(|| Cross::new(size.width, size.cross, device)),
            scale: Param::from_tensor(Tensor::from_floats([2.6592], device)),
        }
    }

    /// The mean of both directions of InfoNCE over the batch.
    pub fn loss(&self, pixels: Tensor<4>, texts: &TokenIds, device: &Device) -> Tensor<1> {
        let (image, text) = (self.image.forward(pixels), self.text.forward(texts, device));
        let z = match &self.cross {
            Some(cross) => {
                let states = cross.forward(image.states, text.states);
                let [n, _, d] = states.dims();
                states.mean_dim(1).reshape([n, d])
            }
            None => image.summary,
        };
        let logits = l2_normalize(z).matmul(l2_normalize(text.summary).transpose());
        let logits = logits * self.scale.val().exp().unsqueeze::<2>();
        let [n, _] = logits.dims();
        let own = Tensor::<2>::eye(n, &device.clone().inner());
        let both = log_softmax(logits.clone(), 1) + log_softmax(logits, 0);
        (both * own).sum().div_scalar(-2.0 * n as f64)
    }
}

/// x + attention of norm(x) to other states.
#[derive(Module, Debug)]
struct Cross {
    norm: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: usize,
}

impl Cross {
    fn new(width: usize, heads: usize, device: &Device) -> Self {
        let map = || LinearConfig::new(width, width).init(device);
        let norm = LayerNormConfig::new(width).init(device);
        Self { norm, query: map(), key: map(), value: map(), output: map(), heads }
    }

    fn forward(&self, x: Tensor<3>, other: Tensor<3>) -> Tensor<3> {
        let map = |map: &Linear, x: Tensor<3>| {
            linear(x, map.weight.val(), map.bias.as_ref().map(|bias| bias.val()), Activation::Identity)
        };
        let shift = self.norm.beta.as_ref().map_or_else(|| self.norm.gamma.val().zeros_like(), |beta| beta.val());
        let q = map(&self.query, layer_norm(x.clone(), self.norm.gamma.val(), shift, 1e-5));
        let heads = Heads { count: self.heads, causal: false };
        let y = attention(q, map(&self.key, other.clone()), map(&self.value, other), None, heads);
        x + map(&self.output, y)
    }
}
