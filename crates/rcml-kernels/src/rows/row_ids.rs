//! Which rows are picked.

use std::sync::Arc;

/// Rows of a table by their numbers, repeated or not, in any order. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowIds {
    ids: Arc<[u32]>,
    bound: usize,
}

impl RowIds {
    /// From the numbers.
    pub fn new(ids: impl Into<Arc<[u32]>>) -> Self {
        let ids = ids.into();
        let bound = ids.iter().max().map_or(0, |id| *id as usize + 1);
        Self { ids, bound }
    }

    /// The numbers.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// One more than the largest; 0 of none.
    pub fn bound(&self) -> usize {
        self.bound
    }

    /// For each of `rows` rows where its places begin, and the end; then the places by row, ascending within one.
    pub(super) fn places(&self, rows: usize) -> (Vec<u32>, Vec<u32>) {
        let mut starts = vec![0u32; rows + 1];
        self.ids.iter().for_each(|id| starts[*id as usize + 1] += 1);
        for row in 0..rows {
            starts[row + 1] += starts[row];
        }
        let mut next = starts.clone();
        let mut places = vec![0; self.ids.len()];
        for (place, id) in self.ids.iter().enumerate() {
            let at = &mut next[*id as usize];
            places[*at as usize] = place as u32;
            *at += 1;
        }
        (starts, places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_sorted_by_row() {
        let ids = RowIds::new(vec![2, 0, 2, 4]);
        assert_eq!((ids.bound(), ids.places(6)), (5, (vec![0, 1, 1, 3, 3, 4, 4], vec![1, 0, 2, 3])));
        assert_eq!((RowIds::new(vec![]).bound(), RowIds::new(vec![]).places(1).0), (0, vec![0, 0]));
    }
}
