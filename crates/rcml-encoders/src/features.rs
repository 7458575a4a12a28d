//! Precomputed vectors -> tokens.

use burn::module::Module;
use burn::nn::{Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use rcml_kernels::Tokens;

use crate::transformer::linear;

/// A projector of feature vectors as data; both numbers come from the array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureConfig {
    /// Width of the given vectors.
    pub input: usize,
}

impl FeatureConfig {
    /// Builds a projector to tokens of width `width`.
    pub fn init(&self, width: usize, device: &Device) -> FeatureProjector {
        let std = 1.0 / (self.input as f64).sqrt();
        FeatureProjector {
            norm: LayerNormConfig::new(self.input).init(device),
            project: LinearConfig::new(self.input, width)
                .with_initializer(Initializer::Normal { mean: 0.0, std })
                .init(device),
        }
    }
}

/// Layer norm and a linear map: enough for features that another model made, and scale-free for raw ones.
#[derive(Module, Debug)]
pub struct FeatureProjector {
    norm: LayerNorm,
    project: Linear,
}

impl FeatureProjector {
    /// Encodes.
    ///
    /// # Shapes
    /// - features: `[N, T, input]`; T = 1 for plain vectors
    /// - output: `1 + T` tokens, the summary (their mean) first
    pub fn forward(&self, features: Tensor<3>) -> Tokens {
        let states = linear(&self.project, self.norm.forward(features));
        let summary = states.clone().mean_dim(1);
        Tokens::with_summary_first(Tensor::cat(vec![summary, states], 1), None)
    }
}
