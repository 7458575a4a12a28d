//! How a launch for matrix units is cut into cubes.

use cubecl::features::MmaConfig;
use cubecl::ir::{ElemType, FloatKind};

use super::super::plan::{Hardware, Plan};

/// Fewest rows that this way is for: with fewer, reading the tokens is all there is to do.
const LEAST: usize = 3;
/// Rows of a matrix, of which each plane makes one at a time where rows are shared out.
const ROWS: usize = 16;
/// Most planes side by side along the rows of a block.
const GROUPS: usize = 8;
/// Planes of a cube, about: as many as let two cubes share a multiprocessor, so that one computes while the other waits for
/// memory. More in one cube, which wait for each other, are slower (measured on an H100, docs/performance/attention.md).
const TEAMS: usize = 8;
/// Most tokens of a plane's dot products, in matrices of 8.
const TILE: usize = 8;
/// Columns of a step of the dot products, and of the sums that a plane makes at a time, in vectors of four.
pub(super) const STEP: usize = 4;
pub(super) const CHUNK: usize = 8;
/// Most steps of eight tokens whose values are asked for at a time.
const BATCH: usize = 7;
/// Most matrices of 16 rows, or tokens, that a plane sums up at a time.
const TALL: usize = 2;
/// Values of rows that a lane keeps while their weights are made.
const KEPT: usize = 16;
/// Shared memory is in 32 banks; rows that begin 8 banks after the one before can be read and written in both directions without
/// two lanes at one bank.
const BANKS: usize = 32;
const APART: usize = 8;
/// Most shared memory of a cube, in bytes: two share a multiprocessor.
const SHARED: usize = 112 * 1024;

/// The sizes that a kernel for matrix units is compiled for. What is cut into pieces is noted as the size of a piece and how many
/// there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in super::super) struct Mma {
    /// Planes of 32 lanes, the rows of a block, whether they are listed and biased; of the rest this way knows nothing.
    pub(in super::super) base: Plan,
    /// Planes side by side along the rows; the others share the width.
    pub(super) groups: usize,
    /// An item's tokens in a plane's dot products, in matrices of 8.
    pub(super) tile: [usize; 2],
    /// Steps of eight tokens, whose values are asked for a piece at a time.
    pub(super) batch: [usize; 2],
    /// A block's rows in a plane's sums over tokens, in matrices of 16.
    pub(super) stack: [usize; 2],
    /// An item's tokens in a plane's sums over rows, in matrices of 16.
    pub(super) tall: [usize; 2],
    /// From a row of weights to the next, in values.
    pub(super) stride: usize,
    /// Whether values of the next step of dot products are asked for before those of this one are multiplied: where few rows leave
    /// registers for it.
    pub(super) ahead: bool,
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
        let able = hardware.mma && hardware.plane == Some(32) && hardware.units >= 32 * TEAMS;
        if !able || rows < LEAST || !d.is_multiple_of(4 * CHUNK) {
            return None;
        }
        let steps = steps(t);
        let (tile, batch) = (pieces(steps, TILE), pieces(steps, BATCH));
        let tall = even_pieces(steps.div_ceil(ROWS / 8), TALL);
        let padded = [tile, batch].map(|[one, count]| one * count * 8).into_iter().max()?.max(tall[0] * tall[1] * ROWS);
        let stride = padded.saturating_sub(APART).next_multiple_of(BANKS) + APART;
        // Weights and slopes, and which rows they are of; one matrix of rows may have all there is.
        let bytes = |groups: usize| 4 * ROWS * groups * (2 * stride + 3);
        let fits =
            |groups: usize| bytes(groups) <= if groups == 1 { hardware.shared } else { SHARED.min(hardware.shared) };
        let most = (1..=GROUPS).rev().find(|groups| fits(*groups))?;
        let [groups, _] = even_pieces(rows.div_ceil(ROWS), most);
        let chunks = d / 4 / CHUNK;
        // A narrow width is no work for so many.
        let teams = (TEAMS / groups * groups).min(groups * chunks.next_power_of_two());
        let base = Plan {
            width: d / 4,
            lanes: 32,
            teams,
            tokens: tile[0] * 8,
            rows: ROWS * groups,
            patch: [1, 1],
            columns: d / 4,
            listed,
            biased,
        };
        let stack = if groups.is_multiple_of(TALL) { [TALL, groups / TALL] } else { [1, groups] };
        Some(Self { base, groups, tile, batch, stack, tall, stride, ahead: groups == 1, exact })
    }

    /// For gradients, whose planes keep more: with few rows half as many share a cube (measured as [`TEAMS`]).
    pub(in super::super) fn of_gradients(self) -> Self {
        let teams = if self.groups == 1 { self.base.teams.min(TEAMS / 2) } else { self.base.teams };
        Self { base: Plan { teams, ..self.base }, ..self }
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

    /// Rows whose weights a plane makes at a time, where registers hold them: as many times it has some.
    pub(super) fn at_a_time(&self) -> usize {
        let rows = self.base.rows / self.base.teams;
        let most = (KEPT / self.stride.div_ceil(32)).clamp(1, 4);
        (1..=most).rev().find(|count| rows.is_multiple_of(*count)).unwrap_or(1)
    }
}

