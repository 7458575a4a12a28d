//! Who is related to whom, and how.

use rayon::prelude::*;

use crate::{Edge, Relation};

/// The edges of a dataset as compressed sparse rows per relation, in both directions.
///
/// Symmetric relations are closed: an edge written once is found from both ends. Duplicate edges count once. Rows are
/// sorted, so membership is a binary search. Memory grows with the edges, not with items x relations. An edge from an
/// item to itself, and one that names an item or a relation that does not exist, is left out.
///
/// A question about an item or a relation that does not exist is answered as if it had no edges.
#[derive(Debug, Clone, Default)]
pub struct RelationGraph {
    items: usize,
    forward: Vec<Rows>,
    /// `None` for a symmetric relation, whose `forward` serves both directions.
    backward: Vec<Option<Rows>>,
    related: Rows,
}

/// Sparse rows of sorted columns; only rows that are not empty are stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Rows {
    rows: Vec<u32>,
    /// One more than rows: the columns of `rows[i]` are `columns[offsets[i]..offsets[i + 1]]`.
    offsets: Vec<usize>,
    columns: Vec<u32>,
}

impl Rows {
    fn new(mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.par_sort_unstable();
        pairs.dedup();
        let mut rows = Self { columns: pairs.iter().map(|&(_, column)| column).collect(), ..Self::default() };
        for (position, &(row, _)) in pairs.iter().enumerate() {
            if rows.rows.last() != Some(&row) {
                rows.rows.push(row);
                rows.offsets.push(position);
            }
        }
        rows.offsets.push(pairs.len());
        rows
    }

    fn row(&self, row: u32) -> &[u32] {
        match self.rows.binary_search(&row) {
            Ok(i) => &self.columns[self.offsets[i]..self.offsets[i + 1]],
            Err(_) => &[],
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let row = |(i, &row): (usize, &u32)| (row, &self.columns[self.offsets[i]..self.offsets[i + 1]]);
        self.rows.iter().enumerate().map(row).flat_map(|(row, columns)| columns.iter().map(move |&c| (row, c)))
    }
}

impl RelationGraph {
    /// Builds the graph over `items` items from edges (of one split, say).
    pub fn new<'a>(items: usize, relations: &[Relation], edges: impl IntoIterator<Item = &'a Edge>) -> Self {
        let mut pairs = vec![Vec::new(); relations.len()];
        for edge in edges {
            let exists = (edge.source as usize) < items && (edge.target as usize) < items;
            if let Some(pairs) = pairs.get_mut(edge.relation as usize)
                && exists
                && edge.source != edge.target
            {
                pairs.push((edge.source, edge.target));
            }
        }
        let symmetric: Vec<bool> = relations.iter().map(|r| r.symmetric).collect();
        Self::from_pairs(items, &symmetric, pairs)
    }

    fn from_pairs(items: usize, symmetric: &[bool], pairs: Vec<Vec<(u32, u32)>>) -> Self {
        let swapped = |pairs: &[(u32, u32)]| pairs.iter().map(|&(a, b)| (b, a)).collect::<Vec<_>>();
        let mut any: Vec<(u32, u32)> = pairs.iter().flatten().copied().collect();
        any.extend(swapped(&any));
        let (forward, backward) = pairs
            .into_par_iter()
            .zip(symmetric)
            .map(|(mut pairs, &symmetric)| {
                let back = swapped(&pairs);
                if symmetric {
                    pairs.extend(back);
                    (Rows::new(pairs), None)
                } else {
                    (Rows::new(pairs), Some(Rows::new(back)))
                }
            })
            .unzip();
        Self { items, forward, backward, related: Rows::new(any) }
    }

