//! Token ids -> tokens.

use burn::module::{Initializer, Module, Param};
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData};
use rcml_kernels::{RowIds, Tokens, pick_rows};
use serde::{Deserialize, Serialize};

use crate::by_length::by_length;
use crate::transformer::linear;
use crate::{TokenIds, Transformer, TransformerConfig, WordStart, WordVectors};

/// A text transformer as data. The vocabulary's size comes from the tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextConfig {
    /// Longest text in tokens; the rest is cut off.
    pub max_tokens: usize,
    /// Where the vectors of words start.
    pub words: WordVectors,
    /// The trunk.
    pub transformer: TransformerConfig,
}

impl Default for TextConfig {
    fn default() -> Self {
        Self { max_tokens: 128, words: WordVectors::default(), transformer: TransformerConfig::default() }
    }
}

impl TextConfig {
    /// Checks the values.
    ///
    /// # Errors
    /// Names the key, the value found and what was expected.
    pub fn validate(&self) -> Result<(), String> {
        if self.max_tokens == 0 {
            return Err("max_tokens: expected at least 1, found 0".into());
        }
        self.transformer.validate().map_err(|message| format!("transformer.{message}"))
    }

    /// Builds an encoder for `vocabulary` ids whose tokens have width `width`. `start` was counted for this vocabulary and for
    /// word vectors of the trunk's width; what is not there starts at random, and with the same weight for every id. Word vectors that are
    /// there are kept: no gradient reaches them.
    pub fn init(&self, vocabulary: usize, width: usize, start: &WordStart, device: &Device) -> TextTransformer {
        let inner = self.transformer.width;
        let normal = |std: f64| Initializer::Normal { mean: 0.0, std };
        let map = |initializer: Initializer| {
            LinearConfig::new(inner, width).with_bias(false).with_initializer(initializer).init(device)
        };
        // Large beside what the blocks add at the start: a word keeps its identity, also one that training rarely sees.
        let mut embed = EmbeddingConfig::new(vocabulary, inner).with_initializer(normal(1.0)).init(device);
        let keeps_words = !start.latent.is_empty() && start.latent.len() == vocabulary * inner;
        if keeps_words {
            let square = start.latent.iter().map(|v| v * v).sum::<f32>() / start.latent.len().max(1) as f32;
            let latent = TensorData::new(start.latent.clone(), [vocabulary, inner]);
            let latent = Tensor::from_data(latent, device);
            embed.weight = embed.weight.map(|random| ((random + latent) / (1.0 + square).sqrt()).detach());
        }
        TextTransformer {
            embed,
            keeps_words,
            salience: Param::from_tensor(if start.salience.len() == vocabulary {
                Tensor::<1>::from_floats(start.salience.as_slice(), device).unsqueeze_dim(1).detach()
            } else {
                Tensor::zeros([vocabulary, 1], device)
            }),
            position: normal(0.1).init([self.max_tokens, inner], device),
            transformer: self.transformer.init(device),
            project: map(normal(1.0 / (inner as f64).sqrt())),
            skip: map(Initializer::Orthogonal { gain: 1.0 }),
        }
    }
}

/// A bidirectional text transformer whose summary is a weighted mean of its tokens' states; every id has a learned weight,
/// which starts at its inverse document frequency (after Arora et al. 2017): rare words say more than common ones.
#[derive(Module, Debug)]
pub struct TextTransformer {
    embed: Embedding,
    /// Whether the vectors of words stay as they started.
    keeps_words: bool,
    salience: Param<Tensor<2>>,
    position: Param<Tensor<2>>,
    transformer: Transformer,
    project: Linear,
    /// Takes the vectors of words past the trunk, whose norms level how much each of them says.
    skip: Linear,
}

impl TextTransformer {
    /// Encodes texts, those of like length together; padding neither changes the states of real tokens nor enters the summary.
    ///
    /// # Shapes
    /// - ids: N texts, padded to T ids
    /// - output: `1 + T` tokens, the summary first
    pub fn forward(&self, ids: &TokenIds, device: &Device) -> Tokens {
        let [_, width] = self.position.dims();
        by_length(ids, width, device, |ids| self.padded(ids, device))
    }

    /// All texts together.
    pub(crate) fn padded(&self, ids: &TokenIds, device: &Device) -> Tokens {
        let (n, t) = (ids.texts(), ids.length());
        let rows = RowIds::new(ids.ids().iter().map(|id| *id as u32).collect::<Vec<_>>());
        let embedded = |table: Tensor<2>| {
            let [_, width] = table.dims();
            pick_rows(table, &rows).reshape([n, t, width])
        };
        let mask: Vec<f32> = ids.real().iter().map(|real| f32::from(*real)).collect();
        let mask = Tensor::<2>::from_data(TensorData::new(mask, [n, t]), device);
        let log_bias = (mask.clone() - 1.0) * -Tokens::PADDING;

        let position = self.position.val().narrow(0, 0, t).unsqueeze::<3>();
        let words = self.embed.weight.val();
        let words = if self.keeps_words { words.detach() } else { words };
        let words = embedded(words);
        let states = self.transformer.forward(words.clone() + position, Some(&log_bias));
        let states = linear(&self.project, states) + linear(&self.skip, words);
        let weight = embedded(self.salience.val()).exp() * mask.unsqueeze_dim::<3>(2);
        let summary = (states.clone() * weight.clone()).sum_dim(1) / weight.sum_dim(1);
        let log_bias = Tensor::cat(vec![Tensor::zeros([n, 1], device), log_bias], 1);
        Tokens::with_summary_first(Tensor::cat(vec![summary, states], 1), Some(log_bias))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Tolerance;

    #[test]
    fn padding_changes_nothing() {
        for (_, device) in rcml_kernels::device::test_devices() {
            let encoder =
                TextConfig { max_tokens: 8, ..TextConfig::default() }.init(20, 16, &WordStart::default(), &device);
            let alone = TokenIds::padded(vec![vec![3, 4, 5]], 0);
            let beside = TokenIds::padded(vec![vec![3, 4, 5], vec![6, 7, 8, 9, 10, 11]], 0);
            let (alone, beside) = (encoder.forward(&alone, &device), encoder.forward(&beside, &device));
            let first = beside.states.narrow(0, 0, 1).narrow(1, 0, 4);
            alone.states.into_data().assert_approx_eq::<f32>(&first.into_data(), Tolerance::absolute(1e-5));
        }
    }
}
