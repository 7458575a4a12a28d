//! Batches of a few relations with several pairs each.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{Error, Relation, RelationGraph, Result};

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
///
/// A step draws U relations without replacement, then for each about B / 2U pairs (the anchor uniformly among the
/// relation's anchors, the target uniformly among the anchor's targets). The items of the pairs make up the batch, and
/// other training items drawn uniformly fill it up to exactly B. What the batch then says about its rows comes from the
/// graph alone, not from how they were drawn, so that no positive is ever mistaken for a negative. A drawn relation
/// that has no pair left among the rows (the batch was full) is left out.
#[derive(Debug)]
pub struct RelationSampler {
    config: SamplerConfig,
    seed: u64,
    /// Training items, ascending.
    items: Vec<u32>,
    /// Relations with pairs, and (number of pairs)^power.
    weights: Vec<(u32, f64)>,
    /// Number of phrasings of every relation.
    phrasings: Vec<usize>,
    graph: RelationGraph,
}

impl RelationSampler {
    /// A sampler over the training items and the graph of training edges. Edges that leave the training items are
    /// never used.
    ///
    /// # Errors
    /// No items, an item that the graph does not know, a batch size of 0 or a power that is not a number of at least 0.
    /// A graph without edges is allowed: batches then have no relations.
    pub fn new(
        config: SamplerConfig,
        seed: u64,
        mut items: Vec<u32>,
        relations: &[Relation],
        graph: RelationGraph,
    ) -> Result<Self> {
        if config.items == 0 {
            return Err(Error::input("sampler.items is 0: a batch needs at least 1 item"));
        }
        if !(config.relation_power.is_finite() && config.relation_power >= 0.0) {
            let found = config.relation_power;
            return Err(Error::input(format!("sampler.relation_power is {found}: expected a number of at least 0")));
        }
        items.sort_unstable();
        items.dedup();
        let Some(&last) = items.last() else {
            return Err(Error::input("there are no training items to draw batches from"));
        };
        if last as usize >= graph.items() {
            let items = graph.items();
            return Err(Error::input(format!("training item {last} is not in the graph, which has {items} items")));
        }
        let mut trained = vec![false; graph.items()];
        items.iter().for_each(|&item| trained[item as usize] = true);
        let graph = graph.among(|item| trained[item as usize]);
        let pairs = (0..graph.relations() as u32).map(|r| (r, graph.pairs(r)));
        let weights = pairs.filter(|&(_, n)| n > 0).map(|(r, n)| (r, (n as f64).powf(config.relation_power))).collect();
        let phrasings = relations.iter().map(|r| r.descriptions.len().max(1)).collect();
        Ok(Self { config, seed, items, weights, phrasings, graph })
    }

    /// The batch of a step.
    pub fn batch(&self, step: u64) -> RelationBatch {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&step.to_le_bytes());
        seed[16..].copy_from_slice(b"relation sampler");
        let mut rng = ChaCha8Rng::from_seed(seed);

