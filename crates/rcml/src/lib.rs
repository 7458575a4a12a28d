//! Multimodal embeddings conditioned on relations written in natural language: give it items and a graph of relations, and
//! it trains, evaluates and serves embeddings that answer "which items relate to this one *in this way*".
//!
//! This crate only re-exports the others, one module each, in the order in which they meet:
//!
//! | module | what it holds |
//! |---|---|
//! | [`data`] | items, relations, the relation graph, splits, the batch sampler |
//! | [`encoders`] | pictures, texts and features to tokens |
//! | [`attention`] | tokens and a relation to an embedding: pool, then modulate |
//! | [`losses`] | contrastive objectives with many positives |
//! | [`model`] | encoders and conditioner as one model; save, load, embed |
//! | [`train`] | run configuration, training loop, checkpoints |
//! | [`eval`] | metrics, tasks, baselines, tables, reports |
//! | [`kernels`] | devices and the operations below all of these |
//!
//! [`prelude`] has what most programs need. The README's example trains a small model and asks it.
//!
//! ```
//! use rcml::prelude::*;
//!
//! let config = RunConfig::resolve(Some("rcml"), None, &["sampler.items=64".into()], Some(7))?;
//! assert_eq!((config.preset.as_str(), config.sampler.items, config.seed), ("rcml", 64, 7));
//! # Ok::<(), rcml::train::Error>(())
//! ```

pub use rcml_attention as attention;
pub use rcml_data as data;
pub use rcml_encoders as encoders;
pub use rcml_eval as eval;
pub use rcml_kernels as kernels;
pub use rcml_losses as losses;
pub use rcml_model as model;
pub use rcml_train as train;

/// What most programs need.
pub mod prelude {
    pub use rcml_data::{
        Dataset, Edge, Item, Relation, RelationGraph, Role, Split, SplitConfig, SplitStrategy, Splits,
    };
    pub use rcml_eval::{Column, EvalOptions, EvalSet, ModelScorer, ResultTable, Scorer, Task, View, evaluate};
    pub use rcml_kernels::device;
    pub use rcml_model::{Embedder, Embeddings, EncodedItems, IndexBuilder, ItemIndex, RelationQuery};
    pub use rcml_train::{Event, Observer, RunConfig, Silent, TrainOptions, train};
}

/// The example of the README runs as a test, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
