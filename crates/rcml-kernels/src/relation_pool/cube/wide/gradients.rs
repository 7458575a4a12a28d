//! All gradients at once.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]
#![allow(unsafe_code, unreachable_pub, reason = "what the macro writes for launching a kernel")]

use cubecl::prelude::*;

use super::super::sums::Sums;
use super::super::tile::load;
use super::block::Block;
use super::plan::Wide;
use super::slopes::slopes;
use super::sums::{add_to_rows, add_to_tokens, write_bias, write_rows, write_tokens};

/// dX, db and parts of dU of items whose rows, which are no list, fit into one block: a token is read once, and its slopes, which
/// both gradients need, are made once. A cube takes `chunk` items; its part of dU is `[rows, D]`.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(in super::super) fn gradients<E: Float, V: Size>(
    tokens: &[Vector<E, V>],
    bias: &[f32],
    queries: &[Vector<f32, V>],
    grad: &[Vector<f32, V>],
    saved: &[f32],
    d_tokens: &mut [Vector<E, V>],
    d_bias: &mut [f32],
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
        let unit = UNIT_POS as usize;
        let (token_count, rows) = (token_count as usize, row_count as usize);
        let width = comptime!(plan.base.width);
        let mut block = Block::<V>::new(plan);

        let mut of_queries = Sums::<V>::new(comptime!(plan.base.share(plan.base.rows)), base);
        let mut item = cube * chunk as usize;
        let end = min(item + chunk as usize, items as usize);
        while item < end {
            sync_cube();
            block.rows.in_line(0usize, item * rows, rows, base);
            let from = item * token_count * width;
            let mut start = 0usize;
            while start < token_count {
                sync_cube();
                load::<E, V>(tokens, &mut block.tile, from, start * width, token_count * width, base);
                sync_cube();
                slopes::<V>(&mut block, bias, queries, grad, saved, item, start, token_count, rows, plan);
                sync_cube();
                let here = min(token_count - start, plan.base.tokens);
                let mut pass = 0usize;
                while pass < here {
                    let mut of_tokens = Sums::<V>::new(plan.share, base);
                    add_to_tokens::<V>(&mut of_tokens, &block, queries, grad, rows, pass, plan);
                    write_tokens::<E, V>(&of_tokens, d_tokens, from + start * width, pass, here, plan);
                    pass += comptime!(plan.pass());
                }
                add_to_rows::<V>(&mut of_queries, &block.tile, &block.slopes, here, plan);
                if unit < comptime!(plan.across()) {
                    let mut summed = Vector::<f32, Const<4>>::new(0.0f32);
                    for q in 0..rows {
                        summed += block.slopes[q * comptime!(plan.across()) + unit];
                    }
                    write_bias(summed, d_bias, item, start + unit * 4, token_count);
                }
                start += plan.base.tokens;
            }
            item += 1;
        }
        // A part has rows of its own, one after the other.
        let count = comptime!(plan.base.rows);
        sync_cube();
        block.rows.in_line(0usize, cube * count, count, base);
        sync_cube();
        write_rows::<V>(&of_queries, parts, &block.rows.results, count, plan);
    }
}
