//! The shape of an embedding, and what a relation does to it.

use super::trial::{self, Purpose};
use super::{EvalOptions, TaskResult};
use crate::item_vectors::{Conditioning, ItemVectors};
use crate::metrics::geometry::{
    Rows, alignment, anisotropy, effective_rank, linear_cka, modality_gap, mutual_neighbours, uniformity,
};
use crate::metrics::{MetricError, mean};
use crate::{EvalSet, RelationRef, Result, ResultRow, Scorer, Side, View};

/// Items at most: pairs are looked at.
const ITEMS: usize = 2_000;
/// Relations at most, drawn where there are more: under each, all items are embedded, by some methods from their texts on.
const RELATIONS: usize = 100;
/// Neighbours that are compared.
const NEIGHBOURS: usize = 10;

/// Rows without a chance level have 0 there. `relations` is `none` for vectors under no relation: within a view `uniformity`,
/// `anisotropy` and `effective-rank`; across two modalities `alignment`, `modality-gap`, `cka` and `mutual-knn@10` of the same
/// items. For each of some relations and `all` (their mean), in the AVG view: `cka` and `mutual-knn@10` between vectors under
/// the relation and under none. 1 says that the relation changes nothing.
pub(super) fn run(
    set: &EvalSet<'_>,
    scorer: &mut dyn Scorer,
    options: &EvalOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<TaskResult> {
    let at_most = ITEMS.min(options.max_items);
    let items = trial::draw(set.items(), at_most, trial::stream(options.seed, Purpose::Items, [1, 0, 0]));
    scorer.prepare(&items)?;
    let mut sides: Vec<(Side, ItemVectors)> = Vec::new();
    for view in scorer.views().into_iter().filter(|view| view.query == view.candidate) {
        if let Some(vectors) = scorer.item_vectors(Conditioning::None, &view.query, &items)? {
            sides.push((view.query, vectors));
        }
    }
    let mut rows = Vec::new();
    for (side, vectors) in &sides {
        let (found, values) = vectors.rows(&items);
        let Ok(set) = Rows::new(&values, vectors.width()) else { continue };
        let view = View { query: side.clone(), candidate: side.clone() };
        let numbers = [
            ("uniformity", uniformity(set, 2.0)),
            ("anisotropy", anisotropy(set)),
            ("effective-rank", effective_rank(set)),
        ];
        push(&mut rows, "none", &view, found.len(), numbers);
    }
    let modalities: Vec<&(Side, ItemVectors)> =
        sides.iter().filter(|(side, _)| matches!(side, Side::Modality(_))).collect();
    for (number, (from, a)) in modalities.iter().enumerate() {
        for (to, b) in &modalities[number + 1..] {
            let view = View { query: from.clone(), candidate: to.clone() };
            both(a, b, &items, |found, x, y| {
                let numbers = [
                    ("alignment", alignment(x, y, 2.0)),
                    ("modality-gap", modality_gap(x, y)),
                    ("cka", linear_cka(x, y)),
                    ("mutual-knn@10", mutual_neighbours(x, y, NEIGHBOURS)),
                ];
                push(&mut rows, "none", &view, found, numbers);
            });
        }
    }
    let fused = sides.iter().find(|(side, _)| *side == Side::Mean).map(|(_, vectors)| vectors);
    let most = if options.max_relations == 0 { RELATIONS } else { RELATIONS.min(options.max_relations) };
    let stream = trial::stream(options.seed, Purpose::GeometryRelations, [0, 0, 0]);
    let relations = if fused.is_some() { trial::draw(&set.relations(), most, stream) } else { Vec::new() };
    let mut changes: Vec<ResultRow> = Vec::new();
    for (done, &relation) in relations.iter().enumerate() {
        let condition = Conditioning::Query(RelationRef::Index(relation));
        let under = scorer.item_vectors(condition, &Side::Mean, &items)?;
        if let (Some(free), Some(under), Some(named)) = (fused, under, set.dataset().relations.get(relation as usize)) {
            both(free, &under, &items, |found, x, y| {
                let numbers = [("cka", linear_cka(x, y)), ("mutual-knn@10", mutual_neighbours(x, y, NEIGHBOURS))];
                push(&mut changes, &named.id, &View::avg(), found, numbers);
            });
        }
        progress(done + 1, relations.len());
    }
    for metric in ["cka", "mutual-knn@10"] {
        let of: Vec<&ResultRow> = changes.iter().filter(|row| row.metric == metric).collect();
        let values: Vec<f64> = of.iter().map(|row| row.value).collect();
        if let (Some(first), Some(value)) = (of.first(), mean(&values)) {
            rows.push(ResultRow { relations: "all".into(), value, ..(*first).clone() });
        }
    }
    rows.extend(changes);
    Ok(TaskResult { rows, ..TaskResult::default() })
}

/// Visits the vectors of the items that are in both sets.
fn both(a: &ItemVectors, b: &ItemVectors, items: &[u32], visit: impl FnOnce(usize, Rows<'_>, Rows<'_>)) {
    let shared: Vec<u32> = items.iter().copied().filter(|i| a.get(*i).is_some() && b.get(*i).is_some()).collect();
    let (x, y) = (a.rows(&shared).1, b.rows(&shared).1);
    if let (Ok(x), Ok(y)) = (Rows::new(&x, a.width()), Rows::new(&y, b.width())) {
        visit(shared.len(), x, y);
    }
}

/// Adds the numbers that exist; too few items have no geometry.
fn push<const N: usize>(
    rows: &mut Vec<ResultRow>,
    relations: &str,
    view: &View,
    items: usize,
    numbers: [(&str, Result<f64, MetricError>); N],
) {
    for (metric, value) in numbers {
        let Ok(value) = value else { continue };
        let chance = if metric.starts_with("mutual") { NEIGHBOURS as f64 / (items - 1) as f64 } else { 0.0 };
        rows.push(ResultRow {
            task: "geometry".into(),
            protocol: "full".into(),
            relations: relations.into(),
            view: view.label(),
            metric: metric.into(),
            value,
            queries: items,
            chance,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rcml_data::Split;

    use super::super::fixture;
    use super::*;

    /// Item i lies at i degrees, and at 2 i under a relation.
    struct Arc;

    impl Scorer for Arc {
        fn name(&self) -> &str {
            "arc"
        }

        fn views(&self) -> Vec<View> {
            vec![View::avg()]
        }

        fn scores(&mut self, _: RelationRef, _: &View, _: &[u32], _: &[u32]) -> Result<Vec<f32>> {
            Ok(vec![])
        }

        fn item_vectors(&mut self, condition: Conditioning, _: &Side, items: &[u32]) -> Result<Option<ItemVectors>> {
            let factor = if condition == Conditioning::None { 1.0 } else { 2.0 };
            let at = |item: &u32| (*item as f32 * factor).to_radians();
            let values = items.iter().flat_map(|item| [at(item).cos(), at(item).sin()]).collect();
            Ok(Some(ItemVectors::new(items, 2, values, vec![true; items.len()])))
        }
    }

    #[test]
    fn relations_are_drawn_where_there_are_more() {
        let (dataset, splits) = fixture::colours(60, 20);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        let known = set.relations().len();
        assert!(known > 1);
        for (most, expected) in [(0, known), (1, 1), (known + 5, known)] {
            let options = EvalOptions { max_relations: most, ..EvalOptions::default() };
            let rows = run(&set, &mut Arc, &options, &mut |_, _| {}).unwrap().rows;
            let named: BTreeSet<&str> = rows.iter().map(|row| row.relations.as_str()).collect();
            assert_eq!(named.len(), expected + 2, "none, all and the relations: {named:?}");
            let neighbours = |row: &&ResultRow| row.metric == "mutual-knn@10" && row.relations == "all";
            let kept = rows.iter().find(neighbours).unwrap().value;
            assert!(kept > 0.99, "twice the angle has the same neighbours: {kept}");
        }
    }
}
