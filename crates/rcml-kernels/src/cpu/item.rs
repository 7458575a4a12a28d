//! One item: forward and backward over its tokens, a block at a time.

use std::cell::RefCell;

use pulp::{Simd, WithSimd};

use super::TokenView;
use super::plan::Plan;
use super::product::{dots, sums};
use super::softmax::Stats;
use super::tile::Weighted;
use crate::lanes;

/// Buffers of a thread, kept between items.
#[derive(Default)]
pub(super) struct Scratch {
    tokens: Vec<f32>,
    weights: Vec<f32>,
    slopes: Vec<f32>,
    corrections: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Runs `f` with this thread's buffers.
pub(super) fn with_scratch<T>(f: impl FnOnce(&mut Scratch) -> T) -> T {
    SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
        Ok(mut scratch) => f(&mut scratch),
        // Nothing below calls back into pooling; buffers of its own would be right all the same.
        Err(_) => f(&mut Scratch::default()),
    })
}

/// At least `length` values; what they are does not matter.
fn reserve(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}

/// What both directions read.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    /// Tokens of all items.
    pub(super) tokens: TokenView<'a>,
    /// The item's first token.
    pub(super) first: usize,
    /// Tokens that are read, and their width.
    pub(super) t: usize,
    pub(super) d: usize,
    /// The item's log-bias, T values at least.
    pub(super) bias: Option<&'a [f32]>,
    /// Q rows of d values.
    pub(super) queries: &'a [f32],
    pub(super) plan: Plan,
}

impl Item<'_> {
    /// Logits of a block: row q at `stride` q.
    #[inline(always)]
    fn logits<S: Simd>(&self, simd: S, start: usize, x: &[f32], out: &mut [f32]) {
        let (stride, count) = (self.plan.block, x.len() / self.d);
        dots(simd, self.plan.packed, x, self.queries, self.d, out, stride);
        if let Some(bias) = self.bias {
            let bias = &bias[start..start + count];
            for row in out.chunks_mut(stride) {
                row[..count].iter_mut().zip(bias).for_each(
                    #[inline(always)]
                    |(logit, bias)| *logit = (*logit + bias).max(Stats::LOWEST),
                );
            }
        }
    }
}

/// Pools one item under Q queries.
pub(super) struct Forward<'a> {
    pub(super) item: Item<'a>,
    pub(super) scratch: &'a mut Scratch,
    /// Q rows of d values.
    pub(super) pooled: &'a mut [f32],
    /// Q values.
    pub(super) stats: &'a mut [Stats],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { item, scratch, pooled, stats } = self;
        let (d, stride) = (item.d, item.plan.block);
        let once = stride >= item.t;
        let decoded = reserve(&mut scratch.tokens, stride * d);
        let weights = reserve(&mut scratch.weights, stride * stats.len());
        stats.fill(Stats::EMPTY);
        for start in (0..item.t).step_by(stride) {
            let end = item.t.min(start + stride);
            let x = item.tokens.block(item.first + start..item.first + end, d, decoded);
            item.logits(simd, start, x, weights);
            for (q, stats) in stats.iter_mut().enumerate() {
                let row = &mut weights[q * stride..][..end - start];
                let factor = stats.absorb(row);
                if once {
                    scale(row, 1.0 / stats.sum);
                } else if start > 0 && factor != 1.0 {
                    scale(&mut pooled[q * d..][..d], factor);
                }
            }
            let term = Weighted { weights, by_row: stride, by_term: 1, rows: x };
            sums(simd, item.plan.packed, [term], d, pooled, start > 0);
        }
        if !once {
            for (pooled, stats) in pooled.chunks_exact_mut(d).zip(stats.iter()) {
                scale(pooled, 1.0 / stats.sum);
            }
        }
    }
}

/// Gradients of one item under Q queries, from what the forward pass left:
///
/// ```text
/// A = exp(S - max) / sum      dA[q,t] = <dP[q], x[t]>      dS = A (dA - <dP[q], P[q]>)
/// dx[t] = sum_q A dP[q] + dS u[q]      du[q] = sum_t dS x[t]      db[t] = sum_q dS
/// ```
pub(super) struct Backward<'a> {
    pub(super) item: Item<'a>,
    pub(super) scratch: &'a mut Scratch,
    /// P, Q rows of d values.
    pub(super) pooled: &'a [f32],
    pub(super) stats: &'a [Stats],
    /// dP, Q rows of d values.
    pub(super) grad: &'a [f32],
    /// Rows of d values, of which the first T are overwritten.
    pub(super) d_tokens: Option<&'a mut [f32]>,
    /// Values of which the first T are overwritten.
    pub(super) d_bias: Option<&'a mut [f32]>,
    /// Q rows of d values, added to.
    pub(super) d_queries: Option<&'a mut [f32]>,
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { item, scratch, pooled, stats, grad, mut d_tokens, mut d_bias, mut d_queries } = self;
        let (d, stride, packed) = (item.d, item.plan.block, item.plan.packed);
        let decoded = reserve(&mut scratch.tokens, stride * d);
        let weights = reserve(&mut scratch.weights, stride * stats.len());
        let slopes = reserve(&mut scratch.slopes, stride * stats.len());
        let corrections = reserve(&mut scratch.corrections, stats.len());
        let rows = grad.chunks_exact(d).zip(pooled.chunks_exact(d));
        for (correction, (grad, pooled)) in corrections.iter_mut().zip(rows) {
            *correction = lanes::sum(
                d,
                #[inline(always)]
                |i| grad[i] * pooled[i],
            );
        }
        for start in (0..item.t).step_by(stride) {
            let end = item.t.min(start + stride);
            let count = end - start;
            let x = item.tokens.block(item.first + start..item.first + end, d, decoded);
            item.logits(simd, start, x, weights);
            dots(simd, packed, x, grad, d, slopes, stride);
            for (q, stats) in stats.iter().enumerate() {
                let weights = &mut weights[q * stride..][..count];
                stats.weights(weights);
                let correction = corrections[q];
                slopes[q * stride..][..count].iter_mut().zip(weights).for_each(
                    #[inline(always)]
                    |(slope, weight)| *slope = *weight * (*slope - correction),
                );
            }
            if let Some(d_bias) = &mut d_bias {
                let d_bias = &mut d_bias[start..end];
                d_bias.fill(0.0);
                for row in slopes.chunks(stride) {
                    d_bias.iter_mut().zip(row).for_each(|(sum, slope)| *sum += slope);
                }
            }
            if let Some(d_tokens) = &mut d_tokens {
                let from_values = Weighted { weights, by_row: 1, by_term: stride, rows: grad };
                let from_keys = Weighted { weights: slopes, by_row: 1, by_term: stride, rows: item.queries };
                sums(simd, packed, [from_values, from_keys], d, &mut d_tokens[start * d..end * d], false);
            }
            if let Some(d_queries) = &mut d_queries {
                let term = Weighted { weights: slopes, by_row: stride, by_term: 1, rows: x };
                sums(simd, packed, [term], d, d_queries, true);
            }
        }
    }
}

#[inline(always)]
fn scale(row: &mut [f32], factor: f32) {
    row.iter_mut().for_each(
        #[inline(always)]
        |x| *x *= factor,
    );
}
