//! The gradients of tokens and bias.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]
#![allow(unsafe_code, unreachable_pub, reason = "what the macro writes for launching a kernel")]

use cubecl::prelude::*;

use super::block::Block;
use super::plan::Plan;
use super::slopes::slopes;
use super::sums::Sums;
use super::tile::load;

/// dX = sum over rows of A dP + dS u and db = sum over rows of dS. A cube takes a tile of an item's tokens and goes through
/// the item's rows, a block at a time.
///
/// `table`, for a list of pairs: where each item's rows begin, and the end, then the rows.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn token_gradients<E: Float, V: Size>(
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
    #[comptime] plan: Plan,
    #[define(E)] _dtype: ElemType,
) {
    let cube = CUBE_POS;
    let (token_count, row_count) = (token_count as usize, row_count as usize);
    let tiles = token_count.div_ceil(plan.tokens);
    if cube < items as usize * tiles {
        let unit = UNIT_POS as usize;
        let item = cube / tiles;
        let start = (cube % tiles) * plan.tokens;
        let mut block = Block::<V>::new(plan);
        let mut slope = Shared::<[f32]>::new_slice(comptime!(plan.rows * plan.tokens));

        let slots = comptime!(plan.slots());
        let share = comptime!(plan.share(plan.tokens));
        let mut sums = Sums::<V>::new(share, plan);
        let mut summed = 0.0f32;

        let base = item * token_count * plan.width;
        load::<E, V>(tokens, &mut block.tile, base, start * plan.width, token_count * plan.width, plan);
        let mut first = 0usize;
        let mut end = row_count;
        if comptime!(plan.listed) {
            first = table[item] as usize;
            end = table[item + 1] as usize;
        }
        while first < end {
            sync_cube();
            let rows = min(end - first, plan.rows);
            block.rows.of_item(table, items as usize + 1, item, first, rows, row_count, plan);
            sync_cube();
            slopes::<V>(&mut block, &mut slope, bias, queries, grad, saved, item, start, token_count, rows, plan);
            sync_cube();
            if unit < plan.tokens {
                for q in 0..rows {
                    summed += slope[q * plan.tokens + unit];
                }
            }
            if sums.first < plan.tokens {
                #[unroll]
                for s in 0..slots {
                    let at = sums.column + s * plan.columns;
                    if at < plan.width {
                        for q in 0..rows {
                            let query = queries[block.rows.queries[q] as usize * plan.width + at];
                            let from = grad[block.rows.results[q] as usize * plan.width + at];
                            #[unroll]
                            for k in 0..share {
                                let i = q * plan.tokens + sums.first + k;
                                sums.values[comptime!(s * share + k)] += from * Vector::new(block.weights[i]);
                                sums.values[comptime!(s * share + k)] += query * Vector::new(slope[i]);
                            }
                        }
                    }
                }
            }
            first += plan.rows;
        }
        if sums.first < plan.tokens {
            #[unroll]
            for s in 0..slots {
                let at = sums.column + s * plan.columns;
                if at < plan.width {
                    #[unroll]
                    for k in 0..share {
                        let token = start + sums.first + k;
                        if token < token_count {
                            d_tokens[base + token * plan.width + at] =
                                Vector::cast_from(sums.values[comptime!(s * share + k)]);
                        }
                    }
                }
            }
        }
        if unit < plan.tokens && start + unit < token_count {
            d_bias[item * token_count + start + unit] = summed;
        }
    }
}
