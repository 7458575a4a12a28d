//! Relation type prediction: which relation holds between two items?

use std::collections::{BTreeMap, BTreeSet};

use super::tally::{Measures, Tally};
use super::trial::{self, Purpose};
use super::{EvalOptions, TaskResult};
use crate::metrics::{Rank, expected_hit, expected_reciprocal};
use crate::scorer::checked_pair_scores;
use crate::{EvalSet, RelationRef, Result, Scorer};

const METRICS: [&str; 3] = ["top-1", "top-3", "mrr"];
const MACROS: [&str; 2] = ["top-1", "top-3"];

/// One related pair, and where the true relation stands so far.
struct Asked {
    pair: (u32, u32),
    relation: u32,
    others: usize,
    /// Per view: the true relation's score, and how other relations compare; `None` = cannot be scored.
    standing: Vec<Option<(f32, Rank)>>,
}

/// All relations of the dataset (or as many as the options allow) are ranked by the score of the pair under each; other relations that also hold between
/// the two are taken out. Scores under different relations meet here, which is what the task is about.
pub(super) fn run(
    set: &EvalSet<'_>,
    scorer: &mut dyn Scorer,
    options: &EvalOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<TaskResult> {
    let (ranked, protocol) = ranked(set, options);
    let mut asked = questions(set, &ranked, options);
    let touched: BTreeSet<u32> = asked.iter().flat_map(|a| [a.pair.0, a.pair.1]).collect();
    scorer.prepare(&touched.into_iter().collect::<Vec<_>>())?;
    let views = scorer.views();

    // First the true relation's score of every pair, then one pass over all relations that only counts: memory does not
    // grow with pairs x relations.
    for run in asked.chunk_by_mut(|a, b| a.relation == b.relation) {
        let pairs: Vec<(u32, u32)> = run.iter().map(|a| a.pair).collect();
        for view in &views {
            let scores = checked_pair_scores(scorer, RelationRef::Index(run[0].relation), view, &pairs)?;
            for (asked, score) in run.iter_mut().zip(scores) {
                let rank = Rank { better: 0, wrong: 0, right: 1 };
                asked.standing.push((!score.is_nan()).then_some((score, rank)));
            }
        }
    }
    asked.sort_by_key(|a| (a.pair, a.relation));
    for (done, &relation) in ranked.iter().enumerate() {
        let holds_not = |a: &Asked| !set.whole().contains(relation, a.pair.0, a.pair.1);
        let open: Vec<usize> = (0..asked.len()).filter(|i| holds_not(&asked[*i])).collect();
        let pairs: Vec<(u32, u32)> = open.iter().map(|i| asked[*i].pair).collect();
        for (v, view) in views.iter().enumerate() {
            let scores = checked_pair_scores(scorer, RelationRef::Index(relation), view, &pairs)?;
            for (&i, score) in open.iter().zip(scores) {
                if let Some((answer, rank)) = &mut asked[i].standing[v] {
                    let here = Rank::of(*answer, &[score]);
                    rank.better += here.better;
                    rank.wrong += here.wrong;
                }
            }
        }
        open.into_iter().for_each(|i| asked[i].others += 1);
        progress(done + 1, ranked.len());
    }

    let mut tallies: BTreeMap<(u32, usize), Tally> = BTreeMap::new();
    for a in &asked {
        let n = a.others + 1;
        for (v, standing) in a.standing.iter().enumerate() {
            tallies.entry((a.relation, v)).or_default().add(
                a.pair.0,
                a.pair.1,
                standing.map(|(_, rank)| {
                    vec![
                        (rank.hit(1), expected_hit(n, 1, 1)),
                        (rank.hit(3), expected_hit(n, 1, 3)),
                        (rank.reciprocal(), expected_reciprocal(n, 1)),
                    ]
                }),
            );
        }
    }
    let measures = Measures { task: "type", protocol, metrics: &METRICS, macros: &MACROS };
    Ok(measures.result(set, &views, tallies))
}

/// The relations that are ranked, ascending, and the protocol's name: `full`, or `20-way` where 20 are drawn.
fn ranked(set: &EvalSet<'_>, options: &EvalOptions) -> (Vec<u32>, String) {
    let all = set.dataset().relations.len();
    if options.max_relations == 0 || all <= options.max_relations {
        return ((0..all as u32).collect(), "full".into());
    }
    let rng = trial::stream(options.seed, Purpose::TypeRelations, [0; 3]);
    (trial::draw(&set.relations(), options.max_relations, rng), format!("{}-way", options.max_relations))
}

/// Pairs of the split with their relation, sorted by relation and query; no more than the options allow, relations
/// sharing the places evenly.
fn questions(set: &EvalSet<'_>, ranked: &[u32], options: &EvalOptions) -> Vec<Asked> {
    let relations: Vec<u32> = set.relations().into_iter().filter(|r| ranked.binary_search(r).is_ok()).collect();
    let each = (options.max_pairs / relations.len().max(1)).clamp(1, options.max_queries.max(1));
    let drawn = relations.into_iter().flat_map(|relation| {
        let rng = trial::stream(options.seed, Purpose::TypePairs, [relation, 0, 0]);
        trial::draw(&trial::pairs(set, relation), each, rng).into_iter().map(move |pair| (relation, pair))
    });
    let all: Vec<(u32, (u32, u32))> = drawn.collect();
    let rng = trial::stream(options.seed, Purpose::TypePairs, [u32::MAX, 0, 0]);
    let kept = trial::draw(&all, options.max_pairs, rng);
    kept.into_iter().map(|(relation, pair)| Asked { pair, relation, others: 0, standing: Vec::new() }).collect()
}

#[cfg(test)]
mod tests {
    use rcml_data::Split;

    use super::super::{Task, fixture};
    use super::*;
    use crate::{OracleScorer, ResultRow, View};

    fn rows(score: impl Fn(RelationRef, u32, u32) -> f32 + Send + Sync + 'static) -> Vec<ResultRow> {
        let (dataset, splits) = fixture::colours(60, 40);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        let mut scorer = OracleScorer::new("oracle", vec![View::avg()], score);
        Task::Type.run(&set, &mut scorer, &EvalOptions::default(), &mut |_, _| {}).unwrap().rows
    }

    #[test]
    fn the_truth_names_every_relation_and_a_constant_guesses() {
        for row in rows(fixture::truth) {
            assert!((row.value - 1.0).abs() < 1e-9, "{row:?}");
        }
        for row in rows(|_, _, _| 1.0) {
            assert!((row.value - row.chance).abs() < 1e-9, "{row:?}");
            // Two relations: chance is 1/2 where one holds, and 1 where both do and the other is taken out.
            assert!(row.metric != "top-1" || (0.5..0.8).contains(&row.chance), "{row:?}");
        }
    }

    #[test]
    fn always_answering_one_relation_is_right_for_that_one() {
        let rows = rows(|relation, _, _| f32::from(u8::from(relation == RelationRef::Index(0))));
        let top1 =
            |relations: &str| rows.iter().find(|r| r.relations == relations && r.metric == "top-1").unwrap().value;
        assert!((top1("same-colour") - 1.0).abs() < 1e-9);
        assert!(top1("same-shape") < 0.6);
    }

    #[test]
    fn few_relations_are_ranked_where_there_are_many() {
        let (dataset, splits) = fixture::colours(60, 40);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        let options = EvalOptions { max_relations: 1, ..EvalOptions::default() };
        let mut scorer = OracleScorer::new("oracle", vec![View::avg()], fixture::truth);
        let rows = Task::Type.run(&set, &mut scorer, &options, &mut |_, _| {}).unwrap().rows;
        assert!(rows.iter().all(|row| row.protocol == "1-way" && (row.chance - 1.0).abs() < 1e-9), "{rows:?}");
        // As many as there are is all of them.
        let options = EvalOptions { max_relations: 2, ..options };
        let rows = Task::Type.run(&set, &mut scorer, &options, &mut |_, _| {}).unwrap().rows;
        assert!(rows.iter().all(|row| row.protocol == "full"), "{rows:?}");
    }
}
