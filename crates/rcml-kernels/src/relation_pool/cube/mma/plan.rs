//! How a launch for matrix units is cut into cubes.

use cubecl::ir::{ElemType, FloatKind};
use cubecl::features::MmaConfig;

use super::super::plan::{Hardware, Plan};

/// Fewest rows that this way is for: with fewer, reading the tokens is all there is to do.
const LEAST: usize = 3;
/// Rows of a plane's products, in matrices of 16, and planes that share a block's rows: the first that has all rows of an item.
/// More rows would need more registers or more shared memory than a cube has.
const BLOCKS: [[usize; 2]; 6] = [[1, 1], [2, 1], [3, 1], [2, 2], [3, 2], [2, 4]];
/// Most tokens of a plane's dot products, in matrices of 8.
const TILE: usize = 8;
/// Columns of a step of the dot products, and of the sums that a plane makes at a time, in vectors of four.
pub(super) const STEP: usize = 4;
pub(super) const CHUNK: usize = 8;
/// Steps of eight tokens whose values are asked for at a time.
const BATCH: usize = 4;
/// Shared memory is in 32 banks; rows that begin 8 banks after the one before can be read and written in both directions without
/// two lanes at one bank.
const BANKS: usize = 32;
const APART: usize = 8;
/// Most shared memory of a cube, in bytes: two share a multiprocessor, so that one computes while the other waits for memory.
const SHARED: usize = 112 * 1024;

/// The sizes that a kernel for matrix units is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in super::super) struct Mma {
    /// Planes of 32 lanes, the rows of a block, whether they are listed and biased; of the rest this way knows nothing.
    pub(in super::super) base: Plan,
    /// Rows of a plane's dot products, in matrices of 16.
    pub(super) deep: usize,
    /// Planes side by side along the rows; the others share the width.
    pub(super) groups: usize,
    /// Tokens of a plane's dot products, in matrices of 8, and how many times as many an item has.
    pub(super) tile: usize,
    pub(super) tiles: usize,
    /// Steps of eight tokens whose values are asked for at a time, and how many times as many an item has.
    pub(super) batch: usize,
    pub(super) batches: usize,
    /// Tokens of a plane's sums over rows, in matrices of 16, and how many times as many an item has.
    pub(super) tall: usize,
    pub(super) talls: usize,
    /// From a row of weights to the next, in values.
    pub(super) stride: usize,
    /// Whether tf32 holds tokens as they are.
    pub(super) exact: bool,
}

impl Mma {
    /// What a device must multiply for this way: matrices of 16 x 8 and 8 x 8, in tf32, by planes of 32 lanes.
    pub(in super::super) fn config() -> MmaConfig {
        let tf32 = ElemType::Float(FloatKind::TF32);
        MmaConfig { a_type: tf32, b_type: tf32, cd_type: ElemType::Float(FloatKind::F32), m: 16, n: 8, k: 8 }
    }

    /// For items of `t` tokens of width `d` and up to `rows` query rows of an item. `None` for few rows, devices without such
    /// units, widths that are no multiple of 32, and items of whose logits not even 16 rows fit into shared memory.
    pub(in super::super) fn new(
        hardware: Hardware,
        [t, d, rows]: [usize; 3],
        [listed, biased]: [bool; 2],
        exact: bool,
    ) -> Option<Self> {
        let width = d / 4;
        if !hardware.mma || hardware.plane != Some(32) || hardware.units < 256 || rows < LEAST || !d.is_multiple_of(32) {
            return None;
        }
        let teams = if width / CHUNK < 8 { 4 } else { 8 };
        let cut = |count: usize, most: usize| {
            let pieces = count.div_ceil(most).max(1);
            (count.div_ceil(pieces), pieces)
        };
        let (tile, tiles) = cut(t.div_ceil(8), TILE);
        let (batch, batches) = cut(t.div_ceil(8), BATCH);
        let (tall, talls) = cut(t.div_ceil(16), 4);
        let padded = (tile * tiles * 8).max(batch * batches * 8).max(tall * talls * 16);
        let stride = (padded - APART).next_multiple_of(BANKS) + APART;
        let fitting = |[deep, groups]: &[usize; 2]| {
            let block = 16 * deep * groups;
            // Weights and slopes, and which rows they are of.
            let bytes = 4 * (2 * block * stride + 2 * block);
            *groups <= teams && bytes <= if block == 16 { hardware.shared } else { SHARED.min(hardware.shared) }
        };
        let most = BLOCKS.iter().rfind(|block| fitting(block)).map(|[deep, groups]| 16 * deep * groups)?;
        let (of_block, _) = cut(rows, most);
        let [deep, groups] =
            *BLOCKS.iter().filter(|block| fitting(block)).find(|[deep, groups]| 16 * deep * groups >= of_block)?;
        let base = Plan {
            width,
            lanes: 32,
            teams,
            tokens: tile * 8,
            rows: 16 * deep * groups,
            patch: [1, 1],
            columns: width,
            listed,
            biased,
        };
        Some(Self { base, deep, groups, tile, tiles, batch, batches, tall, talls, stride, exact })
    }

