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
    let unit = UNIT_POS as usize;
    let here = min(token_count - start, plan.base.tokens);
    let (row, four) = (unit % plan.base.rows, unit / plan.base.rows);
    block.dots.fill::<V>(&block.tile, queries, &block.rows.queries, here, rows, plan);
    sync_cube();
    // Kept in registers while the other dot products take the place of these.
    let mut logits = Vector::<f32, Const<4>>::new(0.0f32);
    if unit < comptime!(plan.fours()) {
        logits = block.dots.whole(row, four, plan);
    }
    sync_cube();
    block.dots.fill::<V>(&block.tile, grad, &block.rows.results, here, rows, plan);
    sync_cube();
    if unit < comptime!(plan.fours()) {
        let along = block.dots.whole(row, four, plan);
        let at = block.rows.results[row] as usize * 3;
        let mut weights = Vector::<f32, Const<4>>::new(0.0f32);
        let mut slopes = Vector::<f32, Const<4>>::new(0.0f32);
        #[unroll]
        for i in 0..4usize {
            let token = start + four * 4 + i;
            if token < token_count && row < rows {
                let bias = shift(bias, item, token, token_count, comptime!(plan.base));
                let logit = max(logits.extract(i) + bias, f32::new(LOWEST));
                let weight = (logit - saved[at]).exp() * saved[at + 1];
                weights.insert(i, weight);
                slopes.insert(i, weight * (along.extract(i) - saved[at + 2]));
            }
        }
        let place = row * comptime!(plan.across()) + four;
        block.weights[place] = weights;
        block.slopes[place] = slopes;
    }
}
