//! More than two modalities at once. Rows are the items that have all of them: see [`complete`].

use burn::tensor::{Int, Tensor, TensorData};
use rcml_kernels::SparseRows;

use super::Views;
use crate::contrast::{
    Candidates, Contest, CrossEntropy, Distribution, Logits, Matching, Positives, Volume, constant, log_sum_exp,
    log_sum_of, tuples,
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
/// modalities it is CLIP. It learns what pairs cannot show (c = a xor b), and is not invariant to rotation. A tuple all of whose parts
/// are an item's own or those of items that are no negatives of it may be true of it, and takes no part. Provenance: code.
pub fn symile(views: &Views, among: Tuples, logits: &Logits) -> Option<Tensor<1>> {
    let n = views.rows();
    let turns = (0..views.count()).map(|anchor| {
        let others = views.candidates.iter().enumerate().filter(|(v, _)| *v != anchor);
        let others: Vec<Tensor<3>> = others.map(|(_, view)| view.clone().unsqueeze_dim(0)).collect();
        let (columns, own, alike) = match among {
            Tuples::All => {
                // Tuple (i, i, ..., i) is row i (1 + N + N^2 + ...).
                let step = (0..others.len() as u32).map(|power| n.pow(power)).sum::<usize>();
                (tuples(&others)?, step, all_alike(&views.excluded, others.len()))
            }
            Tuples::Permuted(seed) => {
                let shifts = shifts(n, others.len(), seed);
                (permuted(&others, &shifts)?, 1, shifted_alike(&views.excluded, &shifts))
            }
        };
        let (a, m) = (views.anchors[anchor].clone().unsqueeze_dim(0), columns.dims()[1]);
        let own = |row: usize| (row * own) as u32;
        let out = alike.filter(|row, column| column != own(row));
        let positives = Positives::from(Matching::new((0..n).map(|row| Some(own(row))).collect()));
        let contest =
            Contest { views: vec![a, columns], candidates: Candidates::all([1, n, m]).excluding(&out), positives };
        Some(contest.cross_entropy(logits))
    });
    let count = views.count() as f64;
    turns.collect::<Option<Vec<_>>>()?.into_iter().reduce(|a, b| a + b).map(|sum| sum.div_scalar(count))
}

/// Of all N^k tuples those whose parts are a row itself or excluded from it.
fn all_alike(excluded: &SparseRows, k: usize) -> SparseRows {
    let n = excluded.rows();
    SparseRows::new((0..n).map(|row| {
        let parts: Vec<usize> = std::iter::once(row).chain(excluded.row(row).iter().map(|c| *c as usize)).collect();
        let longer = |tuples: Vec<usize>| -> Vec<usize> {
            tuples.iter().flat_map(|tuple| parts.iter().map(move |part| tuple * n + part)).collect()
        };
        (0..k).fold(vec![0], |tuples, _| longer(tuples)).into_iter().map(|tuple| tuple as u32).collect::<Vec<_>>()
    }))
}

/// Of the tuples of [`permuted`] those whose parts are a row itself or excluded from it.
fn shifted_alike(excluded: &SparseRows, shifts: &[usize]) -> SparseRows {
    let n = excluded.rows();
    let is_alike = |row: usize, part: usize| part == row || excluded.contains(row, part as u32);
    SparseRows::new((0..n).map(|row| {
        let matched = std::iter::once(row as u32).chain(excluded.row(row).iter().copied());
        let shifted = matched
            .clone()
            .filter(|tuple| shifts.len() > 1 && shifts.iter().all(|by| is_alike(row, (*tuple as usize + by) % n)));
        matched.clone().chain(shifted.map(|tuple| n as u32 + tuple)).collect::<Vec<_>>()
    }))
}

/// By how many rows each modality is turned against the others: none for the first.
fn shifts(n: usize, modalities: usize, seed: u64) -> Vec<usize> {
    use rand::{RngExt, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    // A rotation by another number of rows a modality keeps every tuple apart from the matched ones.
    (0..modalities).map(|which| if which == 0 || n < 2 { 0 } else { rng.random_range(1..n) }).collect()
}

/// Row i's own tuple for i < N, then N tuples whose parts come from different rows.
fn permuted(others: &[Tensor<3>], shifts: &[usize]) -> Option<Tensor<3>> {
    let product = |views: &[Tensor<3>]| views.iter().cloned().reduce(|a, b| a * b);
    let own = product(others)?;
    if others.len() < 2 {
        return Some(own);
    }
    let n = own.dims()[1];
    let turned = |view: &Tensor<3>, by: usize| match by {
        0 => view.clone(),
        by => Tensor::cat(vec![view.clone().narrow(1, by, n - by), view.clone().narrow(1, 0, by)], 1),
    };
    let turned: Vec<Tensor<3>> = others.iter().zip(shifts).map(|(view, by)| turned(view, *by)).collect();
    Some(Tensor::cat(vec![own, product(&turned)?], 1))
}

/// GRAM (Cicchetti et al. 2025): the first modality is the anchor, and the score of a tuple is minus the volume that it spans with the
/// anchor; both directions averaged, with label smoothing (0.1 in the release). Two vectors give the sine of their angle, so a
/// vector and its negative score alike: keep a cosine term beside it. Provenance: code, except for the slope near volume 0.
pub fn gram(views: &Views, smoothing: f64, logits: &Logits) -> Option<Tensor<1>> {
    let targets = Distribution::from(Matching::own(views.rows())).smoothed(smoothing);
    // Whoever asks, the first modality or the tuple of the others, the other side answers.
    let side = |reversed: bool| {
        let (first, others) =
            if reversed { (&views.candidates, &views.anchors) } else { (&views.anchors, &views.candidates) };
        let contest = Contest {
            views: first[..1].iter().chain(&others[1..]).map(|view| view.clone().unsqueeze_dim(0)).collect(),
            candidates: views.competing(),
            positives: Matching::own(views.rows()).into(),
        };
        contest.loss(&Volume { reversed }, &CrossEntropy, &targets, logits)
    };
    (views.count() > 1).then(|| (side(false) + side(true)).mul_scalar(0.5))
}

/// log sum over ordered pairs v != w of exp(<z_v,i, z_w,i> / tau), `[N]`.
fn own_pairs(views: &Views, logits: &Logits) -> Option<Tensor<1>> {
    let count = views.count();
    let pairs = (0..count).flat_map(|v| (0..count).filter(move |w| *w != v).map(move |w| (v, w)));
    let dot = |(v, w): (usize, usize)| (views.anchors[v].clone() * views.candidates[w].clone()).sum_dim(1);
    let dots: Vec<Tensor<2>> = pairs.map(dot).collect();
    (!dots.is_empty()).then(|| log_sum_of(Tensor::cat(dots, 1) * logits.scale.clone().unsqueeze_dim(0)))
}

/// MV-InfoNCE (Koromilas et al. 2025): one term an item over all views, its pairs of views against everything else. Never below
/// 0; with two views it is not NT-Xent. Provenance: code.
pub fn mv_info_nce(views: &Views, logits: &Logits) -> Option<Tensor<1>> {
    let (v, n) = (views.count(), views.rows());
    let beside = |views: &[Tensor<2>]| Tensor::cat(views.to_vec(), 0).unsqueeze_dim::<3>(0);
    let own = own_pairs(views, logits)?;
    // An item's rows in every modality, against those of all others.
    let out = SparseRows::new((0..v * n).map(|row| {
        let others = views.excluded.row(row % n).iter();
        others.flat_map(move |column| (0..v).map(move |view| (view * n) as u32 + column)).collect::<Vec<_>>()
    }));
    let candidates = Candidates::all([1, v * n, v * n]).without_own().excluding(&out);
    let rows = log_sum_exp(beside(&views.anchors), beside(&views.candidates), &candidates, logits);
    let everything = log_sum_of(rows.reshape([v, n]).transpose());
    Some((everything - own).mean())
}

/// MV-DHEL (Koromilas et al. 2025): as [`mv_info_nce`], but negatives come from within each view alone, multiplied over views. Not
/// bounded below by 0. An item without a negative says nothing: 0 for one row. Provenance: code.
pub fn mv_dhel(views: &Views, logits: &Logits) -> Option<Tensor<1>> {
    let n = views.rows();
    let pairs = own_pairs(views, logits)? - 2f64.ln();
    let candidates = views.competing().without_own();
    let usable: Vec<f64> = (0..n).map(|row| f64::from(u8::from(candidates.count(row) > 0))).collect();
    let total = usable.iter().sum::<f64>();
    if total == 0.0 {
        return Some(pairs.mean().mul_scalar(0.0));
    }
    let within = views.anchors.iter().zip(&views.candidates).map(|(anchors, view)| {
        log_sum_exp(anchors.clone().unsqueeze_dim(0), view.clone().unsqueeze_dim(0), &candidates, logits).reshape([n])
    });
    let negatives = within.reduce(|a, b| a + b)?;
    let weights: Tensor<1> = constant(usable.iter().map(|one| one / total).collect(), [n], &pairs);
    Some(((negatives - pairs) * weights).sum())
}