    /// Planes that share the width of a dot product.
    pub(super) fn parts(&self) -> usize {
        self.base.teams / self.groups
    }

    /// Values of the weights of a block.
    pub(super) fn weights(&self) -> usize {
        self.base.rows * self.stride
    }

    /// Chunks of columns.
    pub(super) fn chunks(&self) -> usize {
        self.base.width / CHUNK
    }

    /// Rows of a plane's sums over tokens, in matrices of 16, and how many times as many a block has.
    pub(super) fn stack(&self) -> [usize; 2] {
        let all = self.base.rows / 16;
        if all > 4 { [all / 2, 2] } else { [all, 1] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const H100: Hardware = Hardware { plane: Some(32), units: 1024, shared: 227 << 10, bindings: 1024, mma: true };

    #[test]
    fn plans_fit_the_device() {
        let mut plans = 0;
        for shared in [48 << 10, 99 << 10, 227 << 10] {
            let hardware = Hardware { shared, ..H100 };
            for d in [32, 128, 192, 512, 768, 1024, 4096] {
                for t in [1, 2, 8, 9, 50, 64, 65, 77, 197, 500] {
                    for rows in [3, 8, 11, 17, 44, 64, 88, 128, 129, 512] {
                        let Some(plan) = Mma::new(hardware, [t, d, rows], [false, true], false) else {
                            assert!(4 * 2 * 16 * (t + 1) > shared - 4 * 2 * 16 * 41, "{t} {d} {rows} {shared}");
                            continue;
                        };
                        plans += 1;
                        assert!(4 * (2 * plan.weights() + 2 * plan.base.rows) <= shared, "{plan:?}");
                        assert!(plan.tile * plan.tiles * 8 >= t && plan.tile <= TILE, "{plan:?}");
                        assert!(plan.batch * plan.batches * 8 >= t && plan.tall * plan.talls * 16 >= t, "{plan:?}");
                        for tokens in [plan.tile * plan.tiles * 8, plan.batch * plan.batches * 8, plan.tall * plan.talls * 16] {
                            assert!(tokens <= plan.stride, "{plan:?}");
                        }
                        assert_eq!(plan.stride % BANKS, APART);
                        assert_eq!(plan.parts() * plan.groups, plan.base.teams);
                        assert_eq!(plan.stack()[0] * plan.stack()[1] * 16, plan.base.rows);
                        assert_eq!(plan.deep * plan.groups * 16, plan.base.rows);
                    }
                }
            }
        }
        assert!(plans > 500, "{plans}");
    }

    #[test]
    fn blocks_have_all_rows_up_to_128_and_few_to_spare() {
        let rows = |rows| Mma::new(H100, [50, 512, rows], [false, false], false).map(|plan| plan.base.rows);
        assert_eq!([2, 3, 16, 17, 44, 64, 88, 128].map(rows), [None, Some(16), Some(16), Some(32), Some(48), Some(64), Some(96), Some(128)]);
        // Five blocks of 103 rows each, and not four of 128 and one of nothing but a few.
        assert_eq!(rows(513), Some(128));
        assert_eq!(rows(130), Some(96));
        let other = |hardware, d| Mma::new(hardware, [50, d, 64], [false, false], false);
        assert_eq!(other(Hardware { mma: false, ..H100 }, 512), None);
        assert_eq!(other(Hardware { plane: None, ..H100 }, 512), None);
        assert_eq!(other(H100, 500), None);
    }
}
