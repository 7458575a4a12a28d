//! All gradients, of all pairs or, but for the queries', of a list.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]
#![allow(unsafe_code, unreachable_pub, reason = "what the macro writes for launching a kernel")]

use cubecl::prelude::*;

use super::super::rows::Rows;
use super::dots::dots;
use super::mixes::{mix_rows, mix_tokens};
use super::plan::Mma;
use super::weights::slopes;

/// dX and db, and parts of dU. A cube takes `chunk` items, one after the other, and of each all rows, a block after the other; its
/// part of dU is `[row_count, D]`. In a list of pairs `table` has the item's rows as for
/// [`super::super::token_gradients::token_gradients`]. `of_tokens`, `of_queries`: what is needed; the other is not written.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(in super::super) fn gradients<E: Float, V: Size>(
    tokens: &[Vector<E, V>],
    bias: &[f32],
    queries: &[Vector<f32, V>],
    grad: &[Vector<f32, V>],
    stats: &[f32],
    table: &[u32],
    d_tokens: &mut [Vector<E, V>],
    d_bias: &mut [f32],
    parts: &mut [Vector<f32, V>],
    items: u32,
    token_count: u32,
    row_count: u32,
    chunk: u32,
    cubes: u32,
    #[comptime] plan: Mma,
    #[comptime] of_tokens: bool,
    #[comptime] of_queries: bool,
    #[define(E)] _dtype: ElemType,
) {
    let cube = CUBE_POS;
    if cube < cubes as usize {
        let base = comptime!(plan.base);
        let (token_count, row_count) = (token_count as usize, row_count as usize);
        let mut weights = Shared::<[f32]>::new_slice(comptime!(plan.weights()));
        let mut along = Shared::<[f32]>::new_slice(comptime!(plan.weights()));
        // Where the block's rows of dU lie.
        let mut sums = Shared::<[u32]>::new_slice(plan.base.rows);
        let mut block = Rows::new(base);
        let begin = cube * chunk as usize;
        let end = min(begin + chunk as usize, items as usize);
        let unit = UNIT_POS as usize;
        let units = comptime!(plan.base.units());
        for item in begin..end {
            let from = item * token_count * plan.base.width;
            let mut first = 0usize;
            let mut last = row_count;
            if comptime!(plan.base.listed) {
                first = table[item] as usize;
                last = table[item + 1] as usize;
            }
            let mut more = false;
            // An item that no pair names has zeros for gradients, which a block without rows makes.
            let mut go = true;
            while go {
                sync_cube();
                let rows = min(last - first, plan.base.rows);
                if rows > 0 {
                    block.of_item(table, items as usize + 1, item, first, rows, row_count, base);
                } else if unit < plan.base.rows {
                    block.queries[unit] = 0u32;
                    block.results[unit] = 0u32;
                }
                if unit < plan.base.rows {
                    sums[unit] = (cube * row_count + first + unit) as u32;
                }
                sync_cube();
                dots::<E, V>(tokens, queries, &block.queries, &mut weights, from, token_count, plan);
                dots::<E, V>(tokens, grad, &block.results, &mut along, from, token_count, plan);
                slopes(&mut weights, &mut along, bias, stats, &block.results, item, token_count, rows, plan);
                sync_cube();
                if comptime!(of_tokens) {
                    let mut token = unit;
                    while token < token_count {
                        let mut sum = 0.0f32;
                        if more {
                            sum = d_bias[item * token_count + token];
                        }
                        for row in 0..rows {
                            sum += along[row * plan.stride + token];
                        }
                        d_bias[item * token_count + token] = sum;
                        token += units;
                    }
                    mix_rows::<E, V>(
                        queries,
                        grad,
                        &block.queries,
                        &block.results,
                        &weights,
                        &along,
                        d_tokens,
                        from,
                        token_count,
                        rows,
                        more,
                        plan,
                    );
                }
                if comptime!(of_queries) {
                    mix_tokens::<E, V>(tokens, &along, parts, &sums, from, token_count, rows, item > begin, plan);
                }
                more = true;
                first += plan.base.rows;
                go = first < last;
            }
        }
    }
}
