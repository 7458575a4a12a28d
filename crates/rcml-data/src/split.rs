//! What may be trained on and what is held out.

use std::collections::HashMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{Dataset, Edge, Error, Relation, Result};

/// The part of the data that something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Trained on.
    Train,
    /// Watched during training: early stopping, choice of settings.
    #[serde(alias = "valid", alias = "val", alias = "dev")]
    Validation,
    /// Held out until the end.
    Test,
}

/// What is disjoint between the splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitStrategy {
    /// Items: an edge belongs to the split of both its ends, or to none where they differ.
    #[default]
    Items,
    /// Edges: every split sees every item (transductive).
    Edges,
}

/// How the loader splits what the files leave open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitConfig {
    /// What is disjoint.
    pub strategy: SplitStrategy,
    /// Share of items (or edges) for validation.
    pub validation: f64,
    /// Share of items (or edges) held out.
    pub test: f64,
    /// Share of the relations that training never sees (zero-shot relations).
    pub unseen_relations: f64,
    /// Seed of the split, apart from the run's seed, so that seeds of a run share one split.
    pub seed: u64,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self { strategy: SplitStrategy::Items, validation: 0.1, test: 0.2, unseen_relations: 0.0, seed: 0 }
    }
}

/// The split of every item, relation and edge of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splits {
    /// Of each item. Under [`SplitStrategy::Edges`] all are `Train`.
    pub items: Vec<Split>,
    /// Of each relation: `Train` = seen in training, `Test` = never.
    pub relations: Vec<Split>,
    /// Of each edge; `None` = used by no split (its ends are in different splits).
    pub edges: Vec<Option<Split>>,
}

impl Splits {
    /// Splits a dataset: what the files fix stays, the rest is drawn with `config.seed`.
    ///
    /// - An item that names a split has it. As soon as one does, items that name none are trained on, and where none
    ///   is for validation, the share `config.validation` of the training items becomes it.
    /// - Where no item but some edge names a split, the split is over edges: every split sees every item, edges that
    ///   name none are trained on, and validation is carved out of them where there is none.
    /// - Where nothing is fixed, items or edges are drawn, as `config.strategy` says.
    /// - A relation marked `test` is unseen: training gets no edge of it. Where no relation is marked, the share
    ///   `config.unseen_relations` is drawn, never all of them.
    /// - Under a split over items, an edge belongs to the split of both its ends, or to none where they differ, unless
    ///   it names one itself; an edge with a held-out end is never trained on. An edge of an unseen relation is for
    ///   testing or for nothing.
    /// - Two lines that say the same (a symmetric edge in both orders, a duplicate) are in one split; of two that the
    ///   files name, the one that is held out longer.
    ///
    /// With 10 items (or edges) or more, a share above 0 gets at least one of them; with fewer, shares are rounded down.
    ///
    /// # Errors
    /// Shares that are not in [0, 1) or sum to 1 or more; a split that would leave training without items or edges.
    /// A dataset that the files hold out entirely is allowed: it is there for evaluation.
    pub fn assign(dataset: &Dataset, config: &SplitConfig) -> Result<Self> {
        config.validate()?;
        if dataset.items.is_empty() {
            return Err(Error::input(format!("{} has no items to split", dataset.name())));
        }
        let relations = relations(dataset, config);
        let items_fixed = dataset.items.iter().any(|item| item.split.is_some());
        let edges_fixed = dataset.edges.iter().any(|edge| edge.split.is_some());
        let over_items = items_fixed || (!edges_fixed && config.strategy == SplitStrategy::Items);
        let (items, edges) = if over_items {
            let items = items(dataset, config, items_fixed);
            let edges = edges_of_items(dataset, &relations, &items, edges_fixed);
            (items, edges)
        } else {
            (vec![Split::Train; dataset.items.len()], edges_alone(dataset, config, &relations, edges_fixed))
        };
        let splits = Self { items, relations, edges };
        splits.check_training(dataset, over_items, items_fixed || edges_fixed)?;
        Ok(splits)
    }

    /// Whether every split sees every item, as under [`SplitStrategy::Edges`].
    pub fn shares_items(&self) -> bool {
        self.items.iter().all(|&split| split == Split::Train)
    }

