//! Pretrained encoders in a model's configuration.

use rcml_encoders::pretrained::{Adaptation, Precision, Projection};
use serde::{Deserialize, Serialize};

/// Encoders that were trained before; an empty source means an encoder from scratch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PretrainedConfig {
    /// Reads items' texts and relations.
    pub text: EncoderSource,
    /// Reads items' pictures.
    pub image: EncoderSource,
}

/// One pretrained encoder.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderSource {
    /// A folder, a known name (`minilm`), or a hub id (`openai/clip-vit-base-patch32`); empty = from scratch.
    pub source: String,
    /// How its states reach the model's width.
    pub projection: Projection,
    /// How the states of items are kept in the token cache.
    pub precision: Precision,
    /// Tokens that an item's are brought to by k-means, besides the summary; 0 = all of them.
    pub summary_tokens: usize,
    /// Where the encoder lay when the run started; set by the run.
    pub folder: String,
    /// Hash of its weights, tokenizer and preprocessing; set by the run, and checked whenever the run is opened.
    pub fingerprint: String,
    /// Width of its states; set by the run.
    pub width: usize,
    /// What is trained of it.
    pub adapt: Adaptation,
}

impl PretrainedConfig {
    /// Fingerprints of the encoders, text first: weights of a run mean nothing without them.
    pub fn fingerprints(&self) -> String {
        [&self.text, &self.image].map(|encoder| encoder.fingerprint.as_str()).join("+")
    }

    /// Whether there is an encoder.
    pub fn is_set(&self) -> bool {
        self.text.is_set() || self.image.is_set()
    }
}

impl EncoderSource {
    /// Whether there is one.
    pub fn is_set(&self) -> bool {
        !self.source.is_empty()
    }

    /// Whether something of it is trained, so that its states cannot be kept.
    pub fn is_adapted(&self) -> bool {
        self.is_set() && self.adapt.trains()
    }
}
