//! Batches of a few relations with several pairs each.

mod batch;
mod config;
mod draw;
mod embeddings;
mod frequency;
mod rows;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub use self::batch::{BatchRelation, RelationBatch};
pub use self::config::SamplerConfig;
pub use self::embeddings::Embeddings;
use self::frequency::{Frequency, chances};
use crate::{Dataset, Duplicates, Error, Relation, RelationGraph, Result};

/// Draws batches as a pure function of (seed, step), so that a resumed run continues exactly.
///
/// A step draws U relations without replacement, then for each about B / 2U pairs (the anchor uniformly among the
/// relation's anchors, the target uniformly among the anchor's targets). The items of the pairs make up the batch, with
/// the negatives that the configuration asks for, and other training items drawn uniformly fill it up to exactly B. What
/// the batch then says about its rows comes from the graph alone, not from how they were drawn, so that no positive is
/// ever mistaken for a negative. A drawn relation that has no pair left among the rows (the batch was full) is left out.
///
/// Where duplicates are kept apart, a batch has fewer rows than B once no item is left that is not a duplicate of one of
/// them.
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
    duplicates: Duplicates,
    embeddings: Option<Embeddings>,
    /// Where popularity is corrected for.
    frequency: Option<Frequency>,
}

impl RelationSampler {
    /// A sampler over the training items and the graph of training edges. Edges that leave the training items are
    /// never used.
    ///
    /// # Errors
    /// No items, an item that the graph does not know, a configuration with impossible values. A graph without edges is
    /// allowed: batches then have no relations. Hard negatives are only drawn where there are embeddings to find them by:
    /// see [`for_dataset`](Self::for_dataset) and [`with_embeddings`](Self::with_embeddings).
    pub fn new(
        config: SamplerConfig,
        seed: u64,
        items: Vec<u32>,
        relations: &[Relation],
        graph: RelationGraph,
    ) -> Result<Self> {
        // Embeddings may still be given.
        SamplerConfig { hard: 0.0, ..config.clone() }.validate()?;
        Self::checked(config, seed, items, relations, graph)
    }

    /// A sampler that reads what else its configuration asks for: the dataset's duplicates, and the embeddings that hard
    /// negatives are found by.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), [`Duplicates::read`] and [`Embeddings::open`].
    pub fn for_dataset(
        config: SamplerConfig,
        seed: u64,
        items: Vec<u32>,
        dataset: &Dataset,
        graph: RelationGraph,
    ) -> Result<Self> {
        config.validate()?;
        let duplicates = if config.duplicates_apart { Duplicates::read(dataset)? } else { Duplicates::default() };
        let embeddings =
            if config.hard > 0.0 { Some(Embeddings::open(&config.hard_embeddings, dataset)?) } else { None };
        let sampler = Self::new(config, seed, items, &dataset.relations, graph)?.with_duplicates(duplicates);
        Ok(Self { embeddings, ..sampler })
    }

    fn checked(
        config: SamplerConfig,
        seed: u64,
        mut items: Vec<u32>,
        relations: &[Relation],
        graph: RelationGraph,
    ) -> Result<Self> {
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
        let power = config.relation_power;
        let weights = pairs.filter(|&(_, n)| n > 0).map(|(r, n)| (r, (n as f64).powf(power))).collect();
        let phrasings = relations.iter().map(|r| r.descriptions.len().max(1)).collect();
        let mut sampler = Self {
            config,
            seed,
            items,
            weights,
            phrasings,
            graph,
            duplicates: Duplicates::default(),
            embeddings: None,
            frequency: None,
        };
        if sampler.config.popularity_correction > 0.0 {
            let chances = chances(&sampler.weights, sampler.config.relations);
            let pairs = sampler.pairs_per_relation(chances.len().min(sampler.config.relations));
            sampler.frequency = Some(Frequency::new(&sampler.graph, &chances, pairs));
        }
        Ok(sampler)
    }

    /// Keeps these items apart. The configuration's `duplicates_apart` is not asked.
    pub fn with_duplicates(self, duplicates: Duplicates) -> Self {
        Self { duplicates, ..self }
    }

    /// Finds hard negatives by these embeddings, the share `hard` of the configuration.
    ///
    /// # Errors
    /// Embeddings of another number of items than the graph has.
    pub fn with_embeddings(self, embeddings: Embeddings) -> Result<Self> {
        let (found, expected) = (embeddings.len(), self.graph.items());
        if found != expected {
            return Err(Error::input(format!("there are embeddings of {found} items, expected {expected}")));
        }
        Ok(Self { embeddings: Some(embeddings), ..self })
    }

    /// The batch of a step.
    pub fn batch(&self, step: u64) -> RelationBatch {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&step.to_le_bytes());
        seed[16..].copy_from_slice(b"relation sampler");
        let mut rng = ChaCha8Rng::from_seed(seed);

        let drawn = self.draw_relations(&mut rng);
        let draw = self.draw_items(&drawn, &mut rng);
        let rows = &draw.rows;
        let related = self.graph.related_items_many(rows.items.iter().copied());
        let related: Vec<Vec<u32>> = related.map(|neighbours| rows.of(neighbours)).collect();
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
        let uniform = draw.uniform as f64 / self.items.len() as f64;
        let correction = |frequency: &Frequency| {
            let of = |&item| self.config.popularity_correction as f32 * frequency.log_chance(item, uniform);
            rows.items.iter().map(of).collect()
        };
        let logit_correction = self.frequency.as_ref().map(correction).unwrap_or_default();
        RelationBatch { items: draw.rows.items, relations, related, logit_correction }
    }

    /// Distinct items of a batch at most: `min(config.items, training items)`. Only duplicates that are kept apart make a
    /// batch smaller.
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
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_negatives;
