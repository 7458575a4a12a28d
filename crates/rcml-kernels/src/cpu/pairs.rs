//! A list of pairs: an item meets only the relations that it is paired with, still in one pass over its tokens.

use std::borrow::Cow;

use rayon::prelude::*;

use super::all::{Problem, add_in_order, chunks, tasks};
use super::item::{Backward, Forward, with_scratch};
use super::plan::Plan;
use super::softmax::Stats;
use super::{Gradients, Needs, pages};
use crate::PairList;
use crate::simd::dispatch;

/// Relation pooling of a list of pairs. The problem's queries are `[R, H, D]`.
pub(crate) struct Pairs<'a> {
    pub(crate) problem: Problem<'a>,
    pub(crate) heads: usize,
    pub(crate) pairs: &'a PairList,
}

impl Pairs<'_> {
    fn width(&self) -> usize {
        self.heads * self.problem.dims[2]
    }

    fn plan(&self, pairs: usize) -> Plan {
        let [_, t, d] = self.problem.dims;
        Plan::new(self.problem.algorithm, t, d, pairs * self.heads)
    }

    /// Relations of the pairs at `positions`.
    fn relations(&self, positions: &[u32]) -> Vec<usize> {
        positions.iter().map(|position| self.pairs.pairs()[*position as usize].1 as usize).collect()
    }

    /// P `[M, H, D]` and the softmax's statistics `[M, H]`.
    pub(crate) fn forward(&self) -> (Vec<f32>, Vec<Stats>) {
        let (width, count) = (self.width(), self.pairs.len());
        let (mut pooled, mut stats) = (pages::zeros(count * width), vec![Stats::EMPTY; count * self.heads]);
        if self.problem.is_empty() || count == 0 {
            return (pooled, stats);
        }
        // Each item writes its own stretch, in the order of the items ...
        let (mut pooled_rest, mut stats_rest) = (&mut pooled[..], &mut stats[..]);
        let groups = (0..self.problem.dims[0]).filter_map(|item| {
            let positions = self.pairs.of_item(item);
            (!positions.is_empty()).then_some((item, positions))
        });
        let groups: Vec<_> = groups
            .map(|(item, positions)| {
                let (pooled, rest) = std::mem::take(&mut pooled_rest).split_at_mut(positions.len() * width);
                pooled_rest = rest;
                let (stats, rest) = std::mem::take(&mut stats_rest).split_at_mut(positions.len() * self.heads);
                stats_rest = rest;
                (item, positions, pooled, stats)
            })
            .collect();
        groups.into_par_iter().with_min_len(self.problem.grain()).for_each(|(item, positions, pooled, stats)| {
            let relations = self.relations(positions);
            let queries = rows(self.problem.queries, width, &relations);
            let mut item = self.problem.item(item, self.plan(positions.len()));
            item.queries = &queries;
            with_scratch(|scratch| dispatch(Forward { item, scratch, pooled, stats }));
        });
        // ... and moves to the order of the list, where that is another.
        if self.in_order() {
            return (pooled, stats);
        }
        let place = |sorted: &[f32], width: usize| {
            let mut listed = pages::zeros(sorted.len());
            for (row, position) in sorted.chunks_exact(width).zip(self.pairs.order()) {
                listed[*position as usize * width..][..width].copy_from_slice(row);
            }
            listed
        };
        let listed = place(&pooled, width);
        let mut listed_stats = stats.clone();
        for (row, position) in stats.chunks_exact(self.heads).zip(self.pairs.order()) {
            listed_stats[*position as usize * self.heads..][..self.heads].copy_from_slice(row);
        }
        (listed, listed_stats)
    }

    fn in_order(&self) -> bool {
        self.pairs.order().iter().enumerate().all(|(i, position)| i == *position as usize)
    }

    /// Gradients from P, its statistics and dP.
    pub(crate) fn backward(&self, pooled: &[f32], stats: &[Stats], grad: &[f32], needs: Needs) -> Gradients {
        let [n, t, d] = self.problem.dims;
        let (width, heads) = (self.width(), self.heads);
        let mut gradients = Gradients::zeros(self.problem.dims, self.problem.count, needs);
        if self.problem.is_empty() || self.pairs.is_empty() {
            return gradients;
        }
        let tasks = tasks(n, if needs.queries { self.problem.count * d } else { 1 });
        let per_task = n.div_ceil(tasks);
        let d_tokens = chunks(gradients.tokens.as_deref_mut(), per_task * t * d, tasks);
        let d_bias = chunks(gradients.bias.as_deref_mut(), per_task * t, tasks);
        let parts: Vec<Option<Vec<f32>>> = d_tokens
            .into_par_iter()
            .zip(d_bias)
            .enumerate()
            .map(|(task, (mut d_tokens, mut d_bias))| {
                let mut total = needs.queries.then(|| vec![0.0f32; self.problem.count * d]);
                let first = task * per_task;
                for i in first..n.min(first + per_task) {
                    let positions = self.pairs.of_item(i);
                    if positions.is_empty() {
                        continue;
                    }
                    let slot = i - first;
                    let relations = self.relations(positions);
                    let listed: Vec<usize> = positions.iter().map(|position| *position as usize).collect();
                    let queries = rows(self.problem.queries, width, &relations);
                    let (pooled, grad) = (rows(pooled, width, &listed), rows(grad, width, &listed));
                    let stats = rows(stats, heads, &listed);
                    let mut own = needs.queries.then(|| vec![0.0f32; positions.len() * width]);
                    let mut item = self.problem.item(i, self.plan(positions.len()));
                    item.queries = &queries;
                    with_scratch(|scratch| {
                        dispatch(Backward {
                            item,
                            scratch,
                            pooled: &pooled,
                            stats: &stats,
                            grad: &grad,
                            d_tokens: d_tokens.as_deref_mut().map(|all| &mut all[slot * t * d..][..t * d]),
                            d_bias: d_bias.as_deref_mut().map(|all| &mut all[slot * t..][..t]),
                            d_queries: own.as_deref_mut(),
                        });
                    });
                    if let (Some(total), Some(own)) = (&mut total, own) {
                        for (own, relation) in own.chunks_exact(width).zip(&relations) {
                            let total = &mut total[relation * width..][..width];
                            total.iter_mut().zip(own).for_each(|(sum, part)| *sum += part);
                        }
                    }
                }
                total
            })
            .collect();
        if let Some(sum) = &mut gradients.queries {
            add_in_order(sum, parts.iter().flatten());
        }
        gradients
    }
}

/// The rows numbered `which`, where they lie if they follow one another.
fn rows<'a, T: Copy>(all: &'a [T], width: usize, which: &[usize]) -> Cow<'a, [T]> {
    if which.windows(2).all(|pair| pair[1] == pair[0] + 1)
        && let Some(first) = which.first()
    {
        return Cow::Borrowed(&all[first * width..][..which.len() * width]);
    }
    Cow::Owned(which.iter().flat_map(|row| all[row * width..][..width].iter().copied()).collect())
}
