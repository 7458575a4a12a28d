//! What really holds between synthetic items.

use super::factor::Factors;
use super::rule::{RULES, Rule};
use crate::Dataset;

/// The rules behind a synthetic dataset: they know every edge, also the unwritten ones, so the best possible score of an
/// evaluation can be computed.
#[derive(Debug)]
pub struct PlantedTruth {
    factors: Vec<Factors>,
    /// Of each relation of the dataset.
    rules: Vec<&'static Rule>,
}

/// The truth of a dataset made by [`crate::build::build_synthetic`]; `None` for any other, that is where an item lacks
/// its `factors` or a relation is none of the rules.
pub fn planted_truth(dataset: &Dataset) -> Option<PlantedTruth> {
    let factors = dataset.items.iter().map(|item| Factors::from_json(item.attributes.get("factors")?));
    let rules = dataset.relations.iter().map(|relation| RULES.iter().find(|rule| rule.id == relation.id));
    Some(PlantedTruth { factors: factors.collect::<Option<_>>()?, rules: rules.collect::<Option<_>>()? })
}

impl PlantedTruth {
    /// Whether `relation` holds from item `a` to item `b` (dataset indices); never from an item to itself, nor for an
    /// index that the dataset lacks.
    pub fn holds(&self, relation: u32, a: u32, b: u32) -> bool {
        let (Some(source), Some(target)) = (self.factors(a), self.factors(b)) else { return false };
        a != b && self.rules.get(relation as usize).is_some_and(|rule| rule.holds(source, target))
    }

    /// The factors of an item.
    pub fn factors(&self, item: u32) -> Option<Factors> {
        self.factors.get(item as usize).copied()
    }
}
