//! Which columns a row competes against.

use std::ops::Range;

use burn::tensor::Tensor;
use rcml_kernels::SparseRows;

use super::constant;

/// For U groups, A anchors each, the columns out of M that take part in each anchor's row.
///
/// Everything does at first; [`excluding`](Self::excluding), [`without_own`](Self::without_own) and
/// [`present`](Self::present) take out. Columns beyond the batch (a queue, generated negatives) are just more columns: append
/// them to the candidates' embeddings and count them in M.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidates {
    shape: [usize; 3],
    excluded: SparseRows,
    /// Empty = every column is there.
    present: Vec<bool>,
    /// Taken off each column's logit; empty = nothing.
    correction: Vec<f32>,
}

impl Candidates {
    /// Every column takes part in every row of `[U, A, M]`.
    pub fn all(shape: [usize; 3]) -> Self {
        let [u, a, _] = shape;
        Self { shape, excluded: SparseRows::empty(u * a), present: vec![], correction: vec![] }
    }

    /// Takes columns out of single rows: known relatives, equal items. Row a of group u is row u A + a.
    ///
    /// # Panics
    /// If there is not one set a row, or a column is beyond M.
    pub fn excluding(self, rows: &SparseRows) -> Self {
        assert!(
            rows.max().is_none_or(|max| (max as usize) < self.shape[2]),
            "an excluded column is beyond the candidates"
        );
        Self { excluded: self.excluded.union(rows), ..self }
    }

    /// Takes column a out of row a of every group: nothing competes against itself.
    pub fn without_own(self) -> Self {
        let [u, a, m] = self.shape;
        let own = SparseRows::new((0..u * a).map(|row| Some((row % a) as u32).filter(|own| (*own as usize) < m)));
        self.excluding(&own)
    }

    /// Takes columns out of all rows: items that lack the modality. Empty = all are there.
    ///
    /// # Panics
    /// If there is not one answer a column.
    pub fn present(self, present: Vec<bool>) -> Self {
        assert!(present.is_empty() || present.len() == self.shape[2], "presence is not one answer a column");
        Self { present, ..self }
    }

    /// Takes a number off the logit of each column; see [`crate::PairTargets::with_correction`]. Empty = nothing.
    ///
    /// # Panics
    /// If there are numbers, but not one a column.
    pub fn with_correction(self, correction: Vec<f32>) -> Self {
        assert!(correction.is_empty() || correction.len() == self.shape[2], "correction is not one number a column");
        Self { correction, ..self }
    }

    /// U, A, M.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Number of rows, U A.
    pub fn rows(&self) -> usize {
        self.shape[0] * self.shape[1]
    }

    /// Whether a column takes part in a row.
    pub fn takes_part(&self, row: usize, column: u32) -> bool {
        self.is_present(column) && !self.excluded.contains(row, column)
    }

    /// Number of columns that take part in a row.
    pub fn count(&self, row: usize) -> usize {
        let present =
            if self.present.is_empty() { self.shape[2] } else { self.present.iter().filter(|has| **has).count() };
        present - self.excluded.row(row).iter().filter(|column| self.is_present(**column)).count()
    }

    /// Whether every column takes part in every row.
    pub fn is_everything(&self) -> bool {
        self.excluded.count() == 0 && self.present.iter().all(|has| *has)
    }

    /// Columns that take no part in single rows.
    pub fn excluded(&self) -> &SparseRows {
        &self.excluded
    }

    /// Which columns are there at all; empty = all.
    pub fn presence(&self) -> &[bool] {
        &self.present
    }

    /// What is taken off each column's logit; empty = nothing.
    pub fn correction(&self) -> &[f32] {
        &self.correction
    }

    /// The mask of some anchors of every group, `[U, C, M]`: 1 where a column takes part.
    pub(crate) fn mask(&self, rows: Range<usize>, like: &Tensor<3>) -> Tensor<3> {
        let [u, a, m] = self.shape;
        let count = rows.len();
        let mut mask = vec![1.0f32; u * count * m];
        for (at, row) in mask.chunks_mut(m.max(1)).zip((0..u).flat_map(|u| rows.clone().map(move |row| u * a + row))) {
            self.excluded.row(row).iter().for_each(|column| at[*column as usize] = 0.0);
            at.iter_mut().zip(&self.present).filter(|(_, has)| !**has).for_each(|(value, _)| *value = 0.0);
        }
        constant(mask, [u, count, m], like)
    }

    fn is_present(&self, column: u32) -> bool {
        self.present.is_empty() || self.present[column as usize]
    }

    /// Anchors become candidates: `[U, M, A]`. Only where nothing is absent or corrected.
    pub(crate) fn transposed(&self) -> Self {
        let [u, a, m] = self.shape;
        let excluded = self.excluded.transposed(u, m);
        let absent =
            SparseRows::new((0..u * m).map(|row| if self.is_present((row % m) as u32) { 0..0 } else { 0..a as u32 }));
        Self { excluded: excluded.union(&absent), ..Self::all([u, m, a]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_out_is_out() {
        let candidates = Candidates::all([1, 3, 3])
            .without_own()
            .excluding(&SparseRows::new([vec![2], vec![], vec![]]))
            .present(vec![true, true, false]);
        let device = rcml_kernels::device::parse("cpu").unwrap();
        let mask: Vec<f32> = candidates.mask(0..3, &Tensor::zeros([1, 1, 1], &device)).try_into_vec_as().unwrap();
        assert_eq!(mask, [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
        for row in 0..3 {
            let taking = (0..3).filter(|column| candidates.takes_part(row, *column)).count();
            assert_eq!(candidates.count(row), taking, "row {row}");
        }
        let back = candidates.transposed();
        for (row, column) in (0..3).flat_map(|row| (0..3).map(move |column| (row, column))) {
            assert_eq!(candidates.takes_part(row, column as u32), back.takes_part(column, row as u32));
        }
    }
}
