//! What all kernels do with a tile of tokens.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]

use cubecl::prelude::*;

use super::plan::Plan;

/// The lowest logit: a bias of minus infinity becomes this, so that differences of logits stay numbers.
pub(super) const LOWEST: f32 = -3.0e38;
/// Vectors that a unit asks for at a time.
const BATCH: usize = 8;

/// Copies tokens into shared memory, as f32; zeros where the item has no more.
///
/// `base`: where the item begins, `start`: the tile's first token, both in vectors; `end`: the item's vectors.
#[cube]
pub(super) fn load<E: Float, V: Size>(
    tokens: &[Vector<E, V>],
    tile: &mut Shared<[Vector<f32, V>]>,
    base: usize,
    start: usize,
    end: usize,
    #[comptime] plan: Plan,
) {
    let count = comptime!(plan.tokens * plan.width);
    let batch = comptime!(count.div_ceil(plan.units()).min(BATCH));
    let mut first = UNIT_POS as usize;
    while first < count {
        // All of a batch are asked for before one is waited for.
        let mut values = Array::<Vector<f32, V>>::new(batch);
        #[unroll]
        for i in 0..batch {
            let at = start + first + comptime!(i * plan.units());
            values[i] = Vector::new(0.0f32);
            if at < end {
                values[i] = Vector::cast_from(tokens[base + at]);
            }
        }
        #[unroll]
        for i in 0..batch {
            let place = first + comptime!(i * plan.units());
            if place < count {
                tile[place] = values[i];
            }
        }
        first += comptime!(batch * plan.units());
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
        found[i] = vector_sum::<V>(sums[i]);
    }
    team_sums(found, count, plan);
}

/// The sum of a vector's values.
#[cube]
pub(super) fn vector_sum<V: Size>(vector: Vector<f32, V>) -> f32 {
    let mut total = vector.extract(0usize);
    #[unroll]
    for k in 1..V::value() {
        total += vector.extract(k);
    }
    total
}

/// Sums of each of `count` values over all lanes of the team, step by step, so that the values' exchanges do not wait for each
/// other; what cubecl makes of `plane_sum` for CUDA is a loop, with one exchange at a time.
#[cube]
pub(super) fn team_sums(values: &mut Array<f32>, #[comptime] count: usize, #[comptime] plan: Plan) {
    #[unroll]
    for step in 0..comptime!(plan.lanes.ilog2()) {
        #[unroll]
        for i in 0..count {
            values[i] += plane_shuffle_xor(values[i], comptime!(1u32 << step));
        }
    }
}

/// The largest of each of `count` values over all lanes of the team; as [`team_sums`].
#[cube]
pub(super) fn team_maxima(values: &mut Array<f32>, #[comptime] count: usize, #[comptime] plan: Plan) {
    #[unroll]
    for step in 0..comptime!(plan.lanes.ilog2()) {
        #[unroll]
        for i in 0..count {
            values[i] = max(values[i], plane_shuffle_xor(values[i], comptime!(1u32 << step)));
        }
    }
}

/// The sum of a value over all lanes of the team.
#[cube]
pub(super) fn team_sum(value: f32, #[comptime] plan: Plan) -> f32 {
    let mut sum = value;
    #[unroll]
    for step in 0..comptime!(plan.lanes.ilog2()) {
        sum += plane_shuffle_xor(sum, comptime!(1u32 << step));
    }
    sum
}

/// The largest of a value over all lanes of the team.
#[cube]
pub(super) fn team_max(value: f32, #[comptime] plan: Plan) -> f32 {
    let mut largest = value;
    #[unroll]
    for step in 0..comptime!(plan.lanes.ilog2()) {
        largest = max(largest, plane_shuffle_xor(largest, comptime!(1u32 << step)));
    }
    largest
}

/// The bias of a token of the tile; 0 where there is none.
#[allow(clippy::collapsible_if, reason = "only one of them is in the kernel")]
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
