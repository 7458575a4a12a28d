//! Relations between items, described in natural language, and the edges that carry them.

use serde_json::{Map, Value};

use crate::Split;

/// A way in which two items can be related, described in natural language.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Relation {
    /// Unique name within the dataset.
    pub id: String,
    /// Phrasings of one meaning, at least one; the first is the canonical one, used for evaluation.
    pub descriptions: Vec<String>,
    /// Whether the relation holds in both directions as soon as it holds in one.
    pub symmetric: bool,
    /// `Test` marks a relation that training must not see; `None` and `Train` leave it to training.
    pub split: Option<Split>,
    /// Group of relations that are reported together (optional field `family`).
    pub family: Option<String>,
    /// Fields that the format does not know, kept as they were.
    pub attributes: Map<String, Value>,
}

impl Relation {
    /// A directed relation with one description.
    pub fn new(id: impl Into<String>, description: impl Into<String>) -> Self {
        Self { id: id.into(), descriptions: vec![description.into()], ..Self::default() }
    }

    /// Adds a phrasing.
    pub fn phrasing(mut self, description: impl Into<String>) -> Self {
        self.descriptions.push(description.into());
        self
    }

    /// Sets whether the relation is symmetric.
    pub fn symmetric(mut self, symmetric: bool) -> Self {
        self.symmetric = symmetric;
        self
    }

    /// Sets the family that the relation is reported with.
    pub fn family(mut self, family: impl Into<String>) -> Self {
        self.family = Some(family.into());
        self
    }

    /// Sets the split.
    pub fn split(mut self, split: Split) -> Self {
        self.split = Some(split);
        self
    }

    /// The canonical phrasing.
    pub fn description(&self) -> &str {
        self.descriptions.first().map_or("", String::as_str)
    }

    /// The roles of (anchor, candidate) when the relation is followed from source to target: a symmetric relation has
    /// one role for both ends.
    pub fn roles(&self) -> (Role, Role) {
        if self.symmetric { (Role::Either, Role::Either) } else { (Role::Source, Role::Target) }
    }
}

/// Which end of a relation an item is embedded as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Both ends of a symmetric relation.
    Either,
    /// The source of a directed relation.
    Source,
    /// The target of a directed relation.
    Target,
}

/// "`relation` holds from `source` to `target`", as indices into the dataset's tables.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// Index of the relation.
    pub relation: u32,
    /// Index of the source item.
    pub source: u32,
    /// Index of the target item.
    pub target: u32,
    /// Strength; 1 where the file does not say. Finite and not negative.
    pub weight: f32,
    /// The split that the file fixes, where it does.
    pub split: Option<Split>,
}

impl Edge {
    /// An edge of weight 1.
    pub fn new(relation: u32, source: u32, target: u32) -> Self {
        Self { relation, source, target, weight: 1.0, split: None }
    }
}
