//! Register tiles: the two small matrix products that pooling and its gradients are made of.
//!
//! Both read rows as they lie in memory. Nothing is packed: an item's product is so small that packing it, as a general
//! matrix product does, costs about as much as multiplying it (docs/decisions/0009-relation-attention-kernels.md).

#![allow(unsafe_code, reason = "tiles read through pointers: bounds are checked once per product, not once per load")]

use pulp::{Simd, WithSimd};

/// out[j, i] = <x_i, u_j> for the rows x_i of `x` and u_j of `u`, all of width `d`; row j of `out` starts at j `stride`.
#[inline(always)]
pub(crate) fn dots<S: Simd>(simd: S, x: &[f32], u: &[f32], d: usize, out: &mut [f32], stride: usize) {
    let (rows, queries) = (x.len() / d, u.len() / d);
    if rows == 0 || queries == 0 {
        return;
    }
    assert!(rows <= stride && (queries - 1) * stride + rows <= out.len());
    // A function of its own, for all callers: the tiles are many.
    simd.vectorize(Dots { x, u, d, out, stride });
}

struct Dots<'a> {
    x: &'a [f32],
    u: &'a [f32],
    d: usize,
    out: &'a mut [f32],
    stride: usize,
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, u, d, out, stride } = self;
        let (rows, queries) = (x.len() / d, u.len() / d);
        // Larger tiles load less for each product; they need AVX-512's 32 registers.
        let (tallest, widest) = if S::REGISTER_COUNT >= 32 { (6, 4) } else { (4, 3) };
        let mut i = 0;
        while i < rows {
            let tall = match rows - i {
                // One query needs more rows at once to keep eight sums in flight.
                8.. if queries == 1 => 8,
                8 => 4,
                left @ (1 | 2 | 4) => left,
                left => {
                    if left < 4 {
                        2
                    } else if left < tallest {
                        4
                    } else {
                        tallest
                    }
                }
            };
            let mut j = 0;
            while j < queries {
                let wide = (queries - j).min(widest);
                // SAFETY: rows i..i + tall of x and j..j + wide of u exist, and out, whose length was checked, holds
                // (j + wide - 1) stride + i + tall values.
                unsafe {
                    let (x, u) = (x.as_ptr().add(i * d), u.as_ptr().add(j * d));
                    let out = out.as_mut_ptr().add(j * stride + i);
                    match (tall, wide) {
                        (8, _) => dot_tile::<S, 8, 1>(simd, x, u, d, out, stride),
                        (6, 4) => dot_tile::<S, 6, 4>(simd, x, u, d, out, stride),
                        (6, 3) => dot_tile::<S, 6, 3>(simd, x, u, d, out, stride),
                        (6, 2) => dot_tile::<S, 6, 2>(simd, x, u, d, out, stride),
                        (6, _) => dot_tile::<S, 6, 1>(simd, x, u, d, out, stride),
                        (4, 4) => dot_tile::<S, 4, 4>(simd, x, u, d, out, stride),
                        (4, 3) => dot_tile::<S, 4, 3>(simd, x, u, d, out, stride),
                        (4, 2) => dot_tile::<S, 4, 2>(simd, x, u, d, out, stride),
                        (4, _) => dot_tile::<S, 4, 1>(simd, x, u, d, out, stride),
                        (2, 4) => dot_tile::<S, 2, 4>(simd, x, u, d, out, stride),
                        (2, 3) => dot_tile::<S, 2, 3>(simd, x, u, d, out, stride),
                        (2, 2) => dot_tile::<S, 2, 2>(simd, x, u, d, out, stride),
                        (2, _) => dot_tile::<S, 2, 1>(simd, x, u, d, out, stride),
                        (_, 4) => dot_tile::<S, 1, 4>(simd, x, u, d, out, stride),
                        (_, 3) => dot_tile::<S, 1, 3>(simd, x, u, d, out, stride),
                        (_, 2) => dot_tile::<S, 1, 2>(simd, x, u, d, out, stride),
                        _ => dot_tile::<S, 1, 1>(simd, x, u, d, out, stride),
                    }
                }
                j += wide;
            }
            i += tall;
        }
    }
}

