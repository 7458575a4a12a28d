//! How a launch for many rows is cut into cubes.

use super::super::plan::{Hardware, Plan, UNITS, floor_power_of_two};

/// Fewest rows that this way is for: with fewer, reading the tokens is all there is to do.
const LEAST: usize = 3;
/// Most rows of a block, and of the strip of it that a plane takes.
const ROWS: usize = 16;
const STRIP: usize = 8;
/// Rows from which the forward pass has tiles of 32 tokens; otherwise, and in the gradients, which need more of everything,
/// they are of 16. Measured on an H200 (docs/performance/attention.md), as are the sizes above: larger blocks and strips need
/// more registers than let two cubes share a multiprocessor, or are no faster.
const LONG: usize = 9;
const TILE: usize = 32;
/// Tokens of a unit.
const DEEP: usize = 2;
/// Most f32 of running sums that a unit keeps in registers.
const SUMS: usize = 32;
/// Most shared memory of a cube, in bytes: two share a multiprocessor, so that one computes while the other waits for memory.
const SHARED: usize = 112 * 1024;

/// Which kernels a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Way {
    /// P.
    Forward,
    /// Gradients.
    Backward,
}

/// The sizes that a kernel for many rows is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in super::super) struct Wide {
    /// What both ways have; a unit's sums are over `rows / groups` rows or `tokens / groups` tokens, a multiple of four.
    pub(in super::super) base: Plan,
    /// Vectors from one token of the tile to the next: odd, so that the tokens of a plane lie in different banks.
    pub(super) stride: usize,
    /// Rows that a plane takes at a time.
    pub(super) strip: usize,
    /// Tokens that a unit takes at a time: a query's values that it reads serve all of them.
    pub(super) deep: usize,
}

impl Wide {
    /// As [`Plan::new`]; also `None` for few rows, and for a device without planes.
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
        let Plan { width, columns, lanes, teams, .. } = narrow;
        let units = lanes * teams;
        // Registers allow so many rows or tokens for each group of units.
        let most = floor_power_of_two(SUMS / (width.div_ceil(columns) * vector)) * (units / columns);
        let rows = rows.next_power_of_two().clamp(4, ROWS).min(most);
        let (strip, stride) = (rows.min(STRIP), width | 1);
        if lanes < 4 || units < UNITS || rows < 4 || teams < rows / strip {
            return None;
        }
        let bytes =
            |tokens: usize| 4 * (tokens * stride * vector + units * strip * DEEP + 2 * rows * tokens + 5 * rows);
        let tile = if way == Way::Forward && rows >= LONG { TILE } else { TILE / 2 };
        // A unit of the tokens' gradient sums up tokens as that of the others does rows.
        let most = if way == Way::Backward { most.min(tile) } else { tile };
        let most = most.min(lanes).min(t.next_power_of_two().max(4));
        let fits = |tokens: &usize| *tokens <= most && bytes(*tokens) <= SHARED.min(hardware.shared);
        let tokens = [TILE, TILE / 2, TILE / 4, 4].into_iter().find(fits)?;
        Some(Self { base: Plan { tokens, rows, ..narrow }, stride, strip, deep: DEEP })
    }

    /// Strips of a block.
    pub(super) fn strips(&self) -> usize {
        self.base.rows / self.strip
    }

    /// Units of a plane that take the tile's tokens once.
    pub(super) fn across(&self) -> usize {
        self.base.tokens / self.deep
    }

    /// Parts that the width is cut into: units of a plane that share a token, in each of the planes that share a strip.
    pub(super) fn parts(&self) -> usize {
        self.base.lanes / self.across() * (self.base.teams / self.strips())
    }

    /// Of `count` rows or tokens, how many a unit sums up: four or more.
    pub(super) fn share(&self, count: usize) -> usize {
        self.base.share(count).max(4)
    }

    /// How many fours of weights a unit takes.
    pub(super) fn fours(&self) -> usize {
        (self.base.rows * self.base.tokens / 4).div_ceil(self.base.units())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_fit_the_device() {
        let mut plans = 0;
        for plane in [8, 16, 32, 64] {
            for shared in [32 << 10, 48 << 10, 227 << 10] {
                let hardware = Hardware { plane: Some(plane), units: 1024, shared, bindings: 16 };
                for d in [4, 33, 70, 192, 512, 768, 1024, 2048] {
                    let vector = if d % 4 == 0 { 4 } else { 1 };
                    for (t, rows) in [(1, 3), (50, 1), (50, 11), (77, 8), (197, 512)] {
                        let of = |way| Wide::new(hardware, [t, d, rows], vector, [false, true], way);
                        let (Some(forward), Some(plan)) = (of(Way::Forward), of(Way::Backward)) else { continue };
                        assert_eq!(forward.base.rows, plan.base.rows);
                        plans += 1;
                        let Plan { tokens, rows, lanes, teams, .. } = plan.base;
                        let used =
                            tokens * plan.stride * vector + 256 * plan.strip * plan.deep + 2 * rows * tokens + 5 * rows;
                        assert!(4 * used <= shared && plan.base.units() == 256, "{plan:?}");
                        assert!(tokens <= lanes && tokens % 4 == 0 && rows % 4 == 0 && plan.strips() <= teams);
                        assert_eq!(plan.parts() * rows * tokens, 256 * plan.strip * plan.deep, "{plan:?}");
                        for count in [rows, tokens] {
                            let share = plan.share(count);
                            assert!(share % 4 == 0 && share * plan.base.slots() * vector <= SUMS, "{plan:?}");
                            assert!(share * (256 / plan.base.columns) >= count && count % share == 0, "{plan:?}");
                        }
                    }
                }
            }
        }
        assert!(plans > 150, "{plans}");
    }

    #[test]
    fn few_rows_and_devices_without_planes_have_none() {
        let hardware = Hardware { plane: Some(32), units: 1024, shared: 227 << 10, bindings: 16 };
        let plan = |hardware, rows| Wide::new(hardware, [50, 512, rows], 4, [false, false], Way::Forward);
        assert!(plan(hardware, 2).is_none() && plan(Hardware { plane: None, ..hardware }, 64).is_none());
        let wide = plan(hardware, 64).unwrap();
        assert_eq!((wide.base.rows, wide.base.tokens, wide.parts(), wide.share(16)), (16, 32, 8, 8));
    }
}
