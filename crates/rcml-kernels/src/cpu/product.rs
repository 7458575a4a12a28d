//! The products of one block of tokens: register tiles, or a library.

#![allow(unsafe_code, reason = "the library's interface is made of pointers")]

use gemm::{Parallelism, gemm};
use pulp::Simd;

use super::tile::{self, Weighted};

/// out[j, i] = <x_i, u_j>; row j of `out` starts at j `stride`.
#[inline(always)]
pub(super) fn dots<S: Simd>(simd: S, packed: bool, x: &[f32], u: &[f32], d: usize, out: &mut [f32], stride: usize) {
    if !packed {
        return tile::dots(simd, x, u, d, out, stride);
    }
    let (rows, queries) = (x.len() / d, u.len() / d);
    if rows == 0 || queries == 0 {
        return;
    }
    assert!(rows <= stride && (queries - 1) * stride + rows <= out.len());
    // SAFETY: x is [rows, d], u is [queries, d], and out holds `queries` rows of `rows` values, a `stride` apart.
    unsafe {
        let (stride, width) = (stride as isize, d as isize);
        let (out, x, u, none) = (out.as_mut_ptr(), x.as_ptr(), u.as_ptr(), Parallelism::None);
        gemm(rows, queries, d, out, stride, 1, false, x, 1, width, u, width, 1, 0.0, 1.0, false, false, false, none);
    }
}

/// out[m] (+)= sum over terms and k of weight(m, k) rows[k].
#[inline(always)]
pub(super) fn sums<S: Simd, const TERMS: usize>(
    simd: S,
    packed: bool,
    terms: [Weighted<'_>; TERMS],
    d: usize,
    out: &mut [f32],
    add: bool,
) {
    if !packed {
        return tile::sums(simd, terms, d, out, add);
    }
    let rows = out.len() / d;
    let mut add = add;
    for term in terms {
        let count = term.rows.len() / d;
        if rows == 0 || count == 0 {
            continue;
        }
        assert!((rows - 1) * term.by_row + (count - 1) * term.by_term < term.weights.len());
        // SAFETY: out is [rows, d] and term.rows [count, d], taken as columns; the weights' last element exists.
        unsafe {
            let (width, by_row, by_term) = (d as isize, term.by_row as isize, term.by_term as isize);
            let (out, x, w, none) = (out.as_mut_ptr(), term.rows.as_ptr(), term.weights.as_ptr(), Parallelism::None);
            let keep = if add { 1.0 } else { 0.0 };
            gemm(
                d, rows, count, out, width, 1, add, x, width, 1, w, by_row, by_term, keep, 1.0, false, false, false,
                none,
            );
        }
        add = true;
    }
    if !add {
        out.fill(0.0);
    }
}
