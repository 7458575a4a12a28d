//! How the loader splits what the files leave open.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What is disjoint between the splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitStrategy {
    /// Items: an edge belongs to the split of both its ends, or to none where they differ.
    #[default]
    Items,
    /// Edges: every split sees every item (transductive).
    Edges,
    /// Items by their time: the latest are held out, the earliest trained on.
    ItemTime,
    /// Edges by their time: the latest are held out, and every split sees every item.
    EdgeTime,
    /// Connected components: no chain of edges or duplicates leads from one split to another.
    Components,
    /// Communities: as components, but large components are taken apart where few edges hold them together; the edges between
    /// communities of different splits are used by none.
    Communities,
}

impl SplitStrategy {
    /// Whether every split sees every item.
    pub(super) fn shares_items(self) -> bool {
        matches!(self, Self::Edges | Self::EdgeTime)
    }
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
    /// Most training edges of a relation; those beyond, drawn at random, are used by no split. 0 = all.
    pub few_shot: usize,
    /// Draws items label by label, so that every split has each label in the same proportion.
    pub stratify: bool,
    /// Draws items that are duplicates of each other (`duplicates.jsonl`) together.
    pub duplicates_together: bool,
    /// Name of the attribute that holds an item's time: a number, or a date as 2024-05-31 or 2024-05-31T18:00:00Z.
    pub time: String,
    /// A file of splits, as `rcml data split` writes it, that settles everything; empty = none.
    pub file: String,
    /// Seed of the split, apart from the run's seed, so that seeds of a run share one split.
    pub seed: u64,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self {
            strategy: SplitStrategy::Items,
            validation: 0.1,
            test: 0.2,
            unseen_relations: 0.0,
            few_shot: 0,
            stratify: false,
            duplicates_together: true,
            time: "time".into(),
            file: String::new(),
            seed: 0,
        }
    }
}

impl SplitConfig {
    /// Checks the values.
    ///
    /// # Errors
    /// Names the key, the value found and what was expected.
    pub fn validate(&self) -> Result<()> {
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
        if self.stratify
            && !matches!(self.strategy, SplitStrategy::Items | SplitStrategy::Components | SplitStrategy::Communities)
        {
            let expected = "split.strategy to draw items: items, components or communities";
            return Err(Error::input(format!("split.stratify is true: expected {expected}")));
        }
        Ok(())
    }

    pub(super) fn rng(&self, purpose: &[u8; 8]) -> ChaCha8Rng {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(purpose);
        ChaCha8Rng::from_seed(seed)
    }
}
