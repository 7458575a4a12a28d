//! What may be trained on and what is held out.

use serde::{Deserialize, Serialize};

use crate::{Dataset, Result};

/// The part of the data that something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Trained on.
    Train,
    /// Watched during training: early stopping, choice of settings.
    #[serde(alias = "valid", alias = "val", alias = "dev")]
    Validation,
    /// Held out until the end.
    Test,
}

/// What is disjoint between the splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitStrategy {
    /// Items: an edge belongs to the split of both its ends, or to none where they differ.
    #[default]
    Items,
    /// Edges: every split sees every item (transductive).
    Edges,
}

/// How the loader splits what the files leave open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitConfig {
    /// What is disjoint.
    pub strategy: SplitStrategy,
    /// Share of items (or edges) for validation.
    pub validation: f64,
    /// Share of items (or edges) held out.
    pub test: f64,
    /// Share of the relations that training never sees (zero-shot relations).
    pub unseen_relations: f64,
    /// Seed of the split, apart from the run's seed, so that seeds of a run share one split.
    pub seed: u64,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self { strategy: SplitStrategy::Items, validation: 0.1, test: 0.2, unseen_relations: 0.0, seed: 0 }
    }
}

/// The split of every item, relation and edge of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splits {
    /// Of each item. Under [`SplitStrategy::Edges`] all are `Train`.
    pub items: Vec<Split>,
    /// Of each relation: `Train` = seen in training, `Test` = never.
    pub relations: Vec<Split>,
    /// Of each edge; `None` = used by no split (its ends are in different splits).
    pub edges: Vec<Option<Split>>,
}

impl Splits {
    /// Splits a dataset: what the files fix stays, the rest is drawn with `config.seed`.
    ///
    /// # Errors
    /// Shares that are not in [0, 1) or sum to 1 or more; a split that would leave training without items or edges.
    pub fn assign(_dataset: &Dataset, _config: &SplitConfig) -> Result<Self> {
        unimplemented!()
    }
}
