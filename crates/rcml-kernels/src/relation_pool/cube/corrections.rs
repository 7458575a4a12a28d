//! What the gradients need of each result row.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]
#![allow(unsafe_code, unreachable_pub, reason = "what the macro writes for launching a kernel")]

use cubecl::prelude::*;

use super::plan::Plan;
use super::tile::{team_sum, vector_sum};

/// What the gradients need of each result row, `[rows, 3]`: the softmax's maximum, 1 / its sum, and <dP, P>.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn corrections<V: Size>(
    pooled: &[Vector<f32, V>],
    stats: &[f32],
    grad: &[Vector<f32, V>],
    saved: &mut [f32],
    rows: u32,
    #[comptime] plan: Plan,
) {
    let row = CUBE_POS * plan.teams + UNIT_POS_Y as usize;
    // Every lane of a plane must reach the sum.
    let here = min(row, rows as usize - 1);
    let mut part = Vector::<f32, V>::new(0.0f32);
    let mut column = UNIT_POS_X as usize;
    while column < plan.width {
        part += pooled[here * plan.width + column] * grad[here * plan.width + column];
        column += plan.lanes;
    }
    let correction = team_sum(vector_sum::<V>(part), plan);
    if UNIT_POS_X == 0 && row < rows as usize {
        saved[row * 3] = stats[row * 2];
        saved[row * 3 + 1] = 1.0f32 / stats[row * 2 + 1];
        saved[row * 3 + 2] = correction;
    }
}
