//! Pairs under all relations of a batch, also those that do not hold for them.

use std::collections::BTreeSet;

use burn::tensor::{Int, Tensor, TensorData};
use rcml_kernels::{SparseRows, contrast_pairs, row_logsumexp};

use crate::contrast::constant;
use crate::{ConditionedModality, PairTargets};

/// P related pairs and their similarity under each of the U relations of the batch.
#[derive(Debug, Clone)]
pub(crate) struct AcrossRelations {
    /// The relations that hold for each pair, P sets.
    pub(crate) holds: SparseRows,
    /// The candidate of each pair, `[P]`.
    candidates: Vec<u32>,
    /// `[P, U]`.
    pub(crate) similarity: Tensor<2>,
}

impl AcrossRelations {
    /// The candidates that `pairs` names for each of the U A anchors, in the order of the sets. `None` where no pair has a relation
    /// that does not hold for it, or the anchors' embeddings under other relations are not there.
    pub(crate) fn new(
        x: &ConditionedModality,
        y: &ConditionedModality,
        targets: &PairTargets,
        pairs: &SparseRows,
    ) -> Option<Self> {
        let ([u, a, b], (anchors, _)) = (targets.shape(), x.everyone.as_ref()?);
        // (anchor's row, candidate's row) of every group: a pair may stand in several.
        let mut named = vec![BTreeSet::new(); u];
        for (row, candidate) in targets.all_positives().iter() {
            named[row / a].insert((targets.rows()[row], candidate));
        }
        let ends: Vec<(u32, u32)> = pairs.iter().map(|(row, candidate)| (targets.rows()[row], candidate)).collect();
        let holds = SparseRows::new(
            ends.iter().map(|ends| (0..u as u32).filter(|r| named[*r as usize].contains(ends)).collect::<Vec<_>>()),
        );
        if holds.count() == ends.len() * u {
            return None;
        }
        // Each pair once a relation, by the anchor's row; then back into the order of the pairs.
        let mut by_row = vec![vec![]; b];
        ends.iter().for_each(|(row, candidate)| by_row[*row as usize].push(*candidate));
        let asked = SparseRows::new((0..u).flat_map(|_| by_row.iter().cloned()));
        let place = |relation: usize, (row, candidate): (u32, u32)| {
            let set = relation * b + row as usize;
            Some((asked.start(set) + asked.row(set).binary_search(&candidate).ok()?) as i64)
        };
        let places = ends.iter().flat_map(|ends| (0..u).map(move |relation| (relation, *ends)));
        let places: Vec<i64> = places.filter_map(|(relation, ends)| place(relation, ends)).collect();
        let count = places.len();
        let places = Tensor::<1, Int>::from_data(TensorData::new(places, [count]), &anchors.device());
        let all = contrast_pairs(anchors.clone(), y.candidates.clone(), &asked);
        let candidates = ends.iter().map(|(_, candidate)| *candidate).collect();
        Some(Self { holds, candidates, similarity: all.select(0, places).reshape([ends.len(), u]) })
    }

    /// log of the sum over the relations that do not hold for each pair of exp(scale <x_i(r'), y_j(r')> - correction_j), `[P]`;
    /// about -1e9 where all hold. A candidate is drawn with the same chance whatever the relation, so what is taken off its logit
    /// under the right one is taken off under the others, too; an empty correction takes nothing off.
    pub(crate) fn wrong(self, scale: &Tensor<1>, correction: &[f32]) -> Tensor<1> {
        let [p, u] = self.similarity.dims();
        let mut mask = vec![1.0f32; p * u];
        self.holds.iter().for_each(|(pair, relation)| mask[pair * u + relation as usize] = 0.0);
        let mask = constant(mask, [p, u], &self.similarity);
        let rivals = row_logsumexp(self.similarity * scale.clone().unsqueeze::<2>(), mask).squeeze_dim::<1>(1);
        if correction.is_empty() {
            return rivals;
        }
        // The same for all relations of a pair.
        let taken: Vec<f32> = self.candidates.iter().map(|column| correction[*column as usize]).collect();
        let taken: Tensor<1> = constant(taken, [p], &rivals);
        rivals - taken
    }
}
