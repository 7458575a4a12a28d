//! The RCML model: encoders, relation conditioning and a temperature; saved, loaded, and used to embed.
//!
//! The nouns: a [`ModelConfig`] is the model as data; [`Rcml`] is the module that training updates; an [`ItemReader`] turns
//! items of a dataset into encoder inputs; an [`Embedder`] is a trained model with its tokenizer, which embeds items under any
//! relation, also one phrased now. [`Towers`] are the pretrained encoders of a model that has some, and a
//! [`TextReader`] is what all its texts go through. [`ExactWords`] are what a text says as it is written, beside the model's vectors.
//! An [`ItemIndex`] keeps encoded items in a folder, to be asked under any relation without their pictures.
//!
//! ```
//! use rcml_attention::Pool;
//! use rcml_model::{ModelConfig, RelationInText};
//!
//! let config = ModelConfig::default();
//! assert_eq!(config.conditioner.pool, Pool::Attention);
//! assert_eq!(config.relation_in_text, RelationInText::None);
//! assert!(config.validate().is_ok());
//! assert!(ModelConfig { width: 0, ..config }.validate().unwrap_err().contains("width"));
//! ```

mod candidates;
mod center;
mod config;
mod embedder;
mod encode_once;
mod encoded_items;
mod error;
mod exact_words;
mod files;
mod fusion;
mod item_index;
mod model;
mod nearest;
mod pretrained;
mod reader;
mod relation_query;
mod roles;
mod share;
mod stored_tokens;
mod text_reader;
mod towers;

pub use candidates::Candidates;
pub use config::{ConditionedSide, ModalityShape, ModelConfig, RelationInText};
pub use embedder::{Embedder, Embeddings};
pub use encoded_items::EncodedItems;
pub use error::{Error, Result};
pub use exact_words::{ExactWords, ExactWordsConfig};
pub use files::{load_weights, save_weights};
pub use fusion::FusionConfig;
pub use item_index::{IndexBuilder, ItemIndex};
pub use model::{EncodedModality, Rcml};
pub use nearest::Nearest;
pub use pretrained::{EncoderSource, PretrainedConfig};
pub use rcml_encoders::pretrained::Precision;
pub use reader::{FeatureBatch, ImageInput, ItemBatch, ItemReader};
pub use relation_query::{ReadRelation, RelationQuery};
pub use roles::Roles;
pub use share::Share;
pub use text_reader::{TextInput, TextReader};
pub use towers::Towers;

/// The examples of the README run as tests, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
