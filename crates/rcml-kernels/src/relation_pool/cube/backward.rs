//! The gradients. Weights are made again from the softmax's statistics, so that no [N, R, T] tensor is kept.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]
#![allow(unsafe_code, unreachable_pub, reason = "what the macro writes for launching a kernel")]

use cubecl::prelude::*;

use super::plan::Plan;
use super::rows::note;
use super::tile::{LOWEST, dots, load, shift, team_sum};

/// What the gradients need of each result row, `[rows, 3]`: the softmax's maximum, 1 / its sum, and <dP, P>.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn corrections<V: Size>(
    pooled: &[Vector<f32, V>],
    stats: &[f32],
    grad: &[Vector<f32, V>],
    saved: &mut [f32],
    rows: u32,
    #[comptime] plan: Plan,
) {
    let row = CUBE_POS * plan.teams + UNIT_POS_Y as usize;
    // Every lane of a plane must reach the sum.
    let here = min(row, rows as usize - 1);
    let mut part = Vector::<f32, V>::new(0.0f32);
    let mut column = UNIT_POS_X as usize;
    while column < plan.width {
        part += pooled[here * plan.width + column] * grad[here * plan.width + column];
        column += plan.lanes;
    }
    let correction = team_sum::<V>(part, plan);
    if UNIT_POS_X == 0 && row < rows as usize {
        saved[row * 3] = stats[row * 2];
        saved[row * 3 + 1] = 1.0f32 / stats[row * 2 + 1];
        saved[row * 3 + 2] = correction;
    }
}