    /// Items that a split may look at, ascending: its own, or all of them where splits share items.
    pub fn items_of(&self, split: Split) -> Vec<u32> {
        let shared = self.shares_items();
        self.items.iter().zip(0..).filter(|&(&of, _)| shared || of == split).map(|(_, item)| item).collect()
    }

    /// Edges of a split, as written.
    pub fn edges_of<'a>(&'a self, dataset: &'a Dataset, split: Split) -> impl Iterator<Item = &'a Edge> {
        self.edges.iter().zip(&dataset.edges).filter(move |(of, _)| **of == Some(split)).map(|(_, edge)| edge)
    }

    /// Number of edges that no split uses.
    pub fn unused_edges(&self) -> usize {
        self.edges.iter().filter(|split| split.is_none()).count()
    }

    fn check_training(&self, dataset: &Dataset, over_items: bool, fixed: bool) -> Result<()> {
        let train = |split: Option<Split>| split == Some(Split::Train);
        let for_evaluation =
            fixed && !dataset.items.iter().any(|i| train(i.split)) && !dataset.edges.iter().any(|e| train(e.split));
        let items = self.items.iter().filter(|&&split| split == Split::Train).count();
        if items == 0 && !for_evaluation {
            let n = self.items.len();
            return Err(Error::input(format!("{}: the split leaves none of {n} items to train on", dataset.name())));
        }
        let edges = self.edges.iter().filter(|&&split| train(split)).count();
        if edges > 0 || self.edges.is_empty() || for_evaluation {
            return Ok(());
        }
        let n = self.edges.len();
        let why = if over_items {
            format!(
                "no edge links two of the {items} training items within a relation that training may see; hold out \
                 fewer items, name splits in the files, or split over edges (strategy = \"edges\")"
            )
        } else {
            "every edge is held out or of an unseen relation".to_string()
        };
        Err(Error::input(format!("{}: the split leaves none of {n} edges to train on: {why}", dataset.name())))
    }
}

impl SplitConfig {
    fn validate(&self) -> Result<()> {
        let shares =
            [("validation", self.validation), ("test", self.test), ("unseen_relations", self.unseen_relations)];
        for (key, share) in shares {
            if !(0.0..1.0).contains(&share) {
                return Err(Error::input(format!("split.{key} is {share}: expected a share from 0 to below 1")));
            }
        }
        let sum = self.validation + self.test;
        if sum >= 1.0 {
            return Err(Error::input(format!("split.validation + split.test is {sum}: nothing is left to train on")));
        }
        Ok(())
    }

    fn rng(&self, purpose: &[u8; 8]) -> ChaCha8Rng {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(purpose);
        ChaCha8Rng::from_seed(seed)
    }
}

/// Things to hold out of `n`.
fn count(share: f64, n: usize) -> usize {
    let exact = share * n as f64;
    if share > 0.0 && n >= 10 { (exact.round() as usize).max(1) } else { exact as usize }
}

/// Draws test and validation out of `n` things, of which none is fixed.
fn draw(n: usize, config: &SplitConfig, purpose: &[u8; 8]) -> Vec<Split> {
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut config.rng(purpose));
    let (test, validation) = (count(config.test, n), count(config.validation, n));
    let mut splits = vec![Split::Train; n];
    order.iter().take(test).for_each(|&i| splits[i] = Split::Test);
    order.iter().skip(test).take(validation).for_each(|&i| splits[i] = Split::Validation);
    splits
}

/// Turns the validation share of the training part into validation, where there is none yet.
fn carve(splits: &mut [Split], config: &SplitConfig, purpose: &[u8; 8]) {
    if splits.contains(&Split::Validation) {
        return;
    }
    let mut train: Vec<usize> = (0..splits.len()).filter(|&i| splits[i] == Split::Train).collect();
    train.shuffle(&mut config.rng(purpose));
    train.iter().take(count(config.validation, train.len())).for_each(|&i| splits[i] = Split::Validation);
}

