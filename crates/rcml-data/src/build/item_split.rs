//! Item-disjoint splits of a built dataset.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{Error, Item, Result, Split};

/// Shares of the items that a builder marks for validation and test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ItemSplit {
    /// Share of the items for validation.
    pub validation: f64,
    /// Share of the items held out.
    pub test: f64,
    /// Seed.
    pub seed: u64,
}

impl Default for ItemSplit {
    fn default() -> Self {
        Self { validation: 0.1, test: 0.2, seed: 0 }
    }
}

impl ItemSplit {
    /// # Errors
    /// Shares that are not in [0, 1), or leave nothing to train on.
    pub(crate) fn validate(&self) -> Result<()> {
        for (name, share) in [("validation", self.validation), ("test", self.test)] {
            if !(0.0..1.0).contains(&share) {
                return Err(Error::input(format!("{name}: expected a share from 0 to below 1, found {share}")));
            }
        }
        if self.validation + self.test >= 1.0 {
            return Err(Error::input("the shares for validation and test leave no items to train on"));
        }
        Ok(())
    }

    /// Marks every item. Items with equal `group` have one split, so that a near-duplicate of a training item is never a
    /// test item.
    pub(crate) fn apply(&self, items: &mut [Item], groups: &[u32]) {
        let mut members: Vec<Vec<usize>> = Vec::new();
        let mut of_group: std::collections::HashMap<u32, usize> = std::collections::HashMap::new();
        for (item, &group) in groups.iter().enumerate().take(items.len()) {
            let at = *of_group.entry(group).or_insert_with(|| {
                members.push(Vec::new());
                members.len() - 1
            });
            members[at].push(item);
        }
        members.shuffle(&mut ChaCha8Rng::seed_from_u64(self.seed));
        let total = items.len() as f64;
        let (test, validation) = ((self.test * total).round() as usize, (self.validation * total).round() as usize);
        let mut given = 0;
        for group in members {
            let split = match given {
                n if n < test => Split::Test,
                n if n < test + validation => Split::Validation,
                _ => Split::Train,
            };
            given += group.len();
            group.into_iter().for_each(|item| items[item].split = Some(split));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_stay_together_and_shares_are_kept() {
        let mut items: Vec<Item> = (0..1000).map(|i| Item::new(format!("{i}"))).collect();
        let groups: Vec<u32> = (0..1000).map(|i| i / 4).collect();
        ItemSplit::default().apply(&mut items, &groups);
        let count = |split| items.iter().filter(|item| item.split == Some(split)).count();
        assert_eq!((count(Split::Test), count(Split::Validation), count(Split::Train)), (200, 100, 700));
        assert!(items.chunks(4).all(|group| group.iter().all(|item| item.split == group[0].split)));
        assert!(ItemSplit { test: 0.95, ..ItemSplit::default() }.validate().is_err());
    }
}
