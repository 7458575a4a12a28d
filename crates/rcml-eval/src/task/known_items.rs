//! Retrieval under relations that training never saw, between items that it did: what is new is the relation alone.

use std::collections::BTreeSet;

use super::EvalOptions;
use super::corpus;
use super::tally::{Measures, Tally};
use super::trial::{self, Purpose};
use crate::{EvalSet, Result, ResultRow, Scorer, Side, View};

/// Name of the group in tables and JSON.
const GROUP: &str = "unseen:known-items";

/// The questions, and the items that are searched.
pub(super) struct KnownItems<'a> {
    pub(super) set: EvalSet<'a>,
    /// Relation -> query items.
    queries: Vec<(u32, Vec<u32>)>,
}

impl<'a> KnownItems<'a> {
    /// Every training item is a candidate where there are no more than `options.max_items`; else queries with all of their answers
    /// as far as they fit, relation by relation in turn, and items drawn beside them, which `notes` tells.
    pub(super) fn of(set: EvalSet<'a>, options: &EvalOptions, notes: &mut Vec<String>) -> Self {
        let relations = set.relations();
        let mut queries: Vec<(u32, Vec<u32>)> =
            relations.into_iter().map(|relation| (relation, corpus::queries(&set, relation, options))).collect();
        let (items, most) = (set.items().to_vec(), options.max_items);
        if items.len() <= most {
            return Self { set, queries };
        }
        let asked: usize = queries.iter().map(|(_, queries)| queries.len()).sum();
        let mut candidates = BTreeSet::new();
        let mut kept: Vec<Vec<u32>> = vec![Vec::new(); queries.len()];
        for turn in 0..queries.iter().map(|(_, queries)| queries.len()).max().unwrap_or(0) {
            for ((relation, queries), kept) in queries.iter().zip(&mut kept) {
                let Some(&query) = queries.get(turn) else { continue };
                let needed = || set.held().targets(*relation, query).iter().copied().chain([query]);
                let new: BTreeSet<u32> = needed().filter(|item| !candidates.contains(item)).collect();
                if candidates.len() + new.len() <= most {
                    candidates.extend(new);
                    kept.push(query);
                }
            }
        }
        queries.iter_mut().zip(kept).for_each(|((_, queries), kept)| *queries = kept);
        queries.retain(|(_, queries)| !queries.is_empty());
        let rest: Vec<u32> = items.iter().copied().filter(|item| !candidates.contains(item)).collect();
        let stream = trial::stream(options.seed, Purpose::KnownItems, [0; 3]);
        candidates.extend(trial::draw(&rest, most - candidates.len(), stream));
        let left: usize = queries.iter().map(|(_, queries)| queries.len()).sum();
        let fewer = if left < asked {
            format!(", and {left} of {asked} queries, those whose answers fit")
        } else {
            String::new()
        };
        notes.push(format!(
            "retrieval (full), {GROUP}: {most} of the {} training items are candidates, drawn around the answers{fewer}",
            items.len()
        ));
        Self { set: set.among(candidates.into_iter().collect()), queries }
    }

    /// The rows of the group, in the views of whole items.
    pub(super) fn rows(&self, views: &[View], scorer: &mut dyn Scorer) -> Result<Vec<ResultRow>> {
        let measures = Measures { task: "retrieval", protocol: "full".into(), metrics: &corpus::METRICS, macros: &[] };
        let views: Vec<&View> = views.iter().filter(|view| !matches!(view.query, Side::Modality(_))).collect();
        let mut tallies: Vec<Vec<Tally>> = views.iter().map(|_| Vec::new()).collect();
        for (relation, queries) in &self.queries {
            for (view, tallies) in views.iter().zip(&mut tallies) {
                tallies.push(corpus::score(&self.set, *relation, view, queries, scorer)?);
            }
        }
        let rows = |(view, tallies): (&&View, &Vec<Tally>)| {
            measures.metric_rows(GROUP, view, &tallies.iter().collect::<Vec<_>>())
        };
        Ok(views.iter().zip(&tallies).flat_map(rows).collect())
    }
}

#[cfg(test)]
mod tests {
    use rcml_data::{Dataset, Split, Splits};

    use super::super::{Task, fixture};
    use super::*;
    use crate::OracleScorer;

    /// A relation that is unseen between 90 training items.
    fn unseen() -> (Dataset, Splits) {
        let (dataset, mut splits) = fixture::colours(120, 30);
        for (edge, split) in dataset.edges.iter().zip(&mut splits.edges) {
            *split = split.filter(|split| edge.relation == 0 || *split == Split::Test);
        }
        (dataset, splits)
    }

    fn find(max_items: usize) -> (ResultRow, Vec<String>) {
        let (dataset, splits) = unseen();
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        let mut scorer = OracleScorer::new("constant", vec![View::avg()], |_, _, _| 0.5);
        let options = EvalOptions { max_items, ..EvalOptions::default() };
        let found = Task::Retrieval.run(&set, &mut scorer, &options, &mut |_, _| {}).unwrap();
        let row = found.rows.into_iter().find(|row| row.relations == GROUP && row.metric == "hit@1").unwrap();
        (row, found.notes)
    }

    #[test]
    fn many_training_items_are_drawn_from_and_the_answers_kept() {
        let (all, notes) = find(90);
        // Of 90 items 32, 30 and 28 share their shape; the others are wrong candidates beside an answer.
        let chance = [32.0, 30.0, 28.0].map(|same: f64| same / (91.0 - same)).iter().sum::<f64>() / 90.0;
        assert!((all.chance - chance).abs() < 1e-9 && all.queries == 90, "{all:?}");
        assert!(notes.iter().all(|note| !note.contains(GROUP)), "{notes:?}");
        let (some, notes) = find(50);
        // One shape's 32 items with all answers fit, and 18 others beside them.
        assert!((some.chance - 1.0 / 19.0).abs() < 1e-9 && some.queries == 32, "{some:?}");
        assert!((some.value - some.chance).abs() < 1e-9);
        let told = notes.iter().find(|note| note.contains(GROUP)).unwrap();
        assert!(told.contains("50 of the 90 training items") && told.contains("32 of 90 queries"), "{told}");
    }
}
