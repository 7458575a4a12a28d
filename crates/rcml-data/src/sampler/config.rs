//! How batches are drawn.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How batches are drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplerConfig {
    /// Distinct items of a batch, B; fewer where the training set is smaller.
    pub items: usize,
    /// Distinct relations of a batch, U; fewer where there are fewer.
    pub relations: usize,
    /// A relation is drawn with probability proportional to (its number of pairs)^power: 0 = uniform, 1 = by frequency.
    pub relation_power: f64,
    /// Share of the rows that are neighbours of drawn anchors under OTHER relations than the drawn one: they look as right
    /// as an answer can that the relation rules out.
    pub wrong_relation: f64,
    /// Share of the rows that an earlier model takes for answers: of `hard_pool` random items, those nearest to the drawn
    /// anchors by `hard_embeddings`, without known relatives.
    pub hard: f64,
    /// `.npy` or `.safetensors` file of an embedding per item, as `rcml embed` writes it; empty = none.
    pub hard_embeddings: String,
    /// Random items that a step looks for hard negatives among. With as many as there are training items, or more, the
    /// search is exact.
    pub hard_pool: usize,
    /// Takes this share of log q off the logit of every candidate, where q is how likely a batch holds it: popular items are
    /// negatives more often, which would push them away for being popular. 0 = no correction, 1 = all of it.
    pub popularity_correction: f64,
    /// Never puts two items of one line of `duplicates.jsonl` into one batch: they would be each other's negatives.
    pub duplicates_apart: bool,
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Self {
            items: 256,
            relations: 16,
            relation_power: 0.5,
            wrong_relation: 0.0,
            hard: 0.0,
            hard_embeddings: String::new(),
            hard_pool: 1024,
            popularity_correction: 0.0,
            duplicates_apart: true,
        }
    }
}

impl SamplerConfig {
    /// Checks the values.
    ///
    /// # Errors
    /// Names the key, the value found and what was expected.
    pub fn validate(&self) -> Result<()> {
        if self.items == 0 {
            return Err(Error::input("sampler.items is 0: a batch needs at least 1 item"));
        }
        let numbers = [
            ("relation_power", self.relation_power, f64::MAX, "a number of at least 0"),
            ("wrong_relation", self.wrong_relation, 1.0, "a share from 0 to 1"),
            ("hard", self.hard, 1.0, "a share from 0 to 1"),
            ("popularity_correction", self.popularity_correction, 1.0, "a share from 0 to 1"),
        ];
        for (key, found, most, expected) in numbers {
            if !(0.0..=most).contains(&found) {
                return Err(Error::input(format!("sampler.{key} is {found}: expected {expected}")));
            }
        }
        let sum = self.wrong_relation + self.hard;
        if sum > 0.75 {
            let expected = "at most 0.75 together: the rest of the rows are the pairs that are learned from";
            return Err(Error::input(format!("sampler.wrong_relation + sampler.hard is {sum}: expected {expected}")));
        }
        if self.hard > 0.0 && (self.hard_embeddings.is_empty() || self.hard_pool == 0) {
            let expected = "sampler.hard_embeddings to name a file and sampler.hard_pool to be at least 1";
            return Err(Error::input(format!("sampler.hard is {}: expected {expected}", self.hard)));
        }
        Ok(())
    }

    /// Rows of a batch of `size` for a share.
    pub(super) fn rows(share: f64, size: usize) -> usize {
        (share * size as f64).round() as usize
    }
}
