//! Rules on vectors that no relation conditions.

use std::collections::{BTreeSet, HashMap};

use crate::algebra::dot;
use crate::item_vectors::{Conditioning, ItemVectors};
use crate::{RelationRef, Result, Scorer, Side, View};

/// Training-free conditioning: cos(z_a, z_r) * cos(z_b, z_r), with z_r the relation's words as the same encoder reads them. The
/// two items must both be near the relation; whether they are near each other does not matter.
pub struct ProductScorer {
    base: Box<dyn Scorer>,
    relations: Vec<String>,
    words: Option<Option<ItemVectors>>,
    sides: HashMap<Side, ItemVectors>,
    items: Vec<u32>,
}

impl ProductScorer {
    /// The rule on the vectors of `base`; `relations` are the descriptions of the dataset's relations.
    pub fn new(base: Box<dyn Scorer>, relations: Vec<String>) -> Self {
        Self { base, relations, words: None, sides: HashMap::new(), items: Vec::new() }
    }

    /// The relation's cosine with each item, 0 for the generic relation, which has no words of its own.
    fn nearness(&mut self, relation: RelationRef, side: &Side, items: &[u32]) -> Result<Vec<f32>> {
        if self.words.is_none() {
            self.words = Some(self.base.text_vectors(&self.relations)?);
        }
        let known = self.sides.get(side).is_some_and(|vectors| items.iter().all(|item| vectors.knows(*item)));
        if !known {
            let mut all: Vec<u32> = self.items.iter().chain(items).copied().collect();
            all.sort_unstable();
            all.dedup();
            if let Some(vectors) = self.base.item_vectors(Conditioning::None, side, &all)? {
                self.sides.insert(side.clone(), vectors);
            }
        }
        let word = match (relation, &self.words) {
            (RelationRef::Index(index), Some(Some(words))) => words.get(index),
            _ => None,
        };
        let vectors = self.sides.get(side);
        let of = |item: &u32| match (vectors.and_then(|vectors| vectors.get(*item)), word) {
            (Some(vector), Some(word)) => dot(vector, word),
            _ => f32::NAN,
        };
        Ok(items.iter().map(of).collect())
    }
}

impl std::fmt::Debug for ProductScorer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProductScorer").field("base", &self.base.name()).finish_non_exhaustive()
    }
}

impl Scorer for ProductScorer {
    fn name(&self) -> &str {
        "frozen-product"
    }

    fn views(&self) -> Vec<View> {
        self.base.views()
    }

    fn prepare(&mut self, items: &[u32]) -> Result<()> {
        let known: BTreeSet<u32> = self.items.iter().copied().collect();
        self.items.extend(items.iter().filter(|item| !known.contains(item)));
        self.base.prepare(&self.items)
    }

    fn scores(&mut self, relation: RelationRef, view: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>> {
        let from = self.nearness(relation, &view.query, queries)?;
        let to = self.nearness(relation, &view.candidate, candidates)?;
        Ok(from.iter().flat_map(|a| to.iter().map(move |b| a * b)).collect())
    }

    fn pair_scores(&mut self, relation: RelationRef, view: &View, pairs: &[(u32, u32)]) -> Result<Vec<f32>> {
        let (queries, candidates): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
        let from = self.nearness(relation, &view.query, &queries)?;
        let to = self.nearness(relation, &view.candidate, &candidates)?;
        Ok(from.into_iter().zip(to).map(|(a, b)| a * b).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Item i lies at i degrees, relation r at 60 r degrees.
    struct Circle;

    fn at(degrees: f32) -> [f32; 2] {
        [degrees.to_radians().cos(), degrees.to_radians().sin()]
    }

    impl Scorer for Circle {
        fn name(&self) -> &str {
            "circle"
        }

        fn views(&self) -> Vec<View> {
            vec![View::avg()]
        }

        fn scores(&mut self, _: RelationRef, _: &View, _: &[u32], _: &[u32]) -> Result<Vec<f32>> {
            Ok(vec![])
        }

        fn item_vectors(&mut self, _: Conditioning, _: &Side, items: &[u32]) -> Result<Option<ItemVectors>> {
            let values = items.iter().flat_map(|i| at(*i as f32)).collect();
            Ok(Some(ItemVectors::new(items, 2, values, vec![true; items.len()])))
        }

        fn text_vectors(&mut self, texts: &[String]) -> Result<Option<ItemVectors>> {
            let values = (0..texts.len()).flat_map(|r| at(60.0 * r as f32)).collect();
            let numbers: Vec<u32> = (0..texts.len() as u32).collect();
            Ok(Some(ItemVectors::new(&numbers, 2, values, vec![true; texts.len()])))
        }
    }

    #[test]
    fn both_ends_are_near_the_relation() {
        let mut scorer = ProductScorer::new(Box::new(Circle), vec!["a".into(), "b".into()]);
        let found = scorer.scores(RelationRef::Index(1), &View::avg(), &[60, 0], &[60, 120]).unwrap();
        for (found, wanted) in found.iter().zip([1.0, 0.5, 0.5, 0.25]) {
            assert!((found - wanted).abs() < 1e-6, "{found} {wanted}");
        }
        let pairs = scorer.pair_scores(RelationRef::Index(0), &View::avg(), &[(0, 60), (90, 3)]).unwrap();
        assert!((pairs[0] - 0.5).abs() < 1e-6 && pairs[1].abs() < 1e-6, "{pairs:?}");
        assert!(scorer.scores(RelationRef::SameItem, &View::avg(), &[1], &[2]).unwrap()[0].is_nan());
    }
}
