//! Products of the rows of two matrices on the host: all of them, or the largest of every row.

#![allow(unsafe_code, reason = "the library's interface is made of pointers")]

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use gemm::{Parallelism, gemm};
use rayon::prelude::*;

/// Rows of y whose products are in memory at a time, for each row of x.
const TILE: usize = 1024;
/// Rows of y that one task looks at: a number of its own, so that the tiles are the same for any number of threads.
const CHUNK: usize = 8 * TILE;
/// Rows of x that are multiplied at a time: bounds the memory of a tile.
const ROWS: usize = 1024;
/// Rows of y of a task, at least, where all products are wanted.
const PART: usize = 512;

/// out\[i, j\] = <x_i, y_j>, with all threads. A product depends on its two rows alone, to the last bit: not on the rows beside
/// them, nor on the number of threads.
///
/// # Shapes
/// - x: `[n, width]`, y: `[m, width]`, out: `[n, m]`, all row-major
///
/// # Panics
/// Slices of other lengths.
///
/// ```
/// let mut out = [0.0; 2];
/// rcml_kernels::row_products(&[1.0, 2.0], &[3.0, 0.0, 0.0, 4.0], 2, &mut out);
/// assert_eq!(out, [3.0, 8.0]);
/// ```
pub fn row_products(x: &[f32], y: &[f32], width: usize, out: &mut [f32]) {
    let (n, m) = (rows(x, width), rows(y, width));
    assert_eq!(out.len(), n * m, "out holds {} values, expected {n} x {m}", out.len());
    if m >= LEAST[1] && n >= LEAST[0] {
        return multiply_with_all_threads(x, y, width, out);
    }
    let (x, y) = (padded(x, width, LEAST[0]), padded(y, width, LEAST[1]));
    let columns = rows(&y, width);
    let mut whole = vec![0.0; rows(&x, width) * columns];
    multiply_with_all_threads(&x, &y, width, &mut whole);
    out.chunks_mut(m.max(1)).zip(whole.chunks(columns)).for_each(|(out, row)| out.copy_from_slice(&row[..m]));
}

/// Rows of x and y from which on the library always sums a product in the same order: below, it has other kernels, and cuts long
/// rows elsewhere (`gemm` 0.19: up to 256 products, up to 64 rows on both sides, a single row).
const LEAST: [usize; 2] = [4, 65];

/// At least so many rows; the new ones are zero.
fn padded(values: &[f32], width: usize, least: usize) -> Cow<'_, [f32]> {
    if values.len() >= least * width {
        return Cow::Borrowed(values);
    }
    let mut padded = values.to_vec();
    padded.resize(least * width, 0.0);
    Cow::Owned(padded)
}

/// For every row of x the k rows of y with the largest product, as (row of y, product), best first; of equal products the lower
/// row comes first. Exact, and without the matrix of products: `O(n k)` values and one tile a thread. A product that is not a
/// number is nobody's best; a list is shorter than k where y has fewer rows.
///
/// # Shapes
/// - x: `[n, width]`, y: `[m, width]`, row-major
///
/// # Panics
/// Slices that are no whole number of rows.
///
/// ```
/// let best = rcml_kernels::largest_products(&[1.0, 0.0], &[0.5, 9.0, 2.0, 0.0, -1.0, 0.0], 2, 2);
/// assert_eq!(best, [[(1, 2.0), (0, 0.5)]]);
/// ```
pub fn largest_products(x: &[f32], y: &[f32], width: usize, k: usize) -> Vec<Vec<(u32, f32)>> {
    let (n, _) = (rows(x, width), rows(y, width));
    if k == 0 || n == 0 {
        return vec![Vec::new(); n];
    }
    let of_chunk = |(number, chunk): (usize, &[f32])| -> Vec<Best> {
        let mut best = vec![Best::new(k); n];
        let mut tile = vec![0.0; n.min(ROWS) * TILE.min(rows(chunk, width))];
        for (at, some) in chunk.chunks(TILE * width).enumerate() {
            let (count, first) = (rows(some, width), number * CHUNK + at * TILE);
            for (x, best) in x.chunks(ROWS * width).zip(best.chunks_mut(ROWS)) {
                let products = &mut tile[..best.len() * count];
                // SAFETY: `products` holds a row of `count` values for each row of x.
                unsafe { multiply(x, some, width, products.as_mut_ptr(), count) };
                best.iter_mut().zip(products.chunks(count)).for_each(|(best, row)| best.take(row, first));
            }
        }
        best
    };
    let merge = |mut a: Vec<Best>, b: Vec<Best>| {
        a.iter_mut().zip(b).for_each(|(a, b)| b.found.into_iter().for_each(|(row, value)| a.offer(row, value)));
        a
    };
    let all = y.par_chunks(CHUNK * width.max(1)).enumerate().map(of_chunk).reduce(|| vec![Best::new(k); n], merge);
    all.into_iter().map(|best| best.found).collect()
}

