//! The gradient of the queries.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]
#![allow(unsafe_code, unreachable_pub, reason = "what the macro writes for launching a kernel")]

use cubecl::prelude::*;

use super::block::Block;
use super::plan::Plan;
use super::rows::asked;
use super::slopes::slopes;
use super::sums::Sums;
use super::tile::load;

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
        let (token_count, row_count) = (token_count as usize, row_count as usize);
        let mut block = Block::<V>::new(plan);
        let mut slope = Shared::<[f32]>::new_slice(comptime!(plan.rows * plan.tokens));

        let (query, rows, first, end) = asked(table, cube, row_count, items as usize, chunk as usize, plan);
        let mut entry = first;

        let slots = comptime!(plan.slots());
        let share = comptime!(plan.share(plan.rows));
        let mut sums = Sums::<V>::new(share, plan);

        while entry < end {
            let mut item = entry;
            let mut result = entry * row_count + query;
            if comptime!(plan.listed) {
                item = table[cubes as usize * 4 + entry * 2] as usize;
                result = table[cubes as usize * 4 + entry * 2 + 1] as usize;
            }
            sync_cube();
            block.rows.in_line(query, result, rows, plan);
            let base = item * token_count * plan.width;
            let mut start = 0usize;
            while start < token_count {
                sync_cube();
                load::<E, V>(tokens, &mut block.tile, base, start * plan.width, token_count * plan.width, plan);
                sync_cube();
                slopes::<V>(&mut block, &mut slope, bias, queries, grad, saved, item, start, token_count, rows, plan);
                sync_cube();
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
                                        x * Vector::new(slope[(sums.first + k) * plan.tokens + t]);
                                }
                            }
                        }
                    }
                }
                start += plan.tokens;
            }
            entry += 1;
        }
        if sums.first < plan.rows {
            #[unroll]
            for s in 0..slots {
                let at = sums.column + s * plan.columns;
                if at < plan.width {
                    #[unroll]
                    for k in 0..share {
                        parts[(cube * plan.rows + sums.first + k) * plan.width + at] =
                            sums.values[comptime!(s * share + k)];
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
