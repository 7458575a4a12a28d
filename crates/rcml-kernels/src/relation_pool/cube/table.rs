//! What a list of pairs comes down to for the kernels: which rows belong to whom.

use crate::PairList;

/// The rows of a list of pairs: pair p has one for each head, with result row p * heads + head.
pub(super) struct Table<'a> {
    pub(super) pairs: &'a PairList,
    pub(super) heads: usize,
}

impl Table<'_> {
    /// Most rows that one item has.
    pub(super) fn most(&self) -> usize {
        let (items, _) = self.pairs.bounds();
        (0..items).map(|item| self.pairs.of_item(item).len()).max().unwrap_or(0) * self.heads
    }

    /// (query row, result row) of every row, sorted by item.
    fn rows(&self) -> impl Iterator<Item = u32> {
        let heads = self.heads as u32;
        self.pairs.order().iter().flat_map(move |pair| {
            let (_, relation) = self.pairs.pairs()[*pair as usize];
            (0..heads).flat_map(move |head| [relation * heads + head, pair * heads + head])
        })
    }

    /// For each cube of the forward pass its item, its first row and how many, `block` at most; then the rows. And the number
    /// of cubes.
    pub(super) fn blocks(&self, block: usize) -> (Vec<u32>, usize) {
        let (items, _) = self.pairs.bounds();
        let (mut table, mut first) = (vec![], 0);
        for item in 0..items {
            let rows = self.pairs.of_item(item).len() * self.heads;
            for start in (0..rows).step_by(block) {
                table.extend([item as u32, (first + start) as u32, block.min(rows - start) as u32]);
            }
            first += rows;
        }
        let cubes = table.len() / 3;
        table.extend(self.rows());
        (table, cubes)
    }

    /// Where each item's rows begin, and the end; then the rows.
    pub(super) fn by_item(&self) -> Vec<u32> {
        let (items, _) = self.pairs.bounds();
        let mut table = vec![0u32];
        for item in 0..items {
            table.push(table[item] + (self.pairs.of_item(item).len() * self.heads) as u32);
        }
        table.extend(self.rows());
        table
    }

    /// For each cube of the queries' gradient its first query row, how many (`block` at most), its first entry and its end;
    /// then the entries, an item and its first result row. And the parts that each query row's gradient is the sum of: the
    /// first part's row, how many, how far apart. And the number of cubes.
    pub(super) fn by_relation(&self, block: usize, chunk: usize) -> (Vec<u32>, Vec<u32>, usize) {
        let (_, relations) = self.pairs.bounds();
        let mut asked: Vec<Vec<u32>> = vec![vec![]; relations];
        for (pair, (_, relation)) in self.pairs.pairs().iter().enumerate() {
            asked[*relation as usize].push(pair as u32);
        }
        let (mut cubes, mut entries, mut sums) = (vec![], vec![], vec![]);
        for (relation, pairs) in asked.iter().enumerate() {
            for head in (0..self.heads).step_by(block) {
                let heads = block.min(self.heads - head);
                let part = (cubes.len() / 4 * block) as u32;
                let chunks = pairs.chunks(chunk);
                sums.extend((0..heads as u32).flat_map(|head| [part + head, chunks.len() as u32, block as u32]));
                for pairs in chunks {
                    let first = (entries.len() / 2) as u32;
                    let query = (relation * self.heads + head) as u32;
                    cubes.extend([query, heads as u32, first, first + pairs.len() as u32]);
                    entries.extend(pairs.iter().flat_map(|pair| {
                        let (item, _) = self.pairs.pairs()[*pair as usize];
                        [item, pair * self.heads as u32 + head as u32]
                    }));
                }
            }
        }
        let count = cubes.len() / 4;
        cubes.append(&mut entries);
        (cubes, sums, count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_a_small_list() {
        let pairs = PairList::new(vec![(2, 1), (0, 0), (2, 0)], 3, 3).unwrap();
        let table = Table { pairs: &pairs, heads: 2 };
        assert_eq!(table.most(), 4);
        // Pair 1 belongs to item 0, pairs 0 and 2 to item 2.
        let rows = [0, 2, 1, 3, 2, 0, 3, 1, 0, 4, 1, 5];
        let blocks = [0, 0, 2, 2, 2, 2, 2, 4, 2];
        assert_eq!(table.blocks(2), ([&blocks[..], &rows].concat(), 3));
        assert_eq!(table.by_item(), [&[0, 2, 2, 6][..], &rows].concat());
        // Relation 0 in pairs 1 and 2, relation 1 in pair 0, relation 2 in none.
        let (cubes, sums, count) = table.by_relation(2, 1);
        assert_eq!(count, 3);
        assert_eq!(cubes, [0, 2, 0, 1, 0, 2, 1, 2, 2, 2, 2, 3, 0, 2, 2, 4, 2, 0]);
        assert_eq!(sums, [0, 2, 2, 1, 2, 2, 4, 1, 2, 5, 1, 2, 6, 0, 2, 7, 0, 2]);
    }
}