/// M x N dot products, summed in lanes along the rows.
///
/// # Safety
/// `x` points at M rows and `u` at N rows of `d` values; `out` at (N - 1) `stride` + M values.
#[inline(always)]
unsafe fn dot_tile<S: Simd, const M: usize, const N: usize>(
    simd: S,
    x: *const f32,
    u: *const f32,
    d: usize,
    out: *mut f32,
    stride: usize,
) {
    let lanes = S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); N]; M];
    let mut k = 0;
    // SAFETY: every access is to a row's values k..k + lanes with k + lanes <= d, or to one value below d.
    unsafe {
        while k + lanes <= d {
            let mut b = [simd.splat_f32s(0.0); N];
            for (n, b) in b.iter_mut().enumerate() {
                *b = u.add(n * d + k).cast::<S::f32s>().read_unaligned();
            }
            for (m, sums) in sums.iter_mut().enumerate() {
                let a = x.add(m * d + k).cast::<S::f32s>().read_unaligned();
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = simd.mul_add_f32s(a, b, *sum);
                }
            }
            k += lanes;
        }
        for (m, sums) in sums.iter().enumerate() {
            for (n, sum) in sums.iter().enumerate() {
                let mut total = simd.reduce_sum_f32s(*sum);
                for i in k..d {
                    total += *x.add(m * d + i) * *u.add(n * d + i);
                }
                *out.add(n * stride + m) = total;
            }
        }
    }
}

/// One term of a sum of rows: weight(m, k) = `weights[m * by_row + k * by_term]` times row k of `rows`.
#[derive(Clone, Copy)]
pub(crate) struct Weighted<'a> {
    /// The weights.
    pub(crate) weights: &'a [f32],
    /// Distance between the weights of two output rows.
    pub(crate) by_row: usize,
    /// Distance between the weights of two summed rows.
    pub(crate) by_term: usize,
    /// The rows that are summed.
    pub(crate) rows: &'a [f32],
}

#[derive(Clone, Copy)]
struct RawTerm {
    weights: *const f32,
    by_row: usize,
    by_term: usize,
    rows: *const f32,
    count: usize,
}

/// out[m] (+)= sum over terms and k of weight(m, k) rows[k], for the rows of `out`, all of width `d`.
#[inline(always)]
pub(crate) fn sums<S: Simd, const TERMS: usize>(
    simd: S,
    terms: [Weighted<'_>; TERMS],
    d: usize,
    out: &mut [f32],
    add: bool,
) {
    let rows = out.len() / d;
    if rows == 0 {
        return;
    }
    let mut raw =
        [RawTerm { weights: std::ptr::null(), by_row: 0, by_term: 0, rows: std::ptr::null(), count: 0 }; TERMS];
    for (raw, term) in raw.iter_mut().zip(&terms) {
        let count = term.rows.len() / d;
        assert!(count == 0 || (rows - 1) * term.by_row + (count - 1) * term.by_term < term.weights.len());
        let (weights, rows) = (term.weights.as_ptr(), term.rows.as_ptr());
        *raw = RawTerm { weights, by_row: term.by_row, by_term: term.by_term, rows, count };
    }
    simd.vectorize(Sums { terms: raw, d, out, add });
}

struct Sums<'a, const TERMS: usize> {
    terms: [RawTerm; TERMS],
    d: usize,
    out: &'a mut [f32],
    add: bool,
}