/// Rows of y in parts of one task each, x in parts as well: what a task packs stays in its caches.
fn multiply_with_all_threads(x: &[f32], y: &[f32], width: usize, out: &mut [f32]) {
    let (n, m) = (rows(x, width), rows(y, width));
    // Even parts: none is as small as a remainder may be.
    let parts = |count: usize, least: usize| {
        let parts = (count / least).max(1);
        (0..parts).map(move |i| i * count / parts..(i + 1) * count / parts)
    };
    let out = Output(out.as_mut_ptr());
    let tasks: Vec<Range<usize>> = parts(m, PART).collect();
    tasks.into_par_iter().for_each(|columns| {
        let y = &y[columns.start * width..columns.end * width];
        for part in parts(n, ROWS) {
            let x = &x[part.start * width..part.end * width];
            // SAFETY: `out` holds n rows of m values, and this task alone writes into these columns.
            unsafe { multiply(x, y, width, out.at(part.start * m + columns.start), m) };
        }
    });
}

/// Where several tasks write, each into values of its own.
struct Output(*mut f32);

// SAFETY: it is written through in `multiply_with_all_threads` alone, whose tasks have disjoint columns.
unsafe impl Sync for Output {}

impl Output {
    /// # Safety
    /// `offset` lies within what the pointer was made of.
    unsafe fn at(&self, offset: usize) -> *mut f32 {
        unsafe { self.0.add(offset) }
    }
}

fn rows(values: &[f32], width: usize) -> usize {
    assert!(width > 0 && values.len().is_multiple_of(width), "{} values are no rows of {width}", values.len());
    values.len() / width
}

