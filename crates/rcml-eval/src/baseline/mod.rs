//! Methods that need no training of a model, so that every number of a trained model has something beside it.

mod blend;
mod chance;
mod frozen;
mod knowledge_graph;
mod linear_map;
mod oracle;
mod popularity;
mod tfidf;

pub use blend::{BlendScorer, blend};
pub use chance::ChanceScorer;
pub use frozen::ProductScorer;
pub use knowledge_graph::{KnowledgeGraph, KnowledgeGraphScorer};
pub use linear_map::LinearMapScorer;
pub use oracle::OracleScorer;
pub use popularity::PopularityScorer;
pub use tfidf::{TfIdfQuery, TfIdfScorer};

use crate::Result;

/// `[queries, candidates]` scores from a function of one pair.
fn table(queries: &[u32], candidates: &[u32], score: impl Fn(u32, u32) -> f32) -> Result<Vec<f32>> {
    Ok(queries.iter().flat_map(|&q| candidates.iter().map(move |&c| (q, c))).map(|(q, c)| score(q, c)).collect())
}
