//! Sorted records -> the blocks of a graph.

use super::record::{RELATED, Record, targets};
use crate::{Error, Result};

/// What the graph knows about a relation as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RelationEntry {
    pub(super) symmetric: bool,
    /// Where its anchors begin in the list of all anchors.
    pub(super) first_anchor: u64,
    /// Items with at least one target.
    pub(super) anchors: u64,
    /// (source, target) pairs, after closing symmetric relations.
    pub(super) pairs: u64,
}

/// Where blocks go: into memory or into a file.
pub(super) trait Sink {
    /// The words of the next item that has any.
    fn block(&mut self, words: &[u32]) -> Result<()>;

    /// An item with targets under a relation. Items come in order.
    fn anchor(&mut self, relation: u32, item: u32) -> Result<()>;
}

/// Turns ascending records into one block per item:
///
/// ```text
/// lists L | L list numbers, ascending | L ends | neighbours of each list, ascending | weights of the relations' lists
/// ```
///
/// An end counts neighbours from the first of the block. The last list is [`RELATED`], the union of the others, where
/// there are two or more; a single list is its own union. An item without neighbours has no words at all.
pub(super) struct Encoder<S> {
    sink: S,
    weighted: bool,
    relations: Vec<RelationEntry>,
    /// Where the block of each item begins, for the items before the open one and for it.
    offsets: Vec<u64>,
    words: u64,
    item: u32,
    lists: Vec<u32>,
    ends: Vec<u32>,
    neighbours: Vec<u32>,
    weights: Vec<u32>,
    union: Vec<u32>,
    block: Vec<u32>,
}

/// What is left when all records are encoded.
pub(super) struct Encoded<S> {
    pub(super) sink: S,
    pub(super) relations: Vec<RelationEntry>,
    /// One more than items, in words.
    pub(super) offsets: Vec<u64>,
}

impl<S: Sink> Encoder<S> {
    pub(super) fn new(items: usize, symmetric: &[bool], weighted: bool, sink: S) -> Self {
        let entry = |&symmetric: &bool| RelationEntry { symmetric, ..RelationEntry::default() };
        let mut offsets = Vec::with_capacity(items + 1);
        offsets.push(0);
        Self {
            sink,
            weighted,
            relations: symmetric.iter().map(entry).collect(),
            offsets,
            words: 0,
            item: 0,
            lists: Vec::new(),
            ends: Vec::new(),
            neighbours: Vec::new(),
            weights: Vec::new(),
            union: Vec::new(),
            block: Vec::new(),
        }
    }

    /// Takes the next record; they must ascend. Of records that differ in weight alone, the last is kept: the largest.
    pub(super) fn push(&mut self, record: Record) -> Result<()> {
        if record.item != self.item {
            self.close()?;
            self.item = record.item;
        }
        if self.lists.last() != Some(&record.list) {
            self.lists.push(record.list);
            self.ends.push(self.neighbours.len() as u32);
            if record.list.is_multiple_of(2) {
                let relation = record.list / 2;
                self.sink.anchor(relation, record.item)?;
                if let Some(entry) = self.relations.get_mut(relation as usize) {
                    entry.anchors += 1;
                }
            }
        } else if self.neighbours.last() == Some(&record.neighbour) {
            self.weights.pop();
            self.weights.push(record.weight.to_bits());
            return Ok(());
        }
        self.neighbours.push(record.neighbour);
        self.weights.push(record.weight.to_bits());
        if let Some(end) = self.ends.last_mut() {
            *end = self::end(record.item, self.neighbours.len())?;
        }
        Ok(())
    }

    /// Writes the open item's block.
    fn close(&mut self) -> Result<()> {
        self.offsets.resize(self.item as usize + 1, self.words);
        if self.lists.is_empty() {
            return Ok(());
        }
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        for ((&list, start), end) in self.lists.iter().zip(starts).zip(&self.ends) {
            if let Some(entry) = self.relations.get_mut(list as usize / 2)
                && list == targets(list / 2)
            {
                entry.pairs += u64::from(end - start);
            }
        }
        let weights = if self.weighted { &self.weights[..] } else { &[] };
        if self.lists.len() > 1 {
            self.union.extend(&self.neighbours);
            self.union.sort_unstable();
            self.union.dedup();
            self.lists.push(RELATED);
            self.ends.push(end(self.item, self.neighbours.len() + self.union.len())?);
        }
        self.block.push(self.lists.len() as u32);
        for part in [&self.lists, &self.ends, &self.neighbours, &self.union, weights] {
            self.block.extend(part);
        }
        self.words += self.block.len() as u64;
        self.sink.block(&self.block)?;
        for part in
            [&mut self.lists, &mut self.ends, &mut self.neighbours, &mut self.union, &mut self.weights, &mut self.block]
        {
            part.clear();
        }
        Ok(())
    }

    pub(super) fn finish(mut self, items: usize) -> Result<Encoded<S>> {
        self.close()?;
        self.offsets.resize(items + 1, self.words);
        let mut first = 0;
        for entry in &mut self.relations {
            entry.first_anchor = first;
            first += entry.anchors;
        }
        Ok(Encoded { sink: self.sink, relations: self.relations, offsets: self.offsets })
    }
}

fn end(item: u32, neighbours: usize) -> Result<u32> {
    u32::try_from(neighbours).map_err(|_| Error::input(format!("item {item} has 2^32 neighbours or more")))
}
