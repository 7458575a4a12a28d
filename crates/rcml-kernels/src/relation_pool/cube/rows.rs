//! Which query rows belong together, and where their results lie.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]

use cubecl::prelude::*;

use super::plan::Plan;

/// Notes the query rows and result rows of `count` rows from `first` on; past the end the last one again.
#[cube]
pub(super) fn note(
    table: &[u32],
    queries: &mut Shared<[u32]>,
    results: &mut Shared<[u32]>,
    item: usize,
    first: usize,
    count: usize,
    row_count: usize,
    header: usize,
    #[comptime] plan: Plan,
) {
    let unit = UNIT_POS as usize;
    if unit < plan.rows {
        let row = first + min(unit, count - 1);
        if comptime!(plan.listed) {
            queries[unit] = table[header + row * 2];
            results[unit] = table[header + row * 2 + 1];
        } else {
            queries[unit] = row as u32;
            results[unit] = (item * row_count + row) as u32;
        }
    }
}
