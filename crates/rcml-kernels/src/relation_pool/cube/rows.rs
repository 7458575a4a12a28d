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

    /// Notes the rows that a cube of the forward pass takes; gives their item and how many they are. In a list of pairs `table`
    /// begins with (item, first row, rows) of each of the `cubes`.
    pub(super) fn of_cube(
        &mut self,
        table: &[u32],
        cube: usize,
        cubes: usize,
        row_count: usize,
        #[comptime] plan: Plan,
    ) -> (usize, usize) {
        let blocks = row_count.div_ceil(plan.rows);
        let mut item = cube / blocks;
        let mut first = (cube % blocks) * plan.rows;
        let mut rows = min(row_count - first, plan.rows);
        if comptime!(plan.listed) {
            item = table[cube * 3] as usize;
            first = table[cube * 3 + 1] as usize;
            rows = table[cube * 3 + 2] as usize;
        }
        self.of_item(table, cubes * 3, item, first, rows, row_count, plan);
        (item, rows)
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

/// What a cube of the queries' gradient takes: its first query row and how many, the first of the entries that it adds up and
/// their end. In a list of pairs `table` begins with these four of each cube.
#[cube]
pub(super) fn asked(
    table: &[u32],
    cube: usize,
    row_count: usize,
    items: usize,
    chunk: usize,
    #[comptime] plan: Plan,
) -> (usize, usize, usize, usize) {
    let blocks = row_count.div_ceil(plan.rows);
    let mut query = (cube % blocks) * plan.rows;
    let mut rows = min(row_count - query, plan.rows);
    let mut first = cube / blocks * chunk;
    let mut end = min(first + chunk, items);
    if comptime!(plan.listed) {
        query = table[cube * 4] as usize;
        rows = table[cube * 4 + 1] as usize;
        first = table[cube * 4 + 2] as usize;
        end = table[cube * 4 + 3] as usize;
    }
    (query, rows, first, end)
}
