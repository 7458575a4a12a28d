//! The BERT family as sentence encoder (Devlin et al. 2019; MiniLM: Wang et al. 2020; pooling: Reimers and Gurevych 2019).

use std::path::Path;

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor};
use serde_json::Value;

use super::block::{Block, BlockNames, BlockShape, Sight};
use super::config_file::ConfigFile;
use super::folder::PretrainedFolder;
use super::layer::{Activation, Norm, rows};
use super::token_batch::TokenBatch;
use super::weights::Weights;
use crate::Result;
use crate::error::ErrorKind;

const NAMES: BlockNames = BlockNames {
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    mlp_norm: "output.LayerNorm",
    scales: None,
};

/// How token states become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SentencePool {
    /// The mean of all real tokens, special ones included.
    Mean,
    /// The first token.
    First,
}

impl SentencePool {
    /// By `1_Pooling/config.json` of sentence-transformers; the mean where there is none.
    pub(crate) fn read(folder: &PretrainedFolder) -> Result<Self> {
        check_modules(&folder.path().join("modules.json"))?;
        let Some(config) = ConfigFile::read_if_there(&folder.path().join("1_Pooling").join("config.json"))? else {
            return Ok(Self::Mean);
        };
        let mean = config.flag_or("pooling_mode_mean_tokens", false)?;
        let first = config.flag_or("pooling_mode_cls_token", false)?;
        // Newer files name the mode instead.
        let (mean, first) = match config.text("pooling_mode") {
            Some(mode) => (mode == "mean", mode == "cls"),
            None => (mean, first),
        };
        match (mean, first) {
            (true, false) => Ok(Self::Mean),
            (false, true) => Ok(Self::First),
            _ => Err(config.fail("pooling_mode", "expected mean or cls, and one of them alone")),
        }
    }
}

/// A sentence encoder of sentence-transformers is a chain of modules. What is not computed here must not be left out silently:
/// a dense layer behind the pooling (LaBSE) changes every vector. Lengths are normalised where vectors are compared.
fn check_modules(path: &Path) -> Result<()> {
    if !path.is_file() {
        return Ok(());
    }
    let fail = |message: String| crate::Error::from(ErrorKind::File { path: path.to_path_buf(), message });
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let modules: Vec<Value> = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
    for (number, module) in modules.iter().enumerate() {
        let kind = module.get("type").and_then(Value::as_str).unwrap_or("none");
        let place = module.get("path").and_then(Value::as_str).unwrap_or_default();
        let known = match kind.rsplit('.').next() {
            Some("Transformer") => place.is_empty(),
            Some("Pooling") => place == "1_Pooling" && path.with_file_name("1_Pooling").join("config.json").is_file(),
            Some("Normalize") => true,
            _ => false,
        };
        if !known {
            let expected =
                "expected Transformer in the folder itself, Pooling with 1_Pooling/config.json, or Normalize";
            return Err(fail(format!("module {number}: {expected}; found {kind} in {place:?}")));
        }
    }
    Ok(())
}

/// Token ids -> token states, post-norm.
#[derive(Module, Debug)]
pub(crate) struct Bert {
    words: Param<Tensor<2>>,
    positions: Param<Tensor<2>>,
    kinds: Param<Tensor<2>>,
    embedding_norm: Norm,
    layers: Vec<Block>,
    #[module(skip)]
    pool: SentencePool,
}

