//! Relation-guided retrieval: among 21 candidates, and over the whole split.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::known_items::KnownItems;
use super::tally::{Measures, Scored, Tally};
use super::trial::{self, Trial};
use super::{EvalOptions, TaskResult, corpus};
use crate::metrics::Rank;
use crate::scorer::checked_pair_scores;
use crate::{EvalSet, RelationRef, Result, Scorer, View};

const SAMPLED: [&str; 3] = ["hit@5", "hit@1", "mrr"];
const MACROS: [&str; 2] = ["hit@5", "mrr"];

pub(super) fn run(
    set: &EvalSet<'_>,
    scorer: &mut dyn Scorer,
    options: &EvalOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<TaskResult> {
    let relations = set.relations();
    let asked: Vec<(u32, Vec<Trial>, Vec<u32>)> =
        relations.par_iter().map(|&r| (r, trial::trials(set, r, options), corpus::queries(set, r, options))).collect();
    let mut notes = Vec::new();
    let known = set.known_items().map(|known| KnownItems::of(known, options, &mut notes));
    let mut others: BTreeSet<u32> = known.iter().flat_map(|known| known.set.items()).copied().collect();
    others.extend(asked.iter().flat_map(|(_, trials, _)| trials).flat_map(|t| t.negatives.iter().copied()));
    others.retain(|item| set.items().binary_search(item).is_err());
    scorer.prepare(&set.items().iter().copied().chain(others).collect::<Vec<_>>())?;

    let views = scorer.views();
    let (mut sampled, mut full) = (BTreeMap::new(), BTreeMap::new());
    for (done, (relation, trials, queries)) in asked.iter().enumerate() {
        scorer.expect(RelationRef::Index(*relation), set.items())?;
        for (v, view) in views.iter().enumerate() {
            sampled.insert((*relation, v), score_trials(*relation, view, trials, scorer)?);
            full.insert((*relation, v), corpus::score(set, *relation, view, queries, scorer)?);
        }
        progress(done + 1, asked.len());
    }

    let protocol = format!("{}-way", options.negatives + 1);
    let trials = || asked.iter().flat_map(|(_, trials, _)| trials);
    let filled = trials().filter(|t| t.filled > 0).count();
    let short = trials().filter(|t| t.negatives.len() < options.negatives).count();
    if filled > 0 {
        notes.push(format!(
            "retrieval ({protocol}): the held-out set is too small for {filled} of {} queries; negatives from other splits fill up",
            trials().count()
        ));
    }
    if short > 0 {
        notes.push(format!(
            "retrieval ({protocol}): {short} queries have fewer than {} negatives, the whole dataset has no more; the chance level accounts for it",
            options.negatives
        ));
    }
    let sampled_measures = Measures { task: "retrieval", protocol, metrics: &SAMPLED, macros: &MACROS };
    let full_measures =
        Measures { task: "retrieval", protocol: "full".into(), metrics: &corpus::METRICS, macros: &MACROS };
    let (mut rows, mut queries) = (Vec::new(), Vec::new());
    for (measures, tallies) in [(sampled_measures, sampled), (full_measures, full)] {
        let result = measures.result(set, &views, tallies);
        rows.extend(result.rows);
        notes.extend(result.notes);
        queries.extend(result.queries);
    }
    if let Some(known) = &known {
        rows.extend(known.rows(&views, scorer)?);
    }
    Ok(TaskResult { rows, notes, queries })
}

fn score_trials(relation: u32, view: &View, trials: &[Trial], scorer: &mut dyn Scorer) -> Result<Tally> {
    let candidates = |t: &Trial| std::iter::once(t.answer).chain(t.negatives.iter().copied()).collect::<Vec<_>>();
    let pairs: Vec<(u32, u32)> = trials.iter().flat_map(|t| candidates(t).into_iter().map(|c| (t.query, c))).collect();
    let scores = checked_pair_scores(scorer, RelationRef::Index(relation), view, &pairs)?;
    let mut tally = Tally::default();
    let mut start = 0;
    for trial in trials {
        let n = trial.negatives.len() + 1;
        tally.add(trial.query, trial.answer, trial_values(&scores[start..start + n]));
        start += n;
    }
    Ok(tally)
}

/// The values of [`SAMPLED`] for one trial; the answer's score comes first.
fn trial_values(scores: &[f32]) -> Scored {
    let (answer, negatives) = scores.split_first()?;
    if scores.iter().all(|s| s.is_nan()) {
        return None;
    }
    let (rank, blind) = (Rank::of(*answer, negatives), Rank::blind(&[*answer], negatives)?);
    Some(vec![(rank.hit(5), blind.hit(5)), (rank.hit(1), blind.hit(1)), (rank.reciprocal(), blind.reciprocal())])
}

#[cfg(test)]
mod tests {
    use rcml_data::Split;

    use super::super::{Task, fixture};
    use super::*;
    use crate::{ChanceScorer, OracleScorer, ResultRow};

    fn rows(scorer: &mut dyn Scorer, items: usize, held: usize) -> TaskResult {
        let (dataset, splits) = fixture::colours(items, held);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        Task::Retrieval.run(&set, scorer, &EvalOptions::default(), &mut |_, _| {}).unwrap()
    }

    fn find<'a>(rows: &'a [ResultRow], protocol: &str, relations: &str, view: &str, metric: &str) -> &'a ResultRow {
        let found = rows.iter().find(|r| {
            (r.protocol.as_str(), r.relations.as_str(), r.view.as_str(), r.metric.as_str())
                == (protocol, relations, view, metric)
        });
        found.unwrap_or_else(|| panic!("no row {protocol} {relations} {view} {metric}"))
    }

    #[test]
    fn the_truth_scores_one_and_a_constant_scores_chance() {
        let views = View::all(&["image", "text"]);
        let mut truth = OracleScorer::new("truth", views.clone(), fixture::truth);
        let perfect = rows(&mut truth, 80, 40);
        let mut constant = OracleScorer::new("constant", views, |_, _, _| 0.5);
        let blind = rows(&mut constant, 80, 40).rows;
        for row in &perfect.rows {
            let best = if row.metric.ends_with("rank") { row.value >= 1.0 } else { row.value <= 1.0 };
            assert!(best, "{row:?}");
            if row.metric == "hit@5" || row.metric == "ndcg@10" {
                assert!((row.value - 1.0).abs() < 1e-9, "{row:?}");
            }
        }
        for row in &blind {
            assert!((row.value - row.chance).abs() < 1e-9, "{row:?}");
        }
        let hit = find(&blind, "21-way", "all", "AVG", "hit@5");
        assert!((hit.chance - 5.0 / 21.0).abs() < 1e-12 && hit.queries > 100);
        for relations in ["seen", "unseen", "all", "family:factor", "same-colour", "same-shape"] {
            find(&blind, "full", relations, "AVG", "mrr");
        }
        for view in ["TT", "II", "TI", "IT", "AVG"] {
            find(&blind, "21-way", "seen", view, "macro-hit@5");
        }
    }

    #[test]
    fn the_unfiltered_answers_do_not_push_each_other_down() {
        let mut truth = OracleScorer::new("truth", vec![View::avg()], fixture::truth);
        let perfect = rows(&mut truth, 80, 40).rows;
        // Ten items share each colour, yet each of them stands first once the others are taken out.
        assert!((find(&perfect, "full", "same-colour", "AVG", "hit@1").value - 1.0).abs() < 1e-9);
        assert!((find(&perfect, "full", "same-colour", "AVG", "mean-rank").value - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_missing_modality_is_left_out_and_counted() {
        let mut some = OracleScorer::new("half", vec![View::avg()], |relation, query, candidate| {
            if query % 2 == 0 { f32::NAN } else { fixture::truth(relation, query, candidate) }
        });
        let result = rows(&mut some, 80, 40);
        let mut all = OracleScorer::new("truth", vec![View::avg()], fixture::truth);
        let whole = rows(&mut all, 80, 40);
        let queries = |r: &TaskResult| find(&r.rows, "full", "same-colour", "AVG", "mrr").queries;
        assert_eq!(queries(&result) * 2, queries(&whole));
        assert!(result.notes.iter().any(|n| n.contains("queries left out")), "{:?}", result.notes);
        let mut none = OracleScorer::new("none", vec![View::avg()], |_, _, _| f32::NAN);
        assert!(rows(&mut none, 80, 40).rows.is_empty());
    }

    #[test]
    fn a_constant_scores_chance_where_some_candidates_have_no_score() {
        // Red items have no text: who reads words alone gives them no score, and everything else the same one.
        let mut some = OracleScorer::new("relation-text", vec![View::avg()], |_, query, candidate| {
            if query % 4 == 0 || candidate % 4 == 0 { f32::NAN } else { 0.5 }
        });
        let found = rows(&mut some, 80, 40).rows;
        for row in &found {
            assert!((row.value - row.chance).abs() < 1e-9, "{row:?}");
        }
        // Whoever is asked about its colour is not red, nor is the answer: about one in three of the others cannot win.
        let hit = find(&found, "21-way", "same-colour", "AVG", "hit@5");
        assert!((hit.chance - 5.0 / (1.0 + 20.0 * 2.0 / 3.0)).abs() < 0.03, "{hit:?}");
    }

    #[test]
    fn thread_count_and_repetition_do_not_change_a_bit() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| rows(&mut ChanceScorer::new(3, vec![View::avg()]), 90, 50))
        };
        assert_eq!(run(1), run(4));
    }

    #[test]
    fn the_cap_bounds_the_queries() {
        let (dataset, splits) = fixture::colours(80, 40);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        let options = EvalOptions { max_queries: 7, ..EvalOptions::default() };
        let mut scorer = ChanceScorer::new(0, vec![View::avg()]);
        let rows = Task::Retrieval.run(&set, &mut scorer, &options, &mut |_, _| {}).unwrap().rows;
        assert_eq!(find(&rows, "full", "same-colour", "AVG", "mrr").queries, 7);
        assert_eq!(find(&rows, "21-way", "all", "AVG", "hit@5").queries, 14);
    }
}
