//! P and the softmax's statistics.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]
#![allow(unsafe_code, unreachable_pub, reason = "what the macro writes for launching a kernel")]

use cubecl::prelude::*;

use super::plan::Plan;
use super::rows::note;
use super::tile::{LOWEST, dots, load, shift};

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
        let mut tile = Shared::<[Vector<f32, V>]>::new_slice(comptime!(plan.tokens * plan.width));
        let mut weights = Shared::<[f32]>::new_slice(comptime!(plan.rows * plan.tokens));
        let mut query_rows = Shared::<[u32]>::new_slice(plan.rows);
        let mut result_rows = Shared::<[u32]>::new_slice(plan.rows);
        let mut largest = Shared::<[f32]>::new_slice(plan.rows);
        let mut total = Shared::<[f32]>::new_slice(plan.rows);
        let mut rescale = Shared::<[f32]>::new_slice(plan.rows);

        let blocks = row_count.div_ceil(plan.rows);
        let mut item = cube / blocks;
        let mut first = (cube % blocks) * plan.rows;
        let mut rows = min(row_count - first, plan.rows);
        if comptime!(plan.listed) {
            item = table[cube * 3] as usize;
            first = table[cube * 3 + 1] as usize;
            rows = table[cube * 3 + 2] as usize;
        }
        note(table, &mut query_rows, &mut result_rows, item, first, rows, row_count, cubes as usize * 3, plan);
        if unit < plan.rows {
            largest[unit] = f32::new(LOWEST);
            total[unit] = f32::new(0.0);
        }

        // The unit's columns, and the rows that it sums up.
        let column = unit % plan.columns;
        let slots = comptime!(plan.slots());
        let share = comptime!(plan.share(plan.rows));
        let own = unit / plan.columns * share;
        let mut sums = Array::<Vector<f32, V>>::new(comptime!(share * slots));
        #[unroll]
        for i in 0..comptime!(share * slots) {
            sums[i] = Vector::new(0.0f32);
        }

        let mut start = 0usize;
        while start < token_count {
            sync_cube();
            let width = plan.width;
            load::<E, V>(tokens, &mut tile, item * token_count * width, start * width, token_count * width, plan);
            sync_cube();
            let across = comptime!(plan.tokens / plan.patch[0]);
            let mut patch = UNIT_POS_Y as usize;
            while patch < comptime!(plan.patches()) {
                let token = (patch % across) * plan.patch[0];
                let row = (patch / across) * plan.patch[1];
                let mut found = Array::<f32>::new(comptime!(plan.patch[0] * plan.patch[1]));
                dots::<V>(&tile, queries, &query_rows, token, row, &mut found, plan);
                if UNIT_POS_X == 0 {
                    #[unroll]
                    for t in 0..plan.patch[0] {
                        let bias = shift(bias, item, start + token + t, token_count, plan);
                        #[unroll]
                        for q in 0..plan.patch[1] {
                            let logit = found[comptime!(q * plan.patch[0] + t)] + bias;
                            weights[(row + q) * plan.tokens + token + t] = max(logit, f32::new(LOWEST));
                        }
                    }
                }
                patch += plan.teams;
            }
            sync_cube();
            if unit < plan.rows {
                let at = unit * plan.tokens;
                let here = min(token_count - start, plan.tokens);
                let old = largest[unit];
                let mut new = old;
                for t in 0..here {
                    new = max(new, weights[at + t]);
                }
                let scale = (old - new).exp();
                let mut sum = total[unit] * scale;
                for t in 0..plan.tokens {
                    let mut weight = 0.0f32;
                    if t < here {
                        weight = (weights[at + t] - new).exp();
                    }
                    weights[at + t] = weight;
                    sum += weight;
                }
                largest[unit] = new;
                total[unit] = sum;
                rescale[unit] = scale;
            }
            sync_cube();
            if own < plan.rows {
                #[unroll]
                for s in 0..slots {
                    let at = column + s * plan.columns;
                    if at < plan.width {
                        #[unroll]
                        for k in 0..share {
                            sums[comptime!(s * share + k)] *= Vector::new(rescale[own + k]);
                        }
                        for t in 0..plan.tokens {
                            let x = tile[t * plan.width + at];
                            #[unroll]
                            for k in 0..share {
                                sums[comptime!(s * share + k)] += x * Vector::new(weights[(own + k) * plan.tokens + t]);
                            }
                        }
                    }
                }
            }
            start += plan.tokens;
        }
        if own < plan.rows {
            #[unroll]
            for s in 0..slots {
                let at = column + s * plan.columns;
                if at < plan.width {
                    #[unroll]
                    for k in 0..share {
                        if own + k < rows {
                            let result = result_rows[own + k] as usize;
                            pooled[result * plan.width + at] =
                                sums[comptime!(s * share + k)] / Vector::new(total[own + k]);
                        }
                    }
                }
            }
        }
        if unit < rows {
            let result = result_rows[unit] as usize;
            stats[result * 2] = largest[unit];
            stats[result * 2 + 1] = total[unit];
        }
    }
}
