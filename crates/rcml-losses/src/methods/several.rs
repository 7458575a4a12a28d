//! More than two modalities at once. Rows are the items that have all of them: see [`complete`].

use burn::tensor::{Int, Tensor, TensorData};

use crate::contrast::{
    Candidates, Contest, CrossEntropy, Distribution, Logits, Matching, Positives, Volume, log_sum_exp, log_sum_of,
    tuples,
};

/// One modality of a batch: its rows and which of them are there.
#[derive(Debug, Clone)]
pub struct View {
    /// `[N, D]` unit rows; what stands in rows that are missing is not looked at.
    pub rows: Tensor<2>,
    /// Empty = all are there.
    pub present: Vec<bool>,
}

/// The rows of items that every view has. `None` without such an item.
pub fn complete(views: &[View]) -> Option<Vec<Tensor<2>>> {
    let n = views.first()?.rows.dims()[0];
    let has = |view: &View, row: usize| view.present.is_empty() || view.present[row];
    let rows: Vec<i64> = (0..n).filter(|row| views.iter().all(|view| has(view, *row))).map(|row| row as i64).collect();
    if rows.len() == n {
        return (n > 0).then(|| views.iter().map(|view| view.rows.clone()).collect());
    }
    let count = rows.len();
    let select = |view: &View| {
        let index = Tensor::<1, Int>::from_data(TensorData::new(rows.clone(), [count]), &view.rows.device());
        view.rows.clone().select(0, index)
    };
    (count > 0).then(|| views.iter().map(select).collect())
}

/// A loss of two modalities, averaged over all pairs of N modalities (MoRE and others); a pair is compared on the items that
/// have both, and left out if there is none. Provenance: paper.
pub fn pairwise(views: &[View], loss: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<1>) -> Option<Tensor<1>> {
    let pairs = (0..views.len()).flat_map(|x| (x + 1..views.len()).map(move |y| (x, y)));
    let losses: Vec<Tensor<1>> = pairs
        .filter_map(|(x, y)| {
            let [x, y] = <[Tensor<2>; 2]>::try_from(complete(&[views[x].clone(), views[y].clone()])?).ok()?;
            Some(loss(x, y))
        })
        .collect();
    let count = losses.len();
    losses.into_iter().reduce(|a, b| a + b).map(|sum| sum.div_scalar(count as f64))
}

/// Which tuples of the other modalities an anchor competes for in [`symile`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tuples {
    /// All N^(k-1) of them.
    All,
    /// N: its own, and those of one permutation of the rows of each modality but the first; the seed is that of the permutations.
    Permuted(u64),
}

/// Symile (Saporta et al. 2024): the inner product of N vectors, sum_k x_k y_k ... w_k, each modality in turn the anchor. With two
/// modalities it is CLIP. It learns what pairs cannot show (c = a xor b), and is not invariant to rotation. Provenance: code.
///
/// # Shapes
/// - views: `[N, D]` unit rows each
pub fn symile(views: &[Tensor<2>], among: Tuples, logits: &Logits) -> Option<Tensor<1>> {
    let n = views.first()?.dims()[0];
    let turns = (0..views.len()).map(|anchor| {
        let others: Vec<Tensor<3>> = views
            .iter()
            .enumerate()
            .filter(|(v, _)| *v != anchor)
            .map(|(_, view)| view.clone().unsqueeze_dim(0))
            .collect();
        let (columns, targets) = match among {
            Tuples::All => {
                // Tuple (i, i, ..., i) is row i (1 + N + N^2 + ...).
                let step = (0..others.len() as u32).map(|power| n.pow(power)).sum::<usize>();
                (tuples(&others)?, Matching::new((0..n).map(|i| Some((i * step) as u32)).collect()))
            }
            Tuples::Permuted(seed) => (permuted(&others, seed)?, Matching::own(n)),
        };
        let (a, m) = (views[anchor].clone().unsqueeze_dim(0), columns.dims()[1]);
        let positives = Positives::from(targets);
        let contest = Contest { views: vec![a, columns], candidates: Candidates::all([1, n, m]), positives };
        Some(contest.cross_entropy(logits))
    });
    let count = views.len() as f64;
    turns.collect::<Option<Vec<_>>>()?.into_iter().reduce(|a, b| a + b).map(|sum| sum.div_scalar(count))
}

