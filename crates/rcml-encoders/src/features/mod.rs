//! Arrays of numbers -> tokens: precomputed vectors, sequences of them, and series of measurements.

mod projector;
mod sequence;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rcml_kernels::Tokens;
use serde::{Deserialize, Serialize};

pub use self::projector::FeatureProjector;
pub use self::sequence::SequenceTransformer;
use crate::TransformerConfig;

/// What reads a feature modality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureKind {
    /// Every vector by itself: a layer norm and a linear map.
    #[default]
    Projector,
    /// A small transformer over the vectors.
    Transformer,
    /// The same over patches of a series of measurements (Nie et al. 2023).
    Patches,
}

/// The encoder of a feature modality as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureConfig {
    /// What it is.
    pub encoder: FeatureKind,
    /// Steps of a series that make one token, for `patches`.
    pub patch: usize,
    /// The transformer.
    pub transformer: TransformerConfig,
}

impl Default for FeatureConfig {
    fn default() -> Self {
        Self { encoder: FeatureKind::Projector, patch: 16, transformer: TransformerConfig::default() }
    }
}

/// Sizes of a feature array's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureShape {
    /// T: vectors of an item, or steps of a series; 1 for a plain vector.
    pub tokens: usize,
    /// Width of a vector, or channels of a series.
    pub input: usize,
}

impl FeatureConfig {
    /// Checks the values.
    ///
    /// # Errors
    /// Names the key, the value found and what was expected.
    pub fn validate(&self) -> Result<(), String> {
        if self.patch == 0 {
            return Err("patch: expected at least 1, found 0".into());
        }
        self.transformer.validate().map_err(|message| format!("transformer.{message}"))
    }

    /// Builds an encoder to tokens of width `width`.
    pub fn init(&self, shape: FeatureShape, width: usize, device: &Device) -> FeatureEncoder {
        match self.encoder {
            FeatureKind::Projector => FeatureEncoder::Projector(FeatureProjector::new(shape.input, width, device)),
            FeatureKind::Transformer => {
                FeatureEncoder::Sequence(SequenceTransformer::of_vectors(&self.transformer, shape, width, device))
            }
            FeatureKind::Patches => {
                let transformer = &self.transformer;
                FeatureEncoder::Sequence(SequenceTransformer::of_series(transformer, self.patch, shape, width, device))
            }
        }
    }
}

/// The encoder of a feature modality.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "one per modality")]
pub enum FeatureEncoder {
    /// Every vector by itself.
    Projector(FeatureProjector),
    /// A transformer over vectors or patches.
    Sequence(SequenceTransformer),
}

impl FeatureEncoder {
    /// Encodes.
    ///
    /// # Shapes
    /// - features: `[N, T, input]`
    /// - real: `[N, T]`, 1 at vectors that are there, 0 at missing ones, which must hold zeros; `None` = all are there
    /// - output: `1 + P` tokens, the summary (the mean of those that are there) first; P = T, or the patches of a series
    pub fn forward(&self, features: Tensor<3>, real: Option<Tensor<2>>) -> Tokens {
        match self {
            Self::Projector(projector) => projector.forward(features, real),
            Self::Sequence(sequence) => sequence.forward(features, real),
        }
    }
}

/// States with their mean before them as the summary, and the bias that hides what is missing.
fn with_mean_first(states: Tensor<3>, real: Option<Tensor<2>>) -> Tokens {
    let Some(real) = real else {
        let summary = states.clone().mean_dim(1);
        return Tokens::with_summary_first(Tensor::cat(vec![summary, states], 1), None);
    };
    let [n, _] = real.dims();
    let weight = real.clone().unsqueeze_dim::<3>(2);
    let count = real.clone().sum_dim(1).clamp_min(1.0).reshape([n, 1, 1]);
    let summary = (states.clone() * weight).sum_dim(1) / count;
    let hidden = (real.clone() - 1.0) * -Tokens::PADDING;
    let log_bias = Tensor::cat(vec![Tensor::zeros([n, 1], &real.device()), hidden], 1);
    Tokens::with_summary_first(Tensor::cat(vec![summary, states], 1), Some(log_bias))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Distribution, Tolerance};

    #[test]
    fn what_is_missing_changes_nothing() {
        let config = |encoder| FeatureConfig { encoder, patch: 4, ..FeatureConfig::default() };
        for (name, device) in rcml_kernels::device::test_devices() {
            for (kind, tokens) in
                [(FeatureKind::Projector, 8), (FeatureKind::Transformer, 8), (FeatureKind::Patches, 2)]
            {
                device.seed(5);
                let encoder = config(kind).init(FeatureShape { tokens: 8, input: 3 }, 16, &device);
                let features = Tensor::<3>::random([2, 8, 3], Distribution::Normal(1.0, 2.0), &device);
                let whole = encoder.forward(features.clone(), None);
                assert_eq!(whole.dims(), [2, 1 + tokens, 16], "{name} {kind:?}");
                let all = Tensor::ones([2, 8], &device);
                let same = encoder.forward(features.clone(), Some(all));
                same.states.into_data().assert_approx_eq::<f32>(&whole.states.into_data(), Tolerance::absolute(1e-5));

                // The last half is missing: what stands there must not matter to what is seen of the rest.
                let real = Tensor::<2>::from_floats([[1., 1., 1., 1., 0., 0., 0., 0.]; 2], &device);
                let kept = features.clone() * real.clone().unsqueeze_dim::<3>(2);
                let cut = encoder.forward(kept, Some(real));
                let shorter = encoder.forward(features.narrow(1, 0, 4), None);
                let part = cut.states.narrow(1, 0, 1 + tokens / 2).into_data();
                part.assert_approx_eq::<f32>(&shorter.states.into_data(), Tolerance::absolute(1e-4));
                let bias = cut.log_bias.unwrap().narrow(1, tokens / 2 + 1, 1).max().into_scalar::<f32>();
                assert!(bias < -1e8, "{name} {kind:?}");
            }
        }
    }

    #[test]
    fn a_series_is_known_by_its_shape_and_its_level() {
        for (_, device) in rcml_kernels::device::test_devices() {
            device.seed(6);
            let config = FeatureConfig { encoder: FeatureKind::Patches, patch: 5, ..FeatureConfig::default() };
            let encoder = config.init(FeatureShape { tokens: 12, input: 1 }, 16, &device);
            let wave: Vec<f32> = (0..12).map(|t| (t as f32 * 0.7).sin()).collect();
            let wave = Tensor::<1>::from_floats(wave.as_slice(), &device).reshape([1, 12, 1]);
            // Twelve steps are two patches and a rest, which counts.
            let summary = |x: Tensor<3>| encoder.forward(x, None);
            assert_eq!(summary(wave.clone()).dims(), [1, 1 + 3, 16]);
            let apart =
                |x: Tensor<3>| (summary(x).summary - summary(wave.clone()).summary).abs().max().into_scalar::<f32>();
            assert!(apart(wave.clone() + 0.5) > 1e-3 && apart(wave.clone() * 3.0) > 1e-3, "level and scale are seen");
            let huge = summary(wave.clone() * 1e6).summary;
            assert!(huge.abs().max().into_scalar::<f32>() < 1e3, "and do not drown the rest");
        }
    }
}
