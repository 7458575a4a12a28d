//! A scorer that is a function.

use std::fmt;

use crate::{RelationRef, Result, Scorer, View};

type Score = Box<dyn Fn(RelationRef, u32, u32) -> f32 + Send + Sync>;

/// Scores from a function of (relation, query, candidate): over planted truth it gives the best possible result.
pub struct OracleScorer {
    name: String,
    views: Vec<View>,
    score: Score,
}

impl OracleScorer {
    /// A scorer from a function, which answers all views alike.
    pub fn new(
        name: impl Into<String>,
        views: Vec<View>,
        score: impl Fn(RelationRef, u32, u32) -> f32 + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), views, score: Box::new(score) }
    }
}

impl fmt::Debug for OracleScorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OracleScorer").field("name", &self.name).field("views", &self.views).finish_non_exhaustive()
    }
}

impl Scorer for OracleScorer {
    fn name(&self) -> &str {
        &self.name
    }

    fn views(&self) -> Vec<View> {
        self.views.clone()
    }

    fn scores(&mut self, relation: RelationRef, _: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>> {
        super::table(queries, candidates, |query, candidate| (self.score)(relation, query, candidate))
    }

    fn pair_scores(&mut self, relation: RelationRef, _: &View, pairs: &[(u32, u32)]) -> Result<Vec<f32>> {
        Ok(pairs.iter().map(|&(query, candidate)| (self.score)(relation, query, candidate)).collect())
    }
}
