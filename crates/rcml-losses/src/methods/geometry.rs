//! Terms that shape the space: alignment, uniformity, decorrelation, priors, gaps.

use burn::tensor::{Tensor, activation::relu};
use rcml_kernels::l2_normalize;

use crate::contrast::{Candidates, Contest, Logits, log_sum_exp, log_sum_of};

/// Mean squared distance of partners, L_align (Wang and Isola 2020).
///
/// # Shapes
/// - x, y: `[N, D]` unit rows
pub fn alignment(x: Tensor<2>, y: Tensor<2>) -> Tensor<1> {
    (x - y).square().sum_dim(1).mean()
}

/// log mean over i != j of exp(-t ||x_i - y_j||^2), for unit rows -2t + log mean exp(2t <x_i, y_j>). `logits` gives the evaluation.
/// 0 for less than two rows.
///
/// # Shapes
/// - x, y: `[N, D]` unit rows
pub fn cross_uniformity(x: Tensor<2>, y: Tensor<2>, t: f64, logits: &Logits) -> Tensor<1> {
    spread(&Contest::own(x, y), t, logits)
}

/// [`cross_uniformity`] over the pairs of rows and columns that take part in a contest of N rows with N, but for each row's own
/// column. 0 where there is none.
pub fn spread(contest: &Contest, t: f64, logits: &Logits) -> Tensor<1> {
    let candidates = contest.candidates.clone().without_own();
    let pairs: usize = (0..candidates.rows()).map(|row| candidates.count(row)).sum();
    let (x, y) = (contest.views[0].clone(), contest.views[1].clone());
    if pairs == 0 {
        return (x * y).sum().mul_scalar(0.0);
    }
    let rows = log_sum_exp(x, y, &candidates, &logits.at(0.5 / t));
    over_rows(rows) - (pairs as f64).ln() - 2.0 * t
}

/// log mean over i < j of exp(-t ||x_i - x_j||^2), L_unif (Wang and Isola 2020).
///
/// # Shapes
/// - x: `[N, D]` unit rows
pub fn uniformity(x: Tensor<2>, t: f64, logits: &Logits) -> Tensor<1> {
    cross_uniformity(x.clone(), x, t, logits)
}

/// log of the sum of exp over all values.
fn over_rows(values: Tensor<2>) -> Tensor<1> {
    let [u, a] = values.dims();
    log_sum_of(values.reshape([1, u * a]))
}

/// What CUA adds to CLIP against the contrastive gap (Fahim et al. 2024): uniformity within each modality, and alignment. For a
/// contest of N rows with N, each row's own column its partner. Provenance: paper.
pub fn cua_terms(contest: &Contest, logits: &Logits) -> Tensor<1> {
    let within = |view: &Tensor<3>| {
        let views = vec![view.clone(), view.clone()];
        spread(&Contest { views, ..contest.clone() }, 2.0, logits)
    };
    let (x, y) = (&contest.views[0], &contest.views[1]);
    (within(x) + within(y)).mul_scalar(0.5) + alignment(x.clone().squeeze_dim(0), y.clone().squeeze_dim(0))
}

/// CUA (Fahim et al. 2024): CLIP, alignment and uniformity within modalities. One direction of CLIP, as the other terms are the same
/// both ways; the published loss is the mean of both. Provenance: paper.
pub fn cua(contest: &Contest, logits: &Logits) -> Tensor<1> {
    contest.cross_entropy(logits) + cua_terms(contest, logits)
}

/// CUAXU (Fahim et al. 2024): [`cua`], and uniformity across modalities. One direction; the published loss is the mean of both.
/// Provenance: paper.
pub fn cuaxu(contest: &Contest, logits: &Logits) -> Tensor<1> {
    cua(contest, logits) + spread(contest, 2.0, logits)
}

