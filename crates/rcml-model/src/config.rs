//! The model as data.

use std::collections::BTreeMap;

use crate::{ExactWordsConfig, FusionConfig, Roles};
use rcml_attention::{ConditionerConfig, Modulate, Pool};
use rcml_encoders::pretrained::Projection;
use rcml_encoders::{FeatureConfig, FeatureShape, TextConfig, TextTokenizer, VisionConfig, WordStart};
use serde::{Deserialize, Serialize};

use crate::PretrainedConfig;

/// Which side of a pair is conditioned on the relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConditionedSide {
    /// Anchor and candidate, both on the anchor's relation.
    #[default]
    Both,
    /// The anchor alone: one index of relation-free candidates serves every relation.
    Query,
}

/// Whether the relation's text is appended to item texts, as the paper does for its unconditioned baselines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelationInText {
    /// Never.
    #[default]
    None,
    /// To the text of the query, when embedding for evaluation and search. (On both sides the same words are added to every
    /// candidate and cancel out.)
    Query,
    /// The same, and to the text of every anchor in training.
    Trained,
}

impl RelationInText {
    /// Whether queries have the relation's words behind their text.
    pub(crate) fn behind_queries(self) -> bool {
        self != Self::None
    }
}

/// The model as data. What depends on the data set (vocabulary, modalities) is filled in when a run starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// Width D of tokens and embeddings, shared by all modalities.
    pub width: usize,
    /// Which side of a pair is conditioned.
    pub side: ConditionedSide,
    /// Which relations embed their two ends in different roles.
    pub roles: Roles,
    /// Whether a query moves towards what its relation speaks of: the relation's own embedding, weighed by channel, is added to
    /// the query's (with `roles`, candidates have weights of their own, which start at none). Needs `roles`.
    pub translate: bool,
    /// Whether relation embeddings are scaled to unit mean square before they condition, so that a long description does not
    /// condition more weakly than a short one. The paper does not.
    pub normalize_relations: bool,
    /// Whether the mean embedding of each modality is taken away before items are conditioned, so that what all items share does
    /// not hide how they differ.
    pub center: bool,
    /// How much each modality says in the fused embedding.
    pub fusion: FusionConfig,
    /// Whether the relation's text is appended to item texts.
    pub relation_in_text: RelationInText,
    /// Words as they are written, beside what is learned.
    pub exact_words: ExactWordsConfig,
    /// Whether relations are told apart by their words. Without, every relation conditions as the generic sentence `same_item` does:
    /// an ablation.
    pub relation_words: bool,
    /// The sentence that stands for "these are views of one item".
    pub same_item: String,
    /// The text encoder; it reads items and relations.
    pub text: TextConfig,
    /// The image encoder.
    pub image: VisionConfig,
    /// The encoders of feature modalities by name; one that is not named here has a projector.
    pub features: BTreeMap<String, FeatureConfig>,
    /// Pretrained encoders in the place of those of texts and pictures.
    pub pretrained: PretrainedConfig,
    /// Pool and modulate.
    pub conditioner: ConditionerConfig,
    /// Ids of the tokenizer; set by the run.
    pub vocabulary: usize,
    /// Modalities of items; set by the run.
    pub modalities: Vec<ModalityShape>,
}

/// A modality of the model's items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModalityShape {
    /// `image`, `text`, or the name of a feature modality.
    pub name: String,
    /// Width of a feature modality's vectors; 0 for `image` and `text`.
    #[serde(default)]
    pub input: usize,
    /// Vectors of an item of a feature modality, or steps of a series.
    #[serde(default = "one")]
    pub tokens: usize,
}

fn one() -> usize {
    1
}

impl ModalityShape {
    /// `image` or `text`.
    pub fn raw(name: &str) -> Self {
        Self { name: name.into(), input: 0, tokens: 1 }
    }

