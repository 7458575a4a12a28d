//! Claims "this relation holds between these items", as many true as false.

use rand::RngExt;
use rcml_data::{RelationGraph, Split};

use super::EvalOptions;
use super::trial::{self, Purpose};
use crate::EvalSet;

/// How the second item of a false claim was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NegativeKind {
    /// Any unrelated item.
    Random,
    /// Related in another way, or the answer of another item.
    Hard,
}

/// A claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) relation: u32,
    pub(super) query: u32,
    pub(super) candidate: u32,
    /// `None` where the claim is true.
    pub(super) negative: Option<NegativeKind>,
}

impl Claim {
    pub(super) fn holds(&self) -> bool {
        self.negative.is_none()
    }
}

/// Up to `at_most` claims about the edges of one split and its `items`, relation by relation, a true one and a false one about the
/// same query item in turn. A pair that any split knows is never a false claim.
pub(super) fn claims(
    set: &EvalSet<'_>,
    split: Split,
    graph: &RelationGraph,
    items: &[u32],
    at_most: usize,
    options: &EvalOptions,
) -> Vec<Claim> {
    let relations: Vec<u32> = (0..graph.relations() as u32).filter(|r| graph.pairs(*r) > 0).collect();
    let each = (at_most / 2 / relations.len().max(1)).max(1);
    let mut out = Vec::new();
    for relation in relations {
        let pairs: Vec<(u32, u32)> = graph
            .anchors(relation)
            .iter()
            .flat_map(|&a| graph.targets(relation, a).iter().map(move |&t| (a, t)))
            .filter(|(a, t)| a != t)
            .collect();
        let key = [relation, split as u32, 0];
        let drawn = trial::draw(&pairs, each, trial::stream(options.seed, Purpose::Claims, key));
        let answers: Vec<u32> = drawn.iter().map(|pair| pair.1).collect();
        for (number, &(query, candidate)) in drawn.iter().enumerate() {
            let mut rng = trial::stream(options.seed, Purpose::Claims, [relation, query, candidate]);
            let related = set.whole().targets(relation, query);
            let is_false = |item: &u32| *item != query && related.binary_search(item).is_err();
            let mut pick = |pool: &[u32]| {
                // A few blind draws, then a look at all: most pools are mostly unrelated.
                let blind =
                    (0..16).filter(|_| !pool.is_empty()).map(|_| pool[rng.random_range(0..pool.len())]).find(is_false);
                blind.or_else(|| {
                    let rest: Vec<u32> = pool.iter().copied().filter(is_false).collect();
                    (!rest.is_empty()).then(|| rest[rng.random_range(0..rest.len())])
                })
            };
            let hard = |pick: &mut dyn FnMut(&[u32]) -> Option<u32>| {
                let others: Vec<u32> = set
                    .whole()
                    .related_items(query)
                    .iter()
                    .copied()
                    .filter(|i| items.binary_search(i).is_ok())
                    .collect();
                pick(&others).or_else(|| pick(&answers)).map(|item| (item, NegativeKind::Hard))
            };
            let negative = if number % 2 == 1 { hard(&mut pick) } else { None };
            let Some((wrong, kind)) = negative.or_else(|| pick(items).map(|item| (item, NegativeKind::Random))) else {
                continue;
            };
            out.push(Claim { relation, query, candidate, negative: None });
            out.push(Claim { relation, query, candidate: wrong, negative: Some(kind) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn false_claims_are_false_in_every_split_and_balanced() {
        let (dataset, splits) = fixture::colours(60, 30);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        let options = EvalOptions::default();
        for split in [Split::Train, Split::Test] {
            let (graph, items) = (set.graph_of(split), set.items_of(split));
            let found = claims(&set, split, &graph, &items, 400, &options);
            assert!(found.len() > 100 && found.iter().filter(|c| c.holds()).count() * 2 == found.len());
            for claim in &found {
                assert_eq!(
                    claim.holds(),
                    set.whole().contains(claim.relation, claim.query, claim.candidate),
                    "{claim:?}"
                );
                assert!(claim.query != claim.candidate);
                assert!([claim.query, claim.candidate].iter().all(|i| items.contains(i)), "{claim:?} leaves its split");
            }
            for kind in [NegativeKind::Random, NegativeKind::Hard] {
                assert!(found.iter().any(|c| c.negative == Some(kind)), "{kind:?}");
            }
            assert_eq!(found, claims(&set, split, &graph, &items, 400, &options));
        }
    }
}
