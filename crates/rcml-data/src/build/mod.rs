//! Builders of datasets in the neutral format.

mod amazon;
mod download;
#[cfg(feature = "emoji")]
mod emoji;
mod goodreads;
mod interactions;
mod item_split;
mod markup;
mod pictures;
mod structure;
mod synthetic;
mod table;

pub use amazon::{AmazonImages, AmazonOptions, AmazonRelease, build_amazon, paper_protocol};
#[cfg(feature = "emoji")]
pub use emoji::{EmojiOptions, build_emoji};
pub use goodreads::{GoodreadsOptions, build_goodreads};
pub use interactions::{
    CatalogueOptions, CategoryKind, CategoryShare, ClusterCount, ClusterProfile, ClusterReport, Correction, Describer,
    EdgeOptions, EdgeWeight, Endpoint, Histogram, InteractionOptions, InteractionReport, LogCounts, LogOptions, Signal,
    Verdict, build_interactions,
};
pub use item_split::ItemSplit;
pub use structure::{
    Added, AttributeOptions, AttributeRule, BasketOptions, BasketReport, ComposeOptions, Composed, NeighbourOptions,
    PruneOptions, Pruned, TaxonomyOptions, TaxonomySource, TripleOptions, TripleReport, add_attributes, add_baskets,
    add_neighbours, add_taxonomy, add_triples, compose, read_phrasings, write_dataset,
};
pub use synthetic::{Factors, PlantedTruth, SyntheticCounts, SyntheticOptions, build_synthetic, planted_truth};
pub use table::read_moment;
