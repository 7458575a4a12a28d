//! Batches of a few relations with several pairs each.

use serde::{Deserialize, Serialize};

use crate::{Relation, RelationGraph, Result};

/// How batches are drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplerConfig {
    /// Distinct items of a batch, B; fewer where the training set is smaller.
    pub items: usize,
    /// Distinct relations of a batch, U; fewer where there are fewer.
    pub relations: usize,
    /// A relation is drawn with probability proportional to (its number of pairs)^power: 0 = uniform, 1 = by frequency.
    pub relation_power: f64,
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Self { items: 256, relations: 16, relation_power: 0.5 }
    }
}

/// A batch: B distinct items and U distinct relations, with everything the graph knows about the B items.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RelationBatch {
    /// Distinct items, as dataset indices; a row below is a position in this list.
    pub items: Vec<u32>,
    /// Distinct relations.
    pub relations: Vec<BatchRelation>,
    /// Per row: the rows linked with it under ANY relation of the whole graph, in either direction, ascending, without itself.
    pub related: Vec<Vec<u32>>,
}

/// One relation of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BatchRelation {
    /// Index of the relation in the dataset.
    pub relation: u32,
    /// Which phrasing was drawn (index into `Relation::descriptions`).
    pub phrasing: usize,
    /// ALL rows with at least one positive among the batch's rows, ascending: not only the drawn pairs.
    pub anchors: Vec<u32>,
    /// Per anchor: every row that the graph links with it under this relation, ascending, never the anchor itself.
    pub positives: Vec<Vec<u32>>,
}

/// Draws batches as a pure function of (seed, step), so that a resumed run continues exactly.
#[derive(Debug)]
pub struct RelationSampler {}

impl RelationSampler {
    /// A sampler over the training items and the graph of training edges.
    ///
    /// # Errors
    /// No items, or a batch size of 0. A graph without edges is allowed: batches then have no relations.
    pub fn new(
        _config: SamplerConfig,
        _seed: u64,
        _items: Vec<u32>,
        _relations: &[Relation],
        _graph: RelationGraph,
    ) -> Result<Self> {
        unimplemented!()
    }

    /// The batch of a step.
    pub fn batch(&self, _step: u64) -> RelationBatch {
        unimplemented!()
    }

    /// Distinct items of every batch: `min(config.items, training items)`.
    pub fn batch_items(&self) -> usize {
        unimplemented!()
    }

    /// The graph of training edges.
    pub fn graph(&self) -> &RelationGraph {
        unimplemented!()
    }
}
