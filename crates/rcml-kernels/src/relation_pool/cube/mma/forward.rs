//! P and the softmax's statistics.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]
#![allow(unsafe_code, unreachable_pub, reason = "what the macro writes for launching a kernel")]

use cubecl::prelude::*;

use super::super::rows::Rows;
use super::dots::dots;
use super::mixes::mix_tokens;
use super::plan::Mma;
use super::weights::softmax;

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
    #[comptime] plan: Mma,
    #[define(E)] _dtype: ElemType,
) {
    let cube = CUBE_POS;
    if cube < cubes as usize {
        let base = comptime!(plan.base);
        let token_count = token_count as usize;
        let mut weights = Shared::<[f32]>::new_slice(comptime!(plan.weights()));
        let mut block = Rows::new(base);
        let (item, rows) = block.of_cube(table, cube, cubes as usize, row_count as usize, base);
        let from = item * token_count * plan.base.width;
        sync_cube();
        dots::<E, V>(tokens, queries, &block.queries, &mut weights, from, token_count, plan);
        softmax(&mut weights, bias, stats, &block.results, item, token_count, rows, plan);
        sync_cube();
        mix_tokens::<E, V>(tokens, &weights, pooled, &block.results, from, token_count, rows, false, plan);
    }
}