impl<const TERMS: usize> WithSimd for Sums<'_, TERMS> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { mut terms, d, out, add } = self;
        let rows = out.len() / d;
        let mut m = 0;
        while m < rows {
            let large = S::REGISTER_COUNT >= 32;
            let tall = (rows - m).min(if large { 8 } else { 6 });
            // SAFETY: the weights of rows m..m + tall were checked by the caller; out has these rows, each of d values.
            unsafe {
                let out = out.as_mut_ptr().add(m * d);
                match tall {
                    8 => sum_rows::<S, 8, 3, 1, TERMS>(simd, terms, d, out, add),
                    7 => sum_rows::<S, 7, 3, 1, TERMS>(simd, terms, d, out, add),
                    6 if large => sum_rows::<S, 6, 4, 2, TERMS>(simd, terms, d, out, add),
                    5 if large => sum_rows::<S, 5, 4, 2, TERMS>(simd, terms, d, out, add),
                    4 if large => sum_rows::<S, 4, 6, 3, TERMS>(simd, terms, d, out, add),
                    3 if large => sum_rows::<S, 3, 8, 4, TERMS>(simd, terms, d, out, add),
                    6 => sum_rows::<S, 6, 2, 1, TERMS>(simd, terms, d, out, add),
                    5 => sum_rows::<S, 5, 2, 1, TERMS>(simd, terms, d, out, add),
                    4 => sum_rows::<S, 4, 3, 1, TERMS>(simd, terms, d, out, add),
                    3 => sum_rows::<S, 3, 4, 2, TERMS>(simd, terms, d, out, add),
                    2 => sum_rows::<S, 2, 6, 3, TERMS>(simd, terms, d, out, add),
                    _ => sum_rows::<S, 1, 8, 4, TERMS>(simd, terms, d, out, add),
                }
            }
            for term in &mut terms {
                term.weights = term.weights.wrapping_add(tall * term.by_row);
            }
            m += tall;
        }
    }
}

/// M output rows over their whole width: tiles of V vectors, then of HALF as many, then of one, then single values.
///
/// # Safety
/// Each term has weights for M rows and its rows have `d` values; `out` points at M rows of `d` values.
#[inline(always)]
unsafe fn sum_rows<S: Simd, const M: usize, const V: usize, const HALF: usize, const TERMS: usize>(
    simd: S,
    terms: [RawTerm; TERMS],
    d: usize,
    out: *mut f32,
    add: bool,
) {
    let lanes = S::F32_LANES;
    let mut c = 0;
    // SAFETY: columns c..c + V lanes (or HALF lanes, lanes, 1) lie within d; the rest is the caller's promise.
    unsafe {
        while c + V * lanes <= d {
            sum_tile::<S, M, V, TERMS>(simd, terms, d, c, out, add);
            c += V * lanes;
        }
        while c + HALF * lanes <= d {
            sum_tile::<S, M, HALF, TERMS>(simd, terms, d, c, out, add);
            c += HALF * lanes;
        }
        while c + lanes <= d {
            sum_tile::<S, M, 1, TERMS>(simd, terms, d, c, out, add);
            c += lanes;
        }
        while c < d {
            for m in 0..M {
                let mut sum = if add { *out.add(m * d + c) } else { 0.0 };
                for term in &terms {
                    for k in 0..term.count {
                        sum += *term.weights.add(m * term.by_row + k * term.by_term) * *term.rows.add(k * d + c);
                    }
                }
                *out.add(m * d + c) = sum;
            }
            c += 1;
        }
    }
}

/// M rows of V vectors at column `c`.
///
/// # Safety
/// As [`sum_rows`], and columns c..c + V lanes lie within `d`.
#[inline(always)]
unsafe fn sum_tile<S: Simd, const M: usize, const V: usize, const TERMS: usize>(
    simd: S,
    terms: [RawTerm; TERMS],
    d: usize,
    c: usize,
    out: *mut f32,
    add: bool,
) {
    let lanes = S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); V]; M];
    // SAFETY: see above.
    unsafe {
        if add {
            for (m, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = out.add(m * d + c + v * lanes).cast::<S::f32s>().read_unaligned();
                }
            }
        }
        for term in &terms {
            for k in 0..term.count {
                let mut b = [simd.splat_f32s(0.0); V];
                for (v, b) in b.iter_mut().enumerate() {
                    *b = term.rows.add(k * d + c + v * lanes).cast::<S::f32s>().read_unaligned();
                }
                for (m, sums) in sums.iter_mut().enumerate() {
                    let weight = simd.splat_f32s(*term.weights.add(m * term.by_row + k * term.by_term));
                    for (sum, b) in sums.iter_mut().zip(b) {
                        *sum = simd.mul_add_f32s(weight, b, *sum);
                    }
                }
            }
        }
        for (m, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                out.add(m * d + c + v * lanes).cast::<S::f32s>().write_unaligned(*sum);
            }
        }
    }
}
