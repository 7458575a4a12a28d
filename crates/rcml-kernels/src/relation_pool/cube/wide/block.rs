//! What the units of a cube of the gradients share.

use cubecl::prelude::*;

use super::super::rows::Rows;
use super::dots::Dots;
use super::plan::Wide;

/// A tile of an item's tokens under a block of query rows. Weights A and slopes dS are `[rows, tokens]`, four tokens of a row a
/// vector.
#[derive(CubeType)]
pub(super) struct Block<V: Size> {
    /// `[tokens, D]`, as f32.
    pub(super) tile: Shared<[Vector<f32, V>]>,
    pub(super) rows: Rows,
    pub(super) dots: Dots,
    pub(super) weights: Shared<[Vector<f32, Const<4>>]>,
    pub(super) slopes: Shared<[Vector<f32, Const<4>>]>,
}

#[cube]
impl<V: Size> Block<V> {
    pub(super) fn new(#[comptime] plan: Wide) -> Self {
        let fours = comptime!(plan.fours());
        Block::<V> {
            tile: Shared::<[Vector<f32, V>]>::new_slice(comptime!(plan.base.tokens * plan.base.width)),
            rows: Rows::new(comptime!(plan.base)),
            dots: Dots::new(plan),
            weights: Shared::<[Vector<f32, Const<4>>]>::new_slice(fours),
            slopes: Shared::<[Vector<f32, Const<4>>]>::new_slice(fours),
        }
    }
}
