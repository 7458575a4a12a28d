//! Queries as vectors, under each relation.

use rcml_data::Dataset;
use rcml_model::{Embedder, Embeddings, EncodedItems, RelationQuery};

use crate::failure::{Failure, Result};

/// The items that ask, as unit vectors under every relation.
#[derive(Debug)]
pub(super) struct Questions {
    /// Their numbers.
    pub(super) items: Vec<u32>,
    /// Per relation `[queries, width]`, row-major.
    pub(super) relations: Vec<Vec<f32>>,
    /// Which queries the model reads anything of.
    pub(super) present: Vec<bool>,
}

impl Questions {
    pub(super) fn new(relations: usize) -> Self {
        Self { items: Vec::new(), relations: vec![Vec::new(); relations], present: Vec::new() }
    }

    pub(super) fn ask(&mut self, embedder: &Embedder, encoded: &EncodedItems, sources: &[RelationQuery]) -> Result<()> {
        for (number, (source, vectors)) in sources.iter().zip(&mut self.relations).enumerate() {
            let found = embedder.queries(encoded, source)?;
            // An item has the same modalities under every relation.
            if number == 0 {
                self.present.extend(&found.present);
            }
            vectors.extend(values(found)?);
        }
        Ok(())
    }
}

/// Refuses an item of which the model reads nothing.
pub(super) fn check(embedder: &Embedder, new: &Dataset) -> Result<()> {
    let modalities = &embedder.config().modalities;
    if new.items.iter().any(|item| modalities.iter().any(|modality| item.has(&modality.name))) {
        return Ok(());
    }
    Err(Failure::input(format!("the model reads {}: found neither in --text nor in --image", read(embedder))))
}

/// What the model reads, in words.
pub(super) fn read(embedder: &Embedder) -> String {
    let names: Vec<&str> = embedder.config().modalities.iter().map(|modality| modality.name.as_str()).collect();
    names.join(", ")
}

fn values(embeddings: Embeddings) -> Result<Vec<f32>> {
    let values = embeddings.fused.try_into_vec_as::<f32>();
    values.map_err(|error| Failure::Runtime(format!("the device failed: {error:?}")))
}
