//! Terms by name, computed on the embeddings of a batch.

mod items;
mod one_set;
mod related;
mod two;

use burn::tensor::Tensor;

use crate::contrast::Logits;
use crate::modality::ConditionedModality;
use crate::{Average, PairTargets, TermConfig};

/// What a batch gives to a term.
pub(crate) struct Batch<'a> {
    pub(crate) modalities: &'a [ConditionedModality],
    pub(crate) targets: &'a PairTargets,
    pub(crate) scale: &'a Tensor<1>,
    pub(crate) average: Average,
}

impl Batch<'_> {
    fn logits(&self, term: &TermConfig) -> Logits {
        let shared = Logits::new(self.scale.clone());
        match term.temperature {
            Some(temperature) => shared.at(temperature),
            None => shared,
        }
    }
}
