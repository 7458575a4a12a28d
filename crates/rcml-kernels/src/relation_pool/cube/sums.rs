//! What a unit adds up.

use cubecl::prelude::*;

use super::plan::Plan;

/// Running sums over a unit's columns of `share` rows, or tokens, that follow each other.
#[derive(CubeType)]
pub(super) struct Sums<V: Size> {
    /// `[slots, share]`.
    pub(super) values: Array<Vector<f32, V>>,
    /// The first column; the others follow `plan.columns` apart.
    pub(super) column: usize,
    /// The first row; a unit that has none is given one past the last.
    pub(super) first: usize,
}

#[cube]
impl<V: Size> Sums<V> {
    /// Zeros for the unit.
    pub(super) fn new(#[comptime] share: usize, #[comptime] plan: Plan) -> Self {
        let count = comptime!(share * plan.slots());
        let mut values = Array::<Vector<f32, V>>::new(count);
        #[unroll]
        for i in 0..count {
            values[i] = Vector::new(0.0f32);
        }
        let unit = UNIT_POS as usize;
        Sums::<V> { values, column: unit % plan.columns, first: unit / plan.columns * share }
    }

    /// Multiplies sums over the unit's rows by what each row of the block is given.
    pub(super) fn scale(&mut self, rows: &Shared<[f32]>, #[comptime] plan: Plan) {
        let share = comptime!(plan.share(plan.rows));
        if self.first < plan.rows {
            #[unroll]
            for k in 0..share {
                let scale = Vector::new(rows[self.first + k]);
                #[unroll]
                for s in 0..plan.slots() {
                    self.values[comptime!(s * share + k)] *= scale;
                }
            }
        }
    }
}
