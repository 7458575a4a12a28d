//! A relation with its pairs of items, before it has an index.

use std::collections::HashSet;

use super::{Added, PruneOptions};
use crate::{Dataset, Edge, Error, Relation, Result};

/// A relation and the edges that are to carry it: (source, target, weight).
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Draft {
    pub(crate) relation: Relation,
    pub(crate) edges: Vec<(u32, u32, f32)>,
}

/// A relation with several phrasings.
pub(crate) fn phrased<S: Into<String>>(
    id: impl Into<String>,
    family: &str,
    symmetric: bool,
    phrasings: impl IntoIterator<Item = S>,
) -> Relation {
    Relation {
        id: id.into(),
        family: Some(family.into()),
        symmetric,
        descriptions: phrasings.into_iter().map(Into::into).collect(),
        ..Relation::default()
    }
}

impl Draft {
    /// Each statement once, the heaviest of equal ones; no item related to itself.
    fn tidy(&mut self) {
        let symmetric = self.relation.symmetric;
        for (source, target, _) in &mut self.edges {
            if symmetric && source > target {
                std::mem::swap(source, target);
            }
        }
        self.edges.retain(|(source, target, _)| source != target);
        self.edges.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(b.2.total_cmp(&a.2)));
        self.edges.dedup_by_key(|edge| (edge.0, edge.1));
    }
}

/// Numbers ids that drafts of one source have in common: attributes `C` and `C++`, or predicates of two vocabularies, may end
/// in the same word.
pub(super) fn distinct_ids<'a>(drafts: impl IntoIterator<Item = &'a mut Draft>) {
    let mut taken = HashSet::new();
    for draft in drafts {
        let id = draft.relation.id.clone();
        let mut number = 1;
        while !taken.insert(draft.relation.id.clone()) {
            number += 1;
            draft.relation.id = format!("{id}-{number}");
        }
    }
}

/// Adds drafts to a dataset, pruned.
///
/// # Errors
/// An id that the dataset has a relation of.
pub(super) fn attach(
    dataset: &mut Dataset,
    mut drafts: Vec<Draft>,
    prune: &PruneOptions,
    notes: Vec<String>,
) -> Result<Added> {
    drafts.iter_mut().for_each(Draft::tidy);
    let pruned = prune.apply(&mut drafts);
    let mut added = Added { notes, pruned, ..Added::default() };
    let mut taken: HashSet<String> = dataset.relations.iter().map(|relation| relation.id.clone()).collect();
    for draft in drafts {
        let id = draft.relation.id.clone();
        if !taken.insert(id.clone()) {
            return Err(Error::input(format!(
                "{} has a relation {id:?} already: give this one another id",
                dataset.name()
            )));
        }
        added.relations.push((id, draft.edges.len()));
        let number = dataset.relations.len() as u32;
        dataset.relations.push(draft.relation);
        let edge = |&(source, target, weight): &(u32, u32, f32)| Edge { weight, ..Edge::new(number, source, target) };
        dataset.edges.extend(draft.edges.iter().map(edge));
    }
    Ok(added)
}
