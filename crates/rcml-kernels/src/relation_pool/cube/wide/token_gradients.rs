//! The gradients of tokens and bias.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]
#![allow(unsafe_code, unreachable_pub, reason = "what the macro writes for launching a kernel")]

use cubecl::prelude::*;

use super::super::sums::Sums;
use super::super::tile::load;
use super::block::Block;
use super::plan::Wide;
use super::slopes::slopes;
use super::sums::{add_to_tokens, write_bias, write_tokens};

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
        let mut block = Block::<V>::new(plan);

        let fours = comptime!(plan.across());
        let mut sums = Sums::<V>::new(plan.share, base);
        let mut summed = Vector::<f32, Const<4>>::new(0.0f32);

        let width = plan.base.width;
        let from = item * token_count * width;
        load::<E, V>(tokens, &mut block.tile, from, start * width, token_count * width, base);
        let mut first = 0usize;
        let mut end = row_count;
        if comptime!(plan.base.listed) {
            first = table[item] as usize;
            end = table[item + 1] as usize;
        }
        while first < end {
            sync_cube();
            let rows = min(end - first, plan.base.rows);
            block.rows.of_item(table, items as usize + 1, item, first, rows, row_count, base);
            sync_cube();
            slopes::<V>(&mut block, bias, queries, grad, saved, item, start, token_count, rows, plan);
            sync_cube();
            if unit < fours {
                for q in 0..rows {
                    summed += block.slopes[q * fours + unit];
                }
            }
            add_to_tokens::<V>(&mut sums, &block, queries, grad, rows, 0usize, plan);
            first += plan.base.rows;
        }
        let here = min(token_count - start, plan.base.tokens);
        write_tokens::<E, V>(&sums, d_tokens, from + start * width, 0usize, here, plan);
        if unit < fours {
            write_bias(summed, d_bias, item, start + unit * 4, token_count);
        }
    }
}
