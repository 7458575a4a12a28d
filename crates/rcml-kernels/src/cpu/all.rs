//! All pairs: every item under every query, rayon over items.
//!
//! Which item is whose task, and in which order gradients are added, depends on the shapes alone, never on the threads.

use rayon::prelude::*;

use super::item::{Backward, Forward, Item, with_scratch};
use super::pages;
use super::plan::{Algorithm, Plan};
use super::softmax::Stats;
use super::{Gradients, Needs, TokenView};
use crate::Tokens;
use crate::simd::dispatch;

/// What relation pooling reads. Lengths are the caller's promise.
#[derive(Clone, Copy)]
pub(crate) struct Problem<'a> {
    /// `[N, T, D]`.
    pub(crate) tokens: TokenView<'a>,
    /// N, T, D.
    pub(crate) dims: [usize; 3],
    /// `[N, T]`.
    pub(crate) bias: Option<&'a [f32]>,
    /// `[Q, D]`.
    pub(crate) queries: &'a [f32],
    /// Q.
    pub(crate) count: usize,
    pub(crate) algorithm: Algorithm,
}

/// Values that a task handles at least: smaller ones cost more to hand out than to do.
const GRAIN: usize = 64 * 1024;
/// Values of partial sums of the queries' gradient, over all tasks, at most.
const PARTIALS: usize = 8 * 1024 * 1024;

impl<'a> Problem<'a> {
    pub(super) fn item(&self, i: usize, plan: Plan) -> Item<'a> {
        let [_, t, d] = self.dims;
        let bias = self.bias.map(|bias| &bias[i * t..][..t]);
        let real = bias.map_or(t, unpadded);
        Item { tokens: self.tokens, first: i * t, t: real, d, bias, queries: self.queries, plan }
    }

    pub(super) fn is_empty(&self) -> bool {
        let [n, t, d] = self.dims;
        n == 0 || t == 0 || d == 0 || self.count == 0
    }

    fn plan(&self) -> Plan {
        let [_, t, d] = self.dims;
        Plan::new(self.algorithm, t, d, self.count)
    }

    /// Items of one task at least.
    pub(super) fn grain(&self) -> usize {
        let [_, t, d] = self.dims;
        (GRAIN / (t * d * self.count.div_ceil(8)).max(1)).max(1)
    }

    /// P `[N, Q, D]` and the softmax's statistics `[N, Q]`.
    pub(crate) fn forward(&self) -> (Vec<f32>, Vec<Stats>) {
        let [n, _, d] = self.dims;
        let (mut pooled, mut stats) = (pages::zeros(n * self.count * d), vec![Stats::EMPTY; n * self.count]);
        self.forward_into(&mut pooled, &mut stats);
        (pooled, stats)
    }

    /// [`Self::forward`] into memory of the caller.
    pub(crate) fn forward_into(&self, pooled: &mut [f32], stats: &mut [Stats]) {
        let [_, _, d] = self.dims;
        if self.is_empty() {
            return pooled.fill(0.0);
        }
        let plan = self.plan();
        let items = pooled.par_chunks_mut(self.count * d).zip(stats.par_chunks_mut(self.count)).enumerate();
        items.with_min_len(self.grain()).for_each(|(i, (pooled, stats))| {
            with_scratch(|scratch| dispatch(Forward { item: self.item(i, plan), scratch, pooled, stats }));
        });
    }

    /// Gradients from P, its statistics and dP.
    pub(crate) fn backward(&self, pooled: &[f32], stats: &[Stats], grad: &[f32], needs: Needs) -> Gradients {
        let [n, t, d] = self.dims;
        let mut gradients = Gradients::zeros(self.dims, self.count, needs);
        if self.is_empty() {
            return gradients;
        }
        let plan = self.plan();
        let width = self.count * d;
        let tasks = tasks(n, if needs.queries { width } else { 1 });
        let per_task = n.div_ceil(tasks);
        let d_tokens = chunks(gradients.tokens.as_deref_mut(), per_task * t * d, tasks);
        let d_bias = chunks(gradients.bias.as_deref_mut(), per_task * t, tasks);
        let parts: Vec<Option<Vec<f32>>> = d_tokens
            .into_par_iter()
            .zip(d_bias)
            .enumerate()
            .map(|(task, (mut d_tokens, mut d_bias))| {
                let mut d_queries = needs.queries.then(|| vec![0.0; width]);
                let first = task * per_task;
                for i in first..n.min(first + per_task) {
                    let slot = i - first;
                    with_scratch(|scratch| {
                        dispatch(Backward {
                            item: self.item(i, plan),
                            scratch,
                            pooled: &pooled[i * width..][..width],
                            stats: &stats[i * self.count..][..self.count],
                            grad: &grad[i * width..][..width],
                            d_tokens: d_tokens.as_deref_mut().map(|all| &mut all[slot * t * d..][..t * d]),
                            d_bias: d_bias.as_deref_mut().map(|all| &mut all[slot * t..][..t]),
                            d_queries: d_queries.as_deref_mut(),
                        });
                    });
                }
                d_queries
            })
            .collect();
        if let Some(sum) = &mut gradients.queries {
            add_in_order(sum, parts.iter().flatten());
        }
        gradients
    }
}

