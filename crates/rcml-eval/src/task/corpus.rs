//! The full protocol: the right answers of a query among all items of a split.

use rayon::prelude::*;

use super::tally::{Scored, Tally};
use super::{EvalOptions, queries_per_call, trial};
use crate::metrics::{Placement, PlacementCount, Rank};
use crate::scorer::checked_scores;
use crate::{EvalSet, RelationRef, Result, Scorer, View};

/// What is measured.
pub(super) const METRICS: [&str; 9] =
    ["hit@1", "hit@5", "hit@10", "mrr", "mean-rank", "median-rank", "ndcg@10", "map", "recall@10"];

/// Candidates of a tile: its scores are counted while they are in a cache.
const TILE: usize = 4096;
/// Queries that go through the tiles together.
const QUERIES: usize = 1024;

/// Query items of a relation.
pub(super) fn queries(set: &EvalSet<'_>, relation: u32, options: &EvalOptions) -> Vec<u32> {
    let mut anchors = set.held().anchors(relation).to_vec();
    anchors.retain(|a| set.held().targets(relation, *a).iter().any(|t| t != a));
    trial::draw(&anchors, options.max_queries, trial::stream(options.seed, trial::Purpose::Queries, [relation, 0, 0]))
}

/// All queries of a relation in one view. Each right answer of the split is ranked with the other right answers taken out,
/// and a query's value is the mean over its answers; nDCG, average precision and recall keep the split's answers in. Answers that
/// only other splits know are taken out of both: they are right, but not what is asked.
///
/// Scores of right answers are asked for first; then the corpus goes by in tiles, of which counts alone are kept.
pub(super) fn score(
    set: &EvalSet<'_>,
    relation: u32,
    view: &View,
    queries: &[u32],
    scorer: &mut dyn Scorer,
) -> Result<Tally> {
    let (corpus, held, whole) = (set.items(), set.held(), set.whole());
    let mut tally = Tally::default();
    let mut ask = |queries: &[u32], candidates: &[u32]| {
        checked_scores(scorer, RelationRef::Index(relation), view, queries, candidates)
    };
    for queries in queries.chunks(QUERIES) {
        let related = queries.iter().flat_map(|query| whole.targets(relation, *query)).chain(queries);
        let mut known: Vec<u32> = related.copied().filter(|item| corpus.binary_search(item).is_ok()).collect();
        known.sort_unstable();
        known.dedup();
        // Where many items answer something, all scores at once are less than theirs twice.
        let in_tiles = known.len() < corpus.len() / 4;
        let (known, together) =
            if in_tiles { (known.as_slice(), QUERIES) } else { (corpus, queries_per_call(corpus.len())) };
        for queries in queries.chunks(together) {
            let scores = ask(queries, known)?;
            let query = |(query, row): (&u32, &[f32])| {
                let (answers, related) = (held.targets(relation, *query), whole.targets(relation, *query));
                Query::new(*query, answers, related, known, row)
            };
            let mut ranked: Vec<Query> =
                queries.par_iter().zip(scores.par_chunks(known.len().max(1))).map(query).collect();
            if in_tiles {
                for tile in corpus.chunks(TILE) {
                    count(&mut ranked, &ask(queries, tile)?, tile.len());
                }
            } else {
                count(&mut ranked, &scores, corpus.len());
            }
            let values: Vec<Scored> = ranked.into_par_iter().map(Query::values).collect();
            queries.iter().zip(values).for_each(|(query, values)| tally.add(*query, u32::MAX, values));
        }
    }
    Ok(tally)
}

fn count(ranked: &mut [Query], scores: &[f32], candidates: usize) {
    let rows = scores.par_chunks(candidates.max(1));
    ranked.par_iter_mut().zip(rows).for_each(|(query, row)| query.count(row));
}

/// A query whose answers are being ranked.
pub(super) struct Query {
    /// Right answers in the corpus, and those of them with a score.
    right: [usize; 2],
    /// Scores of what is not wrong: answers of all splits, and the query itself.
    left_out: Vec<f32>,
    placement: PlacementCount,
    /// Candidates counted, and those of them with a score.
    counted: [usize; 2],
}

impl Query {
    /// A query with its answers in the split and in all splits, each ascending. `scores` are those of the ascending `known` items,
    /// among which are all these as far as they are in the corpus.
    pub(super) fn new(query: u32, answers: &[u32], related: &[u32], known: &[u32], scores: &[f32]) -> Self {
        let score_of = |item: &u32| known.binary_search(item).ok().and_then(|at| scores.get(at)).copied();
        let others =
            |items: &[u32]| items.iter().filter(|item| **item != query).filter_map(score_of).collect::<Vec<f32>>();
        let (right, mut left_out) = (others(answers), others(related));
        left_out.extend(score_of(&query));
        Self { right: [right.len(), scored(&right)], left_out, placement: PlacementCount::new(&right), counted: [0; 2] }
    }