        let drawn = self.draw_relations(&mut rng);
        let rows = self.draw_items(&drawn, &mut rng);
        let related: Vec<Vec<u32>> = rows.items.iter().map(|&item| rows.of(self.graph.related_items(item))).collect();
        let mut relations: Vec<BatchRelation> = Vec::with_capacity(drawn.len());
        for relation in drawn {
            let phrasing = rng.random_range(0..self.phrasings.get(relation as usize).map_or(1, |&n| n as u32)) as usize;
            let mut entry = BatchRelation { relation, phrasing, ..BatchRelation::default() };
            for (row, &item) in rows.items.iter().enumerate() {
                // Most rows of a sparse graph are related to no other: they need no search.
                if related[row].is_empty() {
                    continue;
                }
                let positives = rows.among(self.graph.targets(relation, item), &related[row]);
                if !positives.is_empty() {
                    entry.anchors.push(row as u32);
                    entry.positives.push(positives);
                }
            }
            if !entry.anchors.is_empty() {
                relations.push(entry);
            }
        }
        RelationBatch { items: rows.items, relations, related }
    }

    /// Distinct items of every batch: `min(config.items, training items)`.
    pub fn batch_items(&self) -> usize {
        self.config.items.min(self.items.len())
    }

    /// The graph of training edges.
    pub fn graph(&self) -> &RelationGraph {
        &self.graph
    }

    /// U relations without replacement, by exponential races: the smallest of -ln(u) / weight win (Efraimidis and
    /// Spirakis 2006).
    fn draw_relations(&self, rng: &mut ChaCha8Rng) -> Vec<u32> {
        let mut race: Vec<(f64, u32)> =
            self.weights.iter().map(|&(r, weight)| (-(1.0 - rng.random::<f64>()).ln() / weight, r)).collect();
        let wanted = self.config.relations.min(race.len());
        let order = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if wanted > 0 && wanted < race.len() {
            race.select_nth_unstable_by(wanted - 1, order);
        }
        race.truncate(wanted);
        race.sort_unstable_by(order);
        race.into_iter().map(|(_, relation)| relation).collect()
    }

    fn draw_items(&self, relations: &[u32], rng: &mut ChaCha8Rng) -> RowMap {
        let size = self.batch_items();
        let mut rows = RowMap::new(size);
        let per_relation = size.div_ceil(2 * relations.len().max(1));
        // One pair of every relation before the second of any: a batch that fills up early cuts all of them alike.
        'full: for _ in 0..per_relation {
            for &relation in relations {
                let anchor = pick(self.graph.anchors(relation), rng);
                let Some(target) = anchor.and_then(|a| pick(self.graph.targets(relation, a), rng)) else { continue };
                for item in [anchor, Some(target)].into_iter().flatten() {
                    if rows.items.len() == size {
                        break 'full;
                    }
                    rows.insert(item);
                }
            }
        }
        // Half full or more, a random item is too often one that the batch already has: list the rest instead.
        while rows.items.len() < size && 2 * rows.items.len() < self.items.len() {
            if let Some(item) = pick(&self.items, rng) {
                rows.insert(item);
            }
        }
        if rows.items.len() < size {
            let mut rest: Vec<u32> = self.items.iter().copied().filter(|&item| rows.get(item).is_none()).collect();
            let (chosen, _) = rest.partial_shuffle(rng, size - rows.items.len());
            chosen.iter().for_each(|&item| rows.insert(item));
        }
        rows
    }
}

fn pick(from: &[u32], rng: &mut ChaCha8Rng) -> Option<u32> {
    // A u64 range, so that machines of every word size draw the same.
    if from.is_empty() { None } else { Some(from[rng.random_range(0..from.len() as u64) as usize]) }
}

/// Item -> row of a batch: open addressing over a table that fits the first-level cache, because a dense batch asks it
/// a million times.
struct RowMap {
    items: Vec<u32>,
    /// Row + 1 in each slot; 0 is free.
    slots: Vec<u32>,
    mask: usize,
}

impl RowMap {
    fn new(size: usize) -> Self {
        let slots = (2 * size).next_power_of_two();
        Self { items: Vec::with_capacity(size), slots: vec![0; slots], mask: slots - 1 }
    }