/// out\[i stride + j\] = <x_i, y_j> on this thread; rows of y are the inner dimension of the library's column-major product.
///
/// # Safety
/// `out` leads to n rows of m values, `stride` apart, that nobody else touches.
unsafe fn multiply(x: &[f32], y: &[f32], width: usize, out: *mut f32, stride: usize) {
    let (n, m) = (rows(x, width), rows(y, width));
    if n == 0 || m == 0 {
        return;
    }
    let across = width as isize;
    // SAFETY: x is [n, width], y is [m, width], and `out` is what the caller says.
    unsafe {
        gemm(
            m,
            n,
            width,
            out,
            stride as isize,
            1,
            false,
            y.as_ptr(),
            1,
            across,
            x.as_ptr(),
            across,
            1,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// The k best of what was offered, best first.
#[derive(Clone)]
struct Best {
    k: usize,
    found: Vec<(u32, f32)>,
}

impl Best {
    fn new(k: usize) -> Self {
        Self { k, found: Vec::new() }
    }

    /// What a value must exceed; one that is equal came later, and stands behind.
    fn bar(&self) -> f32 {
        match self.found.last() {
            Some((_, last)) if self.found.len() == self.k => *last,
            _ => f32::NEG_INFINITY,
        }
    }

    /// Offers a row of values; `first` is the number of the first.
    fn take(&mut self, values: &[f32], first: usize) {
        const LANES: usize = 16;
        for (group, some) in values.chunks(LANES).enumerate() {
            let bar = self.bar();
            // Nearly every group has nothing: one comparison of whole lanes tells.
            let full = self.found.len() == self.k;
            if full && !some.iter().fold(false, |any, value| any | (*value > bar)) {
                continue;
            }
            for (lane, value) in some.iter().enumerate() {
                self.offer((first + group * LANES + lane) as u32, *value);
            }
        }
    }

    fn offer(&mut self, row: u32, value: f32) {
        if value.is_nan() {
            return;
        }
        let before = |other: &(u32, f32)| match other.1.total_cmp(&value) {
            // -0 and 0 are equal products.
            _ if other.1 == value => other.0 < row,
            order => order == Ordering::Greater,
        };
        let at = self.found.partition_point(before);
        if at < self.k {
            self.found.truncate(self.k - 1);
            self.found.insert(at, (row, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small whole numbers: products are exact and many are equal.
    fn matrix(rows: usize, width: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((state >> 33) % 5) as f32 - 2.0
        };
        (0..rows * width).map(|_| next()).collect()
    }

    fn plain(x: &[f32], y: &[f32], width: usize) -> Vec<Vec<f32>> {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum();
        x.chunks(width).map(|a| y.chunks(width).map(|b| dot(a, b)).collect()).collect()
    }

    #[test]
    fn all_products_are_where_they_belong() {
        for (n, m, width) in [(1, 1, 1), (3, 7, 5), (17, 130, 33), (2, 0, 4), (0, 3, 4)] {
            let (x, y) = (matrix(n, width, 1), matrix(m, width, 2));
            let mut out = vec![f32::NAN; n * m];
            row_products(&x, &y, width, &mut out);
            assert_eq!(out, plain(&x, &y, width).concat(), "{n} {m} {width}");
        }
    }

    /// Of rows that are no whole numbers, so that another order of summation shows.
    #[test]
    fn a_product_depends_on_its_rows_alone() {
        let noise = |rows: usize, width: usize, seed: u64| -> Vec<f32> {
            matrix(rows, 3 * width, seed).chunks(3).map(|v| 0.3 * v[0] + 0.07 * v[1] + 0.011 * v[2]).collect()
        };
        for width in [1, 2, 3, 31, 512, 768, 1100] {
            // Several tasks: rows of y are cut.
            const ROWS_OF_Y: usize = 2 * PART + 100;
            let (x, y) = (noise(70, width, 5), noise(ROWS_OF_Y, width, 6));
            let mut whole = vec![0.0; 70 * ROWS_OF_Y];
            row_products(&x, &y, width, &mut whole);
            for (n, m) in [
                (1, 1),
                (1, 300),
                (2, 3),
                (3, 129),
                (16, 16),
                (17, 64),
                (64, 65),
                (70, 1),
                (70, 64),
                (5, ROWS_OF_Y - 1),
            ] {
                for (from_x, from_y) in [(0, 0), (70 - n, ROWS_OF_Y - m)] {
                    let (x, y) = (&x[from_x * width..][..n * width], &y[from_y * width..][..m * width]);
                    let mut part = vec![f32::NAN; n * m];
                    for threads in [1, 3] {
                        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                        pool.install(|| row_products(x, y, width, &mut part));
                        let of_whole = (0..n).flat_map(|i| &whole[(from_x + i) * ROWS_OF_Y + from_y..][..m]);
                        assert!(part.iter().eq(of_whole), "{n} x {m} rows of {width}, {threads} threads");
                    }
                }
            }
        }
    }

    #[test]
    fn the_largest_are_those_of_a_sort_on_any_number_of_threads() {
        for (n, m, width, k) in
            [(3, 20, 4, 5), (5, 3 * CHUNK + 17, 3, 9), (2, 4, 2, 10), (ROWS + 3, 40, 2, 1), (2, 0, 3, 2)]
        {
            let (x, mut y) = (matrix(n, width, 3), matrix(m, width, 4));
            if m > 10 {
                y[7 * width] = f32::NAN;
            }
            let expected: Vec<Vec<(u32, f32)>> = plain(&x, &y, width)
                .into_iter()
                .map(|row| {
                    let mut row: Vec<(u32, f32)> = (0..).zip(row).filter(|(_, value)| !value.is_nan()).collect();
                    row.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap());
                    row.truncate(k);
                    row
                })
                .collect();
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert_eq!(pool.install(|| largest_products(&x, &y, width, k)), expected, "{n} {m} {width} {k}");
            }
        }
        assert_eq!(largest_products(&[1.0], &[1.0], 1, 0), [vec![]]);
    }
}
