//! Vectors, each by itself.

use burn::module::Module;
use burn::nn::{Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use rcml_kernels::Tokens;

use super::with_mean_first;
use crate::transformer::linear;

/// Layer norm and a linear map: enough for features that another model made, and scale-free for raw ones.
#[derive(Module, Debug)]
pub struct FeatureProjector {
    norm: LayerNorm,
    project: Linear,
}

impl FeatureProjector {
    pub(super) fn new(input: usize, width: usize, device: &Device) -> Self {
        let std = 1.0 / (input as f64).sqrt();
        let project = LinearConfig::new(input, width).with_initializer(Initializer::Normal { mean: 0.0, std });
        Self { norm: LayerNormConfig::new(input).init(device), project: project.init(device) }
    }

    /// See [`FeatureEncoder::forward`](super::FeatureEncoder::forward).
    pub fn forward(&self, features: Tensor<3>, real: Option<Tensor<2>>) -> Tokens {
        with_mean_first(linear(&self.project, self.norm.forward(features)), real)
    }
}
