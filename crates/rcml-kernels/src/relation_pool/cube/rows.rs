//! Which query rows belong together, and where their results lie.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]

use cubecl::prelude::*;

use super::plan::Plan;

/// The rows of a block; past its end the last one again.
#[derive(CubeType)]
pub(super) struct Rows {
    /// Which queries they are.
    pub(super) queries: Shared<[u32]>,
    /// Where their results lie.
    pub(super) results: Shared<[u32]>,
}

#[cube]
impl Rows {
    pub(super) fn new(#[comptime] plan: Plan) -> Self {
        Rows { queries: Shared::<[u32]>::new_slice(plan.rows), results: Shared::<[u32]>::new_slice(plan.rows) }
    }

    /// Notes `count` rows of an item, from its row `first` on. In a list of pairs `table` names them, after its `header`.
    pub(super) fn of_item(
        &mut self,
        table: &[u32],
        header: usize,
        item: usize,
        first: usize,
        count: usize,
        row_count: usize,
        #[comptime] plan: Plan,
    ) {
        if comptime!(plan.listed) {
            let unit = UNIT_POS as usize;
            if unit < plan.rows {
                let row = first + min(unit, count - 1);
                self.queries[unit] = table[header + row * 2];
                self.results[unit] = table[header + row * 2 + 1];
            }
        } else {
            self.in_line(first, item * row_count + first, count, plan);
        }
    }

    /// Notes `count` rows that follow each other, from a query and its result on.
    pub(super) fn in_line(&mut self, query: usize, result: usize, count: usize, #[comptime] plan: Plan) {
        let unit = UNIT_POS as usize;
        if unit < plan.rows {
            let row = min(unit, count - 1);
            self.queries[unit] = (query + row) as u32;
            self.results[unit] = (result + row) as u32;
        }
    }
}
