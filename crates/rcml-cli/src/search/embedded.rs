//! Queries and candidates as vectors, under each relation.

use rcml_data::Dataset;
use rcml_model::{Embedder, Embeddings, EncodedItems, ItemReader, RelationQuery};

use super::start::Start;
use crate::failure::{Failure, Result};
use crate::progress::Progress;
use crate::run::read_items;

/// Items encoded at a time: bounds the memory of their tokens, whatever the size of the dataset.
const CHUNK: usize = 4096;

/// Unit vectors of all queries and of all items of a dataset. Memory: one vector each for every relation.
#[derive(Debug)]
pub(super) struct Embedded {
    pub(super) width: usize,
    pub(super) relations: Vec<Vectors>,
}

/// Unit vectors under one relation, row-major.
#[derive(Debug, Clone, Default)]
pub(super) struct Vectors {
    pub(super) queries: Vec<f32>,
    pub(super) candidates: Vec<f32>,
}

impl Embedded {
    /// Encodes every item once, and embeds it under all `relations` (query's end, candidate's end).
    pub(super) fn new(
        embedder: &Embedder,
        dataset: &Dataset,
        start: &Start,
        relations: &[(RelationQuery, RelationQuery)],
    ) -> Result<Self> {
        let mut embedded = Self { width: embedder.width(), relations: vec![Vectors::default(); relations.len()] };
        if let Start::New(new) = start {
            check(embedder, new)?;
            let reader = read_items(embedder, new, &[0])?;
            if !reader.image_problems().is_empty() {
                return Err(Failure::input("--image: expected a picture that can be read"));
            }
            embedded.ask(embedder, &reader, &embedder.encode(&reader, &[0], &|_| {})?, relations)?;
        }
        let items: Vec<u32> = (0..dataset.items.len() as u32).collect();
        let reader = read_items(embedder, dataset, &items)?;
        if let Start::Items(asking) = start {
            for chunk in asking.chunks(CHUNK) {
                embedded.ask(embedder, &reader, &embedder.encode(&reader, chunk, &|_| {})?, relations)?;
            }
        }
        let progress = Progress::new("embedding", items.len());
        for (number, chunk) in items.chunks(CHUNK).enumerate() {
            let encoded = embedder.encode(&reader, chunk, &|done| progress.set(number * CHUNK + done))?;
            if matches!(start, Start::Every) {
                embedded.ask(embedder, &reader, &encoded, relations)?;
            }
            for ((_, target), vectors) in relations.iter().zip(&mut embedded.relations) {
                vectors.candidates.extend(values(embedder.candidates(&encoded, target)?)?);
            }
        }
        progress.finish();
        Ok(embedded)
    }

    fn ask(
        &mut self,
        embedder: &Embedder,
        reader: &ItemReader,
        encoded: &EncodedItems,
        relations: &[(RelationQuery, RelationQuery)],
    ) -> Result<()> {
        for ((source, _), vectors) in relations.iter().zip(&mut self.relations) {
            vectors.queries.extend(values(embedder.queries(reader, encoded, source)?)?);
        }
        Ok(())
    }
}

/// Refuses an item of which the model reads nothing.
fn check(embedder: &Embedder, new: &Dataset) -> Result<()> {
    let read: Vec<&str> = embedder.config().modalities.iter().map(|modality| modality.name.as_str()).collect();
    if new.items.iter().any(|item| read.iter().any(|name| item.has(name))) {
        return Ok(());
    }
    Err(Failure::input(format!("the model reads {}: found neither in --text nor in --image", read.join(", "))))
}

fn values(embeddings: Embeddings) -> Result<Vec<f32>> {
    let values = embeddings.fused.try_into_vec_as::<f32>();
    values.map_err(|error| Failure::Runtime(format!("the device failed: {error:?}")))
}
