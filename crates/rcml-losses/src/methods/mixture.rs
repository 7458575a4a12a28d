//! Mixed inputs and the targets that go with them.

use burn::tensor::{Int, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rcml_kernels::{SparseRows, l2_normalize};

use super::Views;
use crate::contrast::{Contest, CrossEntropy, Distribution, Logits, OwnPartner, constant};

/// Which rows are mixed, and how: row i becomes share_i of itself and the rest of its partner.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    shares: Vec<f64>,
    partners: Vec<u32>,
}

impl Mixture {
    /// Given shares and partners.
    ///
    /// # Panics
    /// If there is not one share a row, or a partner is not a row.
    pub fn new(shares: Vec<f64>, partners: Vec<u32>) -> Self {
        assert!(
            shares.len() == partners.len() && partners.iter().all(|row| (*row as usize) < partners.len()),
            "a mixture needs a share and a partner among the rows for each row"
        );
        Self { shares, partners }
    }

    /// Shares from Beta(a, a), partners from a random permutation: the same for the same seed.
    pub fn random(rows: usize, a: f64, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let shares = (0..rows).map(|_| beta(a, &mut rng)).collect();
        let mut partners: Vec<u32> = (0..rows as u32).collect();
        for i in (1..rows).rev() {
            partners.swap(i, rng.random_range(0..=i));
        }
        Self { shares, partners }
    }

    /// The same, but rows are left as they are whose partner is no negative of theirs: of two that cannot be told apart, a mixture
    /// tells nothing.
    ///
    /// # Panics
    /// If there is not one set a row.
    pub fn apart(mut self, excluded: &SparseRows) -> Self {
        assert_eq!(excluded.rows(), self.partners.len(), "sets of columns are not one a row");
        for (row, partner) in self.partners.iter_mut().enumerate() {
            if excluded.contains(row, *partner) {
                *partner = row as u32;
            }
        }
        self
    }

    /// Who is no negative of the mixed rows: of either part, but for the parts themselves.
    fn excluded(&self, excluded: &SparseRows) -> SparseRows {
        SparseRows::new(self.partners.iter().enumerate().map(|(row, partner)| {
            let both = excluded.row(row).iter().chain(excluded.row(*partner as usize)).copied();
            both.filter(|column| *column as usize != row && column != partner).collect::<Vec<_>>()
        }))
    }

    /// The mixed rows of `[N, D]`, not normalised: for inputs of an encoder.
    pub fn mix(&self, x: Tensor<2>) -> Tensor<2> {
        let n = self.shares.len();
        let index: Vec<i64> = self.partners.iter().map(|row| i64::from(*row)).collect();
        let partners = x.clone().select(0, Tensor::<1, Int>::from_data(TensorData::new(index, [n]), &x.device()));
        let shares: Tensor<2> = constant(self.shares.clone(), [n, 1], &x);
        x * shares.clone() + partners * (shares.neg() + 1.0)
    }

    /// How positive each candidate is of each mixed row; `transposed`: of each candidate's row, mixed rows being columns.
    pub fn targets(&self, transposed: bool) -> Distribution {
        let n = self.shares.len();
        let mut matrix = vec![0.0; n * n];
        for (row, (share, partner)) in self.shares.iter().zip(&self.partners).enumerate() {
            for (column, weight) in [(row, *share), (*partner as usize, 1.0 - share)] {
                matrix[if transposed { column * n + row } else { row * n + column }] += weight;
            }
        }
        Distribution::matrix(n, &matrix)
    }
}

/// Beta(a, a) by Jöhnk's method, in logarithms: for small a the uniforms' powers underflow.
fn beta(a: f64, rng: &mut ChaCha8Rng) -> f64 {
    loop {
        let mut power = || (1.0 - rng.random::<f64>()).ln() / a;
        let (x, y) = (power(), power());
        let top = x.max(y);
        let log_sum = top + ((x - top).exp() + (y - top).exp()).ln();
        if log_sum <= 0.0 {
            return (x - log_sum).exp();
        }
    }
}

/// MixCo of MindEye (Scotti et al. 2023; Kim et al. 2020): mixed anchors, and candidates that are positive in proportion. Both
/// directions; the other one uses the transposed targets, whose rows do not sum to 1, as released. Provenance: code.
///
/// # Shapes
/// - mixed: `[N, D]` unit rows, embeddings of mixed inputs ([`Mixture::mix`])
/// - y: `[N, D]` unit rows
pub fn mix_co(mixed: Tensor<2>, y: Tensor<2>, mixture: &Mixture, logits: &Logits) -> Tensor<1> {
    let contest = Contest::own(mixed, y);
    both_mixed(&contest, &contest.reversed(), mixture, logits)
}

/// Mixed anchors against candidates, and anchors against mixed candidates.
fn both_mixed(forward: &Contest, back: &Contest, mixture: &Mixture, logits: &Logits) -> Tensor<1> {
    let forward = forward.against(&CrossEntropy, &mixture.targets(false), logits);
    (forward + back.against(&CrossEntropy, &mixture.targets(true), logits)).mul_scalar(0.5)
}

