//! The gradients of tokens and bias.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]
#![allow(unsafe_code, unreachable_pub, reason = "what the macro writes for launching a kernel")]

use cubecl::prelude::*;

use super::super::rows::Rows;
use super::super::sums::Sums;
use super::super::tile::load;
use super::dots::Dots;
use super::plan::Wide;
use super::slopes::slopes;

/// As [`super::super::token_gradients::token_gradients`].
#[cube(launch_unchecked, address_type = "dynamic")]
pub(in super::super) fn token_gradients<E: Float, V: Size>(
    tokens: &[Vector<E, V>],
    bias: &[f32],
    queries: &[Vector<f32, V>],
    grad: &[Vector<f32, V>],
    saved: &[f32],
    table: &[u32],
    d_tokens: &mut [Vector<E, V>],
    d_bias: &mut [f32],
    items: u32,
    token_count: u32,
    row_count: u32,
    #[comptime] plan: Wide,
    #[define(E)] _dtype: ElemType,
) {
    let cube = CUBE_POS;
    let base = comptime!(plan.base);
    let (token_count, row_count) = (token_count as usize, row_count as usize);
    let tiles = token_count.div_ceil(plan.base.tokens);
    if cube < items as usize * tiles {
        let unit = UNIT_POS as usize;
        let item = cube / tiles;
        let start = (cube % tiles) * plan.base.tokens;
        let mut tile = Shared::<[Vector<f32, V>]>::new_slice(comptime!(plan.base.tokens * plan.stride));
        let mut dots = Dots::new(plan);
        // [rows, tokens], four tokens a vector.
        let count = comptime!(plan.base.rows * plan.base.tokens / 4);
        let mut weights = Shared::<[Vector<f32, Const<4>>]>::new_slice(count);
        let mut slope = Shared::<[Vector<f32, Const<4>>]>::new_slice(count);
        let mut block = Rows::new(base);

        let slots = comptime!(plan.base.slots());
        let share = comptime!(plan.share(plan.base.tokens));
        let fours = comptime!(plan.base.tokens / 4);
        let mut sums = Sums::<V>::new(share, base);
        let mut summed = Vector::<f32, Const<4>>::new(0.0f32);

        let width = plan.base.width;
        let from = item * token_count * width;
        load::<E, V>(tokens, &mut tile, from, start * width, token_count * width, plan.stride, base);
        let mut first = 0usize;
        let mut end = row_count;
        if comptime!(plan.base.listed) {
            first = table[item] as usize;
            end = table[item + 1] as usize;
        }
        while first < end {
            sync_cube();
            let rows = min(end - first, plan.base.rows);
            block.of_item(table, items as usize + 1, item, first, rows, row_count, base);
            sync_cube();
            slopes::<V>(
                &tile,
                &block,
                &mut dots,
                &mut weights,
                &mut slope,
                bias,
                queries,
                grad,
                saved,
                item,
                start,
                token_count,
                rows,
                true,
                plan,
            );
            sync_cube();
            if unit < fours {
                for q in 0..rows {
                    summed += slope[q * fours + unit];
                }
            }
            if sums.first < plan.base.tokens {
                #[unroll]
                for s in 0..slots {
                    let at = sums.column + s * plan.base.columns;
                    if at < plan.base.width {
                        for q in 0..rows {
                            let query = queries[block.queries[q] as usize * plan.base.width + at];
                            let back = grad[block.results[q] as usize * plan.base.width + at];
                            #[unroll]
                            for four in 0..comptime!(share / 4) {
                                let place = q * fours + sums.first / 4 + four;
                                let (weight, slope) = (weights[place], slope[place]);
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
            first += plan.base.rows;
        }
        if sums.first < plan.base.tokens {
            #[unroll]
            for s in 0..slots {
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
        if unit < fours {
            #[unroll]
            for i in 0..4 {
                let token = start + unit * 4 + i;
                if token < token_count {
                    d_bias[item * token_count + token] = summed.extract(i);
                }
            }
        }
    }
}
