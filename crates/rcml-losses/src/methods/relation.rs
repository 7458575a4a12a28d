//! Contrast between relations, and gates.

use burn::tensor::Tensor;
use rcml_kernels::{SparseRows, l2_normalize};

use crate::Average;
use crate::contrast::{Candidates, Contest, Logits, Positives, constant};

/// Hydra's gate ("Rethinking Positive Pairs in Contrastive Learning"): unit rows of g * x, one gate a relation; the contrast that follows
/// is within each relation's subspace. A row that a gate closes altogether is zero, not infinite. Provenance: secondary.
///
/// # Shapes
/// - x: `[U, N, D]`
/// - gate: `[U, D]`, 0 to 1
pub fn hydra_gate(x: Tensor<3>, gate: Tensor<2>) -> Tensor<3> {
    l2_normalize(x * gate.unsqueeze_dim::<3>(1))
}

/// Which of U relations a pair is related by: the pair's similarity under each relation competes with that under the others. Of
/// several relations that hold, each competes with those that do not (the same pair under a wrong relation is a negative).
/// Provenance: ours.
///
/// # Shapes
/// - anchors, candidates: `[P, U, D]`, both ends of each pair under every relation, unit rows
/// - holds: the relations of each pair
pub fn relation_contrast(anchors: Tensor<3>, candidates: Tensor<3>, holds: &SparseRows, logits: &Logits) -> Tensor<1> {
    told_apart((anchors * candidates).sum_dim(2).squeeze_dim::<2>(2), holds, logits)
}

/// [`relation_contrast`] of similarities that are known: of P pairs under each of U relations.
///
/// # Shapes
/// - similarity: `[P, U]`
pub fn told_apart(similarity: Tensor<2>, holds: &SparseRows, logits: &Logits) -> Tensor<1> {
    let [p, u] = similarity.dims();
    // The similarities are the scores already: one row a pair, made by an inner product with the unit vectors.
    let similarity = similarity.unsqueeze_dim::<3>(0);
    let columns = Tensor::<2>::eye(u, &similarity.device()).cast(similarity.dtype()).unsqueeze_dim(0);
    let contest = Contest {
        views: vec![similarity, columns],
        candidates: Candidates::all([1, p, u]),
        positives: Positives::new(holds.clone(), Average::Anchors),
    };
    super::rcml(&contest, crate::Denominator::Joint, logits)
}

/// Explainable-semantic-space-style relation scorer (Zhang et al. 2021): softmax over r of z_s^T W_r z_o + b_r, as cross-entropy with
/// the relation of each pair. Provenance: our definition.
///
/// # Shapes
/// - subjects, objects: `[P, D]`
/// - weights W: `[R, D, D]`; bias b: `[R]`
/// - relations: one a pair, below R
pub fn bilinear_relation(
    subjects: Tensor<2>,
    objects: Tensor<2>,
    weights: Tensor<3>,
    bias: Tensor<1>,
    relations: &[u32],
) -> Tensor<1> {
    let scores = bilinear_scores(subjects, objects, weights) + bias.unsqueeze_dim(0);
    let [p, r] = scores.dims();
    let mut target = vec![0.0f32; p * r];
    relations.iter().enumerate().for_each(|(pair, relation)| target[pair * r + *relation as usize] = 1.0);
    let target: Tensor<2> = constant(target, [p, r], &scores);
    (burn::tensor::activation::log_softmax(scores, 1) * target).sum().div_scalar(-(p.max(1) as f64))
}

/// z_s^T W_r z_o of pairs under every relation, `[P, R]`: also ranks objects by relation.
///
/// # Shapes
/// As [`bilinear_relation`].
pub fn bilinear_scores(subjects: Tensor<2>, objects: Tensor<2>, weights: Tensor<3>) -> Tensor<2> {
    let turned = subjects.unsqueeze_dim::<3>(0).matmul(weights);
    (turned * objects.unsqueeze_dim::<3>(0)).sum_dim(2).squeeze_dim::<2>(2).transpose()
}
