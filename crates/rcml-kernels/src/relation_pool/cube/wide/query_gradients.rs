//! The gradient of the queries.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]
#![allow(unsafe_code, unreachable_pub, reason = "what the macro writes for launching a kernel")]

use cubecl::prelude::*;

use super::super::rows::asked;
use super::super::sums::Sums;
use super::super::tile::load;
use super::block::Block;
use super::plan::Wide;
use super::slopes::slopes;
use super::sums::{add_to_rows, write_rows};

/// As [`super::super::query_gradients::query_gradients`].
#[cube(launch_unchecked, address_type = "dynamic")]
pub(in super::super) fn query_gradients<E: Float, V: Size>(
    tokens: &[Vector<E, V>],
    bias: &[f32],
    queries: &[Vector<f32, V>],
    grad: &[Vector<f32, V>],
    saved: &[f32],
    table: &[u32],
    parts: &mut [Vector<f32, V>],
    items: u32,
    token_count: u32,
    row_count: u32,
    chunk: u32,
    cubes: u32,
    #[comptime] plan: Wide,
    #[define(E)] _dtype: ElemType,
) {
    let cube = CUBE_POS;
    if cube < cubes as usize {
        let base = comptime!(plan.base);
        let (token_count, row_count) = (token_count as usize, row_count as usize);
        let mut block = Block::<V>::new(plan);

        let (query, rows, first, end) = asked(table, cube, row_count, items as usize, chunk as usize, base);
        let mut entry = first;

        let mut sums = Sums::<V>::new(comptime!(plan.base.share(plan.base.rows)), base);

        while entry < end {
            let mut item = entry;
            let mut result = entry * row_count + query;
            if comptime!(plan.base.listed) {
                item = table[cubes as usize * 4 + entry * 2] as usize;
                result = table[cubes as usize * 4 + entry * 2 + 1] as usize;
            }
            sync_cube();
            block.rows.in_line(query, result, rows, base);
            let width = plan.base.width;
            let from = item * token_count * width;
            let mut start = 0usize;
            while start < token_count {
                sync_cube();
                load::<E, V>(tokens, &mut block.tile, from, start * width, token_count * width, base);
                sync_cube();
                slopes::<V>(&mut block, bias, queries, grad, saved, item, start, token_count, rows, plan);
                sync_cube();
                let here = min(token_count - start, plan.base.tokens);
                add_to_rows::<V>(&mut sums, &block.tile, &block.slopes, here, plan);
                start += plan.base.tokens;
            }
            entry += 1;
        }
        // A part has rows of its own, one after the other.
        let count = comptime!(plan.base.rows);
        sync_cube();
        block.rows.in_line(0usize, cube * count, count, base);
        sync_cube();
        write_rows::<V>(&sums, parts, &block.rows.results, count, plan);
    }
}
