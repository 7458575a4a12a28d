//! The softmax's slopes, four at a time.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]

use cubecl::prelude::*;

use super::super::tile::{LOWEST, shift};
use super::block::Block;
use super::plan::Wide;

/// As [`super::super::slopes::slopes`].
#[cube]
pub(super) fn slopes<V: Size>(
    block: &mut Block<V>,
    bias: &[f32],
    queries: &[Vector<f32, V>],
    grad: &[Vector<f32, V>],
    saved: &[f32],
    item: usize,
    start: usize,
    token_count: usize,
    rows: usize,
    #[comptime] plan: Wide,
) {
    let count = comptime!(plan.base.rows * plan.base.tokens / 4);
    let mine = comptime!(plan.fours());
    let fours = comptime!(plan.base.tokens / 4);
    block.dots.fill::<V>(&block.tile, queries, &block.rows.queries, plan);
    sync_cube();
    // Kept in registers while the other dot products take the place of these.
    let mut logits = Array::<Vector<f32, Const<4>>>::new(mine);
    #[unroll]
    for m in 0..mine {
        let four = UNIT_POS as usize + m * plan.base.units();
        let mut found = Vector::<f32, Const<4>>::new(0.0f32);
        if four < count {
            let (row, token) = (four / fours, four % fours * 4);
            #[unroll]
            for i in 0..4usize {
                found.insert(i, block.dots.whole(row, token + i, plan));
            }
        }
        logits[m] = found;
    }
    sync_cube();
    block.dots.fill::<V>(&block.tile, grad, &block.rows.results, plan);
    sync_cube();
    #[unroll]
    for m in 0..mine {
        let four = UNIT_POS as usize + m * plan.base.units();
        if four < count {
            let (row, token) = (four / fours, four % fours * 4);
            let mut weight_four = Vector::<f32, Const<4>>::new(0.0f32);
            let mut slope_four = Vector::<f32, Const<4>>::new(0.0f32);
            #[unroll]
            for i in 0..4usize {
                let token = token + i;
                if start + token < token_count && row < rows {
                    let at = block.rows.results[row] as usize * 3;
                    let bias = shift(bias, item, start + token, token_count, comptime!(plan.base));
                    let logit = max(logits[m].extract(i) + bias, f32::new(LOWEST));
                    let weight = (logit - saved[at]).exp() * saved[at + 1];
                    let along = block.dots.whole(row, token, plan);
                    weight_four.insert(i, weight);
                    slope_four.insert(i, weight * (along - saved[at + 2]));
                }
            }
            block.weights[four] = weight_four;
            block.slopes[four] = slope_four;
        }
    }
}
