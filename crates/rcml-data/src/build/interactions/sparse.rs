//! Rows of which most entries are zero.

/// Sparse rows of `width` columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SparseRows {
    pub(crate) width: usize,
    offsets: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl SparseRows {
    pub(crate) fn new(width: usize) -> Self {
        Self { width, offsets: vec![0], ..Self::default() }
    }

    /// Appends a row of (column, value), ascending by column.
    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = (u32, f32)>) {
        for (column, value) in row {
            self.columns.push(column);
            self.values.push(value);
        }
        self.offsets.push(self.columns.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    pub(crate) fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let range = self.offsets[row]..self.offsets[row + 1];
        (&self.columns[range.clone()], &self.values[range])
    }

    /// Squared Euclidean length.
    pub(crate) fn square(&self, row: usize) -> f32 {
        self.row(row).1.iter().map(|value| value * value).sum()
    }

    /// Scalar product with a dense vector.
    pub(crate) fn dot(&self, row: usize, dense: &[f32]) -> f32 {
        let (columns, values) = self.row(row);
        columns.iter().zip(values).map(|(&column, value)| value * dense[column as usize]).sum()
    }

    /// Squared Euclidean distance between two rows.
    pub(crate) fn distance_square(&self, a: usize, b: usize) -> f32 {
        let ((ca, va), (cb, vb)) = (self.row(a), self.row(b));
        let (mut i, mut j, mut sum) = (0, 0, 0.0);
        while i < ca.len() || j < cb.len() {
            let (a, b) = (ca.get(i).copied().unwrap_or(u32::MAX), cb.get(j).copied().unwrap_or(u32::MAX));
            let difference = match a.cmp(&b) {
                std::cmp::Ordering::Equal => {
                    (i, j) = (i + 1, j + 1);
                    va[i - 1] - vb[j - 1]
                }
                std::cmp::Ordering::Less => {
                    i += 1;
                    va[i - 1]
                }
                std::cmp::Ordering::Greater => {
                    j += 1;
                    vb[j - 1]
                }
            };
            sum += difference * difference;
        }
        sum
    }

    /// The given rows, in their order.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        let mut selected = Self::new(self.width);
        for &row in rows {
            let (columns, values) = self.row(row);
            selected.push(columns.iter().copied().zip(values.iter().copied()));
        }
        selected
    }
}
