//! What all kernels do with a tile of tokens.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]

use cubecl::prelude::*;

use super::plan::Plan;

/// The lowest logit: a bias of minus infinity becomes this, so that differences of logits stay numbers.
pub(super) const LOWEST: f32 = -3.0e38;

/// Copies tokens into shared memory, as f32; zeros where the item has no more.
///
/// `base`: where the item begins, `start`: the tile's first token, both in vectors; `end`: the item's vectors; `stride`: vectors
/// from one token of the tile to the next.
#[cube]
pub(super) fn load<E: Float, V: Size>(
    tokens: &[Vector<E, V>],
    tile: &mut Shared<[Vector<f32, V>]>,
    base: usize,
    start: usize,
    end: usize,
    #[comptime] stride: usize,
    #[comptime] plan: Plan,
) {
    let count = comptime!(plan.tokens * plan.width);
    let mut i = UNIT_POS as usize;
    while i < count {
        let at = start + i;
        let mut value = Vector::<f32, V>::new(0.0f32);
        if at < end {
            value = Vector::cast_from(tokens[base + at]);
        }
        let mut place = i;
        if comptime!(stride != plan.width) {
            place = i / plan.width * stride + i % plan.width;
        }
        tile[place] = value;
        i += comptime!(plan.units());
    }
}

/// A patch of dot products between tokens of the tile and rows of `values`: `found[row * patch tokens + token]`, the sums over
/// the whole width in every lane of the team.
///
/// `rows`: which rows of `values` the block is made of; `token`, `row`: where the patch begins.
#[cube]
pub(super) fn dots<V: Size>(
    tile: &Shared<[Vector<f32, V>]>,
    values: &[Vector<f32, V>],
    rows: &Shared<[u32]>,
    token: usize,
    row: usize,
    found: &mut Array<f32>,
    #[comptime] plan: Plan,
) {
    let deep = comptime!(plan.patch[0]);
    let count = comptime!(plan.patch[0] * plan.patch[1]);
    let mut sums = Array::<Vector<f32, V>>::new(count);
    #[unroll]
    for i in 0..count {
        sums[i] = Vector::new(0.0f32);
    }
    let mut column = UNIT_POS_X as usize;
    while column < plan.width {
        let mut xs = Array::<Vector<f32, V>>::new(deep);
        #[unroll]
        for t in 0..deep {
            xs[t] = tile[(token + t) * plan.width + column];
        }
        #[unroll]
        for q in 0..plan.patch[1] {
            let value = values[rows[row + q] as usize * plan.width + column];
            #[unroll]
            for t in 0..deep {
                sums[comptime!(q * deep + t)] += xs[t] * value;
            }
        }
        column += plan.lanes;
    }
    #[unroll]
    for i in 0..count {
        found[i] = team_sum::<V>(sums[i], plan);
    }
}

/// The sum of a vector's values over all lanes of the team.
#[cube]
pub(super) fn team_sum<V: Size>(part: Vector<f32, V>, #[comptime] plan: Plan) -> f32 {
    let mut total = part.extract(0usize);
    #[unroll]
    for k in 1..V::value() {
        total += part.extract(k);
    }
    if comptime!(plan.lanes > 1) {
        total = plane_sum(total);
    }
    total
}

/// The bias of a token of the tile; 0 where there is none.
#[cube]
pub(super) fn shift(bias: &[f32], item: usize, token: usize, count: usize, #[comptime] plan: Plan) -> f32 {
    let mut shift = 0.0f32;
    if comptime!(plan.biased) {
        if token < count {
            shift = bias[item * count + token];
        }
    }
    shift
}
