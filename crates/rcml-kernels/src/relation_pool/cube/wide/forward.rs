//! P and the softmax's statistics.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]
#![allow(unsafe_code, unreachable_pub, reason = "what the macro writes for launching a kernel")]

use cubecl::prelude::*;

use super::super::rows::Rows;
use super::super::sums::Sums;
use super::super::tile::{LOWEST, load, shift};
use super::dots::Dots;
use super::plan::Wide;

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
        let unit = UNIT_POS as usize;
        let (token_count, row_count) = (token_count as usize, row_count as usize);
        let mut tile = Shared::<[Vector<f32, V>]>::new_slice(comptime!(plan.base.tokens * plan.stride));
        let mut dots = Dots::new(plan);
        // [tokens, rows], four rows a vector.
        let mut weights =
            Shared::<[Vector<f32, Const<4>>]>::new_slice(comptime!(plan.base.tokens * plan.base.rows / 4));
        let mut block = Rows::new(base);
        let mut largest = Shared::<[f32]>::new_slice(plan.base.rows);
        let mut total = Shared::<[f32]>::new_slice(plan.base.rows);
        let mut rescale = Shared::<[f32]>::new_slice(plan.base.rows);

        let (item, rows) = block.of_cube(table, cube, cubes as usize, row_count, base);
        if unit < plan.base.rows {
            largest[unit] = f32::new(LOWEST);
            total[unit] = f32::new(0.0);
        }

        let slots = comptime!(plan.base.slots());
        let share = comptime!(plan.share(plan.base.rows));
        let fours = comptime!(plan.base.rows / 4);
        let mut sums = Sums::<V>::new(share, base);

        let mut start = 0usize;
        while start < token_count {
            sync_cube();
            let width = plan.base.width;
            let (from, end) = (item * token_count * width, token_count * width);
            load::<E, V>(tokens, &mut tile, from, start * width, end, plan.stride, base);
            sync_cube();
            dots.fill::<V>(&tile, queries, &block.queries, plan);
            sync_cube();
            // A plane takes four rows, a unit of it one token.
            let token = UNIT_POS_X as usize;
            let here = token < plan.base.tokens && start + token < token_count;
            let bias = shift(bias, item, start + token, token_count, base);
            let mut four = UNIT_POS_Y as usize;
            while four < fours {
                let mut found = Vector::<f32, Const<4>>::new(0.0f32);
                #[unroll]
                for i in 0..4 {
                    let row = four * 4 + i;
                    let mut logit = f32::new(LOWEST);
                    if here {
                        logit = max(dots.whole(row, token, plan) + bias, logit);
                    }
                    let old = largest[row];
                    let new = max(old, plane_max(logit));
                    let mut weight = 0.0f32;
                    if here {
                        weight = (logit - new).exp();
                    }
                    let sum = plane_sum(weight);
                    if UNIT_POS_X == 0 {
                        let scale = (old - new).exp();
                        largest[row] = new;
                        total[row] = total[row] * scale + sum;
                        rescale[row] = scale;
                    }
                    found.insert(i, weight);
                }
                if token < plan.base.tokens {
                    weights[token * fours + four] = found;
                }
                four += plan.base.teams;
            }
            sync_cube();
            if sums.first < plan.base.rows {
                let here = min(token_count - start, plan.base.tokens);
                #[unroll]
                for s in 0..slots {
                    let at = sums.column + s * plan.base.columns;
                    if at < plan.base.width {
                        #[unroll]
                        for k in 0..share {
                            sums.values[comptime!(s * share + k)] *= Vector::new(rescale[sums.first + k]);
                        }
                        for t in 0..here {
                            let x = tile[t * plan.stride + at];
                            #[unroll]
                            for four in 0..comptime!(share / 4) {
                                let found = weights[t * fours + sums.first / 4 + four];
                                #[unroll]
                                for i in 0..4 {
                                    sums.values[comptime!(s * share + four * 4 + i)] +=
                                        x * Vector::new(found.extract(i));
                                }
                            }
                        }
                    }
                }
            }
            start += plan.base.tokens;
        }
        if sums.first < plan.base.rows {
            #[unroll]
            for s in 0..slots {
                let at = sums.column + s * plan.base.columns;
                if at < plan.base.width {
                    #[unroll]
                    for k in 0..share {
                        if sums.first + k < rows {
                            let result = block.results[sums.first + k] as usize;
                            pooled[result * plan.base.width + at] =
                                sums.values[comptime!(s * share + k)] / Vector::new(total[sums.first + k]);
                        }
                    }
                }
            }
        }
        if unit < rows {
            let result = block.results[unit] as usize;
            stats[result * 2] = largest[unit];
            stats[result * 2 + 1] = total[unit];
        }
    }
}
