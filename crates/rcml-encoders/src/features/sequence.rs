//! A transformer over vectors, or over patches of a series.

use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use rcml_kernels::Tokens;

use super::{FeatureShape, with_mean_first};
use crate::transformer::linear;
use crate::{Transformer, TransformerConfig};

/// Linear embedding, learned positions, transformer, linear map.
///
/// A series x of T steps and C channels is cut into patches of p steps (the last may be shorter). Each channel is brought to mean 0
/// and deviation 1 over the item's own steps, so that a patch shows the shape, and every patch is told what was taken away:
/// asinh(mean) and log(deviation) (reversible instance normalisation, Kim et al. 2022, with its statistics kept as input).
#[derive(Module, Debug)]
pub struct SequenceTransformer {
    embed: Linear,
    position: Param<Tensor<2>>,
    transformer: Transformer,
    project: Linear,
    /// Steps a patch; 0 = vectors, one token each.
    patch: usize,
}

impl SequenceTransformer {
    pub(super) fn of_vectors(config: &TransformerConfig, shape: FeatureShape, width: usize, device: &Device) -> Self {
        Self::new(config, [shape.tokens, shape.input], width, 0, device)
    }

    pub(super) fn of_series(
        config: &TransformerConfig,
        patch: usize,
        FeatureShape { tokens, input }: FeatureShape,
        width: usize,
        device: &Device,
    ) -> Self {
        Self::new(config, [tokens.div_ceil(patch), (patch + 2) * input], width, patch, device)
    }

    fn new(
        config: &TransformerConfig,
        [tokens, input]: [usize; 2],
        width: usize,
        patch: usize,
        device: &Device,
    ) -> Self {
        let normal = |std: f64| Initializer::Normal { mean: 0.0, std };
        let map = |input: usize, output: usize| {
            LinearConfig::new(input, output).with_initializer(normal(1.0 / (input as f64).sqrt())).init(device)
        };
        Self {
            embed: map(input, config.width),
            position: normal(0.1).init([tokens.max(1), config.width], device),
            transformer: config.init(device),
            project: map(config.width, width),
            patch,
        }
    }

    /// See [`FeatureEncoder::forward`](super::FeatureEncoder::forward).
    pub fn forward(&self, features: Tensor<3>, real: Option<Tensor<2>>) -> Tokens {
        let (tokens, real) = if self.patch == 0 { (features, real) } else { patches(features, real, self.patch) };
        let [_, t, _] = tokens.dims();
        let x = linear(&self.embed, tokens) + self.position.val().narrow(0, 0, t).unsqueeze::<3>();
        let hidden = real.clone().map(|real| (real - 1.0) * -Tokens::PADDING);
        let states = self.transformer.forward(x, hidden.as_ref());
        with_mean_first(linear(&self.project, states), real)
    }
}

/// `[N, T, C]` -> `[N, P, (p + 2) C]`, and which of the P patches have a step that is there.
fn patches(series: Tensor<3>, real: Option<Tensor<2>>, patch: usize) -> (Tensor<3>, Option<Tensor<2>>) {
    let [n, t, channels] = series.dims();
    let (count, device) = (t.div_ceil(patch), series.device());
    let there = real.clone().unwrap_or_else(|| Tensor::ones([n, t], &device)).reshape([n, t, 1]);
    let steps = there.clone().sum_dim(1).clamp_min(1.0);
    let mean = (series.clone() * there.clone()).sum_dim(1) / steps.clone();
    let centred = (series - mean.clone()) * there;
    let deviation = (centred.clone().square().sum_dim(1) / steps).sqrt() + 1e-5;
    let shape = centred / deviation.clone();
    let rest = count * patch - t;
    let longer = match rest {
        0 => shape,
        _ => Tensor::cat(vec![shape, Tensor::zeros([n, rest, channels], &device)], 1),
    };
    // asinh, whose argument is made positive so that nothing cancels.
    let size = mean.clone().abs();
    let level = (size.clone() + (size.square() + 1.0).sqrt()).log() * mean.sign();
    let told = Tensor::cat(vec![level, deviation.log()], 2).repeat_dim(1, count);
    let tokens = Tensor::cat(vec![longer.reshape([n, count, patch * channels]), told], 2);
    let any = real.map(|real| {
        let longer = match rest {
            0 => real,
            _ => Tensor::cat(vec![real.clone(), Tensor::zeros([n, rest], &real.device())], 1),
        };
        longer.reshape([n, count, patch]).max_dim(2).reshape([n, count])
    });
    (tokens, any)
}
