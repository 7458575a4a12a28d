//! Hard, generated and queued negatives, hinges and rankings.

use std::collections::HashMap;

use burn::tensor::Tensor;

use crate::Denominator;
use crate::contrast::{
    Candidates, Contest, CrossEntropy, Distribution, HardNegatives, Hinge, HingeOver, Logits, Matching, Positives,
    Ranking, Separate,
};
use rcml_kernels::SparseRows;

/// Contrast with hard negatives (Robinson et al. 2021; "HAR hard negatives", Choi et al. 2023): negatives weighted by e^(beta l) and
/// corrected by a share tau_plus of false ones. One direction; the published loss is the mean of both. Provenance: code, with N - 1
/// negatives and the clamp that a public copy lacks.
pub fn hcl(contest: &Contest, targets: &Matching, beta: f64, tau_plus: f64, logits: &Logits) -> Tensor<1> {
    contest.against(&HardNegatives { beta, tau_plus }, targets, logits)
}

/// InfoNCE with generated negatives ("Generative negative mining", Sahin et al. 2024): G more columns that are nobody's positive.
/// One direction. Provenance: paper.
///
/// # Shapes
/// - x, y: `[N, D]`
/// - extra: `[G, D]`
pub fn extra_negatives(x: Tensor<2>, y: Tensor<2>, extra: Tensor<2>, logits: &Logits) -> Tensor<1> {
    Contest::own(x, Tensor::cat(vec![y, extra], 0)).cross_entropy(logits)
}

/// VSE (Kiros et al. 2014) with the sum over negatives, VSE++ (Faghri et al. 2018) with the hardest: hinge on raw similarities. One
/// direction; the published loss is the SUM of both. Logits at temperature 1. Provenance: paper.
pub fn vse(contest: &Contest, targets: &Matching, margin: f64, over: HingeOver, logits: &Logits) -> Tensor<1> {
    contest.against(&Hinge { margin, over }, targets, logits)
}

/// Bayesian personalised ranking (Rendle et al. 2009), the ranking of REARM: mean over negatives of -log sigmoid(l+ - l). One direction.
/// Published on raw scores, which is temperature 1. Provenance: code.
pub fn bpr(contest: &Contest, targets: &Matching, logits: &Logits) -> Tensor<1> {
    contest.against(&Ranking, targets, logits)
}

/// Weighted inter- and intra-modal contrast of M3EL: the anchor's own modality stands in the denominator as well, itself left out.
/// l = inter <x_i, y_j> and intra <x_i, x_j>, over the temperature; 1 and 0.8 are the defaults. One direction; the published loss is
/// the mean of both. Provenance: code, which keeps the row itself with a logit of 0 in place of leaving it out.
///
/// # Shapes
/// - contest: N anchors x against N candidates y
/// - own: `[N, D]`, the anchors' modality as candidates
pub fn m3el(contest: &Contest, own: Tensor<2>, [inter, intra]: [f64; 2], logits: &Logits) -> Tensor<1> {
    let [_, n, m] = contest.candidates.shape();
    let own: Tensor<3> = own.unsqueeze_dim(0);
    let columns = vec![contest.views[1].clone().mul_scalar(inter), own.mul_scalar(intra)];
    let out = contest.candidates.excluded();
    // Whom a row does not compete against it does not meet in its own modality either.
    let twice = |row: usize| {
        let own = out.row(row).iter().copied().filter(|column| (*column as usize) < n).chain([row as u32]);
        out.row(row).iter().copied().chain(own.map(|column| m as u32 + column)).collect::<Vec<_>>()
    };
    let candidates = Candidates::all([1, n, m + n]).excluding(&SparseRows::new((0..n).map(twice)));
    let views = vec![contest.views[0].clone(), Tensor::cat(columns, 1)];
    Contest { views, candidates, positives: contest.positives.clone() }.cross_entropy(logits)
}

/// CleanCLIP (Bansal et al. 2023): CLIP, and each modality against an augmented view of itself, one direction each as released:
/// across CLIP(x, y) + within (InfoNCE(x, x') + InfoNCE(y, y')) / 2. Provenance: code.
///
/// # Shapes
/// - contest: N anchors x against N candidates y
/// - augmented: x' and y', `[N, D]` each
pub fn clean_clip(
    contest: &Contest,
    augmented: [Tensor<2>; 2],
    [across, within]: [f64; 2],
    logits: &Logits,
) -> Tensor<1> {
    let clip = contest.both_ways(|side| side.cross_entropy(logits));
    let to_itself = |which: usize, other: &Tensor<2>| {
        let views = vec![contest.views[which].clone(), other.clone().unsqueeze_dim(0)];
        Contest { views, ..contest.clone() }.cross_entropy(logits)
    };
    let alone = to_itself(0, &augmented[0]) + to_itself(1, &augmented[1]);
    clip.mul_scalar(across) + alone.mul_scalar(0.5 * within)
}

/// The embeddings of past batches, oldest first, of a momentum encoder: more negatives than a batch holds (MoCo, He et al. 2020).
#[derive(Debug, Clone)]
pub struct Queue {
    rows: Option<Tensor<2>>,
    /// Whose embedding each row is.
    ids: Vec<u32>,
    capacity: usize,
}

impl Queue {
    /// An empty queue for `capacity` rows.
    pub fn new(capacity: usize) -> Self {
        Self { rows: None, ids: vec![], capacity }
    }

