//! The part of a dataset that an evaluation looks at.

use rcml_data::{Dataset, Edge, Relation, RelationGraph, Split, Splits};

use crate::{Error, Result};

/// One split of a dataset: its items, its edges, and the graph of all edges, which knows every true answer.
#[derive(Debug)]
pub struct EvalSet<'a> {
    dataset: &'a Dataset,
    splits: Splits,
    split: Split,
    items: Vec<u32>,
    others: Vec<u32>,
    held: RelationGraph,
    whole: RelationGraph,
    seen: Vec<bool>,
}

impl<'a> EvalSet<'a> {
    /// The `split` part of a dataset.
    ///
    /// Its items are those of the split and the ends of its edges; where edges, not items, are held out, they are all items.
    ///
    /// # Errors
    /// Splits of another dataset (their lengths differ), or a split without any items.
    pub fn new(dataset: &'a Dataset, splits: &Splits, split: Split) -> Result<Self> {
        let found = (splits.items.len(), splits.relations.len(), splits.edges.len());
        let expected = (dataset.items.len(), dataset.relations.len(), dataset.edges.len());
        if found != expected {
            return Err(Error::input(format!(
                "splits are of {found:?} items, relations and edges, but dataset `{}` has {expected:?}",
                dataset.name()
            )));
        }
        let held_edges = || -> Vec<&Edge> {
            let edges = dataset.edges.iter().zip(&splits.edges);
            edges.filter(|(_, s)| **s == Some(split)).map(|(edge, _)| edge).collect()
        };
        let mut inside: Vec<bool> = splits.items.iter().map(|s| *s == split).collect();
        if splits.shares_items() && !held_edges().is_empty() {
            inside.fill(true);
        }
        for edge in held_edges() {
            for end in [edge.source, edge.target] {
                match inside.get_mut(end as usize) {
                    Some(flag) => *flag = true,
                    None => return Err(Error::input(format!("an edge names item {end} of {}", inside.len()))),
                }
            }
        }
        let (items, others): (Vec<u32>, Vec<u32>) = (0..inside.len() as u32).partition(|i| inside[*i as usize]);
        if items.is_empty() {
            let (name, split) = (dataset.name(), format!("{split:?}").to_lowercase());
            return Err(Error::input(format!(
                "no item is in the {split} split of {name}, nor an end of one of its edges; expected at least one of its {} items, \
                 by `split` in the files or a share above 0 in the run's configuration",
                inside.len()
            )));
        }
        let held = RelationGraph::new(dataset.items.len(), &dataset.relations, held_edges());
        let whole = RelationGraph::new(dataset.items.len(), &dataset.relations, &dataset.edges);
        let seen = splits.relations.iter().map(|s| *s == Split::Train).collect();
        Ok(Self { dataset, splits: splits.clone(), split, items, others, held, whole, seen })
    }

    /// The same for a model that saw only the relations that `saw` tells, such as one that was trained on other data: all others
    /// are unseen.
    #[must_use]
    pub fn seen_where(mut self, saw: impl Fn(&Relation) -> bool) -> Self {
        for (seen, relation) in self.seen.iter_mut().zip(&self.dataset.relations) {
            *seen &= saw(relation);
        }
        self
    }

    /// Training items with the edges of unseen relations between them, which no split uses; `None` where there are none, where
    /// splits share their items, and for every split but `Test`: unseen relations are part of what is held out until the end.
    pub(crate) fn known_items(&self) -> Option<Self> {
        let items = self.splits.items_of(Split::Train);
        if self.split != Split::Test || self.splits.shares_items() {
            return None;
        }
        let inside = |item: &u32| items.binary_search(item).is_ok();
        let unused = self.dataset.edges.iter().zip(&self.splits.edges).filter(|(_, split)| split.is_none());
        let edges = unused.map(|(edge, _)| edge).filter(|edge| {
            self.splits.relations.get(edge.relation as usize) == Some(&Split::Test)
                && inside(&edge.source)
                && inside(&edge.target)
        });
        let held = RelationGraph::new(self.dataset.items.len(), &self.dataset.relations, edges);
        let any = (0..self.dataset.relations.len() as u32).any(|relation| held.pairs(relation) > 0);
        any.then(|| Self {
            dataset: self.dataset,
            splits: self.splits.clone(),
            split: self.split,
            others: self.splits.items.iter().zip(0..).filter(|(of, _)| **of != Split::Train).map(|(_, i)| i).collect(),
            items,
            held,
            whole: self.whole.clone(),
            seen: self.seen.clone(),
        })
    }

    /// The same questions among fewer items, ascending.
    pub(crate) fn among(self, items: Vec<u32>) -> Self {
        Self { items, ..self }
    }

