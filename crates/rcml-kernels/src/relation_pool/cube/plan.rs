//! How a launch is cut into cubes, from the shape and what the device has.

use cubecl::features::Plane;
use cubecl::prelude::*;

use super::mma::Mma;

/// Most units of a cube.
pub(super) const UNITS: usize = 256;
/// Most tokens of a tile and most rows of a block.
const TILE: usize = 16;
/// Dot products along each side of a patch, in which each token and each query is read once.
const PATCH: usize = 4;
/// Most f32 of running sums that a unit keeps in registers.
pub(super) const SUMS: usize = 64;
/// Most shared memory of a cube, in bytes: with more, too few cubes share a multiprocessor to hide each other's waiting.
const SHARED: usize = 48 * 1024;
/// Buffers of the kernel that has most: `token_gradients`, with the one that carries the scalars.
const BINDINGS: usize = 9;

/// What a plan depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hardware {
    /// Units of a plane, where planes can add up and are all of one size.
    pub(super) plane: Option<usize>,
    /// Most units of a cube.
    pub(super) units: usize,
    /// Shared memory of a cube, in bytes.
    pub(super) shared: usize,
    /// Buffers of a kernel.
    pub(super) bindings: usize,
    /// Whether planes multiply matrices as [`Mma::config`] says.
    pub(super) mma: bool,
}

impl Hardware {
    pub(super) fn of(client: &Client) -> Self {
        let properties = client.properties();
        let hardware = &properties.hardware;
        let planes =
            properties.features.plane.contains(Plane::Ops) && hardware.plane_size_min == hardware.plane_size_max;
        Self {
            plane: planes.then_some(hardware.plane_size_max as usize),
            units: hardware.max_units_per_cube.min(hardware.max_cube_dim.1) as usize,
            shared: hardware.max_shared_memory_size,
            bindings: hardware.max_bindings as usize,
            mma: properties.features.matmul.mma.contains(&Mma::config()),
        }
    }
}

/// The sizes that a kernel is compiled for.
///
/// A cube is `teams` x `lanes` units. A dot product belongs to a team, whose lanes split the width and add up their parts as a
/// plane; without planes a team is one unit. A running sum belongs to a unit: unit i owns the columns `i % columns`,
/// `i % columns + columns`, ... of the rows (or tokens) of group `i / columns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    /// Vectors in a row of width D.
    pub(super) width: usize,
    /// Units of a team.
    pub(super) lanes: usize,
    /// Teams of a cube.
    pub(super) teams: usize,
    /// Tokens of a tile.
    pub(super) tokens: usize,
    /// Query rows of a block.
    pub(super) rows: usize,
    /// Tokens and rows of a patch of dot products.
    pub(super) patch: [usize; 2],
    /// Units side by side along the width.
    pub(super) columns: usize,
    /// Whether the query rows are those of a list of pairs.
    pub(super) listed: bool,
    /// Whether the logits have a bias.
    pub(super) biased: bool,
}

impl Plan {
    /// For items of `t` tokens of width `d`, in vectors of `vector` values, and up to `rows` query rows of an item. `None` where
    /// not even one token fits into shared memory, or the device has too few buffers.
    pub(super) fn new(
        hardware: Hardware,
        [t, d, rows]: [usize; 3],
        vector: usize,
        [listed, biased]: [bool; 2],
    ) -> Option<Self> {
        if hardware.bindings < BINDINGS {
            return None;
        }
        let units = floor_power_of_two(UNITS.min(hardware.units));
        let lanes = hardware.plane.filter(|plane| *plane <= units && units.is_multiple_of(*plane)).unwrap_or(1);
        let width = d / vector;
        let columns = width.next_power_of_two().min(units);
        let groups = units / columns;
        // Registers allow so many rows or tokens for each group of units.
        let sums = floor_power_of_two(SUMS / (width.div_ceil(columns) * vector)).max(1) * groups;
        let most = sums.min(TILE);
        // Beside the tile: weights, slopes, and five values a row.
        let rest = 4 * (2 * TILE * TILE + 5 * TILE);
        let fitting = floor_power_of_two(SHARED.min(hardware.shared).checked_sub(rest)? / (4 * d));
        let tokens = t.next_power_of_two().min(most).min(fitting);
        let rows = rows.next_power_of_two().min(most);
        let teams = units / lanes;
        let mut patch = [tokens.min(PATCH), rows.min(PATCH)];
        // Smaller patches where some teams would have none.
        while patch != [1, 1] && patch[0] > 0 && (tokens / patch[0]) * (rows / patch[1]) < teams {
            let longer = usize::from(patch[1] > patch[0]);
            patch[longer] /= 2;
        }
        let plan = Self { width, lanes, teams, tokens, rows, patch, columns, listed, biased };
        (tokens > 0 && units >= TILE).then_some(plan)
    }

