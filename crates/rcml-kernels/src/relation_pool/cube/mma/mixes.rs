//! Weighted sums: of tokens, for each row, and of rows, for each token.

#![allow(clippy::too_many_arguments, reason = "a kernel's buffers and sizes come one by one")]

use cubecl::prelude::*;

use super::plan::{CHUNK, Mma};
use super::product::{Four, Two, add_products, zeros};

/// Matrices of eight columns in a chunk: a lane's vector has one column of each.
const WIDE: usize = 4;

/// The right matrices of a chunk from a lane's vectors of two of their rows.
#[cube]
fn columns<V: Size>(one: Vector<f32, V>, other: Vector<f32, V>) -> Array<Two> {
    let mut right = Array::<Two>::new(WIDE);
    #[unroll]
    for n in 0..WIDE {
        let mut two = Vector::<f32, Const<2>>::new(0.0f32);
        two.insert(0usize, one.extract(n));
        two.insert(1usize, other.extract(n));
        right[n] = two;
    }
    right
}

/// The two vectors that a lane has of a row of sums, which lie side by side: of the left matrix `m`, its row `half` of two.
#[cube]
fn vector<V: Size>(
    sums: &Array<Four>,
    #[comptime] m: usize,
    #[comptime] half: usize,
    #[comptime] second: usize,
) -> Vector<f32, V> {
    let mut vector = Vector::<f32, V>::new(0.0f32);
    #[unroll]
    for n in 0..WIDE {
        vector.insert(n, sums[comptime!(m * WIDE + n)].extract(comptime!(half * 2 + second)));
    }
    vector
}

/// The other way round: the sums of a row begin with what these two have.
#[cube]
fn begin_with<V: Size>(
    sums: &mut Array<Four>,
    one: Vector<f32, V>,
    other: Vector<f32, V>,
    #[comptime] m: usize,
    #[comptime] half: usize,
) {
    #[unroll]
    for n in 0..WIDE {
        let mut sum = sums[comptime!(m * WIDE + n)];
        sum.insert(comptime!(half * 2), one.extract(n));
        sum.insert(comptime!(half * 2 + 1), other.extract(n));
        sums[comptime!(m * WIDE + n)] = sum;
    }
}

/// w x over the item's tokens, for each of the `rows`, to where `places` says; with `more`, added to what is there.
#[cube]
pub(super) fn mix_tokens<E: Float, V: Size>(
    tokens: &[Vector<E, V>],
    weights: &Shared<[f32]>,
    results: &mut [Vector<f32, V>],
    places: &Shared<[u32]>,
    from: usize,
    token_count: usize,
    rows: usize,
    more: bool,
    #[comptime] plan: Mma,
) {
    let width = comptime!(plan.base.width);
    let deep = comptime!(plan.stack[0]);
    let stacks = comptime!(plan.stack[1]);
    let (lane, plane) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
    let (quad, inner) = (lane / 4, lane % 4);
    let mut work = plane;
    while work < comptime!(plan.chunks() * plan.stack[1]) {
        let chunk = work / stacks * CHUNK;
        let first = work % stacks * comptime!(deep * 16) + quad;
        let mut sums = zeros(comptime!(deep * WIDE));
        if more {
            #[unroll]
            for m in 0..deep {
                #[unroll]
                for half in 0..2usize {
                    let row = first + comptime!(m * 16 + half * 8);
                    if row < rows {
                        let at = places[row] as usize * width + chunk + inner * 2;
                        begin_with::<V>(&mut sums, results[at], results[at + 1], m, half);
                    }
                }
            }
        }
        for batch in 0..plan.batch[1] {
            let start = batch * comptime!(plan.batch[0] * 8);
            // All of a batch are asked for before one is waited for.
            let mut found = Array::<Vector<f32, V>>::new(comptime!(plan.batch[0] * 2));
            #[unroll]
            for k in 0..comptime!(plan.batch[0] * 2) {
                let token = min(start + k * 4 + inner, token_count - 1);
                found[k] = Vector::cast_from(tokens[from + token * width + chunk + quad]);
            }
            #[unroll]
            for k in 0..plan.batch[0] {
                let mut left = Array::<Four>::new(deep);
                #[unroll]
                for m in 0..deep {
                    let at = (first + m * 16) * plan.stride + start + k * 8 + inner;
                    let mut four = Vector::<f32, Const<4>>::new(0.0f32);
                    #[unroll]
                    for i in 0..4usize {
                        four.insert(i, weights[at + comptime!(i % 2 * 8 * plan.stride + i / 2 * 4)]);
                    }
                    left[m] = four;
                }
                let right = columns::<V>(found[comptime!(k * 2)], found[comptime!(k * 2 + 1)]);
                add_products(&mut sums, &left, &right, 0usize, WIDE, deep, WIDE, plan.exact);
            }
        }
        #[unroll]
        for m in 0..deep {
            #[unroll]
            for half in 0..2usize {
                let row = first + comptime!(m * 16 + half * 8);
                if row < rows {
                    let at = places[row] as usize * width + chunk + inner * 2;
                    results[at] = vector::<V>(&sums, m, half, 0usize);
                    results[at + 1] = vector::<V>(&sums, m, half, 1usize);
                }
            }
        }
        work += plan.base.teams;
    }
}

