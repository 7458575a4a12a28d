//! Soft targets: how positive a pair is comes from labels, trees or a teacher. One direction each, unless it says otherwise.

use burn::tensor::Tensor;

use crate::contrast::{Contest, CrossEntropy, Distribution, Kl, Logits, Matching, ReverseKl};

/// [N, E] -> [1, N, E].
fn group(z: &Tensor<2>) -> Tensor<3> {
    z.clone().unsqueeze_dim(0)
}

/// CWCL (Srinivasa et al. 2023): continuously weighted contrast. The weights are (<p_i, p_j> + 1) / 2 of the teacher p, here the
/// anchors' own modality, divided by their sum; only the teacher's side is weighted, the other direction is InfoNCE, and the two
/// are summed. Provenance: paper.
///
/// # Shapes
/// - p: `[N, E]`, the teacher's embeddings of the anchors, without gradient
pub fn cwcl(contest: &Contest, p: &Tensor<2>, logits: &Logits) -> Tensor<1> {
    cwcl_half(contest, p, logits) + contest.reversed().cross_entropy(logits)
}

/// The weighted direction of [`cwcl`].
///
/// # Shapes
/// As [`cwcl`].
pub fn cwcl_half(contest: &Contest, p: &Tensor<2>, logits: &Logits) -> Tensor<1> {
    contest.against(&CrossEntropy, &Distribution::affine(group(p), group(p)), logits)
}

/// Soft contrast of Dialog2Flow (Burdisso et al. 2024): the target is softmax(<e_i, e_j> / temperature) of the anchors' label
/// texts e; one direction by default, 0.25 and 0.05 are its temperatures. Provenance: code.
///
/// # Shapes
/// - labels e: `[N, E]` unit rows, without gradient
pub fn dialog2flow(contest: &Contest, labels: &Tensor<2>, temperature: f64, logits: &Logits) -> Tensor<1> {
    contest.against(&CrossEntropy, &Distribution::softmax(group(labels), group(labels), temperature), logits)
}

/// SoftCLIP of MindEye (Scotti et al. 2023): the target is softmax(<y_i, y_j> / temperature) of the candidates among themselves, in
/// both directions, whose mean this is. Provenance: code.
///
/// # Shapes
/// - teacher: `[N, E]` unit rows of the candidates' modality, without gradient
pub fn soft_clip(contest: &Contest, teacher: &Tensor<2>, temperature: f64, logits: &Logits) -> Tensor<1> {
    contest.both_ways(|side| dialog2flow(side, teacher, temperature, logits))
}

/// Mod-X: what the model before a stream of new data knew about pairs off the diagonal. KL( T || softmax(l) ), where row i of T is the
/// old model's softmax where that puts i's own partner first, and the partner alone where not. One direction, to be added to
/// CLIP with a weight; the old model at the contest's temperature. Provenance: paper.
///
/// # Shapes
/// - old: the old model's `[N, E]` of anchors and of candidates
pub fn mod_x(contest: &Contest, [p, q]: [&Tensor<2>; 2], temperature: f64, logits: &Logits) -> Tensor<1> {
    contest.against(&Kl { factor: 1.0 }, &Distribution::vetted(group(p), group(q), temperature), logits)
}

/// SPACE-2 (He et al. 2022): rows of one set, positive by the similarity of their taxonomy paths ([`crate::tree_similarity`]),
/// themselves left out. Provenance: code.
///
/// # Shapes
/// - z: `[N, D]` unit rows
/// - similarity f: N x N values, row by row; the diagonal is not looked at
pub fn space2(z: Tensor<2>, similarity: &[f64], logits: &Logits) -> Tensor<1> {
    let n = z.dims()[0];
    let own = |at: usize| at / n == at % n;
    let row_sum = |row: usize| (0..n).filter(|j| *j != row).map(|j| similarity[row * n + j]).sum::<f64>();
    let sums: Vec<f64> = (0..n).map(row_sum).collect();
    let share = |at: usize| if own(at) || sums[at / n] <= 0.0 { 0.0 } else { similarity[at] / sums[at / n] };
    let weights: Vec<f64> = (0..n * n).map(share).collect();
    let labels = vec![0; n];
    Contest::among(z, &labels).against(&CrossEntropy, &Distribution::matrix(n, &weights), logits)
}

/// Similarity distribution matching of IRRA (Jiang and Ye 2023): KL from the softmax to the normalised positives + 1e-8, which
/// makes a row pay about log 1e8 for what it gives to a column that is not positive. Published as the SUM of both directions.
/// Provenance: code.
pub fn sdm(contest: &Contest, logits: &Logits) -> Tensor<1> {
    contest.against(&ReverseKl { epsilon: 1e-8 }, &contest.distribution(), logits)
}

/// Hybrid contrastive distillation of CLIP-Refine (Yamaguchi et al. 2025): T^2 KL( share I + (1 - share) teacher || student ), both
/// directions averaged. Set the student's temperature to T. Provenance: code.
///
/// # Shapes
/// - teacher: the frozen model's `[N, E]` of anchors and of candidates
pub fn hycd(contest: &Contest, teacher: [&Tensor<2>; 2], temperature: f64, share: f64, logits: &Logits) -> Tensor<1> {
    let n = teacher[0].dims()[0];
    let one_way = |side: &Contest, [p, q]: [&Tensor<2>; 2]| {
        let soft = Distribution::softmax_among(group(p), group(q), temperature, &side.candidates);
        let targets = Distribution::from(Matching::own(n)).mixed(1.0 - share, soft);
        side.against(&Kl { factor: temperature * temperature }, &targets, logits)
    };
    let [x, y] = teacher;
    (one_way(contest, [x, y]) + one_way(&contest.reversed(), [y, x])).mul_scalar(0.5)
}