    pub(super) fn units(&self) -> usize {
        self.lanes * self.teams
    }

    /// Columns that one unit owns.
    pub(super) fn slots(&self) -> usize {
        self.width.div_ceil(self.columns)
    }

    /// Of `count` rows or tokens, how many a group of units sums up.
    pub(super) fn share(&self, count: usize) -> usize {
        count.div_ceil(self.units() / self.columns)
    }

    /// Patches of a tile and a block.
    pub(super) fn patches(&self) -> usize {
        (self.tokens / self.patch[0]) * (self.rows / self.patch[1])
    }

    pub(super) fn cube_dim(&self) -> CubeDim {
        CubeDim::new_2d(self.lanes as u32, self.teams as u32)
    }
}

/// The largest power of two that is not larger; 0 for 0.
pub(super) fn floor_power_of_two(value: usize) -> usize {
    if value == 0 { 0 } else { 1 << value.ilog2() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_fit_the_device() {
        let mut plans = 0;
        for plane in [None, Some(8), Some(32), Some(64)] {
            for (units, shared) in [(64, 16 << 10), (256, 32 << 10), (1024, 227 << 10)] {
                let hardware = Hardware { plane, units, shared, bindings: 16, mma: false };
                for d in [1, 2, 33, 70, 192, 512, 768, 1024, 4096] {
                    let vector = if d % 4 == 0 { 4 } else { 1 };
                    for (t, rows) in [(1, 1), (50, 1), (50, 11), (197, 512)] {
                        let Some(plan) = Plan::new(hardware, [t, d, rows], vector, [false, true]) else {
                            assert!(4 * d + 4 * (2 * TILE * TILE + 5 * TILE) > shared.min(SHARED), "{hardware:?} {d}");
                            continue;
                        };
                        plans += 1;
                        let used = plan.tokens * d + 2 * plan.tokens * plan.rows + 5 * plan.rows;
                        assert!(4 * used <= shared, "{plan:?}");
                        assert!(plan.units() <= units && plan.rows <= plan.units() && plan.tokens <= plan.units());
                        for count in [plan.rows, plan.tokens] {
                            let kept = plan.share(count) * plan.slots() * vector;
                            assert!(kept <= SUMS.max(plan.slots() * vector), "{plan:?} keeps {kept}");
                            assert!(plan.share(count) * (plan.units() / plan.columns) >= count);
                        }
                        assert_eq!(plan.patches() * plan.patch[0] * plan.patch[1], plan.tokens * plan.rows);
                    }
                }
            }
        }
        assert!(plans > 300);
    }

    #[test]
    fn a_device_without_planes_or_buffers() {
        let hardware = Hardware { plane: None, units: 256, shared: 32 << 10, bindings: 16, mma: false };
        let plan = |hardware| Plan::new(hardware, [50, 512, 11], 4, [false, false]);
        assert_eq!(plan(hardware).map(|plan| (plan.lanes, plan.teams)), Some((1, 256)));
        let planes = Hardware { plane: Some(32), ..hardware };
        assert_eq!(plan(planes).map(|plan| (plan.lanes, plan.teams)), Some((32, 8)));
        assert_eq!(plan(Hardware { bindings: 4, ..hardware }), None);
    }
}
