//! The text halves of CLIP (Radford et al. 2021) and SigLIP (Zhai et al. 2023).

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Int, Tensor, TensorData};

use super::block::{Block, Depth, Sight};
use super::config_file::ConfigFile;
use super::layer::{Activation, Norm, rows};
use super::token_batch::TokenBatch;
use super::vision_transformer::CLIP_NAMES;
use super::weights::Weights;
use crate::transformer::linear;
use crate::{Result, TokenIds, Tokens};

/// Which token is the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SummaryToken {
    /// The first with the largest id: the rule of CLIP's code, and of configurations that say `eos_token_id = 2`, which was
    /// never right.
    LargestId,
    /// The first with this id.
    Id(i32),
    /// The last place, padding included (SigLIP).
    Last,
}

/// Token ids -> token states.
#[derive(Module, Debug)]
pub(crate) struct JointText {
    words: Param<Tensor<2>>,
    positions: Param<Tensor<2>>,
    blocks: Vec<Block>,
    norm: Norm,
    project: Linear,
    causal: bool,
    #[module(skip)]
    summary: SummaryToken,
    out: usize,
}

impl JointText {
    /// The text half of CLIP; `joint` is the width of the space shared with pictures.
    pub(crate) fn clip(config: &ConfigFile, joint: usize, weights: &mut Weights) -> Result<Self> {
        let shape = Depth::read(config, 512, 2048, 12, 8, Activation::QuickGelu, 1e-5)?;
        let summary = match config.number_or("eos_token_id", 49407.0)? as i32 {
            2 => SummaryToken::LargestId,
            id => SummaryToken::Id(id),
        };
        let project = |weights: &mut Weights, width| weights.linear_without_bias("text_projection", width, joint);
        Self::read(config, &shape, [49408, 77], weights, project, true, summary, joint)
    }

    /// The text half of SigLIP; `joint` is the width of the image half.
    pub(crate) fn siglip(config: &ConfigFile, joint: usize, weights: &mut Weights) -> Result<Self> {
        let shape = Depth::read(config, 768, 3072, 12, 12, Activation::GeluTanh, 1e-6)?;
        let joint = config.size_or("projection_size", joint)?;
        let project = |weights: &mut Weights, width| weights.linear("text_model.head", width, joint);
        Self::read(config, &shape, [32000, 64], weights, project, false, SummaryToken::Last, joint)
    }

    #[allow(clippy::too_many_arguments, reason = "what two families differ in")]
    fn read(
        config: &ConfigFile,
        shape: &Depth,
        [vocabulary, length]: [usize; 2],
        weights: &mut Weights,
        project: impl Fn(&mut Weights, usize) -> Result<Linear>,
        causal: bool,
        summary: SummaryToken,
        out: usize,
    ) -> Result<Self> {
        let width = shape.block.width;
        let p = "text_model.embeddings";
        let vocabulary = config.size_or("vocab_size", vocabulary)?;
        let length = config.size_or("max_position_embeddings", length)?;
        Ok(Self {
            words: weights.table(&format!("{p}.token_embedding.weight"), vocabulary, width)?,
            positions: weights.table(&format!("{p}.position_embedding.weight"), length, width)?,
            blocks: shape.blocks(weights, "text_model.encoder.layers", &CLIP_NAMES)?,
            norm: weights.norm("text_model.final_layer_norm", width, shape.epsilon)?,
            project: project(weights, width)?,
            causal,
            summary,
            out,
        })
    }

    /// Hidden states `[N, T, W]`, the pooled vector `[N, D]`, tokens `[N, T, D]` with the summary first, and their mask.
    pub(crate) fn forward(&self, ids: &TokenIds, batch: &TokenBatch) -> (Tensor<3>, Tensor<2>, Tensor<3>, Tensor<2>) {
        let [n, t] = batch.ids.dims();
        let device = batch.ids.device();
        let position = rows(&self.positions, Tensor::<1, Int>::arange(0..t as i64, &device).unsqueeze());
        let x = rows(&self.words, batch.ids.clone()) + position;
        let sight = if self.causal { Sight::Causal } else { Sight::Full };
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x, &sight));
        let hidden = self.norm.forward(x);
        let states = linear(&self.project, hidden.clone());
        let d = states.dims()[2];

        let ends = self.ends(ids);
        // The summary goes first, what stood before it moves one place back; what stands behind it stays.
        let mut order = Vec::with_capacity(n * t);
        let mut real = Vec::with_capacity(n * t);
        for (row, end) in ends.iter().enumerate() {
            let places = std::iter::once(*end).chain(0..*end).chain(end + 1..t);
            for place in places {
                order.push((row * t + place) as i64);
                // What padding saw, or who saw padding, is no token of the text.
                real.push(if ids.real()[row * t + place] || place == *end { 0.0 } else { Tokens::PADDING });
            }
        }
        let order = Tensor::<1, Int>::from_data(TensorData::new(order, [n * t]), &device);
        let tokens = states.reshape([n * t, d]).select(0, order).reshape([n, t, d]);
        let log_bias = Tensor::<2>::from_data(TensorData::new(real, [n, t]), &device.inner());
        let pooled = tokens.clone().narrow(1, 0, 1).reshape([n, d]);
        (hidden, pooled, tokens, log_bias)
    }

    /// Where the summary token of each text stands.
    fn ends(&self, ids: &TokenIds) -> Vec<usize> {
        let t = ids.length();
        let end = |row: &[i32]| match self.summary {
            SummaryToken::Last => t - 1,
            SummaryToken::LargestId => {
                let largest = row.iter().copied().max().unwrap_or(0);
                row.iter().position(|id| *id == largest).unwrap_or(0)
            }
            SummaryToken::Id(wanted) => row.iter().position(|id| *id == wanted).unwrap_or(0),
        };
        ids.ids().chunks_exact(t.max(1)).map(end).collect()
    }

    /// Number of blocks.
    pub(crate) fn depth(&self) -> usize {
        self.blocks.len()
    }

    /// Width of the tokens.
    pub(crate) fn width(&self) -> usize {
        self.out
    }

    /// Number of ids that have a vector.
    pub(crate) fn vocabulary(&self) -> usize {
        self.words.dims()[0]
    }

    /// Longest text in tokens.
    pub(crate) fn longest(&self) -> usize {
        self.positions.dims()[0]
    }
}
