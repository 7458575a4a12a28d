//! TF-IDF on texts: the conventional method without learning.

use std::collections::HashMap;

use rayon::prelude::*;
use rcml_data::Dataset;

use crate::{RelationRef, Result, Scorer, View};

/// What the query text of [`TfIdfScorer`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TfIdfQuery {
    /// The item's text alone: `tf-idf-item`, blind to the relation.
    Item,
    /// The item's text and the relation's: `tf-idf`.
    ItemAndRelation,
    /// The relation's text alone: `relation-text`, blind to the item. What it scores is what words that stand both in the
    /// relation and in its answers give away.
    Relation,
}

/// Cosine of TF-IDF vectors of the query text and the candidate's text.
///
/// Terms are [words](rcml_data::words) and pairs of neighbouring words. A term that stands n times in a text weighs
/// (1 + ln n) * (1 + ln((1 + N) / (1 + df))), with df out of the N training texts; a term that training does not know has
/// df = 0, so a rare word that query and candidate share still counts. Views TT and AVG, which are the same: this method
/// has no other modality. A candidate without text gets NaN, and so does an item without text as a query.
#[derive(Debug, Clone)]
pub struct TfIdfScorer {
    query: TfIdfQuery,
    vocabulary: HashMap<String, u32>,
    idf: Vec<f32>,
    unknown_idf: f32,
    /// Per item: term and weight, terms ascending, unit length; `None` without text.
    vectors: Vec<Option<Vec<(u32, f32)>>>,
    texts: Vec<Option<String>>,
    relations: Vec<String>,
}

impl TfIdfScorer {
    /// Counts terms in the texts of `training` items and prepares the vectors of all items.
    pub fn new(dataset: &Dataset, training: &[u32], query: TfIdfQuery) -> Self {
        let texts: Vec<Option<String>> = dataset.items.iter().map(|item| item.text.clone()).collect();
        let counts: Vec<Option<HashMap<String, u32>>> =
            texts.par_iter().map(|text| text.as_deref().map(|text| counts_of(&terms(text)))).collect();
        let mut vocabulary: HashMap<String, u32> = HashMap::new();
        let mut sorted: Vec<&String> = counts.iter().flatten().flat_map(HashMap::keys).collect();
        sorted.sort_unstable();
        sorted.dedup();
        for (id, term) in sorted.into_iter().enumerate() {
            vocabulary.insert(term.clone(), id as u32);
        }
        let (mut frequency, mut documents) = (vec![0_u32; vocabulary.len()], 0_u32);
        for counted in training.iter().filter_map(|i| counts.get(*i as usize)).flatten() {
            documents += 1;
            counted.keys().filter_map(|term| vocabulary.get(term)).for_each(|id| frequency[*id as usize] += 1);
        }
        let weight = |df: u32| 1.0 + ((1.0 + documents as f32) / (1.0 + df as f32)).ln();
        let idf: Vec<f32> = frequency.into_iter().map(weight).collect();
        let mut scorer = Self {
            query,
            idf,
            unknown_idf: weight(0),
            vocabulary,
            vectors: Vec::new(),
            texts,
            relations: dataset.relations.iter().map(|r| r.description().to_string()).collect(),
        };
        scorer.vectors = counts.par_iter().map(|c| c.as_ref().map(|counts| scorer.vector(counts))).collect();
        scorer
    }

    /// Unit vector over the vocabulary; terms outside it count towards the length only.
    fn vector(&self, counts: &HashMap<String, u32>) -> Vec<(u32, f32)> {
        let mut vector = Vec::with_capacity(counts.len());
        let mut outside: Vec<f32> = Vec::new();
        for (term, count) in counts {
            let tf = 1.0 + (*count as f32).ln();
            match self.vocabulary.get(term) {
                Some(&id) => vector.push((id, tf * self.idf.get(id as usize).copied().unwrap_or(self.unknown_idf))),
                None => outside.push(tf * self.unknown_idf),
            }
        }
        // Sums in a fixed order: a hash map's own order differs from run to run, and so would the last bit.
        vector.sort_unstable_by_key(|(id, _)| *id);
        outside.sort_unstable_by(f32::total_cmp);
        let squares = vector.iter().map(|(_, w)| w * w).chain(outside.iter().map(|w| w * w));
        let length = squares.sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        vector.iter_mut().for_each(|(_, w)| *w /= length);
        vector
    }

