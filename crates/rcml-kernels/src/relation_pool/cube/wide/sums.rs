//! What a unit adds up over a tile of tokens and a block of rows.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]

use cubecl::prelude::*;

use super::super::sums::Sums;
use super::block::Block;
use super::plan::Wide;

/// Adds A dP + dS u of the block's `rows` to sums over the unit's tokens.
#[cube]
pub(super) fn add_to_tokens<V: Size>(
    sums: &mut Sums<V>,
    block: &Block<V>,
    queries: &[Vector<f32, V>],
    grad: &[Vector<f32, V>],
    rows: usize,
    #[comptime] plan: Wide,
) {
    let fours = comptime!(plan.base.tokens / 4);
    let share = comptime!(plan.share(plan.base.tokens));
    if sums.first < plan.base.tokens {
        #[unroll]
        for s in 0..plan.base.slots() {
            let at = sums.column + s * plan.base.columns;
            if at < plan.base.width {
                for q in 0..rows {
                    let query = queries[block.rows.queries[q] as usize * plan.base.width + at];
                    let back = grad[block.rows.results[q] as usize * plan.base.width + at];
                    #[unroll]
                    for four in 0..comptime!(share / 4) {
                        let place = q * fours + sums.first / 4 + four;
                        let (weight, slope) = (block.weights[place], block.slopes[place]);
                        #[unroll]
                        for i in 0..4 {
                            let place = comptime!(s * share + four * 4 + i);
                            // Of a sum of two products the compiler would fuse only one.
                            sums.values[place] += back * Vector::new(weight.extract(i));
                            sums.values[place] += query * Vector::new(slope.extract(i));
                        }
                    }
                }
            }
        }
    }
}

/// Writes sums over the unit's tokens: of those from `start` on, of the item that begins at vector `from`.
#[cube]
pub(super) fn write_tokens<E: Float, V: Size>(
    sums: &Sums<V>,
    d_tokens: &mut [Vector<E, V>],
    from: usize,
    start: usize,
    token_count: usize,
    #[comptime] plan: Wide,
) {
    let share = comptime!(plan.share(plan.base.tokens));
    if sums.first < plan.base.tokens {
        #[unroll]
        for s in 0..plan.base.slots() {
            let at = sums.column + s * plan.base.columns;
            if at < plan.base.width {
                #[unroll]
                for k in 0..share {
                    let token = start + sums.first + k;
                    if token < token_count {
                        d_tokens[from + token * plan.base.width + at] =
                            Vector::cast_from(sums.values[comptime!(s * share + k)]);
                    }
                }
            }
        }
    }
}

/// Writes the slopes of an item's tokens from `token` on, summed over its rows.
#[cube]
pub(super) fn write_bias(
    summed: Vector<f32, Const<4>>,
    d_bias: &mut [f32],
    item: usize,
    token: usize,
    token_count: usize,
) {
    #[unroll]
    for i in 0..4usize {
        if token + i < token_count {
            d_bias[item * token_count + token + i] = summed.extract(i);
        }
    }
}

/// Adds dS x of the tile's first `here` tokens to sums over the unit's rows.
#[cube]
pub(super) fn add_to_queries<V: Size>(sums: &mut Sums<V>, block: &Block<V>, here: usize, #[comptime] plan: Wide) {
    let fours = comptime!(plan.base.tokens / 4);
    let share = comptime!(plan.share(plan.base.rows));
    if sums.first < plan.base.rows {
        #[unroll]
        for s in 0..plan.base.slots() {
            let at = sums.column + s * plan.base.columns;
            if at < plan.base.width {
                // The tile holds zeros past the item's tokens.
                for four in 0..here.div_ceil(4) {
                    let mut xs = Array::<Vector<f32, V>>::new(4usize);
                    #[unroll]
                    for i in 0..4usize {
                        xs[i] = block.tile[(four * 4 + i) * plan.stride + at];
                    }
                    #[unroll]
                    for k in 0..share {
                        let slope = block.slopes[(sums.first + k) * fours + four];
                        #[unroll]
                        for i in 0..4usize {
                            sums.values[comptime!(s * share + k)] += xs[i] * Vector::new(slope.extract(i));
                        }
                    }
                }
            }
        }
    }
}

/// Writes sums over the unit's rows as those of part `part`.
#[cube]
pub(super) fn write_queries<V: Size>(
    sums: &Sums<V>,
    parts: &mut [Vector<f32, V>],
    part: usize,
    #[comptime] plan: Wide,
) {
    let share = comptime!(plan.share(plan.base.rows));
    if sums.first < plan.base.rows {
        #[unroll]
        for s in 0..plan.base.slots() {
            let at = sums.column + s * plan.base.columns;
            if at < plan.base.width {
                #[unroll]
                for k in 0..share {
                    parts[(part * plan.base.rows + sums.first + k) * plan.base.width + at] =
                        sums.values[comptime!(s * share + k)];
                }
            }
        }
    }
}