/// A dP + dS u over the `rows`, for each of the item's tokens; with `more`, added to what is there, which must be f32.
#[cube]
pub(super) fn mix_rows<E: Float, V: Size>(
    queries: &[Vector<f32, V>],
    grad: &[Vector<f32, V>],
    query_places: &Shared<[u32]>,
    result_places: &Shared<[u32]>,
    weights: &Shared<[f32]>,
    slopes: &Shared<[f32]>,
    d_tokens: &mut [Vector<E, V>],
    from: usize,
    token_count: usize,
    rows: usize,
    more: bool,
    #[comptime] plan: Mma,
) {
    let width = comptime!(plan.base.width);
    let deep = comptime!(plan.tall[0]);
    let (lane, plane) = (UNIT_POS_X as usize, UNIT_POS_Y as usize);
    let (quad, inner) = (lane / 4, lane % 4);
    let mut work = plane;
    while work < comptime!(plan.chunks() * plan.tall[1]) {
        let chunk = work / plan.tall[1] * CHUNK;
        let first = work % plan.tall[1] * comptime!(deep * 16) + quad;
        let mut sums = zeros(comptime!(deep * WIDE));
        if more {
            #[unroll]
            for m in 0..deep {
                #[unroll]
                for half in 0..2usize {
                    let token = first + comptime!(m * 16 + half * 8);
                    if token < token_count {
                        let at = from + token * width + chunk + inner * 2;
                        let (one, other) = (Vector::cast_from(d_tokens[at]), Vector::cast_from(d_tokens[at + 1]));
                        begin_with::<V>(&mut sums, one, other, m, half);
                    }
                }
            }
        }
        for step in 0..rows.div_ceil(8) {
            let row = step * 8 + inner;
            let mut back = Array::<Vector<f32, V>>::new(2usize);
            let mut asked = Array::<Vector<f32, V>>::new(2usize);
            #[unroll]
            for i in 0..2usize {
                let (result, query) = (result_places[row + i * 4], query_places[row + i * 4]);
                back[i] = grad[result as usize * width + chunk + quad];
                asked[i] = queries[query as usize * width + chunk + quad];
            }
            #[unroll]
            for which in 0..2usize {
                let mut left = Array::<Four>::new(deep);
                #[unroll]
                for m in 0..deep {
                    let at = row * plan.stride + first + m * 16;
                    let mut four = Vector::<f32, Const<4>>::new(0.0f32);
                    #[unroll]
                    for i in 0..4usize {
                        let place = at + comptime!(i % 2 * 8 + i / 2 * 4 * plan.stride);
                        if comptime!(which == 0) {
                            four.insert(i, weights[place]);
                        } else {
                            four.insert(i, slopes[place]);
                        }
                    }
                    left[m] = four;
                }
                let mut right = columns::<V>(back[0], back[1]);
                if comptime!(which == 1) {
                    right = columns::<V>(asked[0], asked[1]);
                }
                add_products(&mut sums, &left, &right, 0usize, WIDE, deep, WIDE, false);
            }
        }
        #[unroll]
        for m in 0..deep {
            #[unroll]
            for half in 0..2usize {
                let token = first + comptime!(m * 16 + half * 8);
                if token < token_count {
                    let at = from + token * width + chunk + inner * 2;
                    d_tokens[at] = Vector::cast_from(vector::<V>(&sums, m, half, 0usize));
                    d_tokens[at + 1] = Vector::cast_from(vector::<V>(&sums, m, half, 1usize));
                }
            }
        }
        work += plan.base.teams;
    }
}
