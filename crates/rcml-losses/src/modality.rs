//! One modality of a batch, and the embedding that all of them make together.

use burn::tensor::Tensor;
use rcml_kernels::{SparseRows, l2_normalize};

use crate::PairTargets;
use crate::methods::Queue;

/// Embeddings `[U, N, D]`, and how much each says in the fused embedding, `[U, N, 1]`; `None` = 1 each.
pub type Weighed = (Tensor<3>, Option<Tensor<3>>);

/// What a momentum encoder makes of a modality.
#[derive(Debug, Clone)]
pub struct Followed {
    /// Of the batch, `[B, D]`.
    pub rows: Tensor<2>,
    /// Of earlier batches.
    pub queue: Queue,
    /// For each of the B items, which rows of the queue are no negatives of it: what was made of the item itself, and of those that are
    /// not told from it ([`Queue::known`]).
    pub known: SparseRows,
}

/// Generated negatives of a modality: nobody's positive.
#[derive(Debug, Clone)]
pub struct Generated {
    /// `[G, D]`.
    pub rows: Tensor<2>,
    /// For each of the B items, which of these are true of it after all, and no negatives.
    pub right: SparseRows,
}

/// One modality of the batch's items, embedded under each relation of the batch.
#[derive(Debug, Clone)]
pub struct ConditionedModality {
    /// Name, for the log.
    pub name: String,
    /// Anchors' embeddings under their relation, `[U, A, D]`, unit rows.
    pub anchors: Tensor<3>,
    /// Every item's embedding under each ANCHOR relation, `[U, B, D]`, unit rows.
    pub candidates: Tensor<3>,
    /// Which of the B items have the modality; empty = all.
    pub present: Vec<bool>,
    /// How much anchors and candidates say in the fused embedding, `[U, A, 1]` and `[U, B, 1]`; `None` = 1 each.
    pub confidence: Option<(Tensor<3>, Tensor<3>)>,
    /// Every item's embedding under each relation as an anchor, `[U, B, D]`: for contrast between relations.
    pub everyone: Option<Weighed>,
    /// What a momentum encoder makes of it.
    pub momentum: Option<Followed>,
    /// Generated negatives.
    pub generated: Option<Generated>,
}

impl ConditionedModality {
    /// Anchors and candidates, and nothing that single terms ask for beyond these.
    pub fn new(name: impl Into<String>, anchors: Tensor<3>, candidates: Tensor<3>, present: Vec<bool>) -> Self {
        let name = name.into();
        Self { name, anchors, candidates, present, confidence: None, everyone: None, momentum: None, generated: None }
    }
}

/// The unit mean of the modalities that each item has, weighted by their confidence.
pub(crate) fn fuse(modalities: &[ConditionedModality], targets: &PairTargets) -> ConditionedModality {
    let [_, _, b] = targets.shape();
    let has = |m: &ConditionedModality, row: u32| m.present.is_empty() || m.present[row as usize];
    // Which of a modality's rows are there, a row of every group or the same for all groups.
    let together = |rows: &[u32], part: &dyn Fn(&ConditionedModality) -> Option<Weighed>| {
        let parts = modalities.iter().map(|m| {
            let (z, confidence) = part(m)?;
            let z = match confidence {
                Some(confidence) => z * confidence,
                None => z,
            };
            if rows.iter().all(|row| has(m, *row)) {
                return Some(z);
            }
            let mask: Vec<f32> = rows.iter().map(|row| f32::from(has(m, *row))).collect();
            let groups = if rows.len() == z.dims()[1] { 1 } else { z.dims()[0] };
            let mask = Tensor::<1>::from_floats(mask.as_slice(), &z.device());
            Some(z * mask.reshape([groups, rows.len() / groups.max(1), 1]))
        });
        parts.collect::<Option<Vec<_>>>()?.into_iter().reduce(|x, y| x + y).map(l2_normalize)
    };
    let everyone: Vec<u32> = (0..b as u32).collect();
    let confidence = |m: &ConditionedModality| m.confidence.clone().unzip();
    let empty = || Tensor::zeros([targets.shape()[0], targets.shape()[1], 1], &modalities[0].anchors.device());
    let anchors = together(targets.rows(), &|m| Some((m.anchors.clone(), confidence(m).0))).unwrap_or_else(empty);
    let candidates = together(&everyone, &|m| Some((m.candidates.clone(), confidence(m).1))).unwrap_or_else(empty);
    let present = everyone.iter().map(|row| modalities.iter().any(|m| has(m, *row))).collect();
    ConditionedModality {
        everyone: together(&everyone, &|m| m.everyone.clone()).map(|z| (z, None)),
        ..ConditionedModality::new("fused", anchors, candidates, present)
    }
}