    /// The part of the graph between items for which `keep` holds. Items keep their numbers.
    pub(crate) fn among(self, keep: impl Fn(u32) -> bool) -> Self {
        if self.related.rows.iter().all(|&item| keep(item)) {
            return self;
        }
        let symmetric: Vec<bool> = self.backward.iter().map(Option::is_none).collect();
        let kept = |rows: &Rows| rows.pairs().filter(|&(a, b)| keep(a) && keep(b)).collect();
        Self::from_pairs(self.items, &symmetric, self.forward.iter().map(kept).collect())
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Number of relations.
    pub fn relations(&self) -> usize {
        self.forward.len()
    }

    /// Number of (source, target) pairs of a relation, after closing symmetric ones.
    pub fn pairs(&self, relation: u32) -> usize {
        self.forward.get(relation as usize).map_or(0, |rows| rows.columns.len())
    }

    /// Items that `source` points at under `relation`, ascending.
    pub fn targets(&self, relation: u32, source: u32) -> &[u32] {
        self.forward.get(relation as usize).map_or(&[], |rows| rows.row(source))
    }

    /// Items that point at `target` under `relation`, ascending.
    pub fn sources(&self, relation: u32, target: u32) -> &[u32] {
        match self.backward.get(relation as usize) {
            Some(Some(rows)) => rows.row(target),
            Some(None) => self.targets(relation, target),
            None => &[],
        }
    }

    /// Items with at least one target under `relation`, ascending.
    pub fn anchors(&self, relation: u32) -> &[u32] {
        self.forward.get(relation as usize).map_or(&[], |rows| &rows.rows)
    }

    /// Whether `relation` holds from `source` to `target`.
    pub fn contains(&self, relation: u32, source: u32, target: u32) -> bool {
        self.targets(relation, source).binary_search(&target).is_ok()
    }

    /// Items linked with `item` under any relation in either direction, ascending, without `item` itself.
    pub fn related_items(&self, item: u32) -> &[u32] {
        self.related.row(item)
    }

    /// Whether two items are linked under any relation in either direction.
    pub fn related(&self, a: u32, b: u32) -> bool {
        self.related_items(a).binary_search(&b).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const ITEMS: u32 = 12;

    fn relations() -> Vec<Relation> {
        vec![
            Relation::new("directed", "points at"),
            Relation::new("symmetric", "goes with").symmetric(true),
            Relation::new("empty", "never holds"),
        ]
    }

    fn edges() -> impl Strategy<Value = Vec<Edge>> {
        // One relation and one item too many, so that edges to nowhere occur.
        prop::collection::vec((0u32..4, 0..ITEMS + 1, 0..ITEMS + 1), 0..60)
            .prop_map(|edges| edges.into_iter().map(|(r, s, t)| Edge::new(r, s, t)).collect())
    }

    fn naive(edges: &[Edge]) -> BTreeSet<(u32, u32, u32)> {
        let good =
            edges.iter().filter(|e| e.relation < 3 && e.source < ITEMS && e.target < ITEMS && e.source != e.target);
        let mut set: BTreeSet<_> = good.map(|e| (e.relation, e.source, e.target)).collect();
        let back: Vec<_> = set.iter().filter(|e| e.0 == 1).map(|&(r, s, t)| (r, t, s)).collect();
        set.extend(back);
        set
    }

    fn assert_model(graph: &RelationGraph, model: &BTreeSet<(u32, u32, u32)>) {
        for r in 0..4 {
            assert_eq!(graph.pairs(r), model.iter().filter(|e| e.0 == r).count());
            let anchors: BTreeSet<u32> = model.iter().filter(|e| e.0 == r).map(|e| e.1).collect();
            assert!(graph.anchors(r).iter().eq(&anchors));
            for a in 0..ITEMS + 1 {
                let targets: Vec<u32> = model.iter().filter(|e| e.0 == r && e.1 == a).map(|e| e.2).collect();
                let sources: Vec<u32> = model.iter().filter(|e| e.0 == r && e.2 == a).map(|e| e.1).collect();
                assert_eq!(graph.targets(r, a), targets);
                assert_eq!(graph.sources(r, a), sources);
                for b in 0..ITEMS + 1 {
                    assert_eq!(graph.contains(r, a, b), model.contains(&(r, a, b)));
                }
            }
        }
        for a in 0..ITEMS + 1 {
            let related: BTreeSet<u32> =
                model.iter().filter_map(|&(_, s, t)| (s == a).then_some(t).or((t == a).then_some(s))).collect();
            assert!(graph.related_items(a).iter().eq(&related));
            assert!((0..ITEMS).all(|b| graph.related(a, b) == related.contains(&b)));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_set_of_triples(edges in edges()) {
            let graph = RelationGraph::new(ITEMS as usize, &relations(), &edges);
            prop_assert_eq!((graph.items(), graph.relations()), (ITEMS as usize, 3));
            assert_model(&graph, &naive(&edges));
        }

        #[test]
        fn a_part_of_the_graph_agrees_with_the_part_of_the_set(edges in edges(), keep in prop::collection::vec(any::<bool>(), ITEMS as usize)) {
            let graph = RelationGraph::new(ITEMS as usize, &relations(), &edges).among(|i| keep[i as usize]);
            let mut model = naive(&edges);
            model.retain(|e| keep[e.1 as usize] && keep[e.2 as usize]);
            assert_model(&graph, &model);
        }
    }

    #[test]
    fn an_empty_graph_answers() {
        assert_model(&RelationGraph::new(ITEMS as usize, &relations(), []), &BTreeSet::new());
        assert_eq!(RelationGraph::default().related_items(3), &[] as &[u32]);
    }
}