    fn slot(&self, item: u32) -> usize {
        let mut slot = (u64::from(item).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & self.mask;
        while self.slots[slot] != 0 && self.items[self.slots[slot] as usize - 1] != item {
            slot = (slot + 1) & self.mask;
        }
        slot
    }

    fn get(&self, item: u32) -> Option<u32> {
        self.slots[self.slot(item)].checked_sub(1)
    }

    /// Appends the item as a row unless it is there.
    fn insert(&mut self, item: u32) {
        let slot = self.slot(item);
        if self.slots[slot] == 0 {
            self.items.push(item);
            self.slots[slot] = self.items.len() as u32;
        }
    }

    /// The rows of those of `neighbours` (ascending) that are in the batch, ascending.
    fn of(&self, neighbours: &[u32]) -> Vec<u32> {
        let mut rows: Vec<u32> = if neighbours.len() <= self.items.len() * search_cost(neighbours) {
            neighbours.iter().filter_map(|&item| self.get(item)).collect()
        } else {
            let rows = self.items.iter().zip(0..);
            rows.filter(|(item, _)| neighbours.binary_search(item).is_ok()).map(|(_, row)| row).collect()
        };
        rows.sort_unstable();
        rows
    }

    /// The same, where it is known that the rows are among `candidates` (ascending).
    fn among(&self, neighbours: &[u32], candidates: &[u32]) -> Vec<u32> {
        if neighbours.is_empty() || candidates.is_empty() {
            Vec::new()
        } else if candidates.len() * search_cost(neighbours) < neighbours.len() {
            let in_batch = |row: &&u32| neighbours.binary_search(&self.items[**row as usize]).is_ok();
            candidates.iter().filter(in_batch).copied().collect()
        } else {
            self.of(neighbours)
        }
    }
}

/// Steps of a binary search.
fn search_cost(sorted: &[u32]) -> usize {
    sorted.len().checked_ilog2().unwrap_or(0) as usize + 1
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::Edge;

    fn relations(n: u32) -> Vec<Relation> {
        (0..n).map(|r| Relation::new(format!("r{r}"), "goes with").phrasing("fits").symmetric(r % 2 == 0)).collect()
    }

    fn sampler(config: SamplerConfig, items: u32, n: u32, edges: &[Edge]) -> RelationSampler {
        let relations = relations(n);
        let graph = RelationGraph::new(items as usize, &relations, edges);
        RelationSampler::new(config, 7, (0..items).collect(), &relations, graph).unwrap()
    }

    /// Everything that a batch promises, checked against the edges rather than the graph.
    fn assert_sound(batch: &RelationBatch, edges: &[Edge], size: usize, most_relations: usize) {
        assert_eq!(batch.items.len(), size);
        assert_eq!(batch.items.iter().collect::<HashSet<_>>().len(), size, "no item stands twice");
        assert!(batch.relations.len() <= most_relations);
        assert_eq!(batch.relations.iter().map(|r| r.relation).collect::<HashSet<_>>().len(), batch.relations.len());
        let holds: HashSet<(u32, u32, u32)> = edges
            .iter()
            .flat_map(|e| {
                let back = (e.relation % 2 == 0).then_some((e.relation, e.target, e.source));
                [Some((e.relation, e.source, e.target)), back].into_iter().flatten()
            })
            .collect();
        let linked: HashSet<(u32, u32)> = holds.iter().flat_map(|&(_, a, b)| [(a, b), (b, a)]).collect();
        let rows = |keep: &dyn Fn(u32) -> bool| -> Vec<u32> {
            (0..size as u32).filter(|&row| keep(batch.items[row as usize])).collect()
        };
        for (&item, related) in batch.items.iter().zip(&batch.related) {
            assert_eq!(related, &rows(&|other| other != item && linked.contains(&(item, other))));
        }
        for relation in &batch.relations {
            assert!(relation.phrasing < 2 && !relation.anchors.is_empty());
            let mut anchors = Vec::new();
            for row in 0..size as u32 {
                let item = batch.items[row as usize];
                let positives = rows(&|other| other != item && holds.contains(&(relation.relation, item, other)));
                if !positives.is_empty() {
                    assert!(positives.iter().all(|p| batch.related[row as usize].contains(p)));
                    assert_eq!(relation.positives.get(anchors.len()), Some(&positives));
                    anchors.push(row);
                }
            }
            assert_eq!(relation.anchors, anchors);
        }
    }

    proptest! {
        #[test]
        fn batches_keep_their_promises(
            items in 1u32..60, edges in prop::collection::vec((0u32..6, 0u32..60, 0u32..60), 0..300),
            size in 1usize..70, most in 0usize..8, power in 0.0f64..2.0, step in any::<u64>(),
        ) {
            let edges: Vec<Edge> = edges.into_iter().filter(|e| e.1 < items && e.2 < items && e.1 != e.2).map(|(r, s, t)| Edge::new(r, s, t)).collect();
            let sampler = sampler(SamplerConfig { items: size, relations: most, relation_power: power }, items, 6, &edges);
            let batch = sampler.batch(step);
            prop_assert_eq!(&batch, &sampler.batch(step));
            prop_assert_eq!(sampler.batch_items(), size.min(items as usize));
            assert_sound(&batch, &edges, sampler.batch_items(), most);
        }
    }

    #[test]
    fn every_step_differs_and_every_relation_of_the_draw_has_pairs() {
        let edges: Vec<Edge> = (0..1000).map(|i| Edge::new(i % 5, i, (i + 5) % 1000)).collect();
        let sampler = sampler(SamplerConfig { items: 64, relations: 4, relation_power: 0.5 }, 1000, 5, &edges);
        let batches: Vec<RelationBatch> = (0..50).map(|step| sampler.batch(step)).collect();
        assert_eq!(batches.iter().map(|b| &b.items).collect::<HashSet<_>>().len(), 50);
        assert!(batches.iter().all(|b| b.relations.len() == 4));
        // 64 / (2 * 4) = 8 pairs were drawn for each, of which a few may coincide.
        assert!(batches.iter().flat_map(|b| &b.relations).all(|r| r.anchors.len() >= 5));
        assert_eq!(batches.iter().flat_map(|b| &b.relations).map(|r| r.phrasing).collect::<HashSet<_>>().len(), 2);
    }

    #[test]
    fn relation_power_balances_relations() {
        // Relation 1 has 900 edges, relation 3 has 100.
        let edges: Vec<Edge> = (0..1000).map(|i| Edge::new(if i < 900 { 1 } else { 3 }, i, (i + 1) % 1000)).collect();
        for (power, expected) in [(0.0, 0.5), (0.5, 0.75), (1.0, 0.9)] {
            let config = SamplerConfig { items: 8, relations: 1, relation_power: power };
            let sampler = sampler(config, 1000, 4, &edges);
            let drawn = |step| sampler.draw_relations(&mut ChaCha8Rng::seed_from_u64(step))[0];
            let share = (0..4000).filter(|&step| drawn(step) == 1).count() as f64 / 4000.0;
            assert!((share - expected).abs() < 0.03, "power {power}: {share} of draws, expected {expected}");
        }
    }

    #[test]
    fn held_out_items_never_enter() {
        let relations = relations(2);
        let edges: Vec<Edge> = (0..40).map(|i| Edge::new(i % 2, i, (i + 1) % 40)).collect();
        let graph = RelationGraph::new(40, &relations, &edges);
        let config = SamplerConfig { items: 16, relations: 2, relation_power: 0.5 };
        let sampler = RelationSampler::new(config, 1, (0..20).collect(), &relations, graph).unwrap();
        assert!((0..100).all(|step| sampler.batch(step).items.iter().all(|&item| item < 20)));
    }

    #[test]
    fn refuses_what_cannot_be_drawn_from() {
        let make = |config, items: Vec<u32>| {
            RelationSampler::new(config, 0, items, &[], RelationGraph::new(3, &[], [])).map(|_| ())
        };
        let message = |result: Result<()>| result.unwrap_err().to_string();
        assert!(message(make(SamplerConfig::default(), vec![])).contains("no training items"));
        assert!(message(make(SamplerConfig::default(), vec![3])).contains("item 3"));
        assert!(message(make(SamplerConfig { items: 0, ..Default::default() }, vec![0])).contains("sampler.items"));
        let power = SamplerConfig { relation_power: f64::NAN, ..Default::default() };
        assert!(message(make(power, vec![0])).contains("relation_power"));
        assert!(make(SamplerConfig::default(), vec![0, 2]).is_ok());
    }

    #[test]
    #[ignore = "a measurement: cargo test --release -p rcml-data -- --ignored --nocapture batches_per_second"]
    fn batches_per_second() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut end = || rng.random_range(0..100_000u32);
        let edges: Vec<Edge> = (0..1_000_000).map(|i| Edge::new(i % 50, end(), end())).collect();
        let start = std::time::Instant::now();
        let sampler = sampler(SamplerConfig { items: 512, relations: 16, relation_power: 0.5 }, 100_000, 50, &edges);
        let built = start.elapsed();
        let start = std::time::Instant::now();
        let rows: usize = (0..200).map(|step| sampler.batch(step).items.len()).sum();
        println!("graph of 1M edges in {built:?}; {:?} per batch of {} items", start.elapsed() / 200, rows / 200);
    }
}
