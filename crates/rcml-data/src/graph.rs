//! Who is related to whom, and how.

mod ahead;
mod build;
mod column;
mod encode;
mod file;
mod folder;
mod layout;
mod open;
mod record;
mod sort;
mod verify;

use rayon::prelude::*;

pub use self::build::{GraphBuilder, GraphCounts};
use self::column::Column;
use self::encode::{Encoded, Encoder, RelationEntry, Sink};
use self::record::{RELATED, Record, sources, targets};
use crate::{Edge, Relation, Result};

/// The edges of a dataset, found from both ends; in memory, or in a mapped `.rgraph` file that may be larger than memory.
///
/// Symmetric relations are closed: an edge written once is found from both ends. Duplicate edges count once, with the
/// largest of their weights. Lists are sorted, so membership is a binary search. Memory grows with the edges, not with
/// items x relations. An edge from an item to itself, and one that names an item or a relation that does not exist, is
/// left out.
///
/// All lists of an item lie side by side, so that a question about it touches one place of memory (docs/rgraph.md).
///
/// A question about an item or a relation that does not exist is answered as if it had no edges. So is one that a
/// damaged file has no sensible answer to: [`RelationGraph::verify`] finds damage.
#[derive(Debug, Clone, Default)]
pub struct RelationGraph {
    items: usize,
    weighted: bool,
    /// Number of the names of items and relations; 0 = unknown.
    names: u64,
    relations: Vec<RelationEntry>,
    /// Where the block of each item begins, in words, and where the last one ends.
    offsets: Column<u64>,
    blocks: Column<u32>,
    /// Items with targets, ascending, relation after relation.
    anchors: Column<u32>,
}

/// The parts of an item's block.
#[derive(Clone, Copy, Default)]
struct Block<'a> {
    lists: &'a [u32],
    ends: &'a [u32],
    neighbours: &'a [u32],
}

impl<'a> Block<'a> {
    /// Empty where the words are no block: whoever opens a file does not read all of it first.
    fn of(words: &'a [u32]) -> Self {
        let parts = || {
            let (&count, rest) = words.split_first()?;
            let (lists, rest) = rest.split_at_checked(count as usize)?;
            let (ends, neighbours) = rest.split_at_checked(count as usize)?;
            Some(Self { lists, ends, neighbours })
        };
        parts().unwrap_or_default()
    }

    /// Where the neighbours of the i-th list lie.
    fn range(&self, i: usize) -> std::ops::Range<usize> {
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        start..self.ends[i] as usize
    }

    fn neighbours(&self, i: usize) -> &'a [u32] {
        self.neighbours.get(self.range(i)).unwrap_or_default()
    }

    fn list(&self, list: u32) -> &'a [u32] {
        self.lists.binary_search(&list).map_or(&[], |i| self.neighbours(i))
    }

    fn related(&self) -> &'a [u32] {
        match self.lists {
            [] => &[],
            // A single list is the union already.
            [_] => self.neighbours(0),
            // The union is the last list.
            [.., RELATED] => self.neighbours(self.lists.len() - 1),
            [..] => &[],
        }
    }

    /// Weights of a relation's list, where there are any: they follow the neighbours.
    fn weights(&self, list: u32) -> Option<&'a [f32]> {
        let i = self.lists.binary_search(&list).ok()?;
        let start = *self.ends.last()? as usize;
        let weights = self.neighbours.get(start..)?.get(self.range(i))?;
        Some(bytemuck::cast_slice(weights))
    }
}

