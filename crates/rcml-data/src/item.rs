//! One thing of a catalogue.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::Split;

/// One thing of a catalogue: a product, an app, a painting, a paper. It has at least one modality.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Item {
    /// Unique name within the dataset.
    pub id: String,
    /// Natural-language text, never empty where it is present.
    pub text: Option<String>,
    /// Path of the image, relative to the dataset's folder, with `/` between its parts.
    pub image: Option<String>,
    /// Class of the item, for classification and for retrieval that is scored by class.
    pub label: Option<String>,
    /// The split that the file fixes, where it does.
    pub split: Option<Split>,
    /// Name of a feature modality -> row of its array (`dataset.toml` declares the arrays).
    pub features: BTreeMap<String, usize>,
    /// Fields that the format does not know, kept as they were.
    pub attributes: Map<String, Value>,
}

impl Item {
    /// An item with a name and nothing else yet.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// Sets the text.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Sets the image's path, relative to the dataset's folder.
    pub fn image(mut self, path: impl Into<String>) -> Self {
        self.image = Some(path.into());
        self
    }

    /// Sets the label.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets the split.
    pub fn split(mut self, split: Split) -> Self {
        self.split = Some(split);
        self
    }

    /// Whether the item has the modality: `text`, `image` or the name of a feature modality.
    pub fn has(&self, modality: &str) -> bool {
        match modality {
            "text" => self.text.is_some(),
            "image" => self.image.is_some(),
            other => self.features.contains_key(other),
        }
    }
}
