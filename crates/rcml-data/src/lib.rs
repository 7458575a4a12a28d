//! Items, modalities and a graph of relations between items, read from files people can write, and turned into
//! relation-grouped training batches. No tensor library is needed to use this crate.
//!
//! The nouns: an [`Item`] has a text, an image and any number of feature arrays; a [`Relation`] is described in natural
//! language; an [`Edge`] says that a relation holds between two items; a [`Dataset`] is a folder of the three. A
//! [`RelationGraph`] answers "who is related to whom, how" quickly; [`Splits`] say what may be trained on; a
//! [`RelationSampler`] draws batches of a few relations with several pairs each.
//!
//! ```
//! use rcml_data::{Edge, Relation, RelationGraph};
//!
//! let relations = [Relation::new("same-room", "is used in the same room as").symmetric(true)];
//! let edges = [Edge::new(0, 0, 1), Edge::new(0, 1, 2)];
//! let graph = RelationGraph::new(3, &relations, &edges);
//! assert_eq!(graph.targets(0, 1), &[0, 2]);
//! assert!(graph.contains(0, 2, 1) && !graph.contains(0, 0, 2));
//! ```
#![warn(missing_docs)]

// Runs the examples of the README as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod build;
mod column_names;
mod content;
mod dataset;
mod duplicates;
mod error;
mod fingerprint;
pub mod format;
mod graph;
mod image;
mod inspection;
mod item;
mod leakage;
mod lines;
mod moment;
mod near_duplicate;
mod prefetch;
mod problem_list;
mod relation;
mod sampler;
mod separated;
mod split;
mod stats;
mod taken_columns;
mod training_record;
mod whole;
mod words;

pub use self::image::{
    ImageBatch, ImageConfig, ImageProblem, ImageStore, OnCorrupt, Pictures, ResizeFilter, ResizeMode, Transparency,
};
pub use dataset::{Dataset, DatasetInfo, FeatureArray, ModalityInfo};
pub use duplicates::Duplicates;
pub use error::{Error, Problem, Result};
pub use fingerprint::Fingerprints;
pub use format::Format;
pub use graph::{GraphBuilder, GraphCounts, RelationGraph};
pub use inspection::Inspection;
pub use item::Item;
pub use leakage::check_leakage;
pub use near_duplicate::{DuplicateKind, DuplicateOptions, DuplicatePair, DuplicateReport, find_duplicates};
pub use prefetch::Prefetch;
pub use problem_list::list_problems;
pub use relation::{Edge, Relation, Role};
pub use sampler::{BatchRelation, Embeddings, RelationBatch, RelationSampler, SamplerConfig};
pub use split::{Split, SplitConfig, SplitStrategy, Splits};
pub use stats::{DatasetStats, Degree, RelationStats};
pub use taken_columns::TakenColumns;
pub use training_record::TrainingRecord;
pub use whole::write_whole;
pub use words::words;
