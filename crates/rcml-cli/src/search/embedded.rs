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
    /// Which queries, and which items of the dataset, the model reads anything of.
    pub(super) queries: Vec<bool>,
    pub(super) candidates: Vec<bool>,
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
        let mut embedded = Self {
            width: embedder.width(),
            relations: vec![Vectors::default(); relations.len()],
            queries: Vec::new(),
            candidates: Vec::new(),
        };
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
            // Before the work on all others.
            if let Some(at) = embedded.queries.iter().position(|present| !present) {
                let id = asking.get(at).and_then(|item| dataset.items.get(*item as usize)).map_or("", |item| &item.id);
                return Err(Failure::input(format!(
                    "--item {id}: it has none of what the model reads: {}",
                    read(embedder)
                )));
            }
        }
        let progress = Progress::new("embedding", items.len());
        for (number, chunk) in items.chunks(CHUNK).enumerate() {
            let encoded = embedder.encode(&reader, chunk, &|done| progress.set(number * CHUNK + done))?;
            if matches!(start, Start::Every) {
                embedded.ask(embedder, &reader, &encoded, relations)?;
            }
            for (number, ((_, target), vectors)) in relations.iter().zip(&mut embedded.relations).enumerate() {
                let found = embedder.candidates(&encoded, target)?;
                // An item has the same modalities under every relation.
                if number == 0 {
                    embedded.candidates.extend(&found.present);
                }
                vectors.candidates.extend(values(found)?);
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
        for (number, ((source, _), vectors)) in relations.iter().zip(&mut self.relations).enumerate() {
            let found = embedder.queries(reader, encoded, source)?;
            if number == 0 {
                self.queries.extend(&found.present);
            }
            vectors.queries.extend(values(found)?);
        }
        Ok(())
    }
}

/// Refuses an item of which the model reads nothing.
fn check(embedder: &Embedder, new: &Dataset) -> Result<()> {
    let modalities = &embedder.config().modalities;
    if new.items.iter().any(|item| modalities.iter().any(|modality| item.has(&modality.name))) {
        return Ok(());
    }
    Err(Failure::input(format!("the model reads {}: found neither in --text nor in --image", read(embedder))))
}

/// What the model reads, in words.
fn read(embedder: &Embedder) -> String {
    let names: Vec<&str> = embedder.config().modalities.iter().map(|modality| modality.name.as_str()).collect();
    names.join(", ")
}

fn values(embeddings: Embeddings) -> Result<Vec<f32>> {
    let values = embeddings.fused.try_into_vec_as::<f32>();
    values.map_err(|error| Failure::Runtime(format!("the device failed: {error:?}")))
}
