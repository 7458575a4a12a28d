//! Relations from what is known about items: their attributes, a taxonomy, how alike they look, what stands in one basket,
//! statements of a knowledge graph; and several such sources as one graph.
//!
//! Every builder takes a dataset, adds relations to those that it has, and writes the whole to a folder: what one wrote, the
//! next one can take.

mod attributes;
mod baskets;
mod carry;
mod compose;
mod draft;
mod neighbours;
mod prune;
mod ring;
mod taxonomy;
mod triples;
mod words;

pub use attributes::{AttributeOptions, AttributeRule, add_attributes};
pub use baskets::{BasketOptions, BasketReport, add_baskets};
pub use compose::{ComposeOptions, Composed, compose};
pub use neighbours::{NeighbourOptions, add_neighbours};
pub use prune::{PruneOptions, Pruned};
pub use taxonomy::{TaxonomyOptions, TaxonomySource, add_taxonomy};
pub use triples::{TripleOptions, TripleReport, add_triples, read_phrasings};

pub(crate) use draft::Draft;

use std::collections::BTreeMap;
use std::path::Path;

use crate::{Dataset, Error, Result};

/// What a builder added.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Added {
    /// Id and number of edges of each new relation.
    pub relations: Vec<(String, usize)>,
    /// What was left out, in words.
    pub notes: Vec<String>,
    /// What pruning took away.
    pub pruned: Pruned,
}

impl Added {
    /// Itself, unless nothing was added: whoever asks for relations does not mean none.
    ///
    /// # Errors
    /// No relation, with all that was left out.
    fn or_nothing(self, prune: &PruneOptions) -> Result<Self> {
        if !self.relations.is_empty() {
            return Ok(self);
        }
        let (mut why, dropped) = (self.notes, self.pruned.relations);
        // A relation without any edge is not for this limit to save.
        if dropped > 0 && prune.support > 1 {
            why.push(format!("{dropped} relations have fewer than {} edges (--min-edges)", prune.support));
        }
        let why = if why.is_empty() { "no two items are alike".to_owned() } else { why.join("; ") };
        Err(Error::input(format!("no relation is left: {why}")))
    }
}

impl std::fmt::Display for Added {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (relation, edges) in &self.relations {
            writeln!(f, "  {relation:<40} {edges:>9} edges")?;
        }
        if self.relations.is_empty() {
            writeln!(f, "  no relation")?;
        }
        for note in &self.notes {
            writeln!(f, "  {note}")?;
        }
        write!(f, "{}", self.pruned)
    }
}

/// Writes a dataset into `out`: the tables, with the pictures and arrays that they point at brought from where it was read.
///
/// # Errors
/// The file system's, and an `out` that holds the tables in another format.
pub fn write_dataset(dataset: &mut Dataset, out: &Path) -> Result<()> {
    carry::files(dataset, &BTreeMap::new(), out)?;
    crate::Duplicates::carry(dataset, std::slice::from_ref(&dataset.root), out)?;
    dataset.write(out)?;
    dataset.root = out.to_path_buf();
    Ok(())
}