/// Row i's own tuple for i < N, then N tuples whose parts come from different rows.
fn permuted(others: &[Tensor<3>], seed: u64) -> Option<Tensor<3>> {
    use rand::{RngExt, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let product = |views: &[Tensor<3>]| views.iter().cloned().reduce(|a, b| a * b);
    let own = product(others)?;
    if others.len() < 2 {
        return Some(own);
    }
    let n = own.dims()[1];
    let shuffled: Vec<Tensor<3>> = others
        .iter()
        .enumerate()
        .map(|(which, view)| {
            // A rotation by another number of rows a modality keeps every tuple apart from the matched ones.
            let by = if which == 0 || n < 2 { 0 } else { rng.random_range(1..n) };
            if by == 0 {
                return view.clone();
            }
            Tensor::cat(vec![view.clone().narrow(1, by, n - by), view.clone().narrow(1, 0, by)], 1)
        })
        .collect();
    Some(Tensor::cat(vec![own, product(&shuffled)?], 1))
}

/// GRAM (Cicchetti et al. 2025): the first modality is the anchor, and the score of a tuple is minus the volume that it spans with the
/// anchor; both directions averaged, with label smoothing (0.1 in the release). Two vectors give the sine of their angle, so a
/// vector and its negative score alike: keep a cosine term beside it. Provenance: code, except for the slope near volume 0.
///
/// # Shapes
/// - views: `[N, D]` unit rows each
pub fn gram(views: &[Tensor<2>], smoothing: f64, logits: &Logits) -> Option<Tensor<1>> {
    let n = views.first()?.dims()[0];
    let contest = Contest {
        views: views.iter().map(|view| view.clone().unsqueeze_dim(0)).collect(),
        candidates: Candidates::all([1, n, n]),
        positives: Matching::own(n).into(),
    };
    let targets = Distribution::from(Matching::own(n)).smoothed(smoothing);
    let side = |reversed| contest.loss(&Volume { reversed }, &CrossEntropy, &targets, logits);
    (views.len() > 1).then(|| (side(false) + side(true)).mul_scalar(0.5))
}

/// log sum over pairs v < w of exp(<z_v,i, z_w,i> / tau), `[N]`.
fn own_pairs(views: &[Tensor<2>], logits: &Logits) -> Option<Tensor<1>> {
    let pairs = (0..views.len()).flat_map(|v| (v + 1..views.len()).map(move |w| (v, w)));
    let dots: Vec<Tensor<2>> = pairs.map(|(v, w)| (views[v].clone() * views[w].clone()).sum_dim(1)).collect();
    (!dots.is_empty()).then(|| log_sum_of(Tensor::cat(dots, 1) * logits.scale.clone().unsqueeze_dim(0)))
}

/// MV-InfoNCE (Koromilas et al. 2025): one term an item over all views, its pairs of views against everything else. Never below
/// 0; with two views it is not NT-Xent. Provenance: code.
///
/// # Shapes
/// - views: `[N, D]` unit rows each
pub fn mv_info_nce(views: &[Tensor<2>], logits: &Logits) -> Option<Tensor<1>> {
    let (v, n) = (views.len(), views.first()?.dims()[0]);
    let all: Tensor<3> = Tensor::cat(views.to_vec(), 0).unsqueeze_dim(0);
    let rows = log_sum_exp(all.clone(), all, &Candidates::all([1, v * n, v * n]).without_own(), logits);
    let everything = log_sum_of(rows.reshape([v, n]).transpose());
    Some((everything - own_pairs(views, logits)?).mean() - 2f64.ln())
}

/// MV-DHEL (Koromilas et al. 2025): as [`mv_info_nce`], but negatives come from within each view alone, multiplied over views. Not
/// bounded below by 0. An item without another one has no negative: 0 for one row. Provenance: code.
///
/// # Shapes
/// - views: `[N, D]` unit rows each
pub fn mv_dhel(views: &[Tensor<2>], logits: &Logits) -> Option<Tensor<1>> {
    let n = views.first()?.dims()[0];
    let pairs = own_pairs(views, logits)?;
    if n < 2 {
        return Some(pairs.mean().mul_scalar(0.0));
    }
    let candidates = Candidates::all([1, n, n]).without_own();
    let within = views.iter().map(|view| {
        let view: Tensor<3> = view.clone().unsqueeze_dim(0);
        log_sum_exp(view.clone(), view, &candidates, logits).reshape([n])
    });
    let negatives = within.reduce(|a, b| a + b)?;
    Some((negatives - pairs).mean())
}
