//! A check that nothing held out was trained on.

use serde::{Deserialize, Serialize};

use crate::{Dataset, Result, Split, Splits};

/// What a run trained on, kept in its folder so that any later evaluation can be checked against it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// Fingerprints of the training items (of id and content), sorted.
    pub items: Vec<u64>,
    /// Fingerprints of the training relations (of all their phrasings), sorted.
    pub relations: Vec<u64>,
    /// Fingerprints of the training edges (of relation and both ends), sorted.
    pub edges: Vec<u64>,
}

impl TrainingRecord {
    /// The record of a run that trains on the `Train` part of `splits`.
    pub fn of(_dataset: &Dataset, _splits: &Splits) -> Self {
        unimplemented!()
    }
}

/// Fails if something that `splits` holds out as `split` was trained on: an item (unless items are shared by design,
/// that is under an edge split), an unseen relation, an edge.
///
/// # Errors
/// Names up to ten of the offenders and how many there are.
pub fn check_leakage(_dataset: &Dataset, _splits: &Splits, _split: Split, _record: &TrainingRecord) -> Result<()> {
    unimplemented!()
}
