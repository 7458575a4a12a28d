//! What the units of a cube share.

use cubecl::prelude::*;

use super::plan::Plan;
use super::rows::Rows;

/// A tile of an item's tokens under a block of query rows.
#[derive(CubeType)]
pub(super) struct Block<V: Size> {
    /// `[tokens, D]`, as f32.
    pub(super) tile: Shared<[Vector<f32, V>]>,
    pub(super) rows: Rows,
    /// `[rows, tokens]`.
    pub(super) weights: Shared<[f32]>,
}

#[cube]
impl<V: Size> Block<V> {
    pub(super) fn new(#[comptime] plan: Plan) -> Self {
        Block::<V> {
            tile: Shared::<[Vector<f32, V>]>::new_slice(comptime!(plan.tokens * plan.width)),
            rows: Rows::new(plan),
            weights: Shared::<[f32]>::new_slice(comptime!(plan.rows * plan.tokens)),
        }
    }
}
