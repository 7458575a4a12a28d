//! Dot products of an item's tokens and a block's rows.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]

use cubecl::prelude::*;

use super::plan::{Mma, STEP};
use super::product::{Four, Two, add_products, zeros};

/// `into[row * stride + token]`: dot products of the item's tokens with the rows of `values` that `places` names. `from`: where
/// the item begins, in vectors. Ends with all planes knowing all of them.
#[cube]
pub(super) fn dots<E: Float, V: Size>(
    tokens: &[Vector<E, V>],
    values: &[Vector<f32, V>],
    places: &Shared<[u32]>,
    into: &mut Shared<[f32]>,
    from: usize,
    token_count: usize,
    #[comptime] plan: Mma,
) {
    let deep = comptime!(plan.deep);
    let tile = comptime!(plan.tile);
    let width = comptime!(plan.base.width);
    let groups = comptime!(plan.groups);
    let parts = comptime!(plan.parts());
    // So many matrices of tokens at a time that four sums do not wait for each other.
    let wide = comptime!(if plan.deep > 1 { 2 } else { 4 });
    let (lane, plane) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
    let (quad, inner) = (lane / 4, lane % 4);
    let (group, part) = (plane % groups, plane / groups);
    let first = group * comptime!(deep * 16) + quad;

    let mut of_rows = Array::<u32>::new(comptime!(deep * 2));
    #[unroll]
    for half in 0..comptime!(deep * 2) {
        of_rows[half] = places[first + half * 8] * comptime!(width as u32) + inner as u32;
    }
    for tile_at in 0..plan.tiles {
        let start = tile_at * comptime!(tile * 8);
        let mut sums = zeros(comptime!(deep * tile));
        let mut of_tokens = Array::<u32>::new(tile);
        #[unroll]
        for n in 0..tile {
            let token = min(start + n * 8 + quad, token_count - 1);
            of_tokens[n] = (from + token * width + inner) as u32;
        }
        let mut step = part;
        while step < comptime!(width / STEP) {
            let column = step * STEP;
            let mut rows = Array::<Vector<f32, V>>::new(comptime!(deep * 2));
            #[unroll]
            for half in 0..comptime!(deep * 2) {
                rows[half] = values[of_rows[half] as usize + column];
            }
            let mut found = Array::<Vector<f32, V>>::new(tile);
            #[unroll]
            for n in 0..tile {
                found[n] = Vector::cast_from(tokens[of_tokens[n] as usize + column]);
            }
            // A lane's four columns are two of each of two matrices: which column stands where makes no difference to a sum over
            // all of them.
            #[unroll]
            for pair in 0..2usize {
                let mut left = Array::<Four>::new(deep);
                #[unroll]
                for m in 0..deep {
                    let mut four = Vector::<f32, Const<4>>::new(0.0f32);
                    four.insert(0usize, rows[comptime!(m * 2)].extract(comptime!(pair * 2)));
                    four.insert(1usize, rows[comptime!(m * 2 + 1)].extract(comptime!(pair * 2)));
                    four.insert(2usize, rows[comptime!(m * 2)].extract(comptime!(pair * 2 + 1)));
                    four.insert(3usize, rows[comptime!(m * 2 + 1)].extract(comptime!(pair * 2 + 1)));
                    left[m] = four;
                }
                #[unroll]
                for some in 0..comptime!(tile.div_ceil(wide)) {
                    let begin = comptime!(some * wide);
                    let count = comptime!(wide.min(tile - some * wide));
                    let mut right = Array::<Two>::new(count);
                    #[unroll]
                    for n in 0..count {
                        let mut two = Vector::<f32, Const<2>>::new(0.0f32);
                        two.insert(0usize, found[comptime!(begin + n)].extract(comptime!(pair * 2)));
                        two.insert(1usize, found[comptime!(begin + n)].extract(comptime!(pair * 2 + 1)));
                        right[n] = two;
                    }
                    add_products(&mut sums, &left, &right, begin, tile, deep, count, plan.exact);
                }
            }
            step += parts;
        }
        // Parts are added up one after the other, in the same order each time.
        #[unroll]
        for turn in 0..parts {
            if part == turn {
                #[unroll]
                for m in 0..deep {
                    #[unroll]
                    for n in 0..tile {
                        let sum = sums[comptime!(m * tile + n)];
                        let at = (first + m * 16) * plan.stride + start + n * 8 + inner * 2;
                        #[unroll]
                        for i in 0..4usize {
                            let place = at + comptime!(i / 2 * 8 * plan.stride + i % 2);
                            if comptime!(turn == 0) {
                                into[place] = sum.extract(i);
                            } else {
                                into[place] += sum.extract(i);
                            }
                        }
                    }
                }
            }
            sync_cube();
        }
    }
}
