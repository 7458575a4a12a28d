//! Vectors one below the other.

use crate::metrics::MetricError;

/// N vectors of one width, row-major.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    values: &'a [f32],
    width: usize,
}

impl<'a> Rows<'a> {
    /// Views a slice as rows.
    ///
    /// # Shapes
    /// `values`: `[N, width]`.
    ///
    /// # Errors
    /// A length that is no multiple of the width, a width of 0, or a value that is not finite.
    pub fn new(values: &'a [f32], width: usize) -> Result<Self, MetricError> {
        if width == 0 {
            return Err(MetricError::Argument { what: "width", found: 0, expected: "at least 1" });
        }
        let whole = values.len() / width * width;
        MetricError::same_length("values of whole rows", values.len(), whole)?;
        let bad = values.iter().enumerate().find(|(_, v)| !v.is_finite());
        match bad {
            Some((index, v)) => {
                Err(MetricError::NotFinite { index, count: values.len(), found: f64::from(*v).to_string() })
            }
            None => Ok(Self { values, width }),
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Values in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// All values, row-major.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// The rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [f32]> + use<'a> {
        self.values.chunks_exact(self.width)
    }

    /// A row.
    pub(super) fn row(&self, index: usize) -> &'a [f32] {
        &self.values[index * self.width..][..self.width]
    }

    /// The mean of each column.
    pub fn mean(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.width];
        for row in self.iter() {
            sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += f64::from(*v));
        }
        sums.iter_mut().for_each(|sum| *sum /= self.len().max(1) as f64);
        sums
    }

    pub(super) fn parallel(&self, other: &Self) -> Result<(), MetricError> {
        MetricError::same_length("rows of the second set", other.len(), self.len())
    }

    pub(super) fn same_width(&self, other: &Self) -> Result<(), MetricError> {
        MetricError::same_length("width of the second set", other.width, self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_rows_are_refused() {
        assert!(Rows::new(&[1.0, 2.0, 3.0], 2).unwrap_err().to_string().contains("found 3 entries, expected 2"));
        assert!(Rows::new(&[1.0], 0).unwrap_err().to_string().contains("width"));
        assert!(Rows::new(&[1.0, f32::NAN], 2).unwrap_err().to_string().contains("1 of 2"));
        let rows = Rows::new(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
        assert_eq!((rows.len(), rows.mean()), (2, vec![2.0, 3.0]));
    }
}
