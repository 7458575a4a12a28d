//! Items that answer, as vectors.

use rcml_kernels::row_products;

use crate::encoded_items::EncodedItems;
use crate::{Embedder, Error, ReadRelation, Result};

/// Scores held at a time, which bounds memory whatever the number of queries.
const SCORES: usize = 1 << 24;

/// Some items as candidates under some relations, in the processor's memory.
#[derive(Debug, Clone)]
pub struct Candidates {
    /// The number of the first item; the others follow.
    pub first: u32,
    /// Per relation unit vectors, `[N, W]`, row-major; W is [`Embedder::width`].
    pub relations: Vec<Vec<f32>>,
    /// Which items the model reads anything of.
    pub present: Vec<bool>,
}

impl Candidates {
    /// Embeds items whose numbers follow each other.
    ///
    /// # Errors
    /// The device's.
    pub fn new(embedder: &Embedder, items: &EncodedItems, relations: &[ReadRelation]) -> Result<Self> {
        let first = items.items().first().copied().unwrap_or(0);
        let mut candidates = Self { first, relations: Vec::with_capacity(relations.len()), present: Vec::new() };
        for relation in relations {
            let found = embedder.candidates_under(items, relation)?;
            // An item has the same modalities under every relation.
            candidates.present = found.present;
            candidates.relations.push(found.fused.try_into_vec_as().map_err(Error::device)?);
        }
        Ok(candidates)
    }

    /// Scores of queries with all of the items under one of the relations, a block of queries at a time: `sink` gets the number of the
    /// block's first query, and `[queries, N]` scores: NaN for an item of which the model reads nothing.
    ///
    /// # Shapes
    /// - queries: `[Q, width]`, row-major unit vectors
    ///
    /// # Errors
    /// The sink's.
    pub fn score<E>(
        &self,
        relation: usize,
        queries: &[f32],
        width: usize,
        mut sink: impl FnMut(usize, &mut [f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let n = self.present.len().max(1);
        let block = (SCORES / n).max(1);
        let mut scores = Vec::new();
        for (number, queries) in queries.chunks(block * width).enumerate() {
            scores.resize(queries.len() / width * n, 0.0);
            row_products(queries, &self.relations[relation], width, &mut scores);
            for row in scores.chunks_mut(n) {
                let absent = row.iter_mut().zip(&self.present).filter(|(_, present)| !**present);
                absent.for_each(|(score, _)| *score = f32::NAN);
            }
            sink(number * block, &mut scores)?;
        }
        Ok(())
    }
}
