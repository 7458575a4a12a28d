//! What may be trained on and what is held out.

mod community;
mod config;
mod draw;
mod edges;
mod file;
mod time;

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

pub use self::config::{SplitConfig, SplitStrategy};
use self::draw::{carve, carve_groups, draw, draw_groups};
pub(crate) use self::edges::statement;
use self::edges::{edges_alone, edges_of_items, keep_few};
use crate::{Dataset, Duplicates, Edge, Error, Relation, Result};

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
    ///   is for validation, the share `config.validation` of the training items becomes it; duplicates of each other together,
    ///   and label by label where `config.stratify` asks for it.
    /// - Where no item but some edge names a split, the split is over edges: every split sees every item, edges that
    ///   name none are trained on, and validation is carved out of them where there is none.
    /// - Where nothing is fixed, items or edges are drawn, as `config.strategy` says; duplicates of each other together, and
    ///   label by label where `config.stratify` asks for it.
    /// - A relation marked `test` is unseen: training gets no edge of it. Where no relation is marked, the share
    ///   `config.unseen_relations` is drawn, never all of them.
    /// - Under a split over items, an edge belongs to the split of both its ends, or to none where they differ, unless
    ///   it names one itself; an edge with a held-out end is never trained on. An edge of an unseen relation is for
    ///   testing or for nothing.
    /// - With `config.few_shot`, training keeps that many edges of every relation.
    /// - A file of splits (`config.file`) settles everything instead.
    /// - Two lines that say the same (a symmetric edge in both orders, a duplicate) are in one split; of two that the
    ///   files name, the one that is held out longer.
    ///
    /// With 10 items (or edges) or more, a share above 0 gets at least one of them; with fewer, shares are rounded down.
    ///
    /// # Errors
    /// Shares that are not in [0, 1) or sum to 1 or more; a split that would leave training without items or edges; a time
    /// that is missing; a component that is too large to hold anything out beside it; a file of splits that does not fit.
    /// A dataset that the files hold out entirely is allowed: it is there for evaluation.
    pub fn assign(dataset: &Dataset, config: &SplitConfig) -> Result<Self> {
        config.validate()?;
        if dataset.items.is_empty() {
            return Err(Error::input(format!("{} has no items to split", dataset.name())));
        }
        if !config.file.is_empty() {
            return Self::read(dataset, &config.file);
        }
        let relations = relations(dataset, config);
        let items_fixed = dataset.items.iter().any(|item| item.split.is_some());
        let edges_fixed = dataset.edges.iter().any(|edge| edge.split.is_some());
        let over_items = items_fixed || (!edges_fixed && !config.strategy.shares_items());
        let (items, mut edges) = if over_items {
            let items = items(dataset, config, items_fixed)?;
            let edges = edges_of_items(dataset, &relations, &items, edges_fixed);
            (items, edges)
        } else {
            (vec![Split::Train; dataset.items.len()], edges_alone(dataset, config, &relations, edges_fixed)?)
        };
        if config.few_shot > 0 {
            keep_few(dataset, config, &mut edges);
        }
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

fn items(dataset: &Dataset, config: &SplitConfig, fixed: bool) -> Result<Vec<Split>> {
    let duplicates = if config.duplicates_together { Duplicates::read(dataset)? } else { Duplicates::default() };
    let groups =
        || -> Vec<u32> { (0..dataset.items.len() as u32).map(|item| duplicates.group(item).unwrap_or(item)).collect() };
    // Drawn one by one, as ever, where nothing ties items together.
    let one_by_one = duplicates.is_empty() && !config.stratify;
    if fixed {
        let mut splits: Vec<Split> = dataset.items.iter().map(|item| item.split.unwrap_or(Split::Train)).collect();
        if one_by_one {
            carve(&mut splits, config, b"carve it");
        } else {
            carve_groups(dataset, &mut splits, config, &groups(), b"carve it");
        }
        return Ok(splits);
    }
    match config.strategy {
        SplitStrategy::ItemTime => time::items(dataset, config, &duplicates),
        SplitStrategy::Components => community::components(dataset, config, &duplicates),
        SplitStrategy::Communities => Ok(community::communities(dataset, config, &duplicates)),
        _ if one_by_one => Ok(draw(dataset.items.len(), config, b"items   ")),
        _ => Ok(draw_groups(dataset, config, &groups(), b"grouped ")),
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_strategies;
