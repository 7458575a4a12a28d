//! Several positives per anchor, equally positive. One direction each; [`Contest::both_ways`] gives the mean of both.

use burn::tensor::Tensor;

use crate::Denominator;
use crate::contrast::{Candidates, Contest, CrossEntropy, Distribution, LogSum, Logits, Positives, Separate, Sigmoid};
use rcml_kernels::SparseRows;

/// InfoNCE (van den Oord et al. 2018), and with both directions CLIP (Radford et al. 2021): cross-entropy with the positives.
/// Several positives share the target, as in UniCL (Yang et al. 2022). Provenance: paper.
pub fn info_nce(contest: &Contest, logits: &Logits) -> Tensor<1> {
    contest.cross_entropy(logits)
}

/// RCML's objective, and many-to-many contrast in general: every positive for itself against the negatives, and other
/// positives of the anchor in no denominator (docs/method.md). Provenance: paper.
pub fn rcml(contest: &Contest, denominator: Denominator, logits: &Logits) -> Tensor<1> {
    contest.against(&Separate { denominator }, &contest.positives, logits)
}

/// Decoupled contrastive learning (Yeh et al. 2022): InfoNCE without the positive in the denominator, which may fall below 0.
/// Provenance: paper.
pub fn dcl(contest: &Contest, logits: &Logits) -> Tensor<1> {
    rcml(contest, Denominator::Decoupled, logits)
}

/// Supervised contrast (Khosla et al. 2020, the sum outside the logarithm): rows of one set, positive where labels agree,
/// themselves left out. With two views of N items and the item as label it is NT-Xent (Chen et al. 2020). Provenance: paper.
///
/// # Shapes
/// - z: `[N, D]` unit rows, one label each
pub fn sup_con(z: Tensor<2>, labels: &[u32], logits: &Logits) -> Tensor<1> {
    Contest::among(z, labels).cross_entropy(logits)
}

/// SigLIP (Zhai et al. 2023): every pair is a yes-or-no question of its own; -log sigmoid(+-(s t + b)), summed over columns and
/// averaged over rows. Give the logits a bias b (-10 at the start) and a scale t (10). Provenance: paper.
pub fn sig_lip(contest: &Contest, logits: &Logits) -> Tensor<1> {
    contest.against(&Sigmoid, &contest.positives, logits)
}

/// MIL-NCE (Miech et al. 2020), in SurgVLP the positives are transcripts of several recognisers: a bag of positives shares the
/// probability, so the easiest one may take all of it. Provenance: paper.
pub fn mil_nce(contest: &Contest, logits: &Logits) -> Tensor<1> {
    contest.against(&LogSum, &contest.positives, logits)
}

/// CLIP with label smoothing, of "Improved baselines for vision-language pre-training" (Fini et al. 2023): the target is
/// (1 - share) I + share / M. Provenance: paper.
pub fn label_smoothing(contest: &Contest, share: f64, logits: &Logits) -> Tensor<1> {
    contest.against(&CrossEntropy, &contest.distribution().smoothed(share), logits)
}

/// 1-to-K contrast of CCRK (Nie et al. 2024): an item against its K counterparts at once (languages, pictures), equally
/// weighted. Both directions; with `released` as the public code has it, which divides both by K once more. Provenance: code.
///
/// # Shapes
/// - x: `[N, D]`
/// - y: `[N K, D]`, the counterparts of item i in rows i K ... i K + K - 1
pub fn one_to_k(x: Tensor<2>, y: Tensor<2>, released: bool, logits: &Logits) -> Tensor<1> {
    let (n, m) = (x.dims()[0] as u32, y.dims()[0] as u32);
    let k = (m / n.max(1)).max(1);
    let labels: Vec<u32> = (0..m).map(|row| row / k).collect();
    let positives = Positives::of_labels(&(0..n).collect::<Vec<_>>(), &labels);
    let contest = Contest {
        views: vec![x.unsqueeze_dim(0), y.unsqueeze_dim(0)],
        candidates: Candidates::all([1, n as usize, m as usize]),
        positives,
    };
    if !released {
        return contest.both_ways(|side| info_nce(side, logits));
    }
    // K ones a row, not 1 / K each, then the whole divided by K.
    let ones = |rows: &SparseRows| Distribution::weighted(rows.clone(), vec![1.0; rows.count()]);
    let sum = contest.both_ways(|side| side.against(&CrossEntropy, &ones(side.positives.rows()), logits));
    sum.div_scalar(f64::from(k))
}
