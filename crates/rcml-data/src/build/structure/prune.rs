//! Relations that are too small and items with too many edges.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Draft;

/// What is pruned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PruneOptions {
    /// Relations with fewer edges are dropped.
    pub support: usize,
    /// Edges of an item under one relation at most (of each end of a directed one), the heaviest first; 0 = any number.
    pub degree: usize,
}

impl Default for PruneOptions {
    fn default() -> Self {
        Self { support: 2, degree: 50 }
    }
}

/// What pruning took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Relations with too few edges.
    pub relations: usize,
    /// Edges of items with too many.
    pub edges: usize,
}

impl fmt::Display for Pruned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return Ok(());
        }
        let Self { relations, edges } = self;
        writeln!(f, "  pruned: {relations} relations with too few edges, {edges} edges of items with too many")
    }
}

impl PruneOptions {
    /// Prunes drafts whose statements stand once.
    pub(super) fn apply(&self, drafts: &mut Vec<Draft>) -> Pruned {
        let (before, mut pruned) = (drafts.len(), Pruned::default());
        if self.degree > 0 {
            pruned.edges = drafts.iter_mut().map(|draft| self.trim(draft)).sum();
        }
        drafts.retain(|draft| draft.edges.len() >= self.support);
        pruned.relations = before - drafts.len();
        pruned
    }

    /// Takes the heaviest edges for which both ends have room, and returns how many are left out.
    fn trim(&self, draft: &mut Draft) -> usize {
        let before = draft.edges.len();
        draft.edges.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
        // A symmetric relation has one kind of end.
        let directed = !draft.relation.symmetric;
        let mut taken: HashMap<(bool, u32), usize> = HashMap::new();
        draft.edges.retain(|&(source, target, _)| {
            let ends = [(false, source), (directed, target)];
            let room = ends.iter().all(|end| taken.get(end).is_none_or(|&n| n < self.degree));
            if room {
                ends.into_iter().for_each(|end| *taken.entry(end).or_default() += 1);
            }
            room
        });
        draft.edges.sort_by_key(|edge| (edge.0, edge.1));
        before - draft.edges.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Relation;

    proptest! {
        #[test]
        fn no_end_has_more_than_its_share_and_no_edge_is_left_out_without_need(
            pairs in prop::collection::btree_set((0u32..9, 0u32..9), 0..60), degree in 1usize..5, symmetric in any::<bool>(),
        ) {
            let edges: Vec<(u32, u32, f32)> =
                pairs.into_iter().filter(|(a, b)| a < b).map(|(a, b)| (a, b, (a * 7 % 5) as f32)).collect();
            let relation = Relation::new("r", "is").symmetric(symmetric);
            let mut drafts = vec![Draft { relation, edges: edges.clone() }];
            let pruned = PruneOptions { support: 1, degree }.apply(&mut drafts);
            let kept = drafts.first().map(|d| d.edges.clone()).unwrap_or_default();
            prop_assert_eq!(kept.len() + pruned.edges, edges.len());
            let load = |item: u32, as_source: bool| kept.iter()
                .filter(|e| if symmetric { e.0 == item || e.1 == item } else if as_source { e.0 == item } else { e.1 == item }).count();
            for edge in &edges {
                let full = load(edge.0, true) >= degree || load(edge.1, false) >= degree;
                prop_assert!(load(edge.0, true) <= degree && load(edge.1, false) <= degree);
                prop_assert!(kept.contains(edge) || full);
            }
        }
    }
}
