//! How a launch for many rows is cut into cubes.

use super::super::plan::{Hardware, Plan, UNITS, floor_power_of_two};

/// Fewest rows that this way is for: with fewer, reading the tokens is all there is to do.
const LEAST: usize = 3;
/// Most rows of a block. With 32 a cube needs more registers than let two share a multiprocessor, and is no faster (measured
/// on an H200, docs/performance/attention.md).
const ROWS: usize = 16;
/// Rows of a block that a unit takes at a time, for dot products with [`DEEP`] tokens: the more, the fewer values are read for
/// each product. The first for which there is shared memory.
const STRIPS: [usize; 3] = [8, 4, 2];
/// Tokens that a unit takes at a time.
pub(super) const DEEP: usize = 4;
/// Tokens of a tile, the first for which there is shared memory.
const TILES: [usize; 3] = [32, 16, 8];
/// Most f32 of running sums that a unit keeps in registers.
const SUMS: usize = 32;
/// Most shared memory of a cube, in bytes: two share a multiprocessor, so that one computes while the other waits for memory.
const SHARED: usize = 112 * 1024;

/// Which kernels a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Way {
    /// Those whose sums are over the rows of a block, or are written after each tile.
    Tiles,
    /// The tokens' gradient, whose sums over the tokens of a tile go through blocks.
    Blocks,
}

/// The sizes that a kernel for many rows is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in super::super) struct Wide {
    /// What both ways have; of its teams this way knows nothing.
    pub(in super::super) base: Plan,
    /// Rows that a unit takes at a time.
    pub(super) strip: usize,
    /// Units that share the width of a dot product.
    pub(super) parts: usize,
    /// Tokens that a unit sums up at a time: whole fours.
    pub(super) share: usize,
}

impl Wide {
    /// As [`Plan::new`]; also `None` for few rows.
    pub(in super::super) fn new(
        hardware: Hardware,
        [t, d, rows]: [usize; 3],
        vector: usize,
        [listed, biased]: [bool; 2],
        way: Way,
    ) -> Option<Self> {
        if rows < LEAST {
            return None;
        }
        let narrow = Plan::new(hardware, [t, d, rows], vector, [listed, biased])?;
        let Plan { width, columns, .. } = narrow;
        // Registers allow so many rows or tokens for each unit, and there are so many groups of units.
        let (share, groups) = (floor_power_of_two(SUMS / (narrow.slots() * vector)), narrow.units() / columns);
        let rows = rows.next_power_of_two().clamp(4, ROWS).min(share * groups);
        if narrow.units() < UNITS || rows < 4 {
            return None;
        }
        let most = if way == Way::Blocks { share * groups } else { usize::MAX };
        let most = most.min(t.next_power_of_two().max(DEEP));
        let sizes = STRIPS.into_iter().flat_map(|strip| TILES.map(|tile| (strip, tile)));
        let smallest = STRIPS.into_iter().map(|strip| (strip, DEEP));
        sizes.chain(smallest).find_map(|(strip, tile)| {
            let (strip, tokens) = (strip.min(rows), tile.min(most));
            let products = rows / strip * (tokens / DEEP);
            let parts = (UNITS / products).min(width.next_power_of_two());
            let share = share.min((tokens / groups).max(DEEP));
            let plan = Self { base: Plan { tokens, rows, ..narrow }, strip, parts, share };
            (plan.bytes(vector) <= SHARED.min(hardware.shared)).then_some(plan)
        })
    }

    /// Shared memory of the kernel that has most, in bytes.
    fn bytes(&self, vector: usize) -> usize {
        let Plan { width, tokens, rows, .. } = self.base;
        4 * (tokens * width * vector + 4 * self.partial() + 2 * rows * tokens + 5 * rows)
    }

    /// Fours of tokens of a tile.
    pub(super) fn across(&self) -> usize {
        self.base.tokens / DEEP
    }

    /// Fours of tokens of a tile and rows of a block: weights, in fours.
    pub(super) fn fours(&self) -> usize {
        self.base.rows * self.across()
    }

    /// Partial dot products of a tile and a block, in fours, and what is left free between them.
    pub(super) fn partial(&self) -> usize {
        self.base.rows / self.strip * self.across() * self.parts * (self.strip + 1)
    }

    /// Tokens that all units together sum up at a time.
    pub(super) fn pass(&self) -> usize {
        self.share * (self.base.units() / self.base.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_fit_the_device() {
        let mut plans = 0;
        for plane in [None, Some(8), Some(32), Some(64)] {
            for shared in [32 << 10, 48 << 10, 227 << 10] {
                let hardware = Hardware { plane, units: 1024, shared, bindings: 16, mma: false };
                for d in [4, 33, 70, 192, 512, 768, 1024, 2048] {
                    let vector = if d % 4 == 0 { 4 } else { 1 };
                    for (t, rows) in [(1, 3), (50, 1), (50, 11), (77, 8), (197, 512)] {
                        let of = |way| Wide::new(hardware, [t, d, rows], vector, [false, true], way);
                        let (Some(tiles), Some(blocks)) = (of(Way::Tiles), of(Way::Blocks)) else { continue };
                        assert_eq!(tiles.base.rows, blocks.base.rows);
                        assert!(blocks.pass() >= blocks.base.tokens, "{blocks:?}");
                        for plan in [tiles, blocks] {
                            plans += 1;
                            let Plan { tokens, rows, width, .. } = plan.base;
                            let products = rows * tokens / (4 * plan.strip);
                            let used = 4 * products * plan.parts * (plan.strip + 1);
                            assert!(4 * (tokens * d + used + 2 * rows * tokens + 5 * rows) <= shared, "{plan:?}");
                            assert!(plan.base.units() == 256 && products * plan.parts <= 256, "{plan:?}");
                            assert!(products * plan.parts == 256 || plan.parts >= width, "{plan:?}");
                            assert!(tokens % 4 == 0 && rows % plan.strip == 0 && plan.fours() <= 256, "{plan:?}");
                            let share = plan.base.share(rows);
                            assert!(share * plan.base.slots() * vector <= SUMS, "{plan:?}");
                            assert!(share * (256 / plan.base.columns) >= rows && rows % share == 0, "{plan:?}");
                            assert!(plan.share % 4 == 0 && plan.share * plan.base.slots() * vector <= SUMS, "{plan:?}");
                        }
                    }
                }
            }
        }
        assert!(plans > 300, "{plans}");
    }

    #[test]
    fn few_rows_have_none_and_small_memories_smaller_strips() {
        let plan = |shared, rows| {
            let hardware = Hardware { plane: Some(32), units: 1024, shared, bindings: 16, mma: false };
            Wide::new(hardware, [50, 512, rows], 4, [false, false], Way::Tiles)
        };
        assert!(plan(227 << 10, 2).is_none());
        let sizes = |plan: Wide| (plan.base.rows, plan.base.tokens, plan.strip, plan.parts);
        assert_eq!(plan(227 << 10, 64).map(sizes), Some((16, 32, 8, 16)));
        assert_eq!(plan(48 << 10, 64).map(sizes), Some((16, 8, 4, 32)));
    }
}