/// What keeps two modalities from saying the same, of REARM: mean over channels a, b of (sum_i x_ia y_ib)^2, of batch-centred rows
/// divided by their length, which gets no gradient. 0 where no channel of one goes with a channel of the other. Provenance: code.
///
/// # Shapes
/// - x, y: `[N, D]`
pub fn orthogonality(x: Tensor<2>, y: Tensor<2>) -> Tensor<1> {
    let lengths = |z: &Tensor<2>| (z.clone() - z.clone().mean_dim(0)).square().sum_dim(1).clamp_min(1e-12).sqrt();
    let lengths = [lengths(&x).detach(), lengths(&y).detach()];
    orthogonality_at(x, y, lengths)
}

/// [`orthogonality`] with lengths that are known, `[N, 1]` each.
///
/// # Shapes
/// As [`orthogonality`].
pub fn orthogonality_at(x: Tensor<2>, y: Tensor<2>, [of_x, of_y]: [Tensor<2>; 2]) -> Tensor<1> {
    let centred = |z: Tensor<2>, length: Tensor<2>| (z.clone() - z.mean_dim(0)) / length;
    centred(x, of_x).transpose().matmul(centred(y, of_y)).square().mean()
}

/// Common and salient parts (SepCLR, Louiset et al. 2024): (1/N) sum_i log (1/N) sum_j exp(-||c_i - c_j||^2 / 2t)
/// exp(-||s_i - s_j||^2 / 2t), which is 0 where everything is equal and falls as the joint entropy grows. Added to the loss with
/// a weight, it keeps the parts from saying the same. Provenance: code.
///
/// # Shapes
/// - common c, salient s: `[N, D]` unit rows
pub fn kernel_joint_entropy(common: Tensor<2>, salient: Tensor<2>, t: f64, logits: &Logits) -> Tensor<1> {
    let n = common.dims()[0];
    // One inner product of both: <c, c'> + <s, s'>.
    let both: Tensor<3> = Tensor::cat(vec![common, salient], 1).unsqueeze_dim(0);
    let rows = log_sum_exp(both.clone(), both, &Candidates::all([1, n, n]), &logits.at(t));
    rows.mean() - (n.max(1) as f64).ln() - 2.0 / t
}

/// SepCLR: alignment and uniformity of the common part, of the target's salient part, a background whose salient part is at a point, and
/// the joint entropy. t = 0.5. Provenance: code.
///
/// # Shapes
/// - common, salient of the target set: two views `[N, D]` each
/// - background: salient part of the background set, `[M, D]`; `origin`: `[D]`
pub fn sep_clr(
    common: [Tensor<2>; 2],
    salient: [Tensor<2>; 2],
    background: Tensor<2>,
    origin: Tensor<1>,
    weight: f64,
    logits: &Logits,
) -> Tensor<1> {
    let t = 0.5;
    let spread =
        |[z, other]: [Tensor<2>; 2]| alignment(z.clone(), other).div_scalar(2.0 * t) + uniformity(z, 0.5 / t, logits);
    let still = (background - origin.unsqueeze_dim(0)).square().sum_dim(1).mean();
    let joint = kernel_joint_entropy(common[0].clone(), salient[0].clone(), t, logits);
    spread(common) + spread(salient) + still + joint.mul_scalar(weight)
}

/// Barlow twins (Zbontar et al. 2021), BarLIP's extra term: sum_k (1 - C_kk)^2 + weight sum_{a != b} C_ab^2 of the cross-correlation
/// C of batch-standardised columns. A column without variance counts 0. No N x N matrix at all. Provenance: paper.
///
/// # Shapes
/// - x, y: `[N, D]`
pub fn barlow(x: Tensor<2>, y: Tensor<2>, weight: f64) -> Tensor<1> {
    let [n, d] = x.dims();
    let standard = |z: Tensor<2>| {
        let centred = z.clone() - z.mean_dim(0);
        let variance = centred.clone().square().mean_dim(0).clamp_min(1e-12);
        centred / variance.sqrt()
    };
    let correlation = standard(x).transpose().matmul(standard(y)).div_scalar(n.max(1) as f64);
    let eye = Tensor::<2>::eye(d, &correlation.device()).cast(correlation.dtype());
    let on = ((correlation.clone().neg() + 1.0).square() * eye.clone()).sum();
    on + (correlation.square() * (eye.neg() + 1.0)).sum().mul_scalar(weight)
}

