//! Anything that can say how well a candidate answers a query under a relation.

use std::collections::HashMap;

use crate::error::ErrorKind;
use crate::item_vectors::{Conditioning, ItemVectors};
use crate::{Result, Side, View};

/// The relation that a score is conditioned on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RelationRef {
    /// A relation of the dataset, by index.
    Index(u32),
    /// The generic relation "both views show the same item", for retrieval across modalities.
    SameItem,
}

/// A method under evaluation: a trained model, or something that needs no training. Tasks call it relation by
/// relation, so that an implementation may keep what it computed for the relation of the last call.
///
/// A score is only compared with scores of the same query (or, in [`crate::Task::Type`], of the same pair); larger is
/// better. NaN means "cannot be scored": a query whose scores are all NaN is left out of that view and counted, a
/// single candidate without a score ranks last.
pub trait Scorer {
    /// Name in tables.
    fn name(&self) -> &str;

    /// Views that this scorer can tell apart. A text-only method names TT and AVG: its fused embedding is the text's.
    fn views(&self) -> Vec<View>;

    /// Announces every item (dataset indices, each once) that a task will ask for, so that a model can encode them all
    /// at once. Items that are asked for together stand together.
    ///
    /// # Errors
    /// The scorer's own.
    fn prepare(&mut self, _items: &[u32]) -> Result<()> {
        Ok(())
    }

    /// Announces the candidates that a task will ask for under a relation, before any other question under it, so that a model can
    /// embed them all at once.
    ///
    /// # Errors
    /// The scorer's own.
    fn expect(&mut self, _relation: RelationRef, _candidates: &[u32]) -> Result<()> {
        Ok(())
    }

    /// Scores of all candidates for all queries (dataset indices). The query is the source end of a directed relation. A score does
    /// not depend, to the last bit, on what else the call asks for: a corpus is asked for in parts, its right answers beforehand.
    ///
    /// # Shapes
    /// `[queries, candidates]`, row-major.
    ///
    /// # Errors
    /// The scorer's own.
    fn scores(&mut self, relation: RelationRef, view: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>>;

    /// Scores of (query, candidate) pairs, one per pair.
    ///
    /// # Errors
    /// The scorer's own.
    fn pair_scores(&mut self, relation: RelationRef, view: &View, pairs: &[(u32, u32)]) -> Result<Vec<f32>> {
        // Runs of one query become one call; pairs arrive sorted by query from every task of this crate.
        let mut out = Vec::with_capacity(pairs.len());
        for run in pairs.chunk_by(|a, b| a.0 == b.0) {
            let mut columns = HashMap::new();
            let mut candidates = Vec::new();
            for &(_, candidate) in run {
                columns.entry(candidate).or_insert_with(|| {
                    candidates.push(candidate);
                    candidates.len() - 1
                });
            }
            let scores = checked_scores(self, relation, view, &[run[0].0], &candidates)?;
            out.extend(run.iter().map(|(_, candidate)| scores[columns[candidate]]));
        }
        Ok(out)
    }

    /// Scores of all candidates for all queries under free text, which need be no relation of the dataset; `None` for a method that
    /// reads no words.
    ///
    /// # Shapes
    /// As of [`Scorer::scores`].
    ///
    /// # Errors
    /// The scorer's own.
    fn text_scores(
        &mut self,
        _words: &str,
        _view: &View,
        _queries: &[u32],
        _candidates: &[u32],
    ) -> Result<Option<Vec<f32>>> {
        Ok(None)
    }

    /// Unit vectors of items, for probes and for the geometry of the embedding; `None` for a method that has none.
    ///
    /// # Errors
    /// The scorer's own.
    fn item_vectors(&mut self, _: Conditioning, _: &Side, _items: &[u32]) -> Result<Option<ItemVectors>> {
        Ok(None)
    }

    /// The vector that a relation conditions with; `None` for a method that has none.
    ///
    /// # Errors
    /// The scorer's own.
    fn relation_vector(&mut self, _: RelationRef) -> Result<Option<Vec<f32>>> {
        Ok(None)
    }

    /// Unit vectors of texts, comparable with those of items under [`Conditioning::None`]; text i stands in place of item i.
    /// `None` for a method that cannot read.
    ///
    /// # Errors
    /// The scorer's own.
    fn text_vectors(&mut self, _texts: &[String]) -> Result<Option<ItemVectors>> {
        Ok(None)
    }
}

/// [`Scorer::scores`], with the length of the answer checked: a scorer is foreign code.
pub(crate) fn checked_scores<S: Scorer + ?Sized>(
    scorer: &mut S,
    relation: RelationRef,
    view: &View,
    queries: &[u32],
    candidates: &[u32],
) -> Result<Vec<f32>> {
    let scores = scorer.scores(relation, view, queries, candidates)?;
    check_length(scorer, view, &scores, queries.len(), candidates.len())?;
    Ok(scores)
}

/// [`Scorer::pair_scores`], with the length of the answer checked.
pub(crate) fn checked_pair_scores<S: Scorer + ?Sized>(
    scorer: &mut S,
    relation: RelationRef,
    view: &View,
    pairs: &[(u32, u32)],
) -> Result<Vec<f32>> {
    let scores = scorer.pair_scores(relation, view, pairs)?;
    check_length(scorer, view, &scores, pairs.len(), 1)?;
    Ok(scores)
}

/// That a scorer gave one score for each query and candidate.
pub(crate) fn check_length<S: Scorer + ?Sized>(
    scorer: &S,
    view: &View,
    scores: &[f32],
    queries: usize,
    candidates: usize,
) -> Result<()> {
    let expected = queries * candidates;
    if scores.len() == expected {
        return Ok(());
    }
    let (scorer, view) = (scorer.name().to_string(), view.label());
    Err(ErrorKind::Shape { scorer, view, found: scores.len(), expected, queries, candidates }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken;

    impl Scorer for Broken {
        fn name(&self) -> &str {
            "broken"
        }

        fn views(&self) -> Vec<View> {
            vec![View::avg()]
        }

        fn scores(&mut self, _: RelationRef, _: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>> {
            Ok(vec![0.0; (queries.len() * candidates.len()).min(3)])
        }
    }

    #[test]
    fn a_scorer_that_returns_too_little_is_an_error_not_a_panic() {
        let error = checked_scores(&mut Broken, RelationRef::Index(0), &View::avg(), &[0, 1], &[2, 3]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("broken") && text.contains("returned 3 scores, expected 4"), "{text}");
        let error = Broken.pair_scores(RelationRef::SameItem, &View::avg(), &[(0, 1), (0, 2), (0, 3), (0, 4)]);
        assert!(error.is_err());
    }
}