    /// The whole dataset.
    pub fn dataset(&self) -> &'a Dataset {
        self.dataset
    }

    /// Which split this is.
    pub fn split(&self) -> Split {
        self.split
    }

    /// Items of the split, ascending: the corpus that is searched.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// All other items, ascending.
    pub fn others(&self) -> &[u32] {
        &self.others
    }

    /// The edges of the split.
    pub fn held(&self) -> &RelationGraph {
        &self.held
    }

    /// All edges of all splits, also of none: a candidate linked there is never a wrong answer.
    pub fn whole(&self) -> &RelationGraph {
        &self.whole
    }

    /// The edges of another split, for what is learnt beside the model.
    pub(crate) fn graph_of(&self, split: Split) -> RelationGraph {
        let edges = self.splits.edges_of(self.dataset, split);
        RelationGraph::new(self.dataset.items.len(), &self.dataset.relations, edges)
    }

    /// The items of another split, ascending; all items where every split sees them all.
    pub(crate) fn items_of(&self, split: Split) -> Vec<u32> {
        let own = self.splits.items_of(split);
        if own.is_empty() && self.splits.shares_items() { self.splits.items_of(Split::Train) } else { own }
    }

    /// Whether training saw the relation.
    pub fn seen(&self, relation: u32) -> bool {
        self.seen.get(relation as usize).copied().unwrap_or(false)
    }

    /// Relations with edges in the split, ascending.
    pub fn relations(&self) -> Vec<u32> {
        (0..self.dataset.relations.len() as u32).filter(|r| self.held.pairs(*r) > 0).collect()
    }

    /// Names of the groups that a relation is reported in: `all`, `seen` or `unseen`, `family:NAME`, and `lexical` or
    /// `not-lexical` where the dataset says so (a boolean field `lexical`: matching words alone solve the relation).
    pub fn groups(&self, relation: u32) -> Vec<String> {
        let mut groups = vec!["all".to_string(), if self.seen(relation) { "seen" } else { "unseen" }.to_string()];
        let lexical = |r: &Relation| r.attributes.get("lexical").and_then(serde_json::Value::as_bool);
        if let Some(relation) = self.dataset.relations.get(relation as usize) {
            if self.dataset.relations.iter().any(|r| lexical(r) == Some(true)) {
                let is = lexical(relation) == Some(true);
                groups.push(if is { "lexical" } else { "not-lexical" }.to_string());
            }
            groups.extend(relation.family.iter().map(|family| format!("family:{family}")));
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::fixture;

    #[test]
    fn items_edges_and_groups_of_a_split() {
        let (dataset, splits) = fixture::colours(12, 4);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        assert_eq!(set.items(), &[8, 9, 10, 11]);
        assert_eq!(set.others().len(), 8);
        assert!(set.whole().pairs(0) > set.held().pairs(0));
        assert!(set.held().anchors(0).iter().all(|a| set.items().contains(a)));
        assert_eq!(set.groups(0), ["all", "seen", "family:factor"]);
        let elsewhere = EvalSet::new(&dataset, &splits, Split::Test).unwrap().seen_where(|_| false);
        assert_eq!(elsewhere.groups(0), ["all", "unseen", "family:factor"]);
        assert_eq!(set.groups(1), ["all", "unseen", "family:factor"]);
    }

    #[test]
    fn an_edge_split_searches_all_items() {
        let (dataset, mut splits) = fixture::colours(12, 4);
        splits.items.fill(Split::Train);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        assert_eq!((set.items().len(), set.others().len()), (12, 0));
    }

    #[test]
    fn a_split_without_items_is_refused() {
        let (dataset, mut splits) = fixture::colours(12, 4);
        let error = EvalSet::new(&dataset, &splits, Split::Validation).unwrap_err();
        assert!(error.is_input() && error.to_string().contains("no item is in the validation split"), "{error}");
        // Shared items are no items of a split that has no edges.
        splits.items.fill(Split::Train);
        assert!(EvalSet::new(&dataset, &splits, Split::Validation).is_err());
        splits.edges.iter_mut().for_each(|split| *split = Some(Split::Train));
        assert!(EvalSet::new(&dataset, &splits, Split::Test).is_err());
        assert_eq!(EvalSet::new(&dataset, &splits, Split::Train).unwrap().items().len(), 12);
    }

    #[test]
    fn unseen_relations_between_training_items_are_for_the_test_split_alone() {
        let (dataset, mut splits) = fixture::colours(36, 12);
        // The shapes' edges between training items are used by no split.
        for (edge, split) in dataset.edges.iter().zip(&mut splits.edges) {
            *split = split.filter(|split| edge.relation == 0 || *split == Split::Test);
        }
        splits.items[24..28].fill(Split::Validation);
        for (split, asked) in [(Split::Train, false), (Split::Validation, false), (Split::Test, true)] {
            let set = EvalSet::new(&dataset, &splits, split).unwrap();
            assert_eq!(set.known_items().is_some(), asked, "{split:?}");
        }
    }

    #[test]
    fn splits_of_another_dataset_are_refused() {
        let (dataset, mut splits) = fixture::colours(12, 4);
        splits.items.pop();
        let error = EvalSet::new(&dataset, &splits, Split::Test).unwrap_err();
        assert!(error.is_input() && error.to_string().contains("11"), "{error}");
    }
}