fn relations(dataset: &Dataset, config: &SplitConfig) -> Vec<Split> {
    let unseen = |relation: &Relation| relation.split == Some(Split::Test);
    let mut splits: Vec<Split> =
        dataset.relations.iter().map(|r| if unseen(r) { Split::Test } else { Split::Train }).collect();
    if config.unseen_relations > 0.0 && !dataset.relations.iter().any(unseen) {
        let mut used = vec![false; splits.len()];
        for edge in &dataset.edges {
            if let Some(used) = used.get_mut(edge.relation as usize) {
                *used = true;
            }
        }
        // Relations without edges could be neither trained on nor tested.
        let used: Vec<usize> = (0..splits.len()).filter(|&r| used[r]).collect();
        let mut open: Vec<usize> = used.iter().copied().filter(|&r| dataset.relations[r].split.is_none()).collect();
        open.shuffle(&mut config.rng(b"relation"));
        let wanted = (config.unseen_relations * used.len() as f64).round() as usize;
        open.iter().take(wanted.max(1).min(used.len().saturating_sub(1))).for_each(|&r| splits[r] = Split::Test);
    }
    splits
}

fn items(dataset: &Dataset, config: &SplitConfig, fixed: bool) -> Vec<Split> {
    if !fixed {
        return draw(dataset.items.len(), config, b"items   ");
    }
    let mut splits: Vec<Split> = dataset.items.iter().map(|item| item.split.unwrap_or(Split::Train)).collect();
    carve(&mut splits, config, b"carve it");
    splits
}

/// What an edge says, whichever way round a symmetric one is written.
pub(crate) fn statement(dataset: &Dataset, edge: &Edge) -> (u32, u32, u32) {
    let symmetric = dataset.relations.get(edge.relation as usize).is_some_and(|r| r.symmetric);
    let (a, b) = (edge.source, edge.target);
    if symmetric && b < a { (edge.relation, b, a) } else { (edge.relation, a, b) }
}

/// The statement that each edge makes, numbered in order of appearance, and the split that the files name for each
/// statement.
fn statements(dataset: &Dataset) -> (Vec<usize>, Vec<Option<Split>>) {
    let mut number = HashMap::with_capacity(dataset.edges.len());
    let mut named: Vec<Option<Split>> = Vec::new();
    let of_edges = dataset.edges.iter().map(|edge| {
        let n = *number.entry(statement(dataset, edge)).or_insert(named.len());
        if n == named.len() {
            named.push(None);
        }
        named[n] = named[n].max(edge.split);
        n
    });
    (of_edges.collect(), named)
}

fn is_unseen(relations: &[Split], edge: &Edge) -> bool {
    relations.get(edge.relation as usize) == Some(&Split::Test)
}

fn edges_of_items(dataset: &Dataset, relations: &[Split], items: &[Split], fixed: bool) -> Vec<Option<Split>> {
    let named: Vec<Option<Split>> = if fixed {
        let (of_edges, named) = statements(dataset);
        of_edges.into_iter().map(|n| named[n]).collect()
    } else {
        vec![None; dataset.edges.len()]
    };
    let of_edge = |(edge, named): (&Edge, Option<Split>)| {
        let end = |item: u32| items.get(item as usize).copied();
        let ends = end(edge.source).filter(|_| end(edge.source) == end(edge.target));
        let split = named.or(ends)?;
        let allowed = match split {
            Split::Train => ends == Some(Split::Train) && !is_unseen(relations, edge),
            Split::Validation => !is_unseen(relations, edge),
            Split::Test => true,
        };
        allowed.then_some(split)
    };
    dataset.edges.iter().zip(named).map(of_edge).collect()
}

fn edges_alone(dataset: &Dataset, config: &SplitConfig, relations: &[Split], fixed: bool) -> Vec<Option<Split>> {
    let (of_edges, named) = statements(dataset);
    let mut unseen = vec![false; named.len()];
    of_edges.iter().zip(&dataset.edges).for_each(|(&n, edge)| unseen[n] = is_unseen(relations, edge));
    // Shares are of the edges that training may see: an unseen relation's are all held out anyway.
    let seen: Vec<usize> = (0..named.len()).filter(|&n| !unseen[n]).collect();
    let drawn = if fixed {
        let mut splits: Vec<Split> = seen.iter().map(|&n| named[n].unwrap_or(Split::Train)).collect();
        carve(&mut splits, config, b"carve ed");
        splits
    } else {
        draw(seen.len(), config, b"edges   ")
    };
    let held_out = |n: usize| matches!(named[n], None | Some(Split::Test)).then_some(Split::Test);
    let mut splits: Vec<Option<Split>> = (0..named.len()).map(held_out).collect();
    seen.into_iter().zip(drawn).for_each(|(n, split)| splits[n] = Some(split));
    of_edges.into_iter().map(|n| splits[n]).collect()
}

#[cfg(test)]
mod tests;
