//! The portable form: the same tiles of rows, made of Burn's own operations.

use std::ops::Range;

use burn::backend::{
    Backend, TensorMetadata,
    tensor::{FloatTensor, IntTensor},
};
use burn::tensor::{FloatDType, IndexingUpdateOp, Shape, TensorData};

use super::plan::{ABSENT, ContrastPlan, EMPTY};
use crate::PairList;

/// Scores that one tile of rows has at most.
const MOST: usize = 1 << 22;

fn tiles(plan: &ContrastPlan) -> impl Iterator<Item = Range<usize>> {
    let [u, a, m] = plan.shape;
    let most = (MOST / (u * m).max(1)).max(1);
    let rows = plan.tile[0].min(most);
    (0..a).step_by(rows).map(move |start| start..(start + rows).min(a))
}

/// Some rows of every group.
fn rows<B: Backend>(tensor: &FloatTensor<B>, range: &Range<usize>) -> FloatTensor<B> {
    B::float_select(tensor.clone(), 1, index::<B>(range.clone().map(|row| row as i32).collect(), tensor))
}

/// Numbers of rows, on the device of a tensor.
fn index<B: Backend>(numbers: Vec<i32>, like: &FloatTensor<B>) -> IntTensor<B> {
    let count = numbers.len();
    B::int_from_data(TensorData::new(numbers, [count]), &like.device())
}

/// Masked logits of a tile, `[U, C, M]`.
fn logits<B: Backend>(
    x: &FloatTensor<B>,
    y: &FloatTensor<B>,
    scale: &FloatTensor<B>,
    plan: &ContrastPlan,
    range: &Range<usize>,
) -> FloatTensor<B> {
    let [u, a, m] = plan.shape;
    let scores = B::float_matmul(rows::<B>(x, range), B::float_swap_dims(y.clone(), 1, 2));
    let scores = B::float_mul(scores, B::float_reshape(scale.clone(), Shape::from([1, 1, 1])));
    if plan.penalty.is_empty() && plan.excluded.count() == 0 {
        return scores;
    }
    let mut penalty = vec![0.0f32; u * range.len() * m];
    let numbers = (0..u).flat_map(|u| range.clone().map(move |row| u * a + row));
    for (at, row) in penalty.chunks_mut(m.max(1)).zip(numbers) {
        plan.mask(row, 0, at);
        // As large as a row's empty sum, so that the arithmetic of half precision and single holds.
        at.iter_mut().filter(|value| **value <= -ABSENT / 2.0).for_each(|value| *value = EMPTY);
    }
    let penalty = B::float_from_data(TensorData::new(penalty, [u, range.len(), m]), &x.device());
    B::float_add(scores, B::float_cast(penalty, FloatDType::from(x.dtype())))
}

/// The log-sum-exp `[U, A]` and the candidates' mean `[U, A, D]`; nothing is kept.
pub(super) fn forward<B: Backend>(
    x: FloatTensor<B>,
    y: FloatTensor<B>,
    scale: FloatTensor<B>,
    plan: &ContrastPlan,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let [u, a, _] = plan.shape;
    let (mut sums, mut means) = (vec![], vec![]);
    for range in tiles(plan) {
        let logits = logits::<B>(&x, &y, &scale, plan, &range);
        let max = B::float_max_dim(logits.clone(), 2);
        let weights = B::float_exp(B::float_sub(logits, max.clone()));
        let sum = B::float_sum_dim(weights.clone(), 2);
        means.push(B::float_matmul(B::float_div(weights, sum.clone()), y.clone()));
        sums.push(B::float_add(B::float_log(sum), max));
    }
    let nothing = B::float_zeros(Shape::from([0]), &x.device(), FloatDType::from(x.dtype()));
    (B::float_reshape(B::float_cat(sums, 1), Shape::from([u, a])), B::float_cat(means, 1), nothing)
}

/// The gradient of the candidates.
pub(super) fn candidates<B: Backend>(
    x: &FloatTensor<B>,
    y: &FloatTensor<B>,
    scale: &FloatTensor<B>,
    plan: &ContrastPlan,
    lse: &FloatTensor<B>,
    grad: &FloatTensor<B>,
) -> FloatTensor<B> {
    let [u, a, _] = plan.shape;
    let column = |values: &FloatTensor<B>| B::float_reshape(values.clone(), Shape::from([u, a, 1]));
    let (lse, grad) = (column(lse), column(grad));
    let parts = tiles(plan).map(|range| {
        let logits = logits::<B>(x, y, scale, plan, &range);
        let weights = B::float_exp(B::float_sub(logits, rows::<B>(&lse, &range)));
        let weights = B::float_mul(weights, rows::<B>(&grad, &range));
        B::float_matmul(B::float_swap_dims(weights, 1, 2), rows::<B>(x, &range))
    });
    let sum = parts.reduce(|a, b| B::float_add(a, b));
    let sum = sum.unwrap_or_else(|| B::float_zeros(y.shape(), &y.device(), FloatDType::from(y.dtype())));
    B::float_mul(sum, B::float_reshape(scale.clone(), Shape::from([1, 1, 1])))
}

/// Both rows of some pairs, as numbers: P of them at a time, so that few rows are gathered at once.
fn ends<B: Backend>(
    pairs: &PairList,
    like: &FloatTensor<B>,
) -> impl Iterator<Item = (Range<usize>, [IntTensor<B>; 2])> {
    const MOST_PAIRS: usize = 1 << 13;
    let starts = (0..pairs.len()).step_by(MOST_PAIRS);
    starts.map(move |start| {
        let range = start..(start + MOST_PAIRS).min(pairs.len());
        let some = &pairs.pairs()[range.clone()];
        let items = index::<B>(some.iter().map(|(item, _)| *item as i32).collect(), like);
        (range, [items, index::<B>(some.iter().map(|(_, relation)| *relation as i32).collect(), like)])
    })
}

/// The inner product of both rows of every pair.
pub(super) fn pairs<B: Backend>(x: FloatTensor<B>, y: FloatTensor<B>, pairs: &PairList) -> FloatTensor<B> {
    let parts = ends::<B>(pairs, &x).map(|(range, [items, relations])| {
        let product = B::float_mul(B::float_select(x.clone(), 0, items), B::float_select(y.clone(), 0, relations));
        B::float_reshape(B::float_sum_dim(product, 1), Shape::from([range.len()]))
    });
    B::float_cat(parts.collect(), 0)
}

/// For every item, the sum over its pairs of factor times the other row.
pub(super) fn sums<B: Backend>(rows: FloatTensor<B>, factors: FloatTensor<B>, pairs: &PairList) -> FloatTensor<B> {
    let [_, d] = rows.shape().dims();
    let zeros = B::float_zeros(Shape::from([pairs.bounds().0, d]), &rows.device(), FloatDType::from(rows.dtype()));
    ends::<B>(pairs, &rows).fold(zeros, |sums, (range, [items, relations])| {
        let count = range.len();
        let numbers = index::<B>(range.map(|pair| pair as i32).collect(), &rows);
        let factors = B::float_reshape(B::float_select(factors.clone(), 0, numbers), Shape::from([count, 1]));
        let weighed = B::float_mul(B::float_select(rows.clone(), 0, relations), factors);
        B::float_select_assign(sums, 0, items, weighed, IndexingUpdateOp::Add)
    })
}
