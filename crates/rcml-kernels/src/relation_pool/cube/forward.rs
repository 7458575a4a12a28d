//! P and the softmax's statistics.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]
#![allow(unsafe_code, unreachable_pub, reason = "what the macro writes for launching a kernel")]

use cubecl::prelude::*;

use super::block::Block;
use super::plan::Plan;
use super::sums::Sums;
use super::tile::{LOWEST, dots, load, shift, team_max, team_sum};

/// A cube takes an item and a block of query rows, and reads the item's tokens once for all of them, a tile at a time, with a
/// running softmax.
///
/// `table`, for a list of pairs: (item, first row, rows) for each of the `cubes`, then the rows.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn pool<E: Float, V: Size>(
    tokens: &[Vector<E, V>],
    bias: &[f32],
    queries: &[Vector<f32, V>],
    table: &[u32],
    pooled: &mut [Vector<f32, V>],
    stats: &mut [f32],
    token_count: u32,
    row_count: u32,
    cubes: u32,
    #[comptime] plan: Plan,
    #[define(E)] _dtype: ElemType,
) {
    let cube = CUBE_POS;
    if cube < cubes as usize {
        let unit = UNIT_POS as usize;
        let (token_count, row_count) = (token_count as usize, row_count as usize);
        let mut block = Block::<V>::new(plan);
        let mut largest = Shared::<[f32]>::new_slice(plan.rows);
        let mut total = Shared::<[f32]>::new_slice(plan.rows);
        let mut rescale = Shared::<[f32]>::new_slice(plan.rows);

        let (item, rows) = block.rows.of_cube(table, cube, cubes as usize, row_count, plan);
        if unit < plan.rows {
            largest[unit] = f32::new(LOWEST);
            total[unit] = f32::new(0.0);
        }

        let slots = comptime!(plan.slots());
        let share = comptime!(plan.share(plan.rows));
        let mut sums = Sums::<V>::new(share, plan);

        let mut start = 0usize;
        while start < token_count {
            sync_cube();
            let width = plan.width;
            load::<E, V>(tokens, &mut block.tile, item * token_count * width, start * width, token_count * width, plan);
            sync_cube();
            let across = comptime!(plan.tokens / plan.patch[0]);
            let mut patch = UNIT_POS_Y as usize;
            while patch < comptime!(plan.patches()) {
                let token = (patch % across) * plan.patch[0];
                let row = (patch / across) * plan.patch[1];
                let mut found = Array::<f32>::new(comptime!(plan.patch[0] * plan.patch[1]));
                dots::<V>(&block.tile, queries, &block.rows.queries, token, row, &mut found, plan);
                if UNIT_POS_X == 0 {
                    #[unroll]
                    for t in 0..plan.patch[0] {
                        let bias = shift(bias, item, start + token + t, token_count, plan);
                        #[unroll]
                        for q in 0..plan.patch[1] {
                            let logit = found[comptime!(q * plan.patch[0] + t)] + bias;
                            block.weights[(row + q) * plan.tokens + token + t] = max(logit, f32::new(LOWEST));
                        }
                    }
                }
                patch += plan.teams;
            }
            sync_cube();
            if comptime!(plan.lanes > 1 && plan.lanes >= plan.tokens) {
                // A team takes a row, a lane of it a token.
                let token = UNIT_POS_X as usize;
                let here = token < plan.tokens && start + token < token_count;
                let mut row = UNIT_POS_Y as usize;
                while row < plan.rows {
                    let at = row * plan.tokens + token;
                    let mut logit = f32::new(LOWEST);
                    if here {
                        logit = block.weights[at];
                    }
                    let old = largest[row];
                    let new = max(old, team_max(logit, plan));
                    let mut weight = 0.0f32;
                    if here {
                        weight = (logit - new).exp();
                    }
                    let sum = team_sum(weight, plan);
                    if token < plan.tokens {
                        block.weights[at] = weight;
                    }
                    if UNIT_POS_X == 0 {
                        let scale = (old - new).exp();
                        largest[row] = new;
                        total[row] = total[row] * scale + sum;
                        rescale[row] = scale;
                    }
                    row += plan.teams;
                }
            } else if unit < plan.rows {
                let at = unit * plan.tokens;
                let here = min(token_count - start, plan.tokens);
                let old = largest[unit];
                let mut new = old;
                for t in 0..here {
                    new = max(new, block.weights[at + t]);
                }
                let scale = (old - new).exp();
                let mut sum = total[unit] * scale;
                for t in 0..plan.tokens {
                    let mut weight = 0.0f32;
                    if t < here {
                        weight = (block.weights[at + t] - new).exp();
                    }
                    block.weights[at + t] = weight;
                    sum += weight;
                }
                largest[unit] = new;
                total[unit] = sum;
                rescale[unit] = scale;
            }
            sync_cube();
            sums.scale(&rescale, plan);
            if sums.first < plan.rows {
                #[unroll]
                for s in 0..slots {
                    let at = sums.column + s * plan.columns;
                    if at < plan.width {
                        for t in 0..plan.tokens {
                            let x = block.tile[t * plan.width + at];
                            #[unroll]
                            for k in 0..share {
                                sums.values[comptime!(s * share + k)] +=
                                    x * Vector::new(block.weights[(sums.first + k) * plan.tokens + t]);
                            }
                        }
                    }
                }
            }
            start += plan.tokens;
        }
        if sums.first < plan.rows {
            #[unroll]
            for s in 0..slots {
                let at = sums.column + s * plan.columns;
                if at < plan.width {
                    #[unroll]
                    for k in 0..share {
                        if sums.first + k < rows {
                            let result = block.rows.results[sums.first + k] as usize;
                            pooled[result * plan.width + at] =
                                sums.values[comptime!(s * share + k)] / Vector::new(total[sums.first + k]);
                        }
                    }
                }
            }
        }
        if unit < rows {
            let result = block.rows.results[unit] as usize;
            stats[result * 2] = largest[unit];
            stats[result * 2 + 1] = total[unit];
        }
    }
}
