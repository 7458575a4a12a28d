//! The kernel for processors: tiles of scores, never the matrix.
//!
//! Forward, a tile of rows meets all columns a block at a time, with an online softmax (Milakov and Gimelshein 2018) that also
//! sums the candidates by their weights: what the gradient of the anchors is. Backward, a block of columns meets all rows. Four
//! products of the size of the score matrix in all, or three where the plan keeps its logits. Each number is summed by one task in a fixed order, so that results do not
//! depend on the number of threads.

#![allow(unsafe_code, reason = "the matrix library's interface is made of pointers")]

use gemm::{Parallelism, gemm};
use rayon::prelude::*;

use super::plan::{ContrastPlan, EMPTY, LEAST};
use crate::cpu::pages;
use crate::lanes::{exp, max, sum};
use crate::simd::vectorized;

/// Anchors `[U, A, D]`, candidates `[U, M, D]` and 1 / temperature.
pub(super) struct Problem<'a> {
    pub(super) x: &'a [f32],
    pub(super) y: &'a [f32],
    pub(super) scale: f32,
    pub(super) width: usize,
    pub(super) plan: &'a ContrastPlan,
}

/// Rows of a matrix: values, and how far apart rows and columns are.
#[derive(Clone, Copy)]
struct View<'a> {
    values: &'a [f32],
    row: usize,
    column: usize,
}