/// The contrast of M3CoL (Kumar et al. 2025): MixCo over all ordered pairs of modalities, on mixed embeddings. Whoever is no negative
/// of a row is none of what the row is mixed into, and rows are not mixed with such. Provenance: code.
pub fn m3col(views: &Views, mixture: &Mixture, logits: &Logits) -> Option<Tensor<1>> {
    let (count, n) = (views.count(), views.rows());
    let mixture = mixture.clone().apart(&views.excluded);
    let excluded = mixture.excluded(&views.excluded);
    let mixed = |z: &Tensor<2>| l2_normalize(mixture.mix(z.clone()));
    let contest = |x: Tensor<2>, y: Tensor<2>, out: &SparseRows| {
        let contest = Contest::own(x, y);
        Contest { candidates: contest.candidates.clone().excluding(out), ..contest }
    };
    let pairs = (0..count).flat_map(|x| (0..count).filter(move |y| *y != x).map(move |y| (x, y)));
    let losses: Vec<Tensor<1>> = pairs
        .map(|(x, y)| {
            let forward = contest(mixed(&views.anchors[x]), views.candidates[y].clone(), &excluded);
            let out = excluded.transposed(1, n);
            let back = contest(views.anchors[y].clone(), mixed(&views.candidates[x]), &out);
            both_mixed(&forward, &back, &mixture, logits)
        })
        .collect();
    let count = losses.len();
    losses.into_iter().reduce(|a, b| a + b).map(|sum| sum.div_scalar(count as f64))
}

/// The point a share of the way along the great circle from y to x: share 1 is x, share 0 is y.
///
/// Close to each other, where the formula is 0 / 0, the angle is held at 1e-3: the chord is as good as the arc.
///
/// # Shapes
/// - x, y: `[N, D]` unit rows
pub fn slerp(x: Tensor<2>, y: Tensor<2>, share: f64) -> Tensor<2> {
    let cosine = (x.clone() * y.clone()).sum_dim(1).clamp(-1.0 + 1e-6, 1.0 - 1e-6);
    let angle = cosine.clone().acos();
    let sine = (cosine.square().neg() + 1.0).sqrt();
    let part = |share: f64| angle.clone().mul_scalar(share).sin() / sine.clone();
    x * part(share) + y * part(1.0 - share)
}

/// m2-mix (Oh et al. 2023): geodesic mixtures of the two modalities are negatives of both, row i's own partner the positive; the
/// sum over both sides. Meant as a small addition (0.01) at a temperature of its own. Provenance: code.
/// For a contest of N rows with N, each row's own column its partner.
pub fn m2_mix(contest: &Contest, share: f64, logits: &Logits) -> Tensor<1> {
    let [x, y] = [0, 1].map(|view| contest.views[view].clone().squeeze_dim::<2>(0));
    let mixed = slerp(x, y, share);
    m2_mix_half(contest, mixed.clone(), logits) + m2_mix_half(&contest.reversed(), mixed, logits)
}

/// One side of [`m2_mix`]: anchors against their partners and the mixtures of others.
///
/// # Shapes
/// - mixed: `[N, D]` unit rows, mixtures of both modalities ([`slerp`])
pub fn m2_mix_half(contest: &Contest, mixed: Tensor<2>, logits: &Logits) -> Tensor<1> {
    let views = vec![contest.views[0].clone(), mixed.unsqueeze_dim(0), contest.views[1].clone()];
    let contest = Contest { views, ..contest.clone() };
    contest.loss(&OwnPartner, &CrossEntropy, &contest.distribution(), logits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contrast::Targets;

    #[test]
    fn targets_follow_the_shares() {
        let mixture = Mixture::new(vec![0.7, 0.6, 1.0], vec![1, 0, 2]);
        let device = rcml_kernels::device::parse("cpu").unwrap();
        let like = Tensor::<3>::zeros([1, 1, 1], &device);
        let dense = |transposed| -> Vec<f32> {
            mixture.targets(transposed).dense([1, 3, 3], 0..3, &like).try_into_vec_as().unwrap()
        };
        assert_eq!(dense(false), [0.7, 0.3, 0.0, 0.4, 0.6, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(dense(true), [0.7, 0.4, 0.0, 0.3, 0.6, 0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn random_mixtures_are_reproducible_and_spread() {
        let mixture = Mixture::random(2000, 0.15, 3);
        assert_eq!(mixture, Mixture::random(2000, 0.15, 3));
        assert!(mixture.shares.iter().all(|share| (0.0..=1.0).contains(share)));
        // Beta(0.15, 0.15) has mean 1/2 and variance 1 / (4 (2 * 0.15 + 1)).
        let mean = mixture.shares.iter().sum::<f64>() / 2000.0;
        let variance = mixture.shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / 2000.0;
        assert!((mean - 0.5).abs() < 0.04 && (variance - 0.25 / 1.3).abs() < 0.02, "{mean} {variance}");
        let rows = SparseRows::new([mixture.partners.iter().copied()]);
        assert_eq!(rows.count(), 2000, "a permutation");
    }
}