    pub(crate) fn features(&self) -> FeatureShape {
        FeatureShape { tokens: self.tokens, input: self.input }
    }
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            width: 128,
            side: ConditionedSide::Both,
            roles: Roles::default(),
            translate: true,
            normalize_relations: true,
            center: true,
            fusion: FusionConfig::default(),
            relation_in_text: RelationInText::None,
            exact_words: ExactWordsConfig::default(),
            relation_words: true,
            same_item: "is the same item as".into(),
            text: TextConfig::default(),
            image: VisionConfig::default(),
            features: BTreeMap::new(),
            pretrained: PretrainedConfig::default(),
            conditioner: ConditionerConfig::default(),
            vocabulary: 0,
            modalities: Vec::new(),
        }
    }
}

impl ModelConfig {
    /// The words that a relation conditions with.
    pub fn words_of<'a>(&'a self, relation: &'a str) -> &'a str {
        if self.relation_words { relation } else { &self.same_item }
    }

    /// What the words of this model's own text encoder weigh and mean before training; nothing where a pretrained encoder reads.
    ///
    /// # Errors
    /// The tokenizer's.
    pub fn words_at_start(&self, tokenizer: &TextTokenizer, texts: &[&str]) -> rcml_encoders::Result<WordStart> {
        if self.pretrained.text.is_set() {
            return Ok(WordStart::default());
        }
        WordStart::count(tokenizer, self.text.words, self.text.transformer.width, texts)
    }

    /// Checks the values.
    ///
    /// # Errors
    /// Names the key, the value found and what was expected.
    pub fn validate(&self) -> Result<(), String> {
        if self.width == 0 {
            return Err("width: expected at least 1, found 0".into());
        }
        let conditioner = &self.conditioner;
        let conditions = conditioner.pool != Pool::Summary || conditioner.modulate != Modulate::None;
        if self.relation_in_text == RelationInText::Trained && conditions {
            return Err(format!(
                "relation_in_text: trained is for a model without conditions (conditioner.pool = \"summary\", modulate = \"none\"), \
                 found pool {:?} and modulate {:?}",
                conditioner.pool, conditioner.modulate
            ));
        }
        if self.exact_words.width == 0 {
            return Err("exact_words.width: expected at least 1, found 0".into());
        }
        if self.same_item.trim().is_empty() {
            return Err("same_item: expected a sentence, found an empty text".into());
        }
        self.text.validate().map_err(|message| format!("text.{message}"))?;
        self.image.validate().map_err(|message| format!("image.{message}"))?;
        for (name, config) in &self.features {
            config.validate().map_err(|message| format!("features.{name}.{message}"))?;
            let known = self.modalities.iter().any(|modality| modality.name == *name && modality.input > 0);
            if !known && !self.modalities.is_empty() {
                let names = self.modalities.iter().filter(|modality| modality.input > 0).map(|m| m.name.as_str());
                let names = names.collect::<Vec<_>>().join(", ");
                return Err(format!("features.{name}: expected one of the data set's feature modalities ({names})"));
            }
        }
        for (key, encoder) in [("text", &self.pretrained.text), ("image", &self.pretrained.image)] {
            let (width, found) = (self.width, encoder.width);
            if encoder.is_set() && encoder.projection == Projection::None && found != 0 && found != width {
                return Err(format!(
                    "pretrained.{key}.projection: none leaves the encoder's width {found}, expected width = {found}, found {width}"
                ));
            }
            encoder.adapt.validate().map_err(|message| format!("pretrained.{key}.adapt.{message}"))?;
            if encoder.is_adapted() && encoder.summary_tokens > 0 {
                let found = encoder.summary_tokens;
                return Err(format!(
                    "pretrained.{key}.summary_tokens: expected 0 for an encoder that is adapted, found {found}"
                ));
            }
            if encoder.adapt.trains() && !encoder.is_set() {
                return Err(format!("pretrained.{key}.adapt: expected pretrained.{key}.source with it, found none"));
            }
        }
        self.conditioner.validate(self.width).map_err(|message| format!("conditioner.{message}"))
    }
}
