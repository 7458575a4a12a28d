//! Soft targets: a weight for every column.

use std::ops::Range;

use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use rcml_kernels::SparseRows;

use super::{Candidates, Targets, anchor_rows, constant};
use crate::Average;

/// A weight for every column of a row, as a weighted sum of parts.
///
/// Parts that a teacher gives are made a block of rows at a time, so that no N x M matrix is needed.
#[derive(Debug, Clone)]
pub struct Distribution {
    parts: Vec<(f64, Part)>,
    /// A part that rows may lack: rows without a weight in it count nothing.
    support: Option<SparseRows>,
    /// What the rows count; by pairs, as many as a row has columns in `support`.
    average: Average,
}

#[derive(Debug, Clone)]
enum Part {
    /// Weights of single columns, in the order of the sets.
    Sparse(SparseRows, Vec<f64>),
    /// 1 / M each.
    Even,
    /// softmax over the columns of <p, q> / temperature, all or those that take part.
    Softmax { p: Tensor<3>, q: Tensor<3>, temperature: f64, among: Option<Candidates> },
    /// (<p, q> + 1) / 2, divided by their sum.
    Affine { p: Tensor<3>, q: Tensor<3> },
    /// As `Softmax`, but 1 for a row's own column where another has more of it.
    Vetted { p: Tensor<3>, q: Tensor<3>, temperature: f64 },
}

impl Distribution {
    /// Equal weights that sum to 1 on the columns of each row.
    pub fn uniform(rows: &SparseRows) -> Self {
        let weights = (0..rows.rows()).flat_map(|row| {
            let count = rows.row(row).len();
            std::iter::repeat_n(1.0 / count as f64, count)
        });
        Self::weighted(rows.clone(), weights.collect())
    }

    /// Given weights of single columns, in the order of the sets. They need not sum to 1.
    ///
    /// # Panics
    /// If there is not one weight a column named.
    pub fn weighted(rows: SparseRows, weights: Vec<f64>) -> Self {
        assert_eq!(rows.count(), weights.len(), "weights are not one a column named");
        let support = Some(rows.clone());
        Self { support, parts: vec![(1.0, Part::Sparse(rows, weights))], average: Average::Anchors }
    }

    /// From a matrix of weights, row by row; columns of weight 0 are left out.
    ///
    /// # Panics
    /// If the matrix is not `rows` rows of equal length.
    pub fn matrix(rows: usize, values: &[f64]) -> Self {
        assert!(values.len().is_multiple_of(rows.max(1)), "a matrix of {} values has no {rows} rows", values.len());
        let width = (values.len() / rows.max(1)).max(1);
        let named = |row: &[f64]| (0..row.len() as u32).filter(|j| row[*j as usize] != 0.0).collect::<Vec<_>>();
        let sets = SparseRows::new(values.chunks(width).map(named));
        Self::weighted(sets, values.iter().copied().filter(|value| *value != 0.0).collect())
    }

    /// softmax over the columns of <p_i, q_j> / temperature, from a teacher that gets no gradient.
    ///
    /// # Shapes
    /// - p: `[U, A, E]`
    /// - q: `[U, M, E]`
    pub fn softmax(p: Tensor<3>, q: Tensor<3>, temperature: f64) -> Self {
        Self::taught(Part::Softmax { p: p.without_autodiff(), q: q.without_autodiff(), temperature, among: None })
    }

    /// [`softmax`](Self::softmax) over the columns that take part alone. Where targets are mixed, what a teacher gives to others would
    /// else go to all parts of the mixture.
    ///
    /// # Shapes
    /// As [`softmax`](Self::softmax).
    pub fn softmax_among(p: Tensor<3>, q: Tensor<3>, temperature: f64, candidates: &Candidates) -> Self {
        let among = (!candidates.is_everything()).then(|| candidates.clone());
        Self::taught(Part::Softmax { p: p.without_autodiff(), q: q.without_autodiff(), temperature, among })
    }

    /// [`softmax`](Self::softmax) of a teacher that is heard where it is right: a row whose own column has less of it than another
    /// gets that column alone. For rows and columns of the same items.
    ///
    /// # Shapes
    /// - p, q: `[1, N, E]`
    pub fn vetted(p: Tensor<3>, q: Tensor<3>, temperature: f64) -> Self {
        Self::taught(Part::Vetted { p: p.without_autodiff(), q: q.without_autodiff(), temperature })
    }

    /// (<p_i, q_j> + 1) / 2 divided by its sum over the columns, from a teacher that gets no gradient.
    ///
    /// # Shapes
    /// As [`softmax`](Self::softmax), unit rows.
    pub fn affine(p: Tensor<3>, q: Tensor<3>) -> Self {
        Self::taught(Part::Affine { p: p.without_autodiff(), q: q.without_autodiff() })
    }

    /// One part with a weight for every column.
    fn taught(part: Part) -> Self {
        Self { parts: vec![(1.0, part)], support: None, average: Average::Anchors }
    }

    /// The same with other weights of rows. Where every column has a weight of its own there are no pairs to count: rows count alike.
    pub fn averaged(self, average: Average) -> Self {
        Self { average, ..self }
    }