/// Random feature alignment of CLIP-Refine (Yamaguchi et al. 2025): both modalities are drawn to one random vector r per pair from the
/// prior, MSE(x, r) + MSE(y, r), means over all numbers. Provenance: code.
///
/// # Shapes
/// - x, y, r: `[N, D]`; r is drawn from N(0, 1) a step and has no gradient
pub fn rafa(x: Tensor<2>, y: Tensor<2>, r: Tensor<2>) -> Tensor<1> {
    let r = r.without_autodiff();
    (x - r.clone()).square().mean() + (y - r).square().mean()
}

/// 2 - 2 cos to a target without gradient, averaged (BYOL, Grill et al. 2020).
///
/// # Shapes
/// - q, z: `[N, D]`
pub fn byol_distance(q: Tensor<2>, z: Tensor<2>) -> Tensor<1> {
    let cosine = (l2_normalize(q) * l2_normalize(z.detach())).sum_dim(1);
    (cosine.mul_scalar(-2.0) + 2.0).mean()
}

/// SLAP (Guinot et al. 2025): no negatives. Predictions q of the online encoders meet the momentum targets z of the other modality and of
/// their own. A mean over samples, so a batch may be cut into parts. Provenance: code.
///
/// # Shapes
/// - predictions, targets: x and y, `[N, D]` each
pub fn slap(predictions: [Tensor<2>; 2], targets: [Tensor<2>; 2], [inter, intra]: [f64; 2]) -> Tensor<1> {
    let ([qx, qy], [zx, zy]) = (predictions, targets);
    let across = byol_distance(qx.clone(), zy.clone()) + byol_distance(qy.clone(), zx.clone());
    let within = byol_distance(qx, zx) + byol_distance(qy, zy);
    across.mul_scalar(inter) + within.mul_scalar(intra)
}

/// A tensor followed at a distance: decay * old + (1 - decay) * new, without gradient.
pub fn follow<const D: usize>(old: Tensor<D>, new: Tensor<D>, decay: f64) -> Tensor<D> {
    old.without_autodiff().mul_scalar(decay) + new.without_autodiff().mul_scalar(1.0 - decay)
}

/// LLM4GTA-style guard of the gap: contrast is shut off once the running mean similarity of partners reaches a ceiling, and going
/// beyond it costs the square. Provenance: our definition.
///
/// Written as `L = contrast [g < ceiling] + weight max(0, g - ceiling)^2`, g = decay * g_before + (1 - decay) * mean <x_i, y_i>. With a
/// ceiling of 1 it is plain training.
#[derive(Debug, Clone)]
pub struct GapGuard {
    ceiling: f64,
    weight: f64,
    decay: f64,
    running: Option<Tensor<1>>,
}

impl GapGuard {
    /// A guard that has seen nothing.
    pub fn new(ceiling: f64, weight: f64, decay: f64) -> Self {
        Self { ceiling, weight, decay, running: None }
    }

    /// Guards a batch's contrast, `[1]`, and takes note of the batch. The first batch sets the running mean.
    ///
    /// # Shapes
    /// - x, y: `[N, D]` unit rows
    pub fn guard(&mut self, contrast: Tensor<1>, x: Tensor<2>, y: Tensor<2>) -> Tensor<1> {
        let now = (x * y).sum_dim(1).mean();
        let similarity = match self.running.take() {
            Some(before) => now.mul_scalar(1.0 - self.decay) + before.mul_scalar(self.decay),
            None => now,
        };
        let seen = similarity.clone().without_autodiff();
        let open = seen.clone().lower_elem(self.ceiling).float().cast(seen.dtype());
        self.running = Some(seen);
        contrast * open + relu(similarity - self.ceiling).square().mul_scalar(self.weight)
    }
}
