//! Two methods together.

use crate::{RelationRef, Result, Scorer, View};

/// A weighted mean of the scores of two methods: beside [`TfIdfScorer`](crate::TfIdfScorer), what a search finds that also
/// counts the words that texts share (hybrid retrieval).
///
/// Views are those that both have. What the second has no score for, an item without text, counts as 0 in it; what the first
/// has none for has none.
pub struct BlendScorer {
    name: String,
    first: Box<dyn Scorer>,
    second: Box<dyn Scorer>,
    share: f32,
}

impl BlendScorer {
    /// `share`, from 0 to 1, is the weight of the second.
    pub fn new(first: Box<dyn Scorer>, second: Box<dyn Scorer>, share: f32) -> Self {
        Self { name: format!("{}+{}", first.name(), second.name()), first, second, share }
    }

    fn blend(&self, first: Vec<f32>, second: Vec<f32>) -> Vec<f32> {
        first.into_iter().zip(second).map(|(first, second)| blend(first, second, self.share)).collect()
    }
}

/// The weighted mean of a score and another, which counts as 0 where it is not a number.
pub fn blend(first: f32, second: f32, share: f32) -> f32 {
    (1.0 - share) * first + share * if second.is_nan() { 0.0 } else { second }
}

impl std::fmt::Debug for BlendScorer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlendScorer").field("name", &self.name).field("share", &self.share).finish_non_exhaustive()
    }
}

impl Scorer for BlendScorer {
    fn name(&self) -> &str {
        &self.name
    }

    fn views(&self) -> Vec<View> {
        let second = self.second.views();
        self.first.views().into_iter().filter(|view| second.contains(view)).collect()
    }

    fn prepare(&mut self, items: &[u32]) -> Result<()> {
        self.first.prepare(items)?;
        self.second.prepare(items)
    }

    fn expect(&mut self, relation: RelationRef, candidates: &[u32]) -> Result<()> {
        self.first.expect(relation, candidates)?;
        self.second.expect(relation, candidates)
    }

    fn scores(&mut self, relation: RelationRef, view: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>> {
        let first = self.first.scores(relation, view, queries, candidates)?;
        let second = self.second.scores(relation, view, queries, candidates)?;
        Ok(self.blend(first, second))
    }

    fn pair_scores(&mut self, relation: RelationRef, view: &View, pairs: &[(u32, u32)]) -> Result<Vec<f32>> {
        let first = self.first.pair_scores(relation, view, pairs)?;
        let second = self.second.pair_scores(relation, view, pairs)?;
        Ok(self.blend(first, second))
    }

    fn text_scores(
        &mut self,
        words: &str,
        view: &View,
        queries: &[u32],
        candidates: &[u32],
    ) -> Result<Option<Vec<f32>>> {
        let first = self.first.text_scores(words, view, queries, candidates)?;
        let second = self.second.text_scores(words, view, queries, candidates)?;
        Ok(first.zip(second).map(|(first, second)| self.blend(first, second)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    /// Scores are candidates' numbers times a factor; the last candidate has none.
    struct Times(&'static str, f32, Vec<View>);

    impl Scorer for Times {
        fn name(&self) -> &str {
            self.0
        }

        fn views(&self) -> Vec<View> {
            self.2.clone()
        }

        fn scores(&mut self, _: RelationRef, _: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>> {
            if queries.is_empty() {
                return Err(Error::input("no queries"));
            }
            let score = |candidate: &u32| if *candidate == 9 { f32::NAN } else { self.1 * *candidate as f32 };
            Ok(queries.iter().flat_map(|_| candidates.iter().map(score)).collect())
        }
    }

    #[test]
    fn scores_are_weighted_means() {
        let all = || Times("all", 1.0, vec![View::new("image", "image"), View::new("text", "text"), View::avg()]);
        let words = || Times("words", 10.0, vec![View::new("text", "text"), View::avg()]);
        let mut scorer = BlendScorer::new(Box::new(all()), Box::new(words()), 0.25);
        assert_eq!(scorer.name(), "all+words");
        assert_eq!(scorer.views(), [View::new("text", "text"), View::avg()]);
        let relation = RelationRef::Index(0);
        assert_eq!(scorer.scores(relation, &View::avg(), &[1], &[2, 4]).unwrap(), [6.5, 13.0]);
        assert_eq!(scorer.pair_scores(relation, &View::avg(), &[(1, 4), (1, 2)]).unwrap(), [13.0, 6.5]);
        assert!(scorer.scores(relation, &View::avg(), &[1], &[9]).unwrap()[0].is_nan(), "the first has no score");
        assert_eq!(blend(0.5, f32::NAN, 0.25), 0.375);
        assert!(scorer.scores(relation, &View::avg(), &[], &[1]).is_err());
        assert_eq!(scorer.text_scores("any", &View::avg(), &[1], &[2]).unwrap(), None, "neither reads words");
    }
}