    fn words(&self, relation: RelationRef) -> &str {
        match relation {
            RelationRef::Index(index) => self.relations.get(index as usize).map_or("", String::as_str),
            RelationRef::SameItem => "",
        }
    }

    fn query_vector(&self, relation: &str, query: u32) -> Option<Vec<(u32, f32)>> {
        let item = self.texts.get(query as usize).and_then(Option::as_deref);
        let counted = match self.query {
            TfIdfQuery::Item => counts_of(&terms(item?)),
            TfIdfQuery::Relation => counts_of(&terms(relation)),
            // No pair of words reaches from one text into the other.
            TfIdfQuery::ItemAndRelation => {
                let mut all = terms(item?);
                all.extend(terms(relation));
                counts_of(&all)
            }
        };
        Some(self.vector(&counted))
    }

    fn scores_under(&self, words: &str, queries: &[u32], candidates: &[u32]) -> Vec<f32> {
        let row = |&query: &u32| match self.query_vector(words, query) {
            Some(vector) => candidates.iter().map(|&c| self.score(&vector, c)).collect(),
            None => vec![f32::NAN; candidates.len()],
        };
        let rows: Vec<Vec<f32>> = queries.par_iter().map(row).collect();
        rows.into_iter().flatten().collect()
    }

    fn score(&self, query: &[(u32, f32)], candidate: u32) -> f32 {
        match self.vectors.get(candidate as usize) {
            Some(Some(vector)) => dot(query, vector),
            _ => f32::NAN,
        }
    }
}

impl Scorer for TfIdfScorer {
    fn name(&self) -> &str {
        match self.query {
            TfIdfQuery::Item => "tf-idf-item",
            TfIdfQuery::ItemAndRelation => "tf-idf",
            TfIdfQuery::Relation => "relation-text",
        }
    }

    fn views(&self) -> Vec<View> {
        vec![View::new("text", "text"), View::avg()]
    }

    fn scores(&mut self, relation: RelationRef, _: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>> {
        Ok(self.scores_under(self.words(relation), queries, candidates))
    }

    fn text_scores(&mut self, words: &str, _: &View, queries: &[u32], candidates: &[u32]) -> Result<Option<Vec<f32>>> {
        Ok(Some(self.scores_under(words, queries, candidates)))
    }

    fn pair_scores(&mut self, relation: RelationRef, _: &View, pairs: &[(u32, u32)]) -> Result<Vec<f32>> {
        let this = &*self;
        let runs: Vec<&[(u32, u32)]> = pairs.chunk_by(|a, b| a.0 == b.0).collect();
        let scored: Vec<Vec<f32>> = runs
            .par_iter()
            .map(|run| {
                let vector = run.first().and_then(|pair| this.query_vector(this.words(relation), pair.0));
                run.iter().map(|pair| vector.as_ref().map_or(f32::NAN, |v| this.score(v, pair.1))).collect()
            })
            .collect();
        Ok(scored.into_iter().flatten().collect())
    }
}

/// Words and pairs of neighbouring words.
fn terms(text: &str) -> Vec<String> {
    let mut terms = rcml_data::words(text);
    let pairs: Vec<String> = terms.windows(2).map(|two| two.join(" ")).collect();
    terms.extend(pairs);
    terms
}

fn counts_of(terms: &[String]) -> HashMap<String, u32> {
    let mut counts = HashMap::new();
    for term in terms {
        *counts.entry(term.clone()).or_insert(0) += 1;
    }
    counts
}

/// Inner product of two sparse vectors whose terms ascend.
fn dot(a: &[(u32, f32)], b: &[(u32, f32)]) -> f32 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        if x.0 == y.0 {
            sum += x.1 * y.1;
        }
        let (step_a, step_b) = (x.0 <= y.0, y.0 <= x.0);
        i += usize::from(step_a);
        j += usize::from(step_b);
    }
    sum
}

