//! Who is related to whom, and how.

use crate::{Edge, Relation};

/// The edges of a dataset as compressed sparse rows per relation, in both directions.
///
/// Symmetric relations are closed: an edge written once is found from both ends. Duplicate edges count once. Rows are
/// sorted, so membership is a binary search. Memory grows with the edges, not with items x relations.
#[derive(Debug, Clone, Default)]
pub struct RelationGraph {}

impl RelationGraph {
    /// Builds the graph over `items` items from edges (of one split, say).
    pub fn new<'a>(_items: usize, _relations: &[Relation], _edges: impl IntoIterator<Item = &'a Edge>) -> Self {
        unimplemented!()
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        unimplemented!()
    }

    /// Number of relations.
    pub fn relations(&self) -> usize {
        unimplemented!()
    }

    /// Number of (source, target) pairs of a relation, after closing symmetric ones.
    pub fn pairs(&self, _relation: u32) -> usize {
        unimplemented!()
    }

    /// Items that `source` points at under `relation`, ascending.
    pub fn targets(&self, _relation: u32, _source: u32) -> &[u32] {
        unimplemented!()
    }

    /// Items that point at `target` under `relation`, ascending.
    pub fn sources(&self, _relation: u32, _target: u32) -> &[u32] {
        unimplemented!()
    }

    /// Items with at least one target under `relation`, ascending.
    pub fn anchors(&self, _relation: u32) -> &[u32] {
        unimplemented!()
    }

    /// Whether `relation` holds from `source` to `target`.
    pub fn contains(&self, _relation: u32, _source: u32, _target: u32) -> bool {
        unimplemented!()
    }

    /// Items linked with `item` under any relation in either direction, ascending, without `item` itself.
    pub fn related_items(&self, _item: u32) -> &[u32] {
        unimplemented!()
    }

    /// Whether two items are linked under any relation in either direction.
    pub fn related(&self, a: u32, b: u32) -> bool {
        self.related_items(a).binary_search(&b).is_ok()
    }
}
