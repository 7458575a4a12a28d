//! How two things are compared.

use std::ops::Range;

use burn::tensor::Tensor;

use super::{anchor_rows, constant};

/// Gives the scores of anchors against candidates, before the temperature.
///
/// `views[0]` holds the anchors, `[U, A, D]`; what the others hold, the scorer says. Scores are asked for a block of anchors
/// at a time.
pub trait Scorer {
    /// Scores of some anchors of every group, `[U, C, M]`.
    fn score(&self, views: &[Tensor<3>], rows: Range<usize>) -> Tensor<3>;

    /// Whether the score is the inner product of `views[0]` and `views[1]`, for which there is a kernel.
    fn is_inner_product(&self) -> bool {
        false
    }
}

/// The inner product with `views[1]`, `[U, M, D]`: the cosine of unit rows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cosine;

impl Scorer for Cosine {
    fn score(&self, views: &[Tensor<3>], rows: Range<usize>) -> Tensor<3> {
        anchor_rows(&views[0], &rows).matmul(views[1].clone().swap_dims(1, 2))
    }

    fn is_inner_product(&self) -> bool {
        true
    }
}

/// x^T W_u y with a matrix a group, `views[2]`, `[U, D, D]`. An antisymmetric W gives f(s, o) = -f(o, s).
#[derive(Debug, Clone, Copy, Default)]
pub struct Bilinear;

impl Scorer for Bilinear {
    fn score(&self, views: &[Tensor<3>], rows: Range<usize>) -> Tensor<3> {
        let turned = anchor_rows(&views[0], &rows).matmul(views[2].clone());
        turned.matmul(views[1].clone().swap_dims(1, 2))
    }
}

/// The inner product with `views[1]`, but row i is compared with its own partner in `views[2]` instead of with column i.
///
/// One group; `[1, N, D]` each.
#[derive(Debug, Clone, Copy, Default)]
pub struct OwnPartner;

impl Scorer for OwnPartner {
    fn score(&self, views: &[Tensor<3>], rows: Range<usize>) -> Tensor<3> {
        let anchors = anchor_rows(&views[0], &rows);
        let own = (anchors.clone() * anchor_rows(&views[2], &rows)).sum_dim(2);
        let others = anchors.matmul(views[1].clone().swap_dims(1, 2));
        let [_, count, columns] = others.dims();
        let mut diagonal = vec![0.0f32; count * columns];
        rows.clone().enumerate().for_each(|(i, row)| diagonal[i * columns + row] = 1.0);
        let diagonal = constant(diagonal, [1, count, columns], &others);
        others.clone() + diagonal * (own - others)
    }
}

/// MaxSim (Khattab and Zaharia 2020), both ways and averaged: tokens of anchors `views[0]`, `[1, A L, D]`, against tokens of
/// candidates `views[1]`, `[1, M K, D]`; padding never wins.
///
/// ```text
/// s(P, Q) = ( mean over real i of max over real j of <p_i, q_j>  +  mean over real j of max over real i ) / 2
/// ```
#[derive(Debug, Clone)]
pub struct MaxSim {
    /// Which of the A L tokens are real, `[A, L]` row by row.
    pub anchor_tokens: Vec<bool>,
    /// Which of the M K tokens are real.
    pub candidate_tokens: Vec<bool>,
    /// A and M.
    pub items: [usize; 2],
}

/// Added to the similarity of padding before a maximum is taken.
const PADDING: f32 = -1.0e9;

impl Scorer for MaxSim {
    fn score(&self, views: &[Tensor<3>], rows: Range<usize>) -> Tensor<3> {
        let [a, m] = self.items;
        let (l, k) = (self.anchor_tokens.len() / a.max(1), self.candidate_tokens.len() / m.max(1));
        let tokens = rows.start * l..rows.end * l;
        let real = &self.anchor_tokens[tokens.clone()];
        let count = rows.len();
        let similarity =
            anchor_rows(&views[0], &tokens).matmul(views[1].clone().swap_dims(1, 2)).reshape([count, l, m, k]);
        let one_way = |axis: usize, winners: &[bool], shape: [usize; 4], voters: &[bool], votes: [usize; 4]| {
            let mask =
                |real: &[bool], off: f32, on: f32| real.iter().map(|r| if *r { on } else { off }).collect::<Vec<_>>();
            let padding = constant::<f32, 4, 4>(mask(winners, PADDING, 0.0), shape, &similarity);
            let best = (similarity.clone() + padding).max_dim(axis);
            let votes = constant::<f32, 4, 4>(mask(voters, 0.0, 1.0), votes, &similarity);
            let (other, total) = (4 - axis, votes.clone().sum_dim(4 - axis).clamp_min(1.0));
            ((best * votes).sum_dim(other) / total).reshape([1, count, m])
        };
        let (mine, theirs) = ([count, l, 1, 1], [1, 1, m, k]);
        let forward = one_way(3, &self.candidate_tokens, theirs, real, mine);
        let back = one_way(1, real, mine, &self.candidate_tokens, theirs);
        (forward + back).mul_scalar(0.5)
    }
}
