//! The softmax's slopes. Weights are made again from its statistics, so that no [N, R, T] tensor is kept.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]

use cubecl::prelude::*;

use super::block::Block;
use super::plan::Plan;
use super::tile::{LOWEST, dots, shift};

/// The weights A and the slopes dS = A (<dP, x> - <dP, P>) of the tile's tokens under a block of rows, `[rows, tokens]` each;
/// zeros past the item's tokens and past the block's `rows`.
#[cube]
pub(super) fn slopes<V: Size>(
    block: &mut Block<V>,
    slopes: &mut Shared<[f32]>,
    bias: &[f32],
    queries: &[Vector<f32, V>],
    grad: &[Vector<f32, V>],
    saved: &[f32],
    item: usize,
    start: usize,
    token_count: usize,
    rows: usize,
    #[comptime] plan: Plan,
) {
    let across = comptime!(plan.tokens / plan.patch[0]);
    let mut patch = UNIT_POS_Y as usize;
    while patch < comptime!(plan.patches()) {
        let token = (patch % across) * plan.patch[0];
        let row = (patch / across) * plan.patch[1];
        let count = comptime!(plan.patch[0] * plan.patch[1]);
        let mut logits = Array::<f32>::new(count);
        let mut along = Array::<f32>::new(count);
        dots::<V>(&block.tile, queries, &block.rows.queries, token, row, &mut logits, plan);
        dots::<V>(&block.tile, grad, &block.rows.results, token, row, &mut along, plan);
        if UNIT_POS_X == 0 {
            #[unroll]
            for t in 0..plan.patch[0] {
                let bias = shift(bias, item, start + token + t, token_count, plan);
                #[unroll]
                for q in 0..plan.patch[1] {
                    let i = comptime!(q * plan.patch[0] + t);
                    let at = block.rows.results[row + q] as usize * 3;
                    let logit = max(logits[i] + bias, f32::new(LOWEST));
                    let mut weight = 0.0f32;
                    if start + token + t < token_count && row + q < rows {
                        weight = (logit - saved[at]).exp() * saved[at + 1];
                    }
                    block.weights[(row + q) * plan.tokens + token + t] = weight;
                    slopes[(row + q) * plan.tokens + token + t] = weight * (along[i] - saved[at + 2]);
                }
            }
        }
        patch += plan.teams;
    }
}
