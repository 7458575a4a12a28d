//! Retrieval of the same item across modalities, under the generic relation.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;
use rcml_data::Split;

use super::tally::{Measures, Scored, Tally};
use super::trial::{self, Purpose};
use super::{EvalOptions, TaskResult, queries_per_call};
use crate::metrics::Rank;
use crate::scorer::checked_scores;
use crate::{EvalSet, RelationRef, Result, Scorer, Side, View};

/// In place of a relation of the dataset.
const SAME_ITEM: u32 = u32::MAX;

const METRICS: [&str; 4] = ["recall@1", "recall@5", "recall@10", "mrr"];

/// Every view of two different modalities. Queries are items that have both, candidates all items of the split with the
/// candidate's modality. Any item whose text, or picture, is the query's own is a right answer: where many products
/// share one text, none of them can be told apart by it. The best-placed right answer counts.
pub(super) fn run(
    set: &EvalSet<'_>,
    scorer: &mut dyn Scorer,
    options: &EvalOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<TaskResult> {
    let views: Vec<View> = scorer.views().into_iter().filter(View::is_cross_modal).collect();
    if views.is_empty() {
        return Ok(TaskResult::default());
    }
    // Who asks for the training split knows what is asked.
    let training = if set.split() == Split::Train { Vec::new() } else { set.items_of(Split::Train) };
    let trained = set.items().iter().filter(|item| training.binary_search(item).is_ok()).count();
    if trained > 0 {
        let items = set.items().len();
        let note = format!(
            "crossmodal: left out, {trained} of the {items} items of this split are training items as well, whose text and \
             picture the model has seen together"
        );
        return Ok(TaskResult { notes: vec![note], ..TaskResult::default() });
    }
    scorer.prepare(set.items())?;
    let duplicates = Duplicates::of(set);
    let measures = Measures { task: "crossmodal", protocol: "full".into(), metrics: &METRICS, macros: &[] };
    let (mut rows, mut tallies) = (Vec::new(), BTreeMap::new());
    for (v, view) in views.iter().enumerate() {
        let tally = score_view(set, view, &duplicates, scorer, options)?;
        rows.extend(measures.metric_rows("same-item", view, &[&tally]));
        tallies.insert((SAME_ITEM, v), tally);
        progress(v + 1, views.len());
    }
    let mut notes = measures.notes(&views, &tallies);
    let shared = set.items().iter().filter(|i| duplicates.classes(**i).iter().any(|c| c.len() > 1)).count();
    if shared > 0 {
        notes.push(format!(
            "crossmodal (full): {shared} of {} items share their text or picture with another item; either counts as right",
            set.items().len()
        ));
    }
    Ok(TaskResult { rows, notes, queries: measures.queries(set, &views, tallies) })
}

fn score_view(
    set: &EvalSet<'_>,
    view: &View,
    duplicates: &Duplicates,
    scorer: &mut dyn Scorer,
    options: &EvalOptions,
) -> Result<Tally> {
    let has = |item: u32, side: &Side| match (side, set.dataset().items.get(item as usize)) {
        (Side::Modality(name), Some(item)) => item.has(name),
        _ => false,
    };
    let candidates: Vec<u32> = set.items().iter().copied().filter(|i| has(*i, &view.candidate)).collect();
    let queries: Vec<u32> = candidates.iter().copied().filter(|i| has(*i, &view.query)).collect();
    // One draw for both directions of a pair of modalities.
    let queries = trial::draw(&queries, options.max_items, trial::stream(options.seed, Purpose::Items, [0; 3]));
    let mut tally = Tally::default();
    for chunk in queries.chunks(queries_per_call(candidates.len())) {
        let scores = checked_scores(scorer, RelationRef::SameItem, view, chunk, &candidates)?;
        let values: Vec<Scored> = chunk
            .par_iter()
            .zip(scores.par_chunks(candidates.len()))
            .map(|(&query, row)| query_values(query, duplicates, &candidates, row))
            .collect();
        chunk.iter().zip(values).for_each(|(query, v)| tally.add(*query, u32::MAX, v));
    }
    Ok(tally)
}

fn query_values(query: u32, duplicates: &Duplicates, candidates: &[u32], row: &[f32]) -> Scored {
    if row.iter().all(|s| s.is_nan()) {
        return None;
    }
    let classes = duplicates.classes(query);
    let is_right = |c: u32| c == query || classes.iter().any(|class| class.binary_search(&c).is_ok());
    let (right, wrong): (Vec<_>, Vec<_>) = candidates.iter().zip(row).partition(|(c, _)| is_right(**c));
    let scores = |part: Vec<(&u32, &f32)>| part.into_iter().map(|(_, s)| *s).collect::<Vec<f32>>();
    let (right, wrong) = (scores(right), scores(wrong));
    let (rank, blind) = (Rank::of_best(&right, &wrong)?, Rank::blind(&right, &wrong)?);
    Some(vec![
        (rank.hit(1), blind.hit(1)),
        (rank.hit(5), blind.hit(5)),
        (rank.hit(10), blind.hit(10)),
        (rank.reciprocal(), blind.reciprocal()),
    ])
}

/// Items of the split with the same text, or the same picture file.
struct Duplicates {
    classes: Vec<Vec<u32>>,
    of_item: HashMap<u32, Vec<usize>>,
}

impl Duplicates {
    fn of(set: &EvalSet<'_>) -> Self {
        let mut classes: BTreeMap<(bool, &str), Vec<u32>> = BTreeMap::new();
        for &index in set.items() {
            if let Some(item) = set.dataset().items.get(index as usize) {
                let contents = [(false, item.text.as_deref()), (true, item.image.as_deref())];
                for (is_image, content) in contents {
                    classes.entry((is_image, content.unwrap_or_default())).or_default().push(index);
                }
            }
        }
        classes.retain(|key, _| !key.1.is_empty());
        let classes: Vec<Vec<u32>> = classes.into_values().collect();
        let mut of_item: HashMap<u32, Vec<usize>> = HashMap::new();
        for (class, members) in classes.iter().enumerate() {
            members.iter().for_each(|m| of_item.entry(*m).or_default().push(class));
        }
        Self { classes, of_item }
    }

    /// The classes that an item is in, each with its members ascending.
    fn classes(&self, item: u32) -> Vec<&[u32]> {
        let classes = self.of_item.get(&item).map(Vec::as_slice).unwrap_or_default();
        classes.iter().filter_map(|c| self.classes.get(*c)).map(Vec::as_slice).collect()
    }
}

#[cfg(test)]
mod tests {
    use rcml_data::Dataset;

    use super::super::{Task, fixture};
    use super::*;
    use crate::OracleScorer;

    fn run(dataset: &Dataset, splits: &rcml_data::Splits, score: fn(RelationRef, u32, u32) -> f32) -> TaskResult {
        let set = EvalSet::new(dataset, splits, Split::Test).unwrap();
        let mut scorer = OracleScorer::new("oracle", View::all(&["image", "text"]), score);
        Task::CrossModal.run(&set, &mut scorer, &EvalOptions::default(), &mut |_, _| {}).unwrap()
    }

    #[test]
    fn the_item_itself_is_the_answer_in_both_directions() {
        let (dataset, splits) = fixture::colours(30, 20);
        let rows = run(&dataset, &splits, |_, a, b| f32::from(u8::from(a == b))).rows;
        let views: Vec<&str> = rows.iter().map(|r| r.view.as_str()).collect();
        assert!(views.contains(&"IT") && views.contains(&"TI") && !views.contains(&"TT"));
        for row in &rows {
            assert!((row.value - 1.0).abs() < 1e-12 && row.queries == 20 && row.relations == "same-item", "{row:?}");
        }
        let recall = rows.iter().find(|r| r.metric == "recall@5").unwrap();
        assert!((recall.chance - 0.25).abs() < 1e-12);
    }

    #[test]
    fn an_identical_text_is_a_right_answer() {
        let (mut dataset, splits) = fixture::colours(30, 20);
        for item in &mut dataset.items[10..30] {
            item.text = Some("milk".into());
        }
        let result = run(&dataset, &splits, |_, a, b| f32::from(u8::from(a != b)));
        assert!(result.rows.iter().all(|r| (r.value - 1.0).abs() < 1e-12 && (r.chance - 1.0).abs() < 1e-12));
        assert!(result.notes.iter().any(|n| n.contains("20 of 20 items share")), "{:?}", result.notes);
    }

    #[test]
    fn pairs_that_training_saw_are_not_asked_about() {
        let (dataset, mut splits) = fixture::colours(30, 20);
        splits.items.fill(Split::Train);
        let result = run(&dataset, &splits, |_, a, b| f32::from(u8::from(a == b)));
        assert!(result.rows.is_empty() && result.notes[0].contains("30 of the 30 items"), "{:?}", result.notes);
    }

    #[test]
    fn items_without_the_modality_are_neither_asked_nor_offered() {
        let (mut dataset, splits) = fixture::colours(30, 20);
        dataset.items[29].image = None;
        let rows = run(&dataset, &splits, |_, a, b| f32::from(u8::from(a == b))).rows;
        assert!(rows.iter().all(|r| r.queries == 19));
        let chance = |view: &str| rows.iter().find(|r| r.view == view && r.metric == "recall@1").unwrap().chance;
        assert!((chance("TI") - 1.0 / 19.0).abs() < 1e-12 && (chance("IT") - 1.0 / 20.0).abs() < 1e-12);
    }
}
