//! What a look at a dataset finds.

use crate::{Dataset, Problem};

/// A dataset as far as it can be read, with everything that is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Inspection {
    /// What could be read.
    pub dataset: Dataset,
    /// What is wrong; empty where the dataset is clean.
    pub problems: Vec<Problem>,
    /// What may be meant, but is seldom so.
    pub warnings: Vec<Problem>,
}
