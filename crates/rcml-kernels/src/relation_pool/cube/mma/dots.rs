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
    let tile = comptime!(plan.tile[0]);
    let width = comptime!(plan.base.width);
    let groups = comptime!(plan.groups);
    let parts = comptime!(plan.parts());
    // So many matrices of tokens at a time that sums do not wait for each other.
    let wide = 4usize;
    let (lane, plane) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
    let (quad, inner) = (lane / 4, lane % 4);
    let (group, part) = (plane % groups, plane / groups);
    let first = group * 16 + quad;

    let mut of_rows = Array::<u32>::new(2usize);
    #[unroll]
    for half in 0..2usize {
        of_rows[half] = places[first + half * 8];
    }
    for tile_at in 0..plan.tile[1] {
        let start = tile_at * comptime!(tile * 8);
        let mut sums = zeros(tile);
        let mut of_tokens = Array::<u32>::new(tile);
        #[unroll]
        for n in 0..tile {
            let token = min(start + n * 8 + quad, token_count - 1);
            of_tokens[n] = token as u32;
        }
        let mut rows = Array::<Vector<f32, V>>::new(2usize);
        let mut found = Array::<Vector<f32, V>>::new(tile);
        let mut step = part;
        if comptime!(plan.ahead) {
            let column = min(step, comptime!(width / STEP - 1)) * STEP + inner;
            read::<E, V>(tokens, values, &of_tokens, &of_rows, &mut rows, &mut found, from, column, plan);
        }
        while step < comptime!(width / STEP) {
            let mut next_rows = Array::<Vector<f32, V>>::new(2usize);
            let mut next_found = Array::<Vector<f32, V>>::new(tile);
            if comptime!(plan.ahead) {
                // Asked for before the products that they do not wait for.
                let column = min(step + parts, comptime!(width / STEP - 1)) * STEP + inner;
                read::<E, V>(tokens, values, &of_tokens, &of_rows, &mut next_rows, &mut next_found, from, column, plan);
            } else {
                read::<E, V>(
                    tokens,
                    values,
                    &of_tokens,
                    &of_rows,
                    &mut rows,
                    &mut found,
                    from,
                    step * STEP + inner,
                    plan,
                );
            }
            // A lane's four columns are two of each of two matrices: which column stands where makes no difference to a sum over
            // all of them.
            #[unroll]
            for pair in 0..2usize {
                let mut left = Array::<Four>::new(1usize);
                let mut four = Vector::<f32, Const<4>>::new(0.0f32);
                #[unroll]
                for i in 0..4usize {
                    four.insert(i, rows[comptime!(i % 2)].extract(comptime!(pair * 2 + i / 2)));
                }
                left[0] = four;
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
                    add_products(&mut sums, &left, &right, begin, tile, 1usize, count, plan.exact);
                }
            }
            if comptime!(plan.ahead) {
                #[unroll]
                for half in 0..2usize {
                    rows[half] = next_rows[half];
                }
                #[unroll]
                for n in 0..tile {
                    found[n] = next_found[n];
                }
            }
            step += parts;
        }
        // Parts are added up one after the other, in the same order each time.
        #[unroll]
        for turn in 0..parts {
            if part == turn {
                #[unroll]
                for n in 0..tile {
                    let at = first * plan.stride + start + n * 8 + inner * 2;
                    #[unroll]
                    for i in 0..4usize {
                        let place = at + comptime!(i / 2 * 8 * plan.stride + i % 2);
                        if comptime!(turn == 0) {
                            into[place] = sums[n].extract(i);
                        } else {
                            into[place] += sums[n].extract(i);
                        }
                    }
                }
            }
            sync_cube();
        }
    }
}

/// A lane's four columns of rows and of tokens: vector `column` of each.
#[cube]
fn read<E: Float, V: Size>(
    tokens: &[Vector<E, V>],
    values: &[Vector<f32, V>],
    of_tokens: &Array<u32>,
    of_rows: &Array<u32>,
    rows: &mut Array<Vector<f32, V>>,
    found: &mut Array<Vector<f32, V>>,
    from: usize,
    column: usize,
    #[comptime] plan: Mma,
) {
    #[unroll]
    for half in 0..2usize {
        rows[half] = values[of_rows[half] as usize * plan.base.width + column];
    }
    #[unroll]
    for n in 0..plan.tile[0] {
        found[n] = Vector::cast_from(tokens[from + of_tokens[n] as usize * plan.base.width + column]);
    }
}