/// Tokens in front of an item's padding, whose weight is zero beside them; all places where none is a token.
fn unpadded(bias: &[f32]) -> usize {
    // What is no number is read: it shall be seen in the result.
    bias.iter().rposition(|bias| *bias > Tokens::PADDING || bias.is_nan()).map_or(bias.len(), |last| last + 1)
}

/// Number of tasks of a backward pass over `n` items, each with a partial sum of `width` values.
pub(super) fn tasks(n: usize, width: usize) -> usize {
    n.min(64).min((PARTIALS / width.max(1)).max(2)).max(1)
}

/// A buffer in pieces, or as many times nothing.
pub(super) fn chunks(buffer: Option<&mut [f32]>, size: usize, count: usize) -> Vec<Option<&mut [f32]>> {
    let mut pieces: Vec<Option<&mut [f32]>> =
        buffer.map(|buffer| buffer.chunks_mut(size).map(Some).collect()).unwrap_or_default();
    pieces.resize_with(count, || None);
    pieces
}

/// Adds partial sums in their order, whoever made them.
pub(super) fn add_in_order<'a>(sum: &mut [f32], parts: impl Iterator<Item = &'a Vec<f32>>) {
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PADDING: f32 = Tokens::PADDING;

    /// What stands behind an item's tokens changes nothing, and gets no gradient.
    #[test]
    fn padding_is_not_read() {
        let tokens: Vec<f32> = (0..24).map(|i| if i >= 18 { f32::NAN } else { (i as f32).sin() }).collect();
        let bias = [0.0, PADDING, 0.5, 0.0, 0.0, 0.0, PADDING, 2.0 * PADDING];
        let queries: Vec<f32> = (0..6).map(|i| (i as f32).cos()).collect();
        let problem = |dims: [usize; 3], tokens, bias| Problem {
            tokens: TokenView::F32(tokens),
            dims,
            bias: Some(bias),
            queries: &queries,
            count: 2,
            algorithm: Algorithm::Auto,
        };
        let needs = Needs { tokens: true, bias: true, queries: true };
        let whole = problem([2, 4, 3], &tokens, &bias);
        let (pooled, stats) = whole.forward();
        let grad: Vec<f32> = (0..12).map(|i| 0.1 * i as f32).collect();
        let gradients = whole.backward(&pooled, &stats, &grad, needs);
        let mut queries_sum = vec![0.0; 6];
        for (item, (first, t)) in [(0, 4), (4, 2)].into_iter().enumerate() {
            let alone = problem([1, t, 3], &tokens[3 * first..][..3 * t], &bias[first..][..t]);
            let (own, own_stats) = alone.forward();
            assert_eq!((&pooled[6 * item..][..6], &stats[2 * item..][..2]), (&own[..], &own_stats[..]));
            let own = alone.backward(&own, &own_stats, &grad[6 * item..][..6], needs);
            let of =
                |all: &Option<Vec<f32>>, width: usize| all.as_ref().unwrap()[4 * width * item..][..4 * width].to_vec();
            let padded = |all: Option<Vec<f32>>, width: usize| {
                let mut all: Vec<f32> = all.unwrap();
                all.resize(4 * width, 0.0);
                all
            };
            assert_eq!(of(&gradients.tokens, 3), padded(own.tokens, 3));
            assert_eq!(of(&gradients.bias, 1), padded(own.bias, 1));
            add_in_order(&mut queries_sum, own.queries.iter());
        }
        assert_eq!(gradients.queries.unwrap(), queries_sum);
        // Where no place is a token all are read.
        assert_eq!(unpadded(&[PADDING, PADDING]), 2);
        assert_eq!(unpadded(&[PADDING, f32::NAN, PADDING]), 2);
    }
}