    /// Counts candidates; in the end, every item of the corpus once.
    pub(super) fn count(&mut self, scores: &[f32]) {
        self.placement.add(scores);
        self.counted = [self.counted[0] + scores.len(), self.counted[1] + scored(scores)];
    }

    /// The values of [`METRICS`]; `None` for a query without answers, and for one whose candidates have no scores. The chance level
    /// is that of a method that scores the same candidates, all alike: what has no score ranks last for either.
    pub(super) fn values(self) -> Scored {
        let [right, right_scored] = self.right;
        let wrong = self.counted[0].saturating_sub(self.left_out.len());
        let wrong_scored = self.counted[1].saturating_sub(scored(&self.left_out));
        if right == 0 || right_scored + wrong_scored == 0 {
            return None;
        }
        let unscored = (right - right_scored, wrong.saturating_sub(wrong_scored));
        let found = numbers(&self.placement.placement(&self.left_out))?;
        let blind = numbers(&Placement::blind((right_scored, wrong_scored), unscored))?;
        Some(found.into_iter().zip(blind).collect())
    }
}

fn scored(scores: &[f32]) -> usize {
    scores.iter().filter(|score| !score.is_nan()).count()
}

/// The values of [`METRICS`].
fn numbers(placement: &Placement) -> Option<[f64; METRICS.len()]> {
    let rank = placement.mean(Rank::expected)?;
    Some([
        placement.mean(|rank| rank.hit(1))?,
        placement.mean(|rank| rank.hit(5))?,
        placement.mean(|rank| rank.hit(10))?,
        placement.mean(Rank::reciprocal)?,
        rank,
        rank,
        placement.ndcg(10),
        placement.average_precision()?,
        placement.recall(10),
    ])
}

#[cfg(test)]
mod tests {
    use rcml_data::{Dataset, Edge, Item, Relation, Split, Splits};

    use super::super::fixture;
    use super::*;
    use crate::OracleScorer;

    /// Ties, and candidates without a score.
    fn some_score(_: RelationRef, query: u32, candidate: u32) -> f32 {
        match (query * 31 + candidate * 17) % 97 {
            0 => f32::NAN,
            rest => (rest % 40) as f32,
        }
    }

    /// Two tiles and a half, up to 23 answers of 40 queries; some lead into another split.
    fn sparse() -> (Dataset, Splits) {
        let (items, train) = (TILE * 5 / 2, 20);
        let mut dataset =
            Dataset { items: (0..items).map(|i| Item::new(format!("i{i}"))).collect(), ..Dataset::default() };
        dataset.relations.push(Relation::new("r", "relates"));
        for query in train as u32..train as u32 + 40 {
            let answers = (0..1 + query % 23).map(|n| (query + 1) * (n * 131 + 7) % items as u32);
            dataset.edges.extend(answers.map(|answer| Edge::new(0, query, answer)));
        }
        let split = |i: usize| if i < train { Split::Train } else { Split::Test };
        let test = |edge: &Edge| (edge.target as usize >= train).then_some(Split::Test);
        let splits = Splits {
            items: (0..items).map(split).collect(),
            relations: vec![Split::Train],
            edges: dataset.edges.iter().map(test).collect(),
        };
        (dataset, splits)
    }

    #[test]
    fn tiles_give_what_whole_rows_give() {
        // Of the second, a third of the corpus answers: its rows are asked for whole.
        for (dataset, splits) in [sparse(), fixture::colours(90, 60)] {
            let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
            let queries = queries(&set, 0, &EvalOptions::default());
            assert!(queries.len() > 30);
            let mut scorer = OracleScorer::new("some", vec![View::avg()], some_score);
            let (keys, values) = score(&set, 0, &View::avg(), &queries, &mut scorer).unwrap().into_values();
            let mut expected = Tally::default();
            for &query in &queries {
                let row: Vec<f32> =
                    set.items().iter().map(|item| some_score(RelationRef::Index(0), query, *item)).collect();
                let (held, whole) = (set.held().targets(0, query), set.whole().targets(0, query));
                let mut ranked = Query::new(query, held, whole, set.items(), &row);
                ranked.count(&row);
                expected.add(query, u32::MAX, ranked.values());
            }
            assert_eq!((keys, values), expected.into_values());
        }
    }
}