#[cfg(test)]
mod tests {
    use rcml_data::{Item, Relation};

    use super::*;

    fn shop() -> Dataset {
        let texts = ["A red lamp", "the green lamp", "red shoes", "Lamp, RED!", ""];
        let mut items: Vec<Item> = texts.iter().map(|t| Item::new(*t).text(*t)).collect();
        items[4].text = None;
        let relations = vec![Relation::new("shoes", "goes with shoes"), Relation::new("green", "a green thing")];
        Dataset { items, relations, ..Dataset::default() }
    }

    fn scores(query: TfIdfQuery, relation: u32) -> Vec<f32> {
        let mut scorer = TfIdfScorer::new(&shop(), &[0, 1, 2], query);
        scorer.scores(RelationRef::Index(relation), &View::avg(), &[0], &[1, 2, 3, 4]).unwrap()
    }

    #[test]
    fn words_need_no_blanks_between_them() {
        let items = ["红色的台灯", "绿色的台灯", "红色的鞋子"].map(|text| Item::new(text).text(text)).to_vec();
        let dataset = Dataset { items, relations: vec![Relation::new("lamp", "也是台灯")], ..Dataset::default() };
        let mut scorer = TfIdfScorer::new(&dataset, &[0, 1, 2], TfIdfQuery::ItemAndRelation);
        let scores = scorer.scores(RelationRef::Index(0), &View::avg(), &[0], &[1, 2]).unwrap();
        assert!(scores[0] > scores[1] && scores[1] > 0.0, "{scores:?}");
    }

    #[test]
    fn rare_shared_words_count_and_missing_text_is_nan() {
        let found = scores(TfIdfQuery::Item, 0);
        assert!(found[2] > found[0] && found[2] > found[1], "{found:?}");
        assert!(found[..3].iter().all(|s| (0.0..=1.0).contains(s)) && found[3].is_nan(), "{found:?}");
        let mut scorer = TfIdfScorer::new(&shop(), &[0, 1, 2], TfIdfQuery::Item);
        let none = scorer.scores(RelationRef::Index(0), &View::avg(), &[4], &[0, 1]).unwrap();
        assert!(none.iter().all(|s| s.is_nan()));
    }

    #[test]
    fn the_relation_text_moves_the_query() {
        let by_shoes = scores(TfIdfQuery::ItemAndRelation, 0);
        let by_green = scores(TfIdfQuery::ItemAndRelation, 1);
        assert!(by_shoes[1] > by_green[1] && by_green[0] > by_shoes[0], "{by_shoes:?} {by_green:?}");
        let relation = scores(TfIdfQuery::Relation, 0);
        assert!(relation[1] > 0.0 && relation[0] == 0.0 && relation[2] == 0.0, "{relation:?}");
    }

    #[test]
    fn a_text_is_most_like_itself_and_pairs_agree_with_tables() {
        let mut scorer = TfIdfScorer::new(&shop(), &[0, 1], TfIdfQuery::Item);
        let table = scorer.scores(RelationRef::SameItem, &View::avg(), &[0, 1, 2], &[0, 1, 2]).unwrap();
        for (i, row) in table.chunks(3).enumerate() {
            assert!((row[i] - 1.0).abs() < 1e-6, "{row:?}");
        }
        let pairs: Vec<(u32, u32)> = (0..3).flat_map(|q| (0..3).map(move |c| (q, c))).collect();
        assert_eq!(scorer.pair_scores(RelationRef::SameItem, &View::avg(), &pairs).unwrap(), table);
    }
}
