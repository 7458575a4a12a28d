//! Which items a batch holds.

use std::collections::HashSet;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::rows::RowMap;
use super::{RelationSampler, SamplerConfig};
use crate::Duplicates;

/// The rows of a batch while it is filled.
pub(super) struct Draw<'a> {
    pub(super) rows: RowMap,
    size: usize,
    duplicates: &'a Duplicates,
    /// Groups of duplicates that have a row.
    groups: HashSet<u32>,
    /// Rows that were drawn uniformly among all items.
    pub(super) uniform: usize,
}

/// A pair that was drawn: anchor and target under a relation.
pub(super) struct Pair {
    pub(super) relation: u32,
    pub(super) anchor: u32,
}

impl<'a> Draw<'a> {
    fn new(size: usize, duplicates: &'a Duplicates) -> Self {
        Self { rows: RowMap::new(size), size, duplicates, groups: HashSet::new(), uniform: 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows.items.len() == self.size
    }

    /// Whether the item has a row, or may get one.
    fn fits(&self, item: u32) -> bool {
        self.duplicates.group(item).is_none_or(|group| !self.groups.contains(&group)) || self.rows.get(item).is_some()
    }

    /// Gives the item a row unless it has one, or a duplicate of it has. Whether it is new.
    pub(super) fn insert(&mut self, item: u32) -> bool {
        let before = self.rows.items.len();
        if self.fits(item) {
            self.groups.extend(self.duplicates.group(item));
            self.rows.insert(item);
        }
        self.rows.items.len() > before
    }
}

impl RelationSampler {
    /// The rows of a step: pairs of the drawn relations, negatives that are hard by design, random items.
    pub(super) fn draw_items(&self, relations: &[u32], rng: &mut ChaCha8Rng) -> Draw<'_> {
        let size = self.batch_items();
        let mut draw = Draw::new(size, &self.duplicates);
        let wrong = SamplerConfig::rows(self.config.wrong_relation, size);
        let hard = SamplerConfig::rows(self.config.hard, size);
        let pairs = self.draw_pairs(relations, size - wrong - hard, &mut draw, rng);
        self.draw_wrong_relations(&pairs, wrong, &mut draw, rng);
        if let Some(embeddings) = &self.embeddings {
            embeddings.draw_hard(self, &pairs, hard, &mut draw, rng);
        }
        self.fill(&mut draw, rng);
        draw
    }

    /// Pairs until `most` rows are taken.
    fn draw_pairs(&self, relations: &[u32], most: usize, draw: &mut Draw<'_>, rng: &mut ChaCha8Rng) -> Vec<Pair> {
        let mut pairs = Vec::new();
        // One pair of every relation before the second of any: a batch that fills up early cuts all of them alike.
        for _ in 0..self.pairs_per_relation(relations.len()) {
            for &relation in relations {
                let anchor = pick(self.graph.anchors(relation), rng);
                let Some((anchor, target)) =
                    anchor.and_then(|a| Some((a, pick(self.graph.targets(relation, a), rng)?)))
                else {
                    continue;
                };
                // A pair of which one end must stay out teaches nothing.
                if !draw.fits(anchor) || !draw.fits(target) || self.duplicates.same(anchor, target) {
                    continue;
                }
                for item in [anchor, target] {
                    if draw.rows.items.len() == most {
                        return pairs;
                    }
                    draw.insert(item);
                }
                pairs.push(Pair { relation, anchor });
            }
        }
        pairs
    }

    pub(super) fn pairs_per_relation(&self, relations: usize) -> usize {
        let size = self.batch_items();
        let taken = SamplerConfig::rows(self.config.wrong_relation, size) + SamplerConfig::rows(self.config.hard, size);
        (size - taken).div_ceil(2 * relations.max(1))
    }

    /// Neighbours of the drawn anchors that are no answers under the relation they were drawn for.
    fn draw_wrong_relations(&self, pairs: &[Pair], wanted: usize, draw: &mut Draw<'_>, rng: &mut ChaCha8Rng) {
        let mut left = wanted;
        // An anchor may have few neighbours, or all of them under one relation: four rounds, then it is left at that.
        for pair in pairs.iter().cycle().take(4 * pairs.len().max(wanted)) {
            if left == 0 || draw.is_full() {
                return;
            }
            if let Some(item) = pick(self.graph.related_items(pair.anchor), rng)
                && !self.graph.contains(pair.relation, pair.anchor, item)
                && draw.insert(item)
            {
                left -= 1;
            }
        }
    }

    /// Other training items, drawn uniformly, until the batch is full or no item is left that fits.
    fn fill(&self, draw: &mut Draw<'_>, rng: &mut ChaCha8Rng) {
        let before = draw.rows.items.len();
        // Half full or more, a random item is too often one that the batch already has: list the rest instead. Likewise where
        // random items keep being duplicates.
        let mut misses = 0;
        while !draw.is_full() && 2 * draw.rows.items.len() < self.items.len() && misses < 64 + draw.size {
            if let Some(item) = pick(&self.items, rng)
                && !draw.insert(item)
                && draw.rows.get(item).is_none()
            {
                misses += 1;
            }
        }
        if !draw.is_full() {
            let mut rest: Vec<u32> =
                self.items.iter().copied().filter(|&item| draw.rows.get(item).is_none() && draw.fits(item)).collect();
            let wanted = draw.size - draw.rows.items.len();
            // Where duplicates are kept apart, some of those drawn may not fit beside each other.
            let wanted = if self.duplicates.is_empty() { wanted } else { rest.len() };
            let (chosen, _) = rest.partial_shuffle(rng, wanted);
            for &mut item in chosen {
                if draw.is_full() {
                    break;
                }
                draw.insert(item);
            }
        }
        draw.uniform = draw.rows.items.len() - before;
    }
}

pub(super) fn pick(from: &[u32], rng: &mut ChaCha8Rng) -> Option<u32> {
    // A u64 range, so that machines of every word size draw the same.
    if from.is_empty() { None } else { Some(from[rng.random_range(0..from.len() as u64) as usize]) }
}
