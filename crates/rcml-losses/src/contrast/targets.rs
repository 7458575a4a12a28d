//! How positive each column is, in three strengths: one column a row, a set a row, a weight each.

use std::collections::HashMap;
use std::ops::Range;

use burn::tensor::Tensor;
use rcml_kernels::SparseRows;

use super::{Candidates, Distribution, constant};
use crate::Average;

/// What a [`Divergence`](super::Divergence) compares the scores with.
pub trait Targets: Clone {
    /// The targets of some anchors of every group, `[U, C, M]`, before candidates that take no part are taken out.
    fn dense(&self, shape: [usize; 3], rows: Range<usize>, like: &Tensor<3>) -> Tensor<3>;

    /// How many positives each row has among the columns that take part; 1 where the targets are soft.
    fn counts(&self, candidates: &Candidates) -> Vec<usize>;

    /// Takes columns that take no part out of dense targets.
    fn within(&self, target: Tensor<3>, included: Tensor<3>) -> Tensor<3> {
        target * included
    }

    /// The columns that take part with their weights, where these are few. `None` where every column has one.
    fn sparse(&self, candidates: &Candidates) -> Option<(SparseRows, Vec<f64>)> {
        let _ = candidates;
        None
    }

    /// What the rows count.
    fn average(&self) -> Average {
        Average::Anchors
    }

    /// What each row counts in the mean: they sum to 1, or there is none. A row without a positive, without a column, or
    /// (where the divergence needs one) without a negative counts nothing.
    fn row_weights(&self, candidates: &Candidates, negative: bool) -> Vec<f64> {
        let counts = self.counts(candidates);
        let usable = counts.iter().enumerate().map(|(row, count)| {
            let columns = candidates.count(row);
            let enough = columns > 0 && (!negative || columns > *count);
            if !enough || *count == 0 {
                0.0
            } else if self.average() == Average::Pairs {
                *count as f64
            } else {
                1.0
            }
        });
        let weights: Vec<f64> = usable.collect();
        let total: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| if total > 0.0 { weight / total } else { 0.0 }).collect()
    }
}

/// At most one positive column a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    columns: Vec<Option<u32>>,
}

impl Matching {
    /// The positive column of each row, if it has one.
    pub fn new(columns: Vec<Option<u32>>) -> Self {
        Self { columns }
    }

    /// Row i's positive is column i (the identity), for `[1, N, M]` with N at most M.
    pub fn own(rows: usize) -> Self {
        Self { columns: (0..rows as u32).map(Some).collect() }
    }
}

/// A set of positive columns a row, equally positive.
#[derive(Debug, Clone, PartialEq)]
pub struct Positives {
    rows: SparseRows,
    average: Average,
}

impl Positives {
    /// The positive columns of each row. Row a of group u is row u A + a.
    pub fn new(rows: SparseRows, average: Average) -> Self {
        Self { rows, average }
    }

    /// Rows and columns with the same label are positive.
    pub fn of_labels(rows: &[u32], columns: &[u32]) -> Self {
        let mut named: HashMap<u32, Vec<u32>> = HashMap::new();
        columns.iter().zip(0..).for_each(|(label, column)| named.entry(*label).or_default().push(column));
        let same = |label: &u32| named.get(label).into_iter().flatten().copied();
        Self::new(SparseRows::new(rows.iter().map(same)), Average::Anchors)
    }

    /// The columns of each row.
    pub fn rows(&self) -> &SparseRows {
        &self.rows
    }

    /// The one positive of each row.
    ///
    /// # Errors
    /// Names a row that has several.
    pub fn matching(&self) -> Result<Matching, String> {
        let one = |row: usize| match self.rows.row(row) {
            [] => Ok(None),
            [column] => Ok(Some(*column)),
            several => Err(format!("row {row}: expected one positive, found {}", several.len())),
        };
        (0..self.rows.rows()).map(one).collect::<Result<_, _>>().map(Matching::new)
    }

    /// Rows become columns.
    pub(crate) fn transposed(&self, groups: usize, columns: usize) -> Self {
        Self { rows: self.rows.transposed(groups, columns), average: self.average }
    }
}

impl From<Matching> for Positives {
    fn from(matching: Matching) -> Self {
        Self::new(SparseRows::new(matching.columns), Average::Anchors)
    }
}

impl From<Positives> for Distribution {
    fn from(positives: Positives) -> Self {
        Self::uniform(&positives.rows).averaged(positives.average)
    }
}

impl From<Matching> for Distribution {
    fn from(matching: Matching) -> Self {
        Positives::from(matching).into()
    }
}

impl Targets for Matching {
    fn dense(&self, shape: [usize; 3], rows: Range<usize>, like: &Tensor<3>) -> Tensor<3> {
        Positives::from(self.clone()).dense(shape, rows, like)
    }

    fn counts(&self, candidates: &Candidates) -> Vec<usize> {
        Positives::from(self.clone()).counts(candidates)
    }
}

impl Targets for Positives {
    fn dense(&self, [u, a, m]: [usize; 3], rows: Range<usize>, like: &Tensor<3>) -> Tensor<3> {
        let count = rows.len();
        let mut dense = vec![0.0f32; u * count * m];
        for (at, row) in dense.chunks_mut(m.max(1)).zip((0..u).flat_map(|u| rows.clone().map(move |row| u * a + row))) {
            self.rows.row(row).iter().for_each(|column| at[*column as usize] = 1.0);
        }
        constant(dense, [u, count, m], like)
    }

    fn counts(&self, candidates: &Candidates) -> Vec<usize> {
        let taking = |row| self.rows.row(row).iter().filter(|column| candidates.takes_part(row, **column)).count();
        (0..self.rows.rows()).map(taking).collect()
    }

    fn sparse(&self, candidates: &Candidates) -> Option<(SparseRows, Vec<f64>)> {
        let rows = self.rows.filter(|row, column| candidates.takes_part(row, column));
        let shares = rows.iter().map(|(row, _)| 1.0 / rows.row(row).len() as f64).collect();
        Some((rows, shares))
    }

    fn average(&self) -> Average {
        self.average
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_cannot_count_do_not() {
        let candidates = Candidates::all([1, 3, 3]).excluding(&SparseRows::new([vec![], vec![1], vec![0, 1]]));
        let positives = Positives::new(SparseRows::new([vec![0, 1], vec![1], vec![2]]), Average::Anchors);
        assert_eq!(positives.counts(&candidates), [2, 0, 1], "an excluded positive is none");
        assert_eq!(positives.row_weights(&candidates, false), [0.5, 0.0, 0.5]);
        assert_eq!(positives.row_weights(&candidates, true), [1.0, 0.0, 0.0], "row 2 has no negative");
        let pairs = Positives { average: Average::Pairs, ..positives };
        assert!((pairs.row_weights(&candidates, false)[0] - 2.0 / 3.0).abs() < 1e-12);
        assert!(pairs.matching().unwrap_err().contains("row 0"));
    }
}
