//! Frozen vectors of items, for probes and for the geometry of an embedding.

use std::collections::HashMap;

use crate::RelationRef;

/// What items are embedded under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Conditioning {
    /// Nothing.
    None,
    /// A relation, as the item that asks.
    Query(RelationRef),
    /// A relation, as an item that may answer.
    Candidate(RelationRef),
}

/// Vectors of some items: unit length, zero where the item lacks the modality.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemVectors {
    rows: HashMap<u32, usize>,
    width: usize,
    values: Vec<f32>,
    present: Vec<bool>,
}

impl ItemVectors {
    /// Vectors of `items`, in their order.
    ///
    /// # Shapes
    /// - `values`: `[items, width]`, row-major
    /// - `present`: one entry per item
    pub fn new(items: &[u32], width: usize, values: Vec<f32>, present: Vec<bool>) -> Self {
        let whole = values.len() == items.len() * width && present.len() == items.len();
        let rows = if whole { items.iter().copied().zip(0..).collect() } else { HashMap::new() };
        Self { rows, width, values, present }
    }

    /// Length of a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether the item was asked about, with a vector or without.
    pub fn knows(&self, item: u32) -> bool {
        self.rows.contains_key(&item)
    }

    /// The vector of an item, where it has one.
    pub fn get(&self, item: u32) -> Option<&[f32]> {
        let row = *self.rows.get(&item)?;
        let present = self.present.get(row).copied().unwrap_or(false);
        present.then(|| &self.values[row * self.width..][..self.width])
    }

    /// The items of a list that have a vector, and their vectors one below the other.
    pub fn rows(&self, items: &[u32]) -> (Vec<u32>, Vec<f32>) {
        let (mut found, mut values) = (Vec::new(), Vec::new());
        for &item in items {
            if let Some(vector) = self.get(item) {
                found.push(item);
                values.extend_from_slice(vector);
            }
        }
        (found, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_without_a_vector_are_left_out() {
        let vectors = ItemVectors::new(&[4, 7, 9], 2, vec![1.0, 0.0, 0.0, 0.0, 0.0, 1.0], vec![true, false, true]);
        assert_eq!((vectors.get(4), vectors.get(7), vectors.get(5)), (Some(&[1.0, 0.0][..]), None, None));
        assert_eq!(vectors.rows(&[9, 7, 4]), (vec![9, 4], vec![0.0, 1.0, 1.0, 0.0]));
        assert_eq!(ItemVectors::new(&[1], 2, vec![1.0], vec![true]).get(1), None, "a broken shape holds nothing");
    }
}
