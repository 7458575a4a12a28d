//! Which columns each row's sum runs over, and in which tiles.

use std::sync::Arc;

use crate::SparseRows;

/// What [`contrast_log_sum_exp`](super::contrast_log_sum_exp) sums over. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ContrastPlan {
    pub(super) shape: [usize; 3],
    pub(super) excluded: SparseRows,
    /// Taken off each column's logit; about 1e30 for a column that is not there. Empty = nothing.
    pub(super) penalty: Arc<Vec<f32>>,
    pub(super) tile: [usize; 2],
    pub(super) keep: usize,
    pub(super) composed: bool,
}

/// Taken off the logit of a column that is not there.
pub(super) const ABSENT: f32 = 1.0e30;
/// Logits below this belong to columns that take no part.
pub(super) const LEAST: f32 = -1.0e29;
/// Logits that are kept for the backward pass at most: 64 MiB.
const KEPT: usize = 1 << 24;
/// The log-sum-exp of a row without columns: its exponential is zero, and it is finite.
pub(super) const EMPTY: f32 = -1.0e9;

impl ContrastPlan {
    /// Sums over all columns of `[U, A, M]` but those excluded, a set for each of the U A rows.
    ///
    /// # Panics
    /// If there is not one set a row, or one names a column beyond M.
    pub fn new(shape: [usize; 3], excluded: SparseRows) -> Self {
        assert_eq!(excluded.rows(), shape[0] * shape[1], "excluded columns are not one set a row");
        assert!(
            excluded.max().is_none_or(|max| (max as usize) < shape[2]),
            "an excluded column is beyond the candidates"
        );
        // Each product of a tile lays out its factors anew, which more rows share; few rows must still make several tasks.
        let rows = if shape[1] < 2048 { 256 } else { 512 };
        Self { shape, excluded, penalty: Arc::new(vec![]), tile: [rows, 512], keep: KEPT, composed: false }
    }

    /// Leaves out columns that are not there, and takes numbers off the logits of the others; empty = all are there, nothing is
    /// taken off.
    ///
    /// # Panics
    /// If there is not one value a column.
    pub fn with_columns(self, present: &[bool], correction: &[f32]) -> Self {
        let m = self.shape[2];
        let fits = |length: usize| length == 0 || length == m;
        assert!(fits(present.len()) && fits(correction.len()), "presence or correction is not one value a column");
        if present.is_empty() && correction.is_empty() {
            return self;
        }
        let value = |j: usize| {
            let there = present.get(j).copied().unwrap_or(true);
            if there { correction.get(j).copied().unwrap_or(0.0) } else { ABSENT }
        };
        Self { penalty: Arc::new((0..m).map(value).collect()), ..self }
    }

    /// Tiles of so many rows and columns. The result is the same up to rounding.
    pub fn tiled(self, rows: usize, columns: usize) -> Self {
        Self { tile: [rows.max(1), columns.max(1)], ..self }
    }

    /// Keeps at most so many logits for the backward pass, where 2^24 (64 MiB) are kept else. The result is the same up to rounding.
    pub fn keeping(self, logits: usize) -> Self {
        Self { keep: logits, ..self }
    }

    /// Of all U A rows, how many of the first have their logits kept for the backward pass: whole tiles.
    ///
    /// A small matrix is kept altogether, which saves the backward pass one product of three; of a large one too little could be.
    pub(super) fn kept(&self) -> usize {
        let [u, a, m] = self.shape;
        if u * a * m > self.keep.saturating_mul(4) {
            return 0;
        }
        let tiles = (0..u).flat_map(|group| (0..a).step_by(self.tile[0]).map(move |first| (group, first)));
        let ends = tiles.map(|(group, first)| group * a + (first + self.tile[0]).min(a));
        ends.take_while(|end| end * m <= self.keep).last().unwrap_or(0)
    }

    /// Takes the portable form, on any backend.
    pub fn composed(self) -> Self {
        Self { composed: true, ..self }
    }

    /// Puts the penalties of some columns on the logits of one row.
    pub(super) fn mask(&self, row: usize, first: usize, logits: &mut [f32]) {
        if let Some(penalty) = self.penalty.get(first..first + logits.len()) {
            logits.iter_mut().zip(penalty).for_each(|(logit, penalty)| *logit -= penalty);
        }
        let excluded = self.excluded.row(row);
        let begin = excluded.partition_point(|column| (*column as usize) < first);
        for column in &excluded[begin..] {
            match logits.get_mut(*column as usize - first) {
                Some(logit) => *logit = -ABSENT,
                None => break,
            }
        }
    }
}