impl Bert {
    pub(crate) fn read(config: &ConfigFile, pool: SentencePool, weights: &mut Weights) -> Result<Self> {
        let width = config.size("hidden_size")?;
        let epsilon = config.number_or("layer_norm_eps", 1e-12)?;
        let shape = BlockShape {
            width,
            heads: config.size("num_attention_heads")?,
            hidden: config.size("intermediate_size")?,
            activation: Activation::parse(config.text("hidden_act").unwrap_or("gelu"))?,
            epsilon,
        };
        if !width.is_multiple_of(shape.heads) {
            return Err(config.fail("num_attention_heads", &format!("expected a divisor of hidden_size {width}")));
        }
        if config.text("position_embedding_type").is_some_and(|kind| kind != "absolute") {
            return Err(config.fail("position_embedding_type", "expected absolute"));
        }
        weights.ignore(|name| {
            let heads = ["pooler.", "cls.", "bert.pooler."];
            heads.iter().any(|head| name.starts_with(head)) || name.ends_with("position_ids")
        });
        weights.enter("bert.");
        let depth = config.size("num_hidden_layers")?;
        let layer =
            |weights: &mut Weights, k| Block::read(weights, &format!("encoder.layer.{k}"), &NAMES, &shape, false);
        let bert = Self {
            words: weights.table("embeddings.word_embeddings.weight", config.size("vocab_size")?, width)?,
            positions: weights.table(
                "embeddings.position_embeddings.weight",
                config.size("max_position_embeddings")?,
                width,
            )?,
            kinds: weights.table(
                "embeddings.token_type_embeddings.weight",
                config.size_or("type_vocab_size", 2)?,
                width,
            )?,
            embedding_norm: weights.norm("embeddings.LayerNorm", width, epsilon)?,
            layers: (0..depth).map(|k| layer(weights, k)).collect::<Result<_>>()?,
            pool,
        };
        weights.leave();
        Ok(bert)
    }

    /// Token states and the pooled vector.
    ///
    /// # Shapes
    /// - output: `[N, T, W]` and `[N, W]`
    pub(crate) fn forward(&self, batch: &TokenBatch) -> (Tensor<3>, Tensor<2>) {
        let [n, t] = batch.ids.dims();
        let device = batch.ids.device();
        let position = rows(&self.positions, Tensor::<1, Int>::arange(0..t as i64, &device).unsqueeze());
        // One sentence at a time: every token is of the first kind.
        let kind = rows(&self.kinds, Tensor::<2, Int>::zeros([1, 1], &device));
        let x = self.embedding_norm.forward(rows(&self.words, batch.ids.clone()) + (position + kind));
        let sight = Sight::Padded(batch.log_bias());
        let states = self.layers.iter().fold(x, |x, layer| layer.forward(x, &sight));
        let width = states.dims()[2];
        let pooled = match self.pool {
            SentencePool::First => states.clone().narrow(1, 0, 1).reshape([n, width]),
            SentencePool::Mean => {
                let mask = batch.real.clone().unsqueeze_dim::<3>(2);
                let sum = (states.clone() * mask.clone()).sum_dim(1).reshape([n, width]);
                sum / mask.sum_dim(1).reshape([n, 1])
            }
        };
        (states, pooled)
    }

    /// Number of blocks.
    pub(crate) fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Number of ids that have a vector.
    pub(crate) fn vocabulary(&self) -> usize {
        self.words.dims()[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_is_not_computed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("modules.json");
        assert!(check_modules(&path).is_ok(), "a plain BERT has none");
        let check = |modules: &[(&str, &str)]| {
            let list = modules
                .iter()
                .map(|(kind, place)| serde_json::json!({"type": format!("x.models.{kind}"), "path": place}));
            std::fs::write(&path, serde_json::to_string(&list.collect::<Vec<_>>()).unwrap()).unwrap();
            check_modules(&path).map_err(|error| error.to_string())
        };
        let usual = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")];
        assert!(check(&usual).unwrap_err().contains("1_Pooling"), "its configuration is not there");
        std::fs::create_dir(dir.path().join("1_Pooling")).unwrap();
        std::fs::write(dir.path().join("1_Pooling/config.json"), "{}").unwrap();
        assert_eq!(check(&usual), Ok(()));
        let message = check(&[usual[0], usual[1], ("Dense", "2_Dense")]).unwrap_err();
        assert!(
            message.contains("module 2") && message.contains("x.models.Dense") && message.contains("modules.json"),
            "{message}"
        );
    }
}
