//! A run as data.

use std::collections::BTreeMap;
use std::path::Path;

use rcml_data::{ImageConfig, SamplerConfig, SplitConfig};
use rcml_encoders::TokenizerConfig;
use rcml_losses::ObjectiveConfig;
use rcml_model::{ModelConfig, Share};
use serde::{Deserialize, Serialize};

use crate::{Error, Interval, Result, Steps};

/// Everything a run depends on besides the data. A run folder's `config.toml` is this, complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// The preset that it started from; names the method in tables.
    pub preset: String,
    /// Seed of weights and batches. The split has a seed of its own.
    pub seed: u64,
    /// Steps, validation, checkpoints.
    pub training: TrainingConfig,
    /// The optimiser.
    pub optimizer: OptimizerConfig,
    /// The objective.
    pub objective: ObjectiveConfig,
    /// What is held out, where the files do not say.
    pub split: SplitConfig,
    /// Batches.
    pub sampler: SamplerConfig,
    /// Preprocessing of pictures; the size comes from the model.
    pub image: ImageConfig,
    /// The tokenizer.
    pub tokenizer: TokenizerConfig,
    /// The model.
    pub model: ModelConfig,
}

/// Steps, validation and checkpoints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// Optimiser steps.
    pub steps: Steps,
    /// Steps between validations; 0 = never.
    pub validate_every: Interval,
    /// Validations without a new best before training stops early; 0 = never stop early. What the rate's decline brings comes
    /// last: a run that is out of patience before then ends below what it would have reached.
    pub patience: u64,
    /// (query, relation, answer) triples of the validation split that are ranked, at most.
    pub validation_queries: usize,
    /// Steps between checkpoints; 0 = only when interrupted.
    pub checkpoint_every: u64,
    /// Checkpoints kept.
    pub keep_checkpoints: usize,
    /// Batches made ahead of time.
    pub prefetch: usize,
    /// Share of the words of items that a step hides, so that no text is learned by heart.
    pub word_dropout: f64,
    /// How far a step moves each picture at most, in each direction, as a share of its side.
    pub image_shift: f64,
    /// Share of the weights that a run began with in those that are validated and kept; `"auto"`: 0.7 where pretrained encoders read
    /// all modalities and texts keep their encoder's width, else 0.15. The configuration of a run that was begun has the number.
    pub start_share: Share,
    /// Whether the backward pass computes again what is cheap to compute, in place of keeping it: less memory, more time.
    pub gradient_checkpointing: bool,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            steps: Steps::Auto,
            validate_every: Interval::Auto,
            patience: 0,
            validation_queries: 2000,
            checkpoint_every: 100,
            keep_checkpoints: 2,
            prefetch: 2,
            word_dropout: 0.1,
            image_shift: 0.035,
            start_share: Share::Auto,
            gradient_checkpointing: false,
        }
    }
}

/// AdamW with warm-up and cosine decay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Learning rate at its highest.
    pub learning_rate: f64,
    /// Factors on the learning rate of parts of the model: the start of parameter names (`text`, `image.transformer`, ...), up to a
    /// dot or the whole of it. The longest that fits counts.
    pub rates: BTreeMap<String, f64>,
    /// What the learning rate falls to, as a share of the highest. It would be there one step after the last: a run of few steps ends
    /// well above it, one of three steps at about half of the highest.
    pub final_share: f64,
    /// Share of the steps in which the rate rises from 0.
    pub warmup: f64,
    /// Decoupled weight decay of matrices; biases, norms, positions, roles and the temperature are not decayed.
    pub weight_decay: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Largest norm of the whole gradient; 0 = no clipping.
    pub clip_norm: f64,
}

/// Parts of the model that have parameters to train.
const PARTS: [&str; 10] = [
    "text",
    "text_states",
    "image",
    "image_states",
    "features",
    "conditioner",
    "fusion",
    "roles",
    "translation",
    "temperature",
];

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            learning_rate: 3e-4,
            rates: BTreeMap::new(),
            final_share: 0.02,
            warmup: 0.05,
            weight_decay: 0.05,
            beta1: 0.9,
            beta2: 0.98,
            epsilon: 1e-8,
            clip_norm: 1.0,
        }
    }
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            preset: "rcml".into(),
            seed: 1,
            training: TrainingConfig::default(),
            optimizer: OptimizerConfig::default(),
            objective: ObjectiveConfig::default(),
            split: SplitConfig::default(),
            sampler: SamplerConfig::default(),
            image: ImageConfig::default(),
            tokenizer: TokenizerConfig::default(),
            model: ModelConfig::default(),
        }
    }
}

impl RunConfig {
    /// Reads the configuration of a run folder.
    ///
    /// # Errors
    /// Names the file, and the key where it is one.
    pub fn load(run: &Path) -> Result<Self> {
        let path = run.join("config.toml");
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Error::file(&path, format!("{error}; expected the folder of a run")))?;
        toml::from_str(&text).map_err(|error| Error::file(&path, error))
    }

    /// Checks every value.
    ///
    /// # Errors
    /// Names the key, the value found and what was expected.
    pub fn validate(&self) -> Result<()> {
        let fail = |message: String| Err(Error::input(message));
        let (training, optimizer) = (&self.training, &self.optimizer);
        for (key, value) in [
            ("training.keep_checkpoints", training.keep_checkpoints as u64),
            ("sampler.items", self.sampler.items as u64),
            ("sampler.relations", self.sampler.relations as u64),
        ] {
            if value == 0 {
                return fail(format!("{key}: expected at least 1, found 0"));
            }
        }
        for (part, factor) in &optimizer.rates {
            let known = part.split('.').next().is_some_and(|first| PARTS.contains(&first));
            if !known || !part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.') {
                return fail(format!(
                    "optimizer.rates: expected the start of parameter names, such as `text`, found `{part}`"
                ));
            }
            if !(factor.is_finite() && *factor >= 0.0) {
                return fail(format!("optimizer.rates.{part}: expected a factor of at least 0, found {factor}"));
            }
        }
        for (key, value, low, high) in [
            ("optimizer.learning_rate", optimizer.learning_rate, 0.0, f64::MAX),
            ("training.word_dropout", training.word_dropout, 0.0, 0.9),
            ("training.image_shift", training.image_shift, 0.0, 0.5),
            ("optimizer.final_share", optimizer.final_share, 0.0, 1.0),
            ("optimizer.warmup", optimizer.warmup, 0.0, 1.0),
            ("optimizer.weight_decay", optimizer.weight_decay, 0.0, f64::MAX),
            ("optimizer.beta1", optimizer.beta1, 0.0, 0.999_999),
            ("optimizer.beta2", optimizer.beta2, 0.0, 0.999_999),
            // Below, a parameter without a gradient so far would be moved by 0 / 0.
            ("optimizer.epsilon", optimizer.epsilon, f64::from(f32::MIN_POSITIVE), 1.0),
            ("optimizer.clip_norm", optimizer.clip_norm, 0.0, f64::MAX),
        ] {
            if !(low..=high).contains(&value) {
                let range =
                    if high == f64::MAX { format!("at least {low}") } else { format!("from {low:?} to {high:?}") };
                return fail(format!("{key}: expected a number {range}, found {value}"));
            }
        }
        if self.tokenizer.vocabulary < 16 {
            return fail(format!("tokenizer.vocabulary: expected at least 16, found {}", self.tokenizer.vocabulary));
        }
        self.sampler.validate()?;
        self.split.validate()?;
        self.objective.validate().or_else(|message| fail(format!("objective.{message}")))?;
        self.model.validate().or_else(|message| fail(format!("model.{message}")))
    }
}
