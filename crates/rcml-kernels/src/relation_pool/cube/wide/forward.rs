//! P and the softmax's statistics.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]
#![allow(unsafe_code, unreachable_pub, reason = "what the macro writes for launching a kernel")]

use cubecl::prelude::*;

use super::super::rows::Rows;
use super::super::sums::Sums;
use super::super::tile::{LOWEST, load, shift};
use super::dots::Dots;
use super::plan::Wide;
use super::sums::{add_to_rows, write_rows};

/// As [`super::super::forward::pool`].
#[cube(launch_unchecked, address_type = "dynamic")]
pub(in super::super) fn pool<E: Float, V: Size>(
    tokens: &[Vector<E, V>],
    bias: &[f32],
    queries: &[Vector<f32, V>],
    table: &[u32],
    pooled: &mut [Vector<f32, V>],
    stats: &mut [f32],
    token_count: u32,
    row_count: u32,
    cubes: u32,
    #[comptime] plan: Wide,
    #[define(E)] _dtype: ElemType,
) {
    let cube = CUBE_POS;
    if cube < cubes as usize {
        let base = comptime!(plan.base);
        let across = comptime!(plan.across());
        let unit = UNIT_POS as usize;
        let (token_count, row_count) = (token_count as usize, row_count as usize);
        let mut tile = Shared::<[Vector<f32, V>]>::new_slice(comptime!(plan.base.tokens * plan.base.width));
        let mut dots = Dots::new(plan);
        let mut block = Rows::new(base);
        // [rows, tokens], four tokens of a row a vector.
        let mut weights = Shared::<[Vector<f32, Const<4>>]>::new_slice(comptime!(plan.fours()));
        // The largest logit of each of these fours.
        let mut peaks = Shared::<[f32]>::new_slice(comptime!(plan.fours()));
        // What a row's sums are multiplied by: before a tile is added to them, and at the end.
        let mut scales = Shared::<[f32]>::new_slice(plan.base.rows);

        let (item, rows) = block.of_cube(table, cube, cubes as usize, row_count, base);
        // The row and the tokens whose weights a unit makes; those of a row all know its largest logit so far, and the unit that
        // has the first of them, its sum.
        let (row, four) = (unit % plan.base.rows, unit / plan.base.rows);
        let mut largest = f32::new(LOWEST);
        let mut total = 0.0f32;
        let mut sums = Sums::<V>::new(comptime!(plan.base.share(plan.base.rows)), base);

        let mut start = 0usize;
        while start < token_count {
            let here = min(token_count - start, plan.base.tokens);
            sync_cube();
            let width = plan.base.width;
            load::<E, V>(tokens, &mut tile, item * token_count * width, start * width, token_count * width, base);
            sync_cube();
            dots.fill::<V>(&tile, queries, &block.queries, here, rows, plan);
            sync_cube();
            let mut logits = Vector::<f32, Const<4>>::new(0.0f32);
            if unit < comptime!(plan.fours()) {
                let found = dots.whole(row, four, plan);
                let mut peak = f32::new(LOWEST);
                #[unroll]
                for i in 0..4usize {
                    let token = start + four * 4 + i;
                    if token < token_count {
                        let logit =
                            max(found.extract(i) + shift(bias, item, token, token_count, base), f32::new(LOWEST));
                        logits.insert(i, logit);
                        peak = max(peak, logit);
                    }
                }
                peaks[unit] = peak;
            }
            sync_cube();
            if unit < comptime!(plan.fours()) {
                let mut new = largest;
                #[unroll]
                for i in 0..across {
                    new = max(new, peaks[i * plan.base.rows + row]);
                }
                let mut found = Vector::<f32, Const<4>>::new(0.0f32);
                #[unroll]
                for i in 0..4usize {
                    if start + four * 4 + i < token_count {
                        found.insert(i, (logits.extract(i) - new).exp());
                    }
                }
                weights[row * across + four] = found;
                if four == 0 {
                    let scale = (largest - new).exp();
                    scales[row] = scale;
                    total *= scale;
                }
                largest = new;
            }
            sync_cube();
            if unit < plan.base.rows {
                #[unroll]
                for i in 0..across {
                    let found = weights[unit * across + i];
                    #[unroll]
                    for k in 0..4usize {
                        total += found.extract(k);
                    }
                }
            }
            sums.scale(&scales, base);
            add_to_rows::<V>(&mut sums, &tile, &weights, here, plan);
            start += plan.base.tokens;
        }
        sync_cube();
        if unit < plan.base.rows {
            scales[unit] = 1.0 / total;
        }
        sync_cube();
        sums.scale(&scales, base);
        write_rows::<V>(&sums, pooled, &block.results, rows, plan);
        if unit < rows {
            let result = block.results[unit] as usize;
            stats[result * 2] = largest;
            stats[result * 2 + 1] = total;
        }
    }
}
