//! Which items are looked at under which relations.

use std::sync::Arc;

/// A pair that names an item or a relation which does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pair {index}: expected {what} below {bound}, found {found}")]
pub struct PairError {
    index: usize,
    what: &'static str,
    bound: usize,
    found: u32,
}

/// A list of (item, relation) pairs, in any order, repeated or not. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PairList {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    items: usize,
    relations: usize,
    pairs: Vec<(u32, u32)>,
    /// Positions in `pairs`, sorted by item; equal items in the order of the list.
    order: Vec<u32>,
    /// Where each item's pairs begin in `order`, and the end.
    starts: Vec<u32>,
}

impl PairList {
    /// Checks the pairs against N `items` and R `relations`.
    ///
    /// # Errors
    /// A pair out of range, or more than 2^32 pairs.
    pub fn new(pairs: Vec<(u32, u32)>, items: usize, relations: usize) -> Result<Self, PairError> {
        for (index, (item, relation)) in pairs.iter().enumerate() {
            for (what, found, bound) in [("an item", *item, items), ("a relation", *relation, relations)] {
                if found as usize >= bound {
                    return Err(PairError { index, what, bound, found });
                }
            }
        }
        if u32::try_from(pairs.len()).is_err() {
            let (index, bound) = (pairs.len(), u32::MAX as usize);
            return Err(PairError { index, what: "a number of pairs", bound, found: u32::MAX });
        }
        Ok(Self::grouped(pairs, items, relations))
    }

    /// From pairs that are within bounds and at most 2^32.
    pub(crate) fn grouped(pairs: Vec<(u32, u32)>, items: usize, relations: usize) -> Self {
        // A counting sort, which keeps the order of equal items.
        let mut starts = vec![0u32; items + 1];
        pairs.iter().for_each(|(item, _)| starts[*item as usize + 1] += 1);
        (0..items).for_each(|i| starts[i + 1] += starts[i]);
        let (mut next, mut order) = (starts.clone(), vec![0u32; pairs.len()]);
        for (index, (item, _)) in pairs.iter().enumerate() {
            let slot = &mut next[*item as usize];
            order[*slot as usize] = index as u32;
            *slot += 1;
        }
        Self { inner: Arc::new(Inner { items, relations, pairs, order, starts }) }
    }

    /// The same pairs in the same order, relations grouped in place of items.
    pub(crate) fn turned(&self) -> Self {
        let pairs = self.pairs().iter().map(|(item, relation)| (*relation, *item)).collect();
        Self::grouped(pairs, self.inner.relations, self.inner.items)
    }

    /// Number of pairs, M.
    pub fn len(&self) -> usize {
        self.inner.pairs.len()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.inner.pairs.is_empty()
    }

    /// N, R.
    pub fn bounds(&self) -> (usize, usize) {
        (self.inner.items, self.inner.relations)
    }

    /// The pairs as given.
    pub fn pairs(&self) -> &[(u32, u32)] {
        &self.inner.pairs
    }

    /// Positions of an item's pairs.
    pub(crate) fn of_item(&self, item: usize) -> &[u32] {
        &self.inner.order[self.inner.starts[item] as usize..self.inner.starts[item + 1] as usize]
    }

    /// Positions of the pairs, sorted by item.
    pub(crate) fn order(&self) -> &[u32] {
        &self.inner.order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_grouped_by_item() {
        let pairs = PairList::new(vec![(2, 0), (0, 1), (2, 1), (0, 1)], 4, 2).unwrap();
        assert_eq!((pairs.of_item(0), pairs.of_item(1), pairs.of_item(2)), (&[1, 3][..], &[][..], &[0, 2][..]));
        assert_eq!(pairs.order(), [1, 3, 0, 2]);
        let turned = pairs.turned();
        assert_eq!((turned.bounds(), turned.of_item(0), turned.of_item(1)), ((2, 4), &[0][..], &[1, 2, 3][..]));
        assert!(PairList::new(vec![], 0, 0).unwrap().is_empty());
    }

    #[test]
    fn a_wrong_pair_is_named() {
        let message = |pairs| PairList::new(pairs, 3, 2).unwrap_err().to_string();
        assert_eq!(message(vec![(0, 0), (3, 0)]), "pair 1: expected an item below 3, found 3");
        assert_eq!(message(vec![(0, 7)]), "pair 0: expected a relation below 2, found 7");
    }
}
