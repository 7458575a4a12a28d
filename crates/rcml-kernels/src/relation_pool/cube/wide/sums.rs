//! What a unit adds up over a tile of tokens and a block of rows.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]

use cubecl::prelude::*;

use super::super::sums::Sums;
use super::block::Block;
use super::plan::Wide;

/// Adds A dP + dS u of the block's `rows` to sums over the unit's tokens, of those of the tile from `pass` on.
#[cube]
pub(super) fn add_to_tokens<V: Size>(
    sums: &mut Sums<V>,
    block: &Block<V>,
    queries: &[Vector<f32, V>],
    grad: &[Vector<f32, V>],
    rows: usize,
    pass: usize,
    #[comptime] plan: Wide,
) {
    let across = comptime!(plan.across());
    let share = comptime!(plan.share);
    let first = pass + sums.first;
    if first < plan.base.tokens {
        #[unroll]
        for s in 0..plan.base.slots() {
            let at = sums.column + s * plan.base.columns;
            if at < plan.base.width {
                for q in 0..rows {
                    let query = queries[block.rows.queries[q] as usize * plan.base.width + at];
                    let back = grad[block.rows.results[q] as usize * plan.base.width + at];
                    #[unroll]
                    for four in 0..comptime!(share / 4) {
                        let place = q * across + first / 4 + four;
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

/// Writes sums over the unit's tokens, of the tile's `here` those from `pass` on, to where the tile begins: vector `from`.
#[cube]
pub(super) fn write_tokens<E: Float, V: Size>(
    sums: &Sums<V>,
    d_tokens: &mut [Vector<E, V>],
    from: usize,
    pass: usize,
    here: usize,
    #[comptime] plan: Wide,
) {
    let share = comptime!(plan.share);
    let first = pass + sums.first;
    #[unroll]
    for s in 0..plan.base.slots() {
        let at = sums.column + s * plan.base.columns;
        if at < plan.base.width {
            #[unroll]
            for k in 0..share {
                if first + k < here {
                    d_tokens[from + (first + k) * plan.base.width + at] =
                        Vector::cast_from(sums.values[comptime!(s * share + k)]);
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

/// Adds w x of the tile's first `here` tokens to sums over the unit's rows; `weights`: `[rows, tokens]`, four tokens of a row a
/// vector, and zeros past the last one, where the tile has zeros as well.
#[cube]
pub(super) fn add_to_rows<V: Size>(
    sums: &mut Sums<V>,
    tile: &Shared<[Vector<f32, V>]>,
    weights: &Shared<[Vector<f32, Const<4>>]>,
    here: usize,
    #[comptime] plan: Wide,
) {
    let across = comptime!(plan.across());
    let share = comptime!(plan.base.share(plan.base.rows));
    if sums.first < plan.base.rows {
        #[unroll]
        for s in 0..plan.base.slots() {
            let at = sums.column + s * plan.base.columns;
            if at < plan.base.width {
                for four in 0..here.div_ceil(4) {
                    let mut xs = Array::<Vector<f32, V>>::new(4usize);
                    #[unroll]
                    for i in 0..4usize {
                        xs[i] = tile[(four * 4 + i) * plan.base.width + at];
                    }
                    #[unroll]
                    for k in 0..share {
                        let found = weights[(sums.first + k) * across + four];
                        #[unroll]
                        for i in 0..4usize {
                            sums.values[comptime!(s * share + k)] += xs[i] * Vector::new(found.extract(i));
                        }
                    }
                }
            }
        }
    }
}

/// Writes sums over the unit's rows, those of the first `count`, where `places` says.
#[cube]
pub(super) fn write_rows<V: Size>(
    sums: &Sums<V>,
    results: &mut [Vector<f32, V>],
    places: &Shared<[u32]>,
    count: usize,
    #[comptime] plan: Wide,
) {
    let share = comptime!(plan.base.share(plan.base.rows));
    if sums.first < plan.base.rows {
        #[unroll]
        for s in 0..plan.base.slots() {
            let at = sums.column + s * plan.base.columns;
            if at < plan.base.width {
                #[unroll]
                for k in 0..share {
                    if sums.first + k < count {
                        let place = places[sums.first + k] as usize;
                        results[place * plan.base.width + at] = sums.values[comptime!(s * share + k)];
                    }
                }
            }
        }
    }
}
