//! Counts that describe a dataset.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Dataset, Splits};

/// What `rcml data stats --json` prints: the fields `items`, `relations`, `edges`, `modalities` and `splits` are a contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DatasetStats {
    /// Name of the dataset.
    pub name: String,
    /// Number of items.
    pub items: usize,
    /// Number of relations.
    pub relations: usize,
    /// Number of edges as written.
    pub edges: usize,
    /// Items that have each modality.
    pub modalities: BTreeMap<String, usize>,
    /// Items of each split.
    pub splits: BTreeMap<String, usize>,
}

impl DatasetStats {
    /// Counts.
    pub fn of(_dataset: &Dataset, _splits: &Splits) -> Self {
        unimplemented!()
    }
}