/// Steps of eight tokens that `t` tokens are computed as. Longer items of almost one length share a kernel, which takes a second or
/// two to compile: in training the longest of a batch says how many tokens there are.
fn steps(t: usize) -> usize {
    let steps = t.div_ceil(8);
    steps.next_multiple_of(match steps {
        ..=8 => 1,
        9..=16 => 2,
        17.. => 4,
    })
}

/// Cuts `count` into pieces of up to `most` each, with the fewest to spare, and among those the largest; at least half as many as
/// may be where there are so many.
fn pieces(count: usize, most: usize) -> [usize; 2] {
    let sizes = (most / 2).min(count).max(1)..=most.min(count).max(1);
    let piece = sizes.rev().min_by_key(|size| count.div_ceil(*size) * size).unwrap_or(1);
    [piece, count.div_ceil(piece).max(1)]
}

/// Cuts `count` into the fewest pieces of up to `most` each, all but the last of one size.
fn even_pieces(count: usize, most: usize) -> [usize; 2] {
    let pieces = count.div_ceil(most).max(1);
    [count.div_ceil(pieces), pieces]
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
                            assert!(4 * 2 * 16 * (t + 80) > shared, "{t} {d} {rows} {shared}");
                            continue;
                        };
                        plans += 1;
                        assert_eq!(plan.of_gradients().base.rows % plan.of_gradients().at_a_time(), 0, "{plan:?}");
                        assert!(4 * (2 * plan.weights() + 3 * plan.base.rows) <= shared, "{plan:?}");
                        let [tile, batch, tall] = [plan.tile, plan.batch, plan.tall].map(|[one, count]| one * count);
                        for tokens in [tile * 8, batch * 8, tall * 16] {
                            assert!(tokens >= t && tokens <= plan.stride, "{plan:?}");
                        }
                        assert!(plan.tile[0] <= TILE && plan.batch[0] <= BATCH && plan.tall[0] <= TALL, "{plan:?}");
                        assert_eq!(plan.stride % BANKS, APART);
                        assert_eq!(plan.parts() * plan.groups, plan.base.teams);
                        assert!(plan.parts() > 0 && plan.base.units() <= 256, "{plan:?}");
                        assert_eq!(plan.groups * 16, plan.base.rows);
                        assert_eq!(plan.stack[0] * plan.stack[1] * 16, plan.base.rows);
                        assert_eq!(plan.base.rows % (plan.base.teams * plan.at_a_time()), 0, "{plan:?}");
                    }
                }
            }
        }
        assert!(plans > 500, "{plans}");
    }

    #[test]
    fn blocks_have_all_rows_up_to_128_and_few_to_spare() {
        let rows = |rows| Mma::new(H100, [50, 512, rows], [false, false], false).map(|plan| plan.base.rows);
        let [few, many] = [[2, 3, 16, 17], [44, 64, 88, 128]].map(|counts| counts.map(rows));
        assert_eq!(few, [None, Some(16), Some(16), Some(32)]);
        assert_eq!(many, [Some(48), Some(64), Some(96), Some(128)]);
        // 33 matrices of 16 rows are five blocks of up to seven; 130 rows are two of five, and not one of eight and one of one.
        assert_eq!([513, 130].map(rows), [Some(112), Some(80)]);
        let other = |hardware, d| Mma::new(hardware, [50, d, 64], [false, false], false);
        assert_eq!(other(Hardware { mma: false, ..H100 }, 512), None);
        assert_eq!(other(Hardware { plane: None, ..H100 }, 512), None);
        assert_eq!(other(H100, 500), None);
    }

    #[test]
    fn pieces_have_the_fewest_to_spare() {
        assert_eq!([1, 7, 10, 13, 25].map(|count| pieces(count, 7)), [[1, 1], [7, 1], [5, 2], [7, 2], [5, 5]]);
        assert_eq!([1, 4, 5].map(|count| even_pieces(count, 2)), [[1, 1], [2, 2], [2, 3]]);
        assert_eq!([1, 50, 64, 65, 77, 130, 197].map(steps), [1, 7, 8, 10, 10, 20, 28]);
    }
}
