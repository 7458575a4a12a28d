//! What a run trained on.

use serde::{Deserialize, Serialize};

use crate::fingerprint::{Fingerprints, phrasing};
use crate::{Dataset, Relation, Splits};

/// What a run trained on, kept in its folder so that any later evaluation can be checked against it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// Name of the dataset; empty in records of earlier versions.
    #[serde(default)]
    pub dataset: String,
    /// Fingerprints of the training items (of id and content), sorted.
    pub items: Vec<u64>,
    /// Fingerprints of the training relations (of all their phrasings), sorted.
    pub relations: Vec<u64>,
    /// Fingerprints of the training edges (of relation and both ends), sorted.
    pub edges: Vec<u64>,
    /// Fingerprints of what the training items are, whatever their ids, sorted; none in records of earlier versions.
    #[serde(default)]
    pub contents: Vec<u64>,
    /// A fingerprint of each phrasing of the training relations, with that of its relation, sorted.
    #[serde(default)]
    pub phrasings: Vec<(u64, u64)>,
    /// Fingerprints of the training edges by what their ends are, sorted.
    #[serde(default)]
    pub content_edges: Vec<u64>,
}

impl TrainingRecord {
    /// The record of a run that trains on the `Train` part of `splits`. Of many checks of one dataset, [`Fingerprints::record`]
    /// reads it once.
    pub fn of(dataset: &Dataset, splits: &Splits) -> Self {
        Fingerprints::of(dataset).record(splits)
    }

    /// Whether a relation of these phrasings was trained on, or one that has any of them.
    pub fn knows(&self, relation: &Relation) -> bool {
        let whole = Fingerprints::relation(relation);
        self.relations.binary_search(&whole).is_ok() || !self.trained_as(relation).is_empty()
    }

    /// Prints of the training relations that share a phrasing with this one.
    pub(crate) fn trained_as(&self, relation: &Relation) -> Vec<u64> {
        let of = |words: &String| {
            let print = phrasing(words);
            let first = self.phrasings.partition_point(|known| known.0 < print);
            self.phrasings[first..].iter().take_while(move |known| known.0 == print).map(|known| known.1)
        };
        let mut found: Vec<u64> = relation.descriptions.iter().flat_map(of).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}
