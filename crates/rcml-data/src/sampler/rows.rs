//! Which row of a batch an item is in.

/// Item -> row of a batch: open addressing over a table that fits the first-level cache, because a dense batch asks it
/// a million times.
pub(super) struct RowMap {
    pub(super) items: Vec<u32>,
    /// Row + 1 in each slot; 0 is free.
    slots: Vec<u32>,
    mask: usize,
}

impl RowMap {
    pub(super) fn new(size: usize) -> Self {
        let slots = (2 * size).next_power_of_two();
        Self { items: Vec::with_capacity(size), slots: vec![0; slots], mask: slots - 1 }
    }

    fn slot(&self, item: u32) -> usize {
        let mut slot = (u64::from(item).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & self.mask;
        while self.slots[slot] != 0 && self.items[self.slots[slot] as usize - 1] != item {
            slot = (slot + 1) & self.mask;
        }
        slot
    }

    pub(super) fn get(&self, item: u32) -> Option<u32> {
        self.slots[self.slot(item)].checked_sub(1)
    }

    /// Appends the item as a row unless it is there.
    pub(super) fn insert(&mut self, item: u32) {
        let slot = self.slot(item);
        if self.slots[slot] == 0 {
            self.items.push(item);
            self.slots[slot] = self.items.len() as u32;
        }
    }

    /// The rows of those of `neighbours` (ascending) that are in the batch, ascending.
    pub(super) fn of(&self, neighbours: &[u32]) -> Vec<u32> {
        let mut rows: Vec<u32> = if neighbours.len() <= self.items.len() * search_cost(neighbours) {
            neighbours.iter().filter_map(|&item| self.get(item)).collect()
        } else {
            let rows = self.items.iter().zip(0..);
            rows.filter(|(item, _)| neighbours.binary_search(item).is_ok()).map(|(_, row)| row).collect()
        };
        rows.sort_unstable();
        rows
    }

    /// The same, where it is known that the rows are among `candidates` (ascending).
    pub(super) fn among(&self, neighbours: &[u32], candidates: &[u32]) -> Vec<u32> {
        if neighbours.is_empty() || candidates.is_empty() {
            Vec::new()
        } else if candidates.len() * search_cost(neighbours) < neighbours.len() {
            let in_batch = |row: &&u32| neighbours.binary_search(&self.items[**row as usize]).is_ok();
            candidates.iter().filter(in_batch).copied().collect()
        } else {
            self.of(neighbours)
        }
    }
}

/// Steps of a binary search.
fn search_cost(sorted: &[u32]) -> usize {
    sorted.len().checked_ilog2().unwrap_or(0) as usize + 1
}
