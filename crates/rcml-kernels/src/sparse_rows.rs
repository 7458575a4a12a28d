//! Sets of columns, one a row.

use std::sync::Arc;

/// For each row a set of columns, ascending: the sparse form of a matrix of 0 and 1 (CSR). Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SparseRows {
    inner: Arc<Inner>,
}

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    /// Where each row begins in `columns`, and the end.
    starts: Vec<u32>,
    columns: Vec<u32>,
}

impl SparseRows {
    /// From the columns of each row, in any order, repeated or not.
    pub fn new<R: IntoIterator<Item = u32>>(rows: impl IntoIterator<Item = R>) -> Self {
        let (mut starts, mut columns) = (vec![0u32], Vec::new());
        let mut row = Vec::new();
        for given in rows {
            row.extend(given);
            row.sort_unstable();
            row.dedup();
            columns.append(&mut row);
            starts.push(columns.len() as u32);
        }
        Self { inner: Arc::new(Inner { starts, columns }) }
    }

    /// Rows without a column.
    pub fn empty(rows: usize) -> Self {
        Self { inner: Arc::new(Inner { starts: vec![0; rows + 1], columns: vec![] }) }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.inner.starts.len() - 1
    }

    /// Number of columns that are named, over all rows.
    pub fn count(&self) -> usize {
        self.inner.columns.len()
    }

    /// The columns of a row, ascending.
    pub fn row(&self, row: usize) -> &[u32] {
        &self.inner.columns[self.inner.starts[row] as usize..self.inner.starts[row + 1] as usize]
    }

    /// Where a row begins among all named columns.
    pub fn start(&self, row: usize) -> usize {
        self.inner.starts[row] as usize
    }

    /// All (row, column), by row, then column.
    pub fn iter(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        (0..self.rows()).flat_map(|row| self.row(row).iter().map(move |column| (row, *column)))
    }

    /// Whether a row names a column.
    pub fn contains(&self, row: usize, column: u32) -> bool {
        self.row(row).binary_search(&column).is_ok()
    }

    /// The largest column named.
    pub fn max(&self) -> Option<u32> {
        self.inner.columns.iter().copied().max()
    }

    /// The columns that `keep(row, column)` says yes to.
    pub fn filter(&self, keep: impl Fn(usize, u32) -> bool) -> Self {
        Self::new(
            (0..self.rows()).map(|row| self.row(row).iter().copied().filter(|c| keep(row, *c)).collect::<Vec<_>>()),
        )
    }

    /// What either names.
    ///
    /// # Panics
    /// If the numbers of rows differ.
    pub fn union(&self, other: &Self) -> Self {
        assert_eq!(self.rows(), other.rows(), "sets of columns for other numbers of rows");
        Self::new((0..self.rows()).map(|row| self.row(row).iter().chain(other.row(row)).copied()))
    }

    /// Rows become columns, within groups: row (g, a) of A a group and column m become row (g, m) and column a.
    pub fn transposed(&self, groups: usize, columns: usize) -> Self {
        let anchors = self.rows() / groups.max(1);
        let mut rows = vec![Vec::new(); groups * columns];
        for (row, column) in self.iter() {
            rows[row / anchors.max(1) * columns + column as usize].push((row % anchors.max(1)) as u32);
        }
        Self::new(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_sets() {
        let rows = SparseRows::new([vec![3, 1, 3], vec![], vec![0]]);
        assert_eq!((rows.rows(), rows.count(), rows.max()), (3, 3, Some(3)));
        assert_eq!((rows.row(0), rows.row(1), rows.row(2)), (&[1, 3][..], &[][..], &[0][..]));
        assert!(rows.contains(0, 3) && !rows.contains(1, 0) && rows.start(2) == 2);
        assert_eq!(rows.union(&SparseRows::new([vec![2], vec![2], vec![]])).row(0), [1, 2, 3]);
        assert_eq!(rows.filter(|row, column| row == 0 && column > 1), SparseRows::new([vec![3], vec![], vec![]]));
    }

    #[test]
    fn transposed_within_groups() {
        // two groups of two rows over three columns
        let rows = SparseRows::new([vec![0, 2], vec![], vec![1], vec![1]]);
        let expected = [vec![0], vec![], vec![0], vec![], vec![0, 1], vec![]];
        assert_eq!(rows.transposed(2, 3), SparseRows::new(expected));
        assert_eq!(rows.transposed(2, 3).transposed(2, 2), rows);
    }
}