    /// Appends rows `[N, D]`, without gradient, of the items with these ids, and forgets the oldest beyond the capacity.
    ///
    /// # Panics
    /// If there is not one id a row.
    pub fn push(&mut self, rows: Tensor<2>, ids: &[u32]) {
        assert_eq!(rows.dims()[0], ids.len(), "ids are not one a row");
        self.ids.extend(ids);
        self.ids.drain(..self.ids.len().saturating_sub(self.capacity));
        let rows = rows.without_autodiff();
        let all = match self.rows.take() {
            Some(old) => Tensor::cat(vec![old, rows], 0),
            None => rows,
        };
        let length = all.dims()[0];
        let kept = length.min(self.capacity);
        self.rows = (kept > 0).then(|| all.narrow(0, length - kept, kept));
    }

    /// The rows held, oldest first; `None` = none.
    pub fn rows(&self) -> Option<&Tensor<2>> {
        self.rows.as_ref()
    }

    /// Whose rows are held, in their order.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// For each list of ids, the rows held of them: an item does not compete against what was made of itself earlier, nor against what
    /// cannot be told from it.
    pub fn known(&self, alike: &[Vec<u32>]) -> SparseRows {
        let mut held: HashMap<u32, Vec<u32>> = HashMap::new();
        self.ids.iter().zip(0..).for_each(|(id, row)| held.entry(*id).or_default().push(row));
        SparseRows::new(alike.iter().map(|ids| ids.iter().filter_map(|id| held.get(id)).flatten().copied()))
    }

    /// Number of rows held.
    pub fn len(&self) -> usize {
        self.rows.as_ref().map_or(0, |rows| rows.dims()[0])
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Online anchors `[N, D]` against [momentum batch `[N, D]` ; rows held]; row i's own column is its positive.
    pub fn contest(&self, x: Tensor<2>, momentum: Tensor<2>) -> Contest {
        Contest::own(x, self.after(momentum.without_autodiff()))
    }

    /// `[N, D]` followed by the rows held.
    pub fn after(&self, rows: Tensor<2>) -> Tensor<2> {
        match &self.rows {
            Some(held) => Tensor::cat(vec![rows, held.clone()], 0),
            None => rows,
        }
    }
}

/// Cross-modal term of TCL (Yang et al. 2022): online anchors against [momentum batch ; queue] ([`Queue::contest`]), and soft targets:
/// `share` of the momentum encoder's own softmax, the rest on the partner. One direction. Provenance: code.
///
/// # Shapes
/// - x_momentum: `[N, D]`, what the momentum encoder makes of the anchors
pub fn tcl_cross(contest: &Contest, x_momentum: Tensor<2>, share: f64, temperature: f64, logits: &Logits) -> Tensor<1> {
    let columns = contest.views[1].clone();
    let soft = Distribution::softmax_among(x_momentum.unsqueeze_dim(0), columns, temperature, &contest.candidates);
    contest.against(&CrossEntropy, &contest.distribution().mixed(share, soft), logits)
}

/// Intra-modal term of TCL: an item against [momentum embedding of its augmentation ; queue]. Provenance: code.
///
/// # Shapes
/// - x, augmented: `[N, D]`
pub fn tcl_intra(x: Tensor<2>, augmented: Tensor<2>, queue: &Queue, logits: &Logits) -> Tensor<1> {
    queue.contest(x, augmented).cross_entropy(logits)
}

/// Local term of TCL: a global embedding against local tokens; each of its own tokens is a positive, all tokens of other items are
/// negatives, other tokens of its own stand in no denominator. Provenance: code.
///
/// # Shapes
/// - global: `[N, D]`
/// - locals: `[N, K, D]`, of which `real` says, `[N, K]` row by row, which are no padding
pub fn tcl_local(global: Tensor<2>, locals: Tensor<3>, real: &[bool], logits: &Logits) -> Tensor<1> {
    let [n, k, d] = locals.dims();
    let own = (0..n).map(|i| ((i * k) as u32..((i + 1) * k) as u32).filter(|token| real[*token as usize]));
    Contest {
        views: vec![global.unsqueeze_dim(0), locals.reshape([1, n * k, d])],
        candidates: Candidates::all([1, n, n * k]).present(real.to_vec()),
        positives: Positives::new(SparseRows::new(own), crate::Average::Pairs),
    }
    .separate(logits)
}

impl Contest {
    fn separate(&self, logits: &Logits) -> Tensor<1> {
        self.against(&Separate { denominator: Denominator::Joint }, &self.positives, logits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_knows_whose_rows_it_holds() {
        let device = rcml_kernels::device::parse("cpu").unwrap();
        let rows = |values: &[f32]| Tensor::<1>::from_floats(values, &device).reshape([values.len(), 1]);
        let mut queue = Queue::new(4);
        queue.push(rows(&[1.0, 2.0, 3.0]), &[7, 5, 9]);
        queue.push(rows(&[4.0, 5.0]), &[5, 8]);
        assert_eq!(queue.ids(), [5, 9, 5, 8], "the oldest is gone");
        let held: Vec<f32> = queue.rows().unwrap().clone().try_into_vec_as().unwrap();
        assert_eq!(held, [2.0, 3.0, 4.0, 5.0]);
        let known = queue.known(&[vec![5], vec![7], vec![8, 9]]);
        assert_eq!(known, SparseRows::new([vec![0, 2], vec![], vec![1, 3]]));
    }
}