/// out `[m, n]` (rows a `stride` apart) = keep * out + factor * a b, with a `[m, k]` and b `[k, n]`.
fn product(out: &mut [f32], stride: usize, [m, n, k]: [usize; 3], a: View<'_>, b: View<'_>, factor: f32, keep: bool) {
    if m == 0 || n == 0 {
        return;
    }
    let last = |view: View<'_>, rows: usize, columns: usize| (rows - 1) * view.row + (columns - 1) * view.column;
    assert!((m - 1) * stride + n <= out.len() && n <= stride);
    assert!(k > 0 && last(a, m, k) < a.values.len() && last(b, k, n) < b.values.len());
    // SAFETY: the last element of each matrix was checked to lie within its slice, and rows of `out` do not overlap.
    unsafe {
        gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride as isize,
            keep,
            a.values.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.values.as_ptr(),
            b.column as isize,
            b.row as isize,
            1.0,
            factor,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

impl Problem<'_> {
    /// The log-sum-exp of every row, and, where asked for, the candidates' mean under its softmax, `[U, A, D]`, and the logits of the
    /// rows that are kept, `[K, M]`.
    pub(super) fn forward(&self, wants_mean: bool) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let ([u, a, m], d) = (self.plan.shape, self.width);
        let mut lse = vec![EMPTY; u * a];
        let mut mean = pages::zeros(if wants_mean { u * a * d } else { 0 });
        let mut kept = pages::zeros(if wants_mean { self.plan.kept() * m } else { 0 });
        let mut unused = kept.as_mut_slice();
        let rows = self.plan.tile[0];
        let mut means = mean.chunks_mut((a * d).max(1));
        let mut tasks = Vec::new();
        for (group, lse) in lse.chunks_mut(a.max(1)).enumerate() {
            let mut tiles = means.next().unwrap_or_default().chunks_mut((rows * d).max(1));
            for (tile, lse) in lse.chunks_mut(rows).enumerate() {
                let length = if unused.is_empty() { 0 } else { lse.len() * m };
                let (own, rest) = std::mem::take(&mut unused).split_at_mut(length);
                unused = rest;
                tasks.push((group, tile * rows, lse, tiles.next().unwrap_or_default(), own));
            }
        }
        let tasks = tasks.into_par_iter();
        tasks.for_each(|(group, first, lse, mean, kept)| self.rows(group, first, lse, mean, kept));
        (lse, mean, kept)
    }

    /// One tile of rows of a group.
    fn rows(&self, group: usize, first: usize, lse: &mut [f32], mean: &mut [f32], kept: &mut [f32]) {
        let ([_, a, m], d, [_, block]) = (self.plan.shape, self.width, self.plan.tile);
        let rows = lse.len();
        let mut scores = vec![0.0f32; rows * block.min(m)];
        let mut state = vec![(f32::MIN, 0.0f32); rows];
        for start in (0..m).step_by(block) {
            let count = block.min(m - start);
            let y = self.scores(group, first, rows, start, count, &mut scores);
            for (i, scores) in scores.chunks_mut(count).take(rows).enumerate() {
                if let Some(kept) = kept.get_mut(i * m + start..i * m + start + count) {
                    kept.copy_from_slice(scores);
                }
                let (top, total) = &mut state[i];
                let (next, factor, added) = vectorized(
                    #[inline(always)]
                    || absorb(scores, *top),
                );
                *total = *total * factor + added;
                *top = next;
                if factor != 1.0
                    && let Some(mean) = mean.get_mut(i * d..(i + 1) * d)
                {
                    mean.iter_mut().for_each(|value| *value *= factor);
                }
            }
            if !mean.is_empty() {
                let weights = View { values: &scores, row: count, column: 1 };
                product(mean, d, [rows, d, count], weights, View { values: y, row: d, column: 1 }, 1.0, true);
            }
        }
        debug_assert!(first + rows <= a);
        for (i, (top, total)) in state.into_iter().enumerate() {
            if total > 0.0 {
                lse[i] = top + total.ln();
                if let Some(mean) = mean.get_mut(i * d..(i + 1) * d) {
                    mean.iter_mut().for_each(|value| *value /= total);
                }
            }
        }
    }

    /// Logits of a tile, masked, rows `count` apart; gives the block of candidates.
    fn scores(&self, group: usize, first: usize, rows: usize, start: usize, count: usize, out: &mut [f32]) -> &[f32] {
        let ([_, a, m], d) = (self.plan.shape, self.width);
        let x = &self.x[(group * a + first) * d..][..rows * d];
        let y = &self.y[(group * m + start) * d..][..count * d];
        let (left, right) = (View { values: x, row: d, column: 1 }, View { values: y, row: 1, column: d });
        product(out, count, [rows, count, d], left, right, self.scale, false);
        for (i, logits) in out.chunks_mut(count).take(rows).enumerate() {
            self.plan.mask(group * a + first + i, start, logits);
        }
        y
    }

    /// The gradient of the candidates, from the rows' log-sum-exp and their gradients, and the logits that were kept.
    pub(super) fn candidates(&self, lse: &[f32], grad: &[f32], kept: &[f32]) -> Vec<f32> {
        let ([_, a, m], d, [tile, block]) = (self.plan.shape, self.width, self.plan.tile);
        let mut out = pages::zeros(self.y.len());
        let mut tasks = Vec::new();
        for (group, out) in out.chunks_mut((m * d).max(1)).enumerate() {
            tasks.extend(out.chunks_mut((block * d).max(1)).enumerate().map(|(i, out)| (group, i * block, out)));
        }
        tasks.into_par_iter().for_each(|(group, start, out)| {
            let count = out.len() / d.max(1);
            let mut weights = vec![0.0f32; tile.min(a) * count];
            for first in (0..a).step_by(tile) {
                let rows = tile.min(a - first);
                let known = (group * a + first + rows) * m <= kept.len();
                if !known {
                    self.scores(group, first, rows, start, count, &mut weights);
                }
                for (i, weights) in weights.chunks_mut(count).take(rows).enumerate() {
                    let (lse, grad) = (lse[group * a + first + i], grad[group * a + first + i]);
                    if grad == 0.0 || lse <= EMPTY {
                        weights.fill(0.0);
                        continue;
                    }
                    if known {
                        weights.copy_from_slice(&kept[(group * a + first + i) * m + start..][..count]);
                    }
                    vectorized(
                        #[inline(always)]
                        || weights.iter_mut().for_each(|w| *w = exp(*w - lse) * grad),
                    );
                }
                let x = &self.x[(group * a + first) * d..][..rows * d];
                let turned = View { values: &weights, row: 1, column: count };
                product(out, d, [count, d, rows], turned, View { values: x, row: d, column: 1 }, self.scale, true);
            }
        });
        out
    }
}

/// Turns logits into weights relative to the new maximum: (maximum, factor for what was summed before, sum of the weights).
#[inline(always)]
fn absorb(logits: &mut [f32], before: f32) -> (f32, f32, f32) {
    let found = max(
        logits.len(),
        #[inline(always)]
        |i| logits[i],
    );
    if found < LEAST {
        logits.fill(0.0);
        return (before, 1.0, 0.0);
    }
    let top = if found > before { found } else { before };
    let factor = if before <= LEAST { 0.0 } else { exp(before - top) };
    logits.iter_mut().for_each(
        #[inline(always)]
        |logit| *logit = exp(*logit - top),
    );
    let added = sum(
        logits.len(),
        #[inline(always)]
        |i| logits[i],
    );
    (top, factor, added)
}
