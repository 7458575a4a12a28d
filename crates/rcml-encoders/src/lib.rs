//! Encoders: a modality in, [`Tokens`] out (token states, mask, summary).
//!
//! The nouns: a [`Transformer`] is the trunk; a [`VisionTransformer`] turns pixels, a [`TextTransformer`] turns token ids,
//! a [`FeatureEncoder`] turns vectors, sequences of them or series into tokens of one shared width; a [`TextTokenizer`] turns text into ids.
//! [`pretrained`] holds encoders that were trained before.
//! Every encoder is configured by data (`VisionConfig { .. }.init(width, &device)`).
//!
//! ```
//! use burn::tensor::Tensor;
//! use rcml_encoders::VisionConfig;
//!
//! let device = rcml_kernels::device::parse("cpu").unwrap();
//! let config = VisionConfig { size: 16, patch: 8, ..VisionConfig::default() };
//! let tokens = config.init(32, &device).forward(Tensor::zeros([2, 3, 16, 16], &device));
//! // four patches and, first, their mean as the summary
//! assert_eq!(tokens.dims(), [2, 1 + 4, 32]);
//! ```

mod by_length;
mod error;
mod features;
mod latent;
pub mod pretrained;
mod stem;
mod text;
mod tokenizer;
mod transformer;
mod vision;
mod vocabulary;
mod word_start;

pub use error::{Error, Result};
pub use features::{FeatureConfig, FeatureEncoder, FeatureKind, FeatureProjector, FeatureShape, SequenceTransformer};
pub use rcml_kernels::Tokens;
pub use stem::StemNorm;
pub use text::{TextConfig, TextTransformer};
pub use tokenizer::{TextTokenizer, TokenIds, TokenizerConfig};
pub use transformer::{Transformer, TransformerConfig};
pub use vision::{Stem, VisionConfig, VisionTransformer};
pub use word_start::{WordStart, WordVectors};

/// The examples of the README run as tests, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