impl RelationGraph {
    /// Builds the graph over `items` items from edges (of one split, say).
    pub fn new<'a>(items: usize, relations: &[Relation], edges: impl IntoIterator<Item = &'a Edge>) -> Self {
        let symmetric: Vec<bool> = relations.iter().map(|r| r.symmetric).collect();
        let mut records = Vec::new();
        let mut weighted = false;
        for edge in edges {
            let exists = (edge.source as usize) < items && (edge.target as usize) < items;
            if let Some(&symmetric) = symmetric.get(edge.relation as usize)
                && exists
                && edge.source != edge.target
            {
                let weight = if edge.weight.is_finite() { edge.weight.max(0.0) } else { 0.0 };
                weighted |= weight != 1.0;
                let of_edge = Record::of_edge(edge.relation, symmetric, edge.source, edge.target, weight);
                records.extend(of_edge.map(Record::pack));
            }
        }
        records.par_sort_unstable();
        Self::from_records(items, &symmetric, weighted, records.into_iter().map(Record::unpack))
    }

    /// From records in ascending order.
    fn from_records(items: usize, symmetric: &[bool], weighted: bool, records: impl Iterator<Item = Record>) -> Self {
        let mut encoder = Encoder::new(items, symmetric, weighted, Memory::default());
        let done = records.map(|record| encoder.push(record)).find(Result::is_err).unwrap_or(Ok(()));
        let Ok(Encoded { sink, relations, offsets }) = done.and_then(|()| encoder.finish(items)) else {
            // Only an item of 2^32 neighbours fails, for which 64 GiB of records would have had to fit into memory.
            return Self { items, ..Self::default() };
        };
        let Memory { blocks, mut anchors } = sink;
        anchors.par_sort_unstable();
        let anchors = anchors.into_iter().map(|anchor| anchor as u32).collect();
        Self {
            items,
            weighted,
            names: 0,
            relations,
            offsets: Column::Owned(offsets),
            blocks: Column::Owned(blocks),
            anchors: Column::Owned(anchors),
        }
    }

    /// The part of the graph between items for which `keep` holds, in memory unless it is all of it. Items keep their
    /// numbers.
    pub(crate) fn among(self, keep: impl Fn(u32) -> bool) -> Self {
        let linked = |&item: &u32| !self.related_items(item).is_empty();
        if self.item_numbers().filter(linked).all(&keep) {
            return self;
        }
        let symmetric: Vec<bool> = self.relations.iter().map(|entry| entry.symmetric).collect();
        let kept = self.records().filter(|record| keep(record.item) && keep(record.neighbour));
        Self::from_records(self.items, &symmetric, self.weighted, kept)
    }

    fn item_numbers(&self) -> impl Iterator<Item = u32> + use<> {
        (0..self.items as u64).map(|item| item as u32)
    }

    /// All entries of all lists of relations, ascending.
    fn records(&self) -> impl Iterator<Item = Record> + '_ {
        self.item_numbers().flat_map(move |item| {
            let block = self.block(item);
            let lists = block.lists.iter().copied().enumerate().filter(|&(_, list)| list != RELATED);
            lists.flat_map(move |(i, list)| {
                let weights = if self.weighted { block.weights(list) } else { None };
                let weight = move |k: usize| weights.and_then(|w| w.get(k).copied()).unwrap_or(1.0);
                let neighbours = block.neighbours(i).iter().copied().enumerate();
                neighbours.map(move |(k, neighbour)| Record { item, list, neighbour, weight: weight(k) })
            })
        })
    }

    /// The words of an item's block.
    fn words(&self, item: u32) -> &[u32] {
        let offsets = &*self.offsets;
        let words = || {
            let (start, end) = (*offsets.get(item as usize)?, *offsets.get(item as usize + 1)?);
            self.blocks.get(start as usize..end as usize)
        };
        words().unwrap_or_default()
    }

    fn block(&self, item: u32) -> Block<'_> {
        Block::of(self.words(item))
    }

    /// The list that holds the items which point at an item.
    fn sources_list(&self, relation: u32) -> Option<u32> {
        let entry = self.relations.get(relation as usize)?;
        Some(if entry.symmetric { targets(relation) } else { sources(relation) })
    }

    fn targets_list(&self, relation: u32) -> Option<u32> {
        ((relation as usize) < self.relations.len()).then(|| targets(relation))
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Number of relations.
    pub fn relations(&self) -> usize {
        self.relations.len()
    }

    /// Whether a relation is symmetric.
    pub fn symmetric(&self, relation: u32) -> bool {
        self.relations.get(relation as usize).is_some_and(|entry| entry.symmetric)
    }

    /// Whether any edge has a weight other than 1.
    pub fn weighted(&self) -> bool {
        self.weighted
    }

    /// Number of (source, target) pairs of a relation, after closing symmetric ones.
    pub fn pairs(&self, relation: u32) -> usize {
        self.relations.get(relation as usize).map_or(0, |entry| entry.pairs as usize)
    }

    /// Items that `source` points at under `relation`, ascending.
    pub fn targets(&self, relation: u32, source: u32) -> &[u32] {
        self.targets_list(relation).map_or(&[], |list| self.block(source).list(list))
    }

    /// Weights of the edges to [`targets`](Self::targets), in the same order; `None` where there are no such edges, or all
    /// edges of the graph have the weight 1.
    pub fn weights(&self, relation: u32, source: u32) -> Option<&[f32]> {
        if !self.weighted {
            return None;
        }
        self.block(source).weights(self.targets_list(relation)?)
    }

    /// Items that point at `target` under `relation`, ascending.
    pub fn sources(&self, relation: u32, target: u32) -> &[u32] {
        self.sources_list(relation).map_or(&[], |list| self.block(target).list(list))
    }

    /// Items with at least one target under `relation`, ascending.
    pub fn anchors(&self, relation: u32) -> &[u32] {
        let range = |entry: &RelationEntry| {
            let end = entry.first_anchor.checked_add(entry.anchors)?;
            self.anchors.get(entry.first_anchor as usize..end as usize)
        };
        self.relations.get(relation as usize).and_then(range).unwrap_or_default()
    }

    /// Whether `relation` holds from `source` to `target`.
    pub fn contains(&self, relation: u32, source: u32, target: u32) -> bool {
        self.targets(relation, source).binary_search(&target).is_ok()
    }

    /// Items linked with `item` under any relation in either direction, ascending, without `item` itself.
    pub fn related_items(&self, item: u32) -> &[u32] {
        self.block(item).related()
    }

    /// Whether two items are linked under any relation in either direction.
    pub fn related(&self, a: u32, b: u32) -> bool {
        self.related_items(a).binary_search(&b).is_ok()
    }
}

/// Blocks and anchors in memory.
#[derive(Default)]
struct Memory {
    blocks: Vec<u32>,
    /// Relation and item, packed, so that they sort.
    anchors: Vec<u64>,
}

impl Sink for Memory {
    fn block(&mut self, words: &[u32]) -> Result<()> {
        self.blocks.extend_from_slice(words);
        Ok(())
    }

    fn anchor(&mut self, relation: u32, item: u32) -> Result<()> {
        self.anchors.push(u64::from(relation) << 32 | u64::from(item));
        Ok(())
    }
}

#[cfg(test)]
mod damage;
#[cfg(test)]
mod tests;