/// The weights A and the slopes dS = A (<dP, x> - <dP, P>) of the tile's tokens under a block of rows, `[rows, tokens]` each;
/// zeros past the item's tokens and past the block's `rows`.
#[cube]
fn slopes<V: Size>(
    tile: &Shared<[Vector<f32, V>]>,
    bias: &[f32],
    queries: &[Vector<f32, V>],
    grad: &[Vector<f32, V>],
    saved: &[f32],
    query_rows: &Shared<[u32]>,
    result_rows: &Shared<[u32]>,
    weights: &mut Shared<[f32]>,
    slopes: &mut Shared<[f32]>,
    item: usize,
    start: usize,
    token_count: usize,
    rows: usize,
    #[comptime] plan: Plan,
) {
    let across = comptime!(plan.tokens / plan.patch[0]);
    let mut patch = UNIT_POS_Y as usize;
    while patch < comptime!(plan.patches()) {
        let token = (patch % across) * plan.patch[0];
        let row = (patch / across) * plan.patch[1];
        let count = comptime!(plan.patch[0] * plan.patch[1]);
        let mut logits = Array::<f32>::new(count);
        let mut along = Array::<f32>::new(count);
        dots::<V>(tile, queries, query_rows, token, row, &mut logits, plan);
        dots::<V>(tile, grad, result_rows, token, row, &mut along, plan);
        if UNIT_POS_X == 0 {
            #[unroll]
            for t in 0..plan.patch[0] {
                let bias = shift(bias, item, start + token + t, token_count, plan);
                #[unroll]
                for q in 0..plan.patch[1] {
                    let i = comptime!(q * plan.patch[0] + t);
                    let at = result_rows[row + q] as usize * 3;
                    let logit = max(logits[i] + bias, f32::new(LOWEST));
                    let mut weight = 0.0f32;
                    if start + token + t < token_count && row + q < rows {
                        weight = (logit - saved[at]).exp() * saved[at + 1];
                    }
                    weights[(row + q) * plan.tokens + token + t] = weight;
                    slopes[(row + q) * plan.tokens + token + t] = weight * (along[i] - saved[at + 2]);
                }
            }
        }
        patch += plan.teams;
    }
}

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
        let mut tile = Shared::<[Vector<f32, V>]>::new_slice(comptime!(plan.tokens * plan.width));
        let mut weights = Shared::<[f32]>::new_slice(comptime!(plan.rows * plan.tokens));
        let mut slope = Shared::<[f32]>::new_slice(comptime!(plan.rows * plan.tokens));
        let mut query_rows = Shared::<[u32]>::new_slice(plan.rows);
        let mut result_rows = Shared::<[u32]>::new_slice(plan.rows);

        // The unit's columns, and the tokens that it sums up.
        let column = unit % plan.columns;
        let slots = comptime!(plan.slots());
        let share = comptime!(plan.share(plan.tokens));
        let own = unit / plan.columns * share;
        let mut sums = Array::<Vector<f32, V>>::new(comptime!(share * slots));
        #[unroll]
        for i in 0..comptime!(share * slots) {
            sums[i] = Vector::new(0.0f32);
        }
        let mut summed = 0.0f32;

        let base = item * token_count * plan.width;
        load::<E, V>(tokens, &mut tile, base, start * plan.width, token_count * plan.width, plan);
        let mut first = 0usize;
        let mut end = row_count;
        if comptime!(plan.listed) {
            first = table[item] as usize;
            end = table[item + 1] as usize;
        }
        while first < end {
            sync_cube();
            let rows = min(end - first, plan.rows);
            note(table, &mut query_rows, &mut result_rows, item, first, rows, row_count, items as usize + 1, plan);
            sync_cube();
            slopes::<V>(
                &tile,
                bias,
                queries,
                grad,
                saved,
                &query_rows,
                &result_rows,
                &mut weights,
                &mut slope,
                item,
                start,
                token_count,
                rows,
                plan,
            );
            sync_cube();
            if unit < plan.tokens {
                for q in 0..rows {
                    summed += slope[q * plan.tokens + unit];
                }
            }
            if own < plan.tokens {
                #[unroll]
                for s in 0..slots {
                    let at = column + s * plan.columns;
                    if at < plan.width {
                        for q in 0..rows {
                            let query = queries[query_rows[q] as usize * plan.width + at];
                            let from = grad[result_rows[q] as usize * plan.width + at];
                            #[unroll]
                            for k in 0..share {
                                let i = q * plan.tokens + own + k;
                                sums[comptime!(s * share + k)] +=
                                    from * Vector::new(weights[i]) + query * Vector::new(slope[i]);
                            }
                        }
                    }
                }
            }
            first += plan.rows;
        }
        if own < plan.tokens {
            #[unroll]
            for s in 0..slots {
                let at = column + s * plan.columns;
                if at < plan.width {
                    #[unroll]
                    for k in 0..share {
                        let token = start + own + k;
                        if token < token_count {
                            d_tokens[base + token * plan.width + at] =
                                Vector::cast_from(sums[comptime!(s * share + k)]);
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

/// Parts of dU = sum over items and tokens of dS x. A cube takes a block of query rows and some of the items that they were
/// asked of; its part is `[rows, D]`, `plan.rows` rows a cube.
///
/// `table`, for a list of pairs: (first query row, rows, first entry, end) for each of the `cubes`, then the entries, each an
/// item and its first result row. Without a list cube c takes block `c % blocks` and the items from `c / blocks * chunk` on.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn query_gradients<E: Float, V: Size>(
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
    #[comptime] plan: Plan,
    #[define(E)] _dtype: ElemType,
) {
    let cube = CUBE_POS;
    if cube < cubes as usize {
        let unit = UNIT_POS as usize;
        let (token_count, row_count) = (token_count as usize, row_count as usize);
        let mut tile = Shared::<[Vector<f32, V>]>::new_slice(comptime!(plan.tokens * plan.width));
        let mut weights = Shared::<[f32]>::new_slice(comptime!(plan.rows * plan.tokens));
        let mut slope = Shared::<[f32]>::new_slice(comptime!(plan.rows * plan.tokens));
        let mut query_rows = Shared::<[u32]>::new_slice(plan.rows);
        let mut result_rows = Shared::<[u32]>::new_slice(plan.rows);

        let blocks = row_count.div_ceil(plan.rows);
        let mut query = (cube % blocks) * plan.rows;
        let mut rows = min(row_count - query, plan.rows);
        let mut entry = cube / blocks * chunk as usize;
        let mut end = min(entry + chunk as usize, items as usize);
        if comptime!(plan.listed) {
            query = table[cube * 4] as usize;
            rows = table[cube * 4 + 1] as usize;
            entry = table[cube * 4 + 2] as usize;
            end = table[cube * 4 + 3] as usize;
        }

        let column = unit % plan.columns;
        let slots = comptime!(plan.slots());
        let share = comptime!(plan.share(plan.rows));
        let own = unit / plan.columns * share;
        let mut sums = Array::<Vector<f32, V>>::new(comptime!(share * slots));
        #[unroll]
        for i in 0..comptime!(share * slots) {
            sums[i] = Vector::new(0.0f32);
        }

        while entry < end {
            let mut item = entry;
            let mut result = entry * row_count + query;
            if comptime!(plan.listed) {
                item = table[cubes as usize * 4 + entry * 2] as usize;
                result = table[cubes as usize * 4 + entry * 2 + 1] as usize;
            }
            sync_cube();
            if unit < plan.rows {
                let row = min(unit, rows - 1);
                query_rows[unit] = (query + row) as u32;
                result_rows[unit] = (result + row) as u32;
            }
            let base = item * token_count * plan.width;
            let mut start = 0usize;
            while start < token_count {
                sync_cube();
                load::<E, V>(tokens, &mut tile, base, start * plan.width, token_count * plan.width, plan);
                sync_cube();
                slopes::<V>(
                    &tile,
                    bias,
                    queries,
                    grad,
                    saved,
                    &query_rows,
                    &result_rows,
                    &mut weights,
                    &mut slope,
                    item,
                    start,
                    token_count,
                    rows,
                    plan,
                );
                sync_cube();
                if own < plan.rows {
                    #[unroll]
                    for s in 0..slots {
                        let at = column + s * plan.columns;
                        if at < plan.width {
                            for t in 0..plan.tokens {
                                let x = tile[t * plan.width + at];
                                #[unroll]
                                for k in 0..share {
                                    sums[comptime!(s * share + k)] +=
                                        x * Vector::new(slope[(own + k) * plan.tokens + t]);
                                }
                            }
                        }
                    }
                }
                start += plan.tokens;
            }
            entry += 1;
        }
        if own < plan.rows {
            #[unroll]
            for s in 0..slots {
                let at = column + s * plan.columns;
                if at < plan.width {
                    #[unroll]
                    for k in 0..share {
                        parts[(cube * plan.rows + own + k) * plan.width + at] = sums[comptime!(s * share + k)];
                    }
                }
            }
        }
    }
}

/// The sums of the parts. `table`: for each query row its first part's row, how many there are, and how far apart.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn sum_parts<V: Size>(
    parts: &[Vector<f32, V>],
    table: &[u32],
    total: &mut [Vector<f32, V>],
    rows: u32,
    #[comptime] width: usize,
) {
    let at = ABSOLUTE_POS;
    if at < rows as usize * width {
        let row = at / width;
        let mut sum = Vector::<f32, V>::new(0.0f32);
        let mut part = table[row * 3] as usize;
        for _ in 0..table[row * 3 + 1] {
            sum += parts[part * width + at % width];
            part += table[row * 3 + 2] as usize;
        }
        total[at] = sum;
    }
}