    /// (1 - share) of these targets and `share` of others.
    pub fn mixed(self, share: f64, other: Self) -> Self {
        let scaled =
            |parts: Vec<(f64, Part)>, by: f64| parts.into_iter().map(move |(weight, part)| (weight * by, part));
        let support = match (self.support, other.support) {
            (Some(a), Some(b)) => Some(a.union(&b)),
            _ => None,
        };
        let parts = scaled(self.parts, 1.0 - share).chain(scaled(other.parts, share)).collect();
        Self { parts, support, average: self.average }
    }

    /// Label smoothing (Szegedy et al. 2016): (1 - share) of these targets and `share` spread evenly over all M columns.
    pub fn smoothed(self, share: f64) -> Self {
        let support = self.support.clone();
        Self { support, ..self.mixed(share, Self::taught(Part::Even)) }
    }
}

impl Targets for Distribution {
    fn dense(&self, shape: [usize; 3], rows: Range<usize>, like: &Tensor<3>) -> Tensor<3> {
        let parts = self.parts.iter().map(|(weight, part)| part.dense(shape, rows.clone(), like).mul_scalar(*weight));
        let empty = || Tensor::zeros([shape[0], rows.len(), shape[2]], (&like.device(), like.dtype()));
        parts.reduce(|a, b| a + b).unwrap_or_else(empty)
    }

    /// What is taken out goes to the columns that are left, in proportion.
    fn within(&self, target: Tensor<3>, included: Tensor<3>) -> Tensor<3> {
        let mass = target.clone().sum_dim(2);
        let left = target * included;
        left.clone() * (mass / left.sum_dim(2).clamp_min(1e-12))
    }

    fn sparse(&self, candidates: &Candidates) -> Option<(SparseRows, Vec<f64>)> {
        let [(share, Part::Sparse(sets, weights))] = self.parts.as_slice() else { return None };
        let rows = sets.filter(|row, column| candidates.takes_part(row, column));
        let mut kept = Vec::with_capacity(rows.count());
        for row in 0..sets.rows() {
            let all = sets.row(row).iter().zip(&weights[sets.start(row)..]);
            let mass: f64 = all.clone().map(|(_, weight)| weight).sum();
            let left: Vec<f64> =
                all.filter(|(c, _)| candidates.takes_part(row, **c)).map(|(_, weight)| *weight).collect();
            let scale = share * mass / left.iter().sum::<f64>().max(1e-12);
            kept.extend(left.iter().map(|weight| weight * scale));
        }
        Some((rows, kept))
    }

    fn average(&self) -> Average {
        self.average
    }

    fn counts(&self, candidates: &Candidates) -> Vec<usize> {
        match &self.support {
            Some(rows) => (0..rows.rows())
                .map(|row| rows.row(row).iter().filter(|column| candidates.takes_part(row, **column)).count())
                .collect(),
            None => vec![1; candidates.rows()],
        }
    }
}

impl Part {
    fn dense(&self, [u, a, m]: [usize; 3], rows: Range<usize>, like: &Tensor<3>) -> Tensor<3> {
        let similarity = |p: &Tensor<3>, q: &Tensor<3>| anchor_rows(p, &rows).matmul(q.clone().swap_dims(1, 2));
        match self {
            Self::Even => Tensor::full([u, rows.len(), m], 1.0 / m as f64, (&like.device(), like.dtype())),
            Self::Softmax { p, q, temperature, among } => {
                let mut scores = similarity(p, q).div_scalar(*temperature);
                if let Some(among) = among {
                    scores = scores + (among.mask(rows, like) - 1.0).mul_scalar(1e9);
                }
                softmax(scores, 2)
            }
            Self::Vetted { p, q, temperature } => {
                let soft = softmax(similarity(p, q).div_scalar(*temperature), 2);
                let count = rows.len();
                let mut own = vec![0.0f64; u * count * m];
                own.chunks_mut(m.max(1)).zip((0..u).flat_map(|_| rows.clone())).for_each(|(at, row)| at[row] = 1.0);
                let own: Tensor<3> = constant(own, [u, count, m], like);
                let wrong = (soft.clone() * own.clone()).sum_dim(2).lower(soft.clone().max_dim(2));
                let wrong = wrong.float().cast(soft.dtype());
                soft.clone() + (own - soft) * wrong
            }
            Self::Affine { p, q } => {
                let weights = (similarity(p, q) + 1.0).mul_scalar(0.5).clamp_min(0.0);
                let total = weights.clone().sum_dim(2).clamp_min(1e-12);
                weights / total
            }
            Self::Sparse(sets, weights) => {
                let count = rows.len();
                let mut dense = vec![0.0f64; u * count * m];
                let numbers = (0..u).flat_map(|u| rows.clone().map(move |row| u * a + row));
                for (at, row) in dense.chunks_mut(m.max(1)).zip(numbers) {
                    let weights = &weights[sets.start(row)..];
                    sets.row(row).iter().zip(weights).for_each(|(column, weight)| at[*column as usize] = *weight);
                }
                constant(dense, [u, count, m], like)
            }
        }
    }
}
